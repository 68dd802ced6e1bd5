"""`schedule` of the feed document: when a feed is polled, in the words of EventBridge.

Syntax: Amazon EventBridge User Guide, "Setting a schedule pattern for scheduled rules". Times are UTC.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from lakeferry.feeds.cron import parse_cron

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_LONGEST = 256
"""Characters of a schedule (EventBridge, "PutRule")."""
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def schedule_problems(schedule: str) -> Iterator[str]:
    """A sentence if the schedule cannot be read, or never comes."""
    try:
        if schedule.startswith("rate("):
            rate_seconds(schedule)
        else:
            next_due(schedule, _SOME_DAY)
    except ValueError as error:
        yield f"$.schedule: {error}"


def rate_seconds(schedule: str) -> int:
    """Seconds from one poll to the next, of a schedule that begins with `rate(`.

    Raises:
        ValueError: it cannot be read.
    """
    match = re.fullmatch(r"rate\(([1-9][0-9]{0,5}) (minute|hour|day)s?\)", schedule)
    if match is None:
        raise ValueError(f"{schedule[:_LONGEST]!r} is not a rate of up to 999,999; write it as rate(2 hours)")
    return int(match[1]) * _UNITS[match[2]]


def next_due(schedule: str, last: datetime) -> datetime:
    """When a schedule that begins with `cron(` is due after a time.

    Raises:
        ValueError: it cannot be read, or never comes.
    """
    try:
        found = parse_cron(_fields(schedule)).after(last)
    except ValueError as error:
        raise ValueError(f"{schedule[:_LONGEST]!r} is not a cron expression EventBridge knows ({error})") from error
    if found is None:
        raise ValueError(f"{schedule!r} never comes: there is no such day")
    return found


def of_unix(fields: Sequence[str]) -> str:
    """Five fields of a Unix cron expression as EventBridge writes them; six are put right.

    Unix counts weekdays from 0 = Sunday (and 7 is Sunday), EventBridge from 1.
    """
    minutes, hours, day, month, weekday, year = [*fields, "*"][:6]
    if len(fields) == 5:
        weekday = re.sub(r"(?<![#/\d])([0-7])(?!\d)", lambda found: str(int(found[1]) % 7 + 1), weekday)
    if weekday in {"*", "?"}:
        day, weekday = "*" if day == "?" else day, "?"
    else:
        day = "?"
    return f"cron({minutes} {hours} {day} {month} {weekday} {year})"


def _fields(schedule: str) -> list[str]:
    if len(schedule) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST} characters")
    if not (schedule.startswith("cron(") and schedule.endswith(")") and schedule.isascii()):
        raise ValueError("write it as cron(0 6 * * ? *), or rate(2 hours)")
    fields = schedule[len("cron(") : -1].split()
    if len(fields) == 5:
        raise ValueError(f"it needs six fields and has five: {of_unix(fields)}")
    if len(fields) != 6:
        raise ValueError(
            "it needs six fields, minutes hours day-of-month month day-of-week year, such as cron(0 6 * * ? *)"
        )
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError(f"it needs ? in exactly one of day-of-month and day-of-week, such as {of_unix(fields)}")
    return fields
