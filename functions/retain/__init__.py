"""Retention: what feeds do not keep any longer is deleted, day by day."""
