"""Local times as UTC, as Java has it: of a time that is there twice the first; one that is skipped is moved on."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from arrowworker.equal import NotEqualError
from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.rowwise import per_value
from lakeferry.expressions import Type
from lakeferry.feeds import ColumnSpec

_SINCE, _BEFORE = datetime(1970, 1, 2), datetime(2037, 1, 1)
"""Tables of zones differ before 1970, and engines in how they go on after the last year that is listed."""
_OFFSET = "^ *[0-9-]{10}.*(Z|[+-][0-9]{2}:?[0-9]{2}) *$"


def in_utc(values: Column, text: Column, column: ColumnSpec) -> Column:
    """The values of a column whose times are local ones of its `timezone`, but for those that tell an offset.

    Raises:
        NotEqualError: a local time is of another age.
    """
    if column.format is not None and "%z" in column.format:
        return values
    local = values
    if column.format is None:
        told = kernels.fill_null(kernels.match_substring_regex(text, _OFFSET), fill_value=False)
        local = kernels.if_else(told, pa.scalar(None, values.type), values)
    least, greatest = kernels.min_max(local).values()
    if least.is_valid and (least.as_py() < _SINCE or greatest.as_py() >= _BEFORE):
        raise NotEqualError(f"column {column.name}: local times before 1970 or after 2036 are Spark's")
    try:
        moved = kernels.assume_timezone(local, column.timezone, ambiguous="earliest", nonexistent="raise")
        moved = moved.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    except pa.ArrowInvalid:  # a time that is skipped
        zone = ZoneInfo(column.timezone)
        moved = per_value(
            lambda value: value.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None), Type("timestamp"), local
        ).values
    return moved if column.format is not None else kernels.coalesce(moved, values)
