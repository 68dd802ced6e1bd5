"""State "List feeds": which feeds are due in this run."""
