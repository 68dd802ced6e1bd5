"""Every 15 minutes: what was promised and how it stands, in the lake for SQL."""
