"""Whether a feed is due, by its EventBridge-style schedule.

Syntax: Amazon EventBridge User Guide, "Setting a schedule pattern for scheduled rules". Times are UTC.
"""

import re
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from lakeferry.errors import FeedInvalidError

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}


def is_due(schedule: str | None, *, last: datetime | None, now: datetime) -> bool:
    """Whether a feed last polled at `last` is to be polled at `now`; one never polled always is.

    Raises:
        FeedInvalidError: the schedule cannot be read.
    """
    if schedule is None:
        return True
    check_schedule(schedule)
    if last is None:
        return True
    if schedule.startswith("rate("):
        # a run that nothing scheduled starts at any second: half a minute's grace keeps rate(1 hour) hourly
        return now - last >= timedelta(seconds=_rate_seconds(schedule) - 30)
    return bool(next(CronSim(_unix_cron(schedule), last)) <= now)


def check_schedule(schedule: str) -> None:
    """Raises `FeedInvalidError` when the schedule cannot be read."""
    if schedule.startswith("rate("):
        _rate_seconds(schedule)
        return
    try:
        CronSim(_unix_cron(schedule), datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise FeedInvalidError(
            f"$.schedule: {schedule!r} is not a cron expression EventBridge knows ({error})."
        ) from error


def _rate_seconds(schedule: str) -> int:
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule)
    if match is None or int(match[1]) == 0:
        raise FeedInvalidError(f"$.schedule: {schedule!r} is not a rate; write it as rate(2 hours).")
    return int(match[1]) * _UNITS[match[2]]


def _unix_cron(schedule: str) -> str:
    fields = schedule[len("cron(") : -1].split()
    if len(fields) != 6:
        raise FeedInvalidError(
            f"$.schedule: {schedule!r} needs six fields: minutes hours day-of-month month day-of-week year."
        )
    minutes, hours, day, month, weekday, year = fields
    if year != "*":
        raise FeedInvalidError(f"$.schedule: {schedule!r} names a year; only * is supported there.")
    if (day == "?") == (weekday == "?"):
        raise FeedInvalidError(f"$.schedule: {schedule!r} needs ? in exactly one of day-of-month and day-of-week.")
    # EventBridge counts weekdays from 1 = Sunday, Unix cron from 0 = Sunday; steps and ordinals are not weekdays
    weekday = re.sub(r"(?<![#/\d])([1-7])(?!\d)", lambda match: str(int(match[1]) - 1), weekday)
    return f"{minutes} {hours} {day.replace('?', '*')} {month} {weekday.replace('?', '*')}"
