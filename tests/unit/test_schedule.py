"""When a feed is due."""

import os
import random
import re
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds.schedule import next_due
from lakeferry.runs.schedule import is_due

EXPRESSIONS = int(os.environ.get("CRON_EXPRESSIONS", "1000"))
"""More by the variable."""
MONDAY = datetime(2026, 11, 23, 6, 0, 5, tzinfo=UTC)


def test_without_a_schedule_every_run_polls() -> None:
    assert is_due(None, last=MONDAY, now=MONDAY)


def test_a_feed_never_polled_is_due() -> None:
    assert is_due("cron(0 3 * * ? *)", last=None, now=MONDAY)


@pytest.mark.parametrize(
    ("schedule", "hours_ago", "due"),
    [
        ("cron(0 6 * * ? *)", 1, True),
        ("cron(0 7 * * ? *)", 1, False),
        ("cron(0 7 * * ? *)", 24, True),  # a missed run catches up
        ("cron(0 6 ? * MON-FRI *)", 1, True),
        ("cron(0 6 ? * 2 *)", 1, True),  # EventBridge's 2 is Monday
        ("cron(0 6 ? * 1 *)", 1, False),
        ("cron(0 6 ? * 2-6 *)", 1, True),
        ("cron(0 6 ? * 7 *)", 1, False),
        ("cron(0/15 * * * ? *)", 1, True),
        ("cron(0 6 ? * 2#4 *)", 1, True),  # the fourth Monday
        ("cron(0 6 ? * 2#1 *)", 1, False),
        ("cron(0 6 ? * 2/2 *)", 1, True),  # Monday, Wednesday, Friday
        ("cron(0 6 ? * 3/2 *)", 1, False),
        ("cron(0 6 * * ? 2026)", 1, True),
        ("cron(0 6 * * ? 2027)", 1, False),
        ("rate(1 hour)", 1, True),
        ("rate(2 hours)", 1, False),
        ("rate(1 day)", 24, True),
    ],
)
def test_due(schedule: str, hours_ago: int, due: bool) -> None:
    assert is_due(schedule, last=MONDAY - timedelta(hours=hours_ago), now=MONDAY) is due


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(0 6 * * *)",
        "cron(0 6 * * * *)",
        "cron(99 6 * * ? *)",
        "cron(0 6 * * ? 1969)",
        "rate(0 hours)",
        "rate(x)",
        "cron(x)",
        "daily",
    ],
)
def test_an_unreadable_schedule_is_named(schedule: str) -> None:
    with pytest.raises(FeedInvalidError, match="schedule"):
        is_due(schedule, last=MONDAY, now=MONDAY)


# -- the grammar of EventBridge, read another way: each day is asked whether it fits

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def fits_part(part: str, value: int, low: int, high: int, names: tuple[str, ...]) -> bool:
    """Whether a number is one of `5`, `*`, `2-6`, `3/2`, `*/2`, `2-6/2`."""
    part = re.sub(r"[A-Z]{3}", lambda found: str(names.index(found[0]) + 1), part)
    span, _, step = part.partition("/")
    begin, _, end = span.replace("*", f"{low}-{high}").partition("-")
    last = int(end) if end else (high if step else int(begin))
    return int(begin) <= value <= last and (value - int(begin)) % int(step or 1) == 0


@cache
def fits(field: str, value: int, low: int, high: int, names: tuple[str, ...]) -> bool:
    return any(fits_part(part, value, low, high, names) for part in field.split(","))


def days_between(one: date, other: date) -> int:
    return abs((one - other).days)


def month_of(day: date) -> list[date]:
    return days_of(day.replace(day=1))


@cache
def days_of(first: date) -> list[date]:
    return [found for offset in range(31) if (found := first + timedelta(days=offset)).month == first.month]


def fits_day(field: str, day: date) -> bool:
    month = month_of(day)
    workdays = [one for one in month if one.weekday() < 5]
    if field == "L":
        return day == month[-1]
    if field == "LW":
        return day == workdays[-1]
    if field.endswith("W"):
        wanted = [one for one in month if one.day == int(field[:-1])]
        return bool(wanted) and day == min(workdays, key=lambda one: days_between(one, wanted[0]))
    return fits(field, day.day, 1, 31, ())


