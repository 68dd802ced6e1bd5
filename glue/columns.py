"""Columns the job has of its own, and the names other columns get."""

from collections.abc import Sequence

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds.columns import (
    DROPPED_BY,
    FILE_NUMBER,
    LINEAGE,
    MALFORMED,
    PARTITION_KEYS,
    RESERVED,
    ROW,
    column_names,
)

__all__ = [
    "DROPPED_BY",
    "FILE_NUMBER",
    "LINEAGE",
    "MALFORMED",
    "PARTITION_KEYS",
    "RESERVED",
    "ROW",
    "check_columns",
    "column_names",
]


def check_columns(where: str, names: Sequence[str], have: Sequence[str]) -> None:
    """Sees that the columns a setting names are there.

    Args:
        where: The setting, for the message.

    Raises:
        FeedInvalidError: one is not, or is one of the job's own.
    """
    for name in names:
        if name not in have or name in RESERVED:
            known = ", ".join(sorted(set(have) - RESERVED))
            raise FeedInvalidError(f"{where}: there is no column {name!r}; there are {known}.")
