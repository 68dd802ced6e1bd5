"""After a run: what its files came to, in the lake for SQL."""
