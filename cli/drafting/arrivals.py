"""A promise that past arrival times would have kept: when the files came, on which days, for which date."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from lakeferry.counting import count_of
from lakeferry.feeds.sla import WEEKDAYS

_FEWEST = 3
_QUARTER, _SPARE = 15, 30
"""Minutes to which the time is rounded up, and that are added."""


def propose(arrivals: Sequence[tuple[date | None, int]], timezone: str = "UTC") -> tuple[dict[str, Any] | None, str]:
    """`sla` of the feed document, or None, and what it is made of.

    Args:
        arrivals: Of each file its business date, where its name has one, and its modification time.
    """
    zone = ZoneInfo(timezone)
    moments = [(day, datetime.fromtimestamp(mtime, UTC).astimezone(zone)) for day, mtime in arrivals]
    last: dict[date, tuple[date | None, datetime]] = {}
    for day, moment in moments:
        if moment.date() not in last or last[moment.date()][1] < moment:
            last[moment.date()] = (day, moment)
    days = sorted(last)
    if len(days) < _FEWEST:
        has = f"the server has files of {count_of(len(days), 'day')}"
        return None, f"{has}; {_FEWEST} are needed to see when they usually come"
    minutes = [moment.hour * 60 + moment.minute for _, moment in last.values()]
    late = max(minutes) + _SPARE
    due = min(24 * 60 - 1, -(-late // _QUARTER) * _QUARTER)
    found: dict[str, Any] = {"expected_by": f"{due // 60:02}:{due % 60:02}", "timezone": timezone}
    weekdays = sorted({day.weekday() for day in days})
    if len(weekdays) < 7 and len(days) >= 2 * len(weekdays):
        found["days"] = [WEEKDAYS[number] for number in weekdays]
    offsets = [(day - moment.date()).days for day, moment in last.values() if day is not None]
    if offsets and (offset := Counter(offsets).most_common(1)[0][0]) and -366 <= offset <= 31:
        found["business_date_offset_days"] = offset
    usual = int(median(minutes))
    span = f"{days[0]} to {days[-1]}" if days[-1] - days[0] > timedelta(0) else f"{days[0]}"
    return found, (
        f"of {len(days)} days ({span}) the last file came at {usual // 60:02}:{usual % 60:02} as a rule, at "
        f"{max(minutes) // 60:02}:{max(minutes) % 60:02} at the latest"
    )
