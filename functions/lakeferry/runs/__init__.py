"""Runs: which are at work, when they are due, and what they left in the dead-letter queue."""
