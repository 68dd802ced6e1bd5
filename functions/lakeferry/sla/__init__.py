"""Service level agreements: due times, what has arrived for them, verdicts, and the table that keeps both."""
