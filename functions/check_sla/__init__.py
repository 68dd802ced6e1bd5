"""Every 15 minutes, apart from the runs: what is late, and whether runs finish at all."""
