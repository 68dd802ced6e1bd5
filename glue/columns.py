"""Columns the job has of its own, the names other columns get, and types that grow."""

import re
from collections.abc import Sequence

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds.columns import (
    DROPPED_BY,
    FILE_NUMBER,
    LINEAGE,
    MALFORMED,
    MISTYPED,
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
    "MISTYPED",
    "PARTITION_KEYS",
    "RESERVED",
    "ROW",
    "check_columns",
    "column_names",
    "wider",
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


def wider(one: str, other: str) -> str | None:
    """The type that can hold both and that files of either type can be read as; None where there is none.

    Only decimals of one scale: Parquet readers do not read a bigint as a double or the other way round.
    """
    if one == other:
        return one
    sizes = [re.fullmatch(r"decimal\((\d+),(\d+)\)", kind) for kind in (one, other)]
    if sizes[0] is None or sizes[1] is None or sizes[0][2] != sizes[1][2]:
        return None
    return max(one, other, key=lambda kind: int(kind.split("(")[1].split(",")[0]))
