"""Local times that no clock shows: where clocks go forward, an hour is missing.

The Glue job would move such a time to another hour, so it is a bad row unless the feed says that this is right.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels

_STEP = timedelta(hours=6)
"""No zone changes its clocks twice within that."""
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR = 31_556_952_000_000
"""Microseconds of one, on an average."""
_FEW_YEARS = 5
_YEARS = range(2, 9999)
"""Beyond them a day before or after is no `datetime`."""
_OFFSET = re.compile(r" ?(?:Z|[+-][0-9]{2}:?[0-9]{2})\Z")
_LONGEST_OFFSET = len(" +01:00")
_HOURS = re.compile("[0-9]{2}:[0-9]{2}")


def tells_offset(text: str) -> bool:
    """Whether a time in ISO 8601 has an offset of its own, so that its column's zone is not asked."""
    # from its end, step by step: a value may be as long as its author likes
    text = text.removesuffix("\n").rstrip(" ")
    found = _OFFSET.search(text, max(0, len(text) - _LONGEST_OFFSET))
    if found is None:
        return False
    before = text[: found.start()]
    return _HOURS.search(before, len(before.rstrip("0123456789:."))) is not None


@cache
def gaps(zone: str, year: int) -> tuple[tuple[int, int], ...]:
    """The local times of a year that are missing: first one, and first one after, as microseconds since 1970."""
    if year not in _YEARS:
        return ()
    place, found = ZoneInfo(zone), []
    at, end = datetime(year - 1, 12, 30, tzinfo=UTC), datetime(year + 1, 1, 3, tzinfo=UTC)
    while at < end:
        before, after = _offset(place, at), _offset(place, at + _STEP)
        if after > before:
            start = (_change(place, at, before) - _EPOCH + before) // _MICROSECOND
            found.append((start, start + (after - before) // _MICROSECOND))
        at += _STEP
    return tuple(found)


def _offset(place: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(place).utcoffset() or timedelta()


def _change(place: ZoneInfo, at: datetime, before: timedelta) -> datetime:
    """The first second, within a step, at which the offset is another one."""
    low, high = 0, int(_STEP.total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(place, at + timedelta(seconds=middle)) == before else (low, middle)
    return at + timedelta(seconds=high)


def missing(values: Column, zone: str) -> Column | None:
    """Which values of a `timestamp[us]` column, local times of a zone, no clock shows there; None if there are none."""
    low, high = (each.as_py() for each in kernels.min_max(values.cast(pa.int64())).values())
    if low is None:
        return None
    years = list(range(1969 + low // _YEAR, 1972 + high // _YEAR))
    if len(years) > _FEW_YEARS:
        years = [each for each in kernels.unique(kernels.year(values)).to_pylist() if each is not None]
    found = None
    for start, end in {gap for year in years for gap in gaps(zone, year)}:
        if start <= high and low < end:
            bounds = (pa.scalar(each, pa.int64()).cast(values.type) for each in (start, end))
            within = kernels.and_(kernels.greater_equal(values, next(bounds)), kernels.less(values, next(bounds)))
            found = within if found is None else kernels.or_(found, within)
    return found