def fits_weekday(field: str, day: date) -> bool:
    number = int(day.strftime("%w")) + 1
    same = [one for one in month_of(day) if one.weekday() == day.weekday()]
    if field == "L":
        return number == 7
    if field.endswith("L"):
        return day == same[-1] and fits(field[:-1], number, 1, 7, WEEKDAYS)
    if "#" in field:
        name, _, nth = field.partition("#")
        return same.index(day) + 1 == int(nth) and fits(name, number, 1, 7, WEEKDAYS)
    return fits(field, number, 1, 7, WEEKDAYS)


def reference(fields: list[str], last: datetime) -> datetime | None:
    """Within 420 days."""
    minutes, hours, day, month, weekday, year = fields
    times = [
        (hour, minute)
        for hour in range(24) if fits(hours, hour, 0, 23, ())
        for minute in range(60) if fits(minutes, minute, 0, 59, ())
    ]  # fmt: skip
    for offset in range(420):
        at = last.date() + timedelta(days=offset)
        if not fits(month, at.month, 1, 12, MONTHS) or not fits(year, at.year, 1970, 2199, ()):
            continue
        if not (fits_day(day, at) if weekday == "?" else fits_weekday(weekday, at)):
            continue
        for hour, minute in times:
            found = datetime(at.year, at.month, at.day, hour, minute, tzinfo=UTC)
            if found > last:
                return found
    return None


def drawn(chance: random.Random, low: int, high: int, names: tuple[str, ...]) -> str:
    def one() -> str:
        number = chance.randint(low, high)
        return names[number - 1] if names and chance.random() < 0.5 else str(number)

    def part() -> str:
        numbers = sorted(chance.sample(range(low, high + 1), 2))
        span = "-".join(names[number - 1] if names and chance.random() < 0.5 else str(number) for number in numbers)
        step = chance.randint(1, max(2, (high - low) // 3))
        return chance.choice(["*", one(), one(), span, f"{one()}/{step}", f"*/{step}", f"{span}/{step}"])

    return ",".join(part() for _ in range(chance.choice([1, 1, 1, 2, 3])))


def expression(chance: random.Random) -> list[str]:
    day, weekday = drawn(chance, 1, 31, ()), "?"
    if chance.random() < 0.3:
        day = chance.choice(["L", "LW", f"{chance.randint(1, 31)}W"])
    if chance.random() < 0.5:
        name = chance.choice([*WEEKDAYS, *"1234567"])
        odd = chance.choice(["L", f"{name}L", f"{name}#{chance.randint(1, 5)}"])
        day, weekday = "?", odd if chance.random() < 0.4 else drawn(chance, 1, 7, WEEKDAYS)
    year = chance.choice(["*", "*", "*", "2026", "2026-2028", "2026/2"])
    times = [drawn(chance, 0, 59, ()), drawn(chance, 0, 23, ())]
    return [*times, day, drawn(chance, 1, 12, MONTHS), weekday, year]


def first_due(schedule: str, last: datetime) -> datetime | None:
    try:
        return next_due(schedule, last)
    except ValueError as error:
        if "never comes" not in str(error):
            raise
        return None


def test_random_expressions_are_due_when_another_reading_of_the_grammar_says_so() -> None:
    chance = random.Random(20261129)
    for _ in range(EXPRESSIONS):
        fields = expression(chance)
        last = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(3 * 365 * 86_400))
        expected = reference(fields, last)
        text = f"cron({' '.join(fields)})"
        found = first_due(text, last)
        if expected is not None:
            assert found == expected, (text, last)
        else:
            assert found is None or found - last > timedelta(days=418), (text, last)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("0 6 ? * MONDAY *", "day-of-week"), ("60 6 * * ? *", "minutes"), ("0 24 * * ? *", "hours"),
        ("0 6 0 * ? *", "day-of-month"), ("0 6 32W * ? *", "day-of-month"), ("0 6 * 13 ? *", "month"),
        ("0 6 ? * 8 *", "day-of-week"), ("0 6 ? * MON#6 *", "day-of-week"), ("0 6 ? * FRI-MON *", "day-of-week"),
        ("0 6 * * ? 2200", "year"), ("0/0 6 * * ? *", "minutes"), ("5-1 6 * * ? *", "minutes"),
        ("0 6 W * ? *", "day-of-month"), ("0 6 ? * L#2 *", "day-of-week"), (", 6 * * ? *", "minutes"),
        ("0 6 31 2 ? *", "never comes"), ("0 6 * * *", "six fields and has five"), ("0 6 * * ? * *", "six fields"),
        ("0 6 * * * *", "exactly one"), ("0 6 ? * ? *", "exactly one"), ("٣ 6 * * ? *", "write it as"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where(part: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        next_due(f"cron({part})", MONDAY)
