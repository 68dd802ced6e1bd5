"""`schedule` of the feed document: when a feed is polled, in the words of EventBridge.

Syntax: Amazon EventBridge User Guide, "Setting a schedule pattern for scheduled rules". Times are UTC. The job does not
have the library that reads cron expressions, and leaves them unread.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_LONGEST = 256
"""Characters of a schedule (EventBridge, "PutRule")."""
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def schedule_problems(schedule: str) -> Iterator[str]:
    """A sentence if the schedule cannot be read, or never comes."""
    try:
        if schedule.startswith("rate("):
            rate_seconds(schedule)
        elif find_spec("cronsim") is not None:
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
    from cronsim import CronSim, CronSimError

    try:
        found: datetime | None = next(CronSim(_unix_cron(schedule), last), None)
    except (CronSimError, ValueError) as error:
        raise ValueError(
            f"{schedule[:_LONGEST]!r} is not a cron expression EventBridge knows ({error or 'it cannot be read'})"
        ) from error
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


def _unix_cron(schedule: str) -> str:
    if len(schedule) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST} characters")
    fields = schedule[len("cron(") : -1].split()
    if len(fields) == 5:
        raise ValueError(f"it needs six fields and has five: {of_unix(fields)}")
    if len(fields) != 6:
        raise ValueError(
            "it needs six fields, minutes hours day-of-month month day-of-week year, such as cron(0 6 * * ? *)"
        )
    minutes, hours, day, month, weekday, year = fields
    if year != "*":
        raise ValueError("it names a year; only * is supported there")
    if (day == "?") == (weekday == "?"):
        raise ValueError(f"it needs ? in exactly one of day-of-month and day-of-week, such as {of_unix(fields)}")
    # EventBridge counts weekdays from 1 = Sunday, Unix cron from 0 = Sunday; steps and ordinals are not weekdays
    weekday = re.sub(r"(?<![#/\d])([1-7])(?!\d)", lambda match: str(int(match[1]) - 1), weekday)
    return f"{minutes} {hours} {day.replace('?', '*')} {month} {weekday.replace('?', '*')}"
