"""Judging rows: types, limits, conditions, and where the rows go that fail."""

from lakeferry.checks.badrows import BadRow, BadRows, Problem

__all__ = ["BadRow", "BadRows", "Problem"]
