"""Which of two versions of one path is the newer one."""

from collections.abc import Mapping
from typing import Any

FIRST_LISTED = "first_listed_at"
"""Attribute: when a poll first claimed the version. Written once, and by no later claim."""


def is_newer(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a ledger item is of a later delivery than another one of the same path.

    What counts is when it was listed first, not its own time: a correction may be a copy that was kept, or restored,
    with its time. Items from before that was written are older than those that have it, and go by their times.
    """
    mine, its = one.get(FIRST_LISTED, ""), other.get(FIRST_LISTED, "")
    if mine != its:
        return str(mine) > str(its)
    return bool(one["mtime"] > other["mtime"])
