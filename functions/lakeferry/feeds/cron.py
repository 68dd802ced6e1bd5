"""Cron expressions of EventBridge: six fields, with its own signs for days (User Guide, "Setting a schedule pattern").

Read here, since libraries know the cron of Unix: there `2/2` in days of the week comes on Sundays as well, and `W`, `L`
and `#` mean something else, or nothing.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_PART = re.compile(r"(?:(?P<all>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d{1,4}))?")
_NEAREST, _LAST_WEEKDAY, _NTH = re.compile(r"(\d{1,2})W"), re.compile(r"(\w+)L"), re.compile(r"(\w+)#([1-5])")
Days = Callable[[int, int], set[int]]
"""The days of a month, by year and month."""


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that was read."""

    minutes: list[int]
    hours: list[int]
    months: list[int]
    years: list[int]
    days: Days

    def after(self, last: datetime) -> datetime | None:
        """The first time after that one, in its zone; None where there is none before 2200."""
        for day in self._dates(last.date()):
            for hour in self.hours:
                for minute in self.minutes:
                    found = datetime(day.year, day.month, day.day, hour, minute, tzinfo=last.tzinfo)
                    if found > last:
                        return found
        return None

    def _dates(self, first: date) -> Iterator[date]:
        for year in self.years:
            for month in self.months:
                if (year, month) >= (first.year, first.month):
                    days = sorted(self.days(year, month))
                    yield from (found for day in days if (found := date(year, month, day)) >= first)


def parse_cron(fields: list[str]) -> Cron:
    """
    Args:
        fields: Minutes, hours, day of the month, month, day of the week, year.

    Raises:
        ValueError: it cannot be read.
    """
    minutes, hours, day, month, weekday, year = (field.upper() for field in fields)
    if (day == "?") == (weekday == "?"):
        raise ValueError("it needs ? in exactly one of day-of-month and day-of-week")
    return Cron(
        sorted(_numbers(minutes, "minutes", 0, 59)),
        sorted(_numbers(hours, "hours", 0, 23)),
        sorted(_numbers(month, "month", 1, 12, _MONTHS)),
        sorted(_numbers(year, "year", _FIRST_YEAR, _LAST_YEAR)),
        _days_of_month(day) if weekday == "?" else _days_of_week(weekday),
    )


def _numbers(field: str, name: str, low: int, high: int, words: tuple[str, ...] = ()) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        read = _PART.fullmatch(part)
        if read is None:
            raise ValueError(f"{part!r} in {name} cannot be read")
        if read["all"]:
            first, last = low, high
        else:
            first = _number(read["first"], name, low, high, words)
            last = first if read["step"] is None else high
            if read["last"]:
                last = _number(read["last"], name, low, high, words)
        step = int(read["step"] or 1)
        if first > last or not 1 <= step <= max(high, 1):
            raise ValueError(f"{part!r} in {name} is no range from {low} to {high}")
        found.update(range(first, last + 1, step))
    return found


def _number(text: str, name: str, low: int, high: int, words: tuple[str, ...]) -> int:
    number = words.index(text) + 1 if text in words else int(text) if text.isascii() and text.isdigit() else -1
    if not low <= number <= high:
        raise ValueError(f"{text!r} in {name} is not one of {low} to {high}{f', or {words[0]}' if words else ''}")
    return number


def _days_of_month(field: str) -> Days:
    """Numbers, `L` the last day, `LW` the last of Monday to Friday, `15W` that of them which is nearest to the 15th."""
    numbers: set[int] = set()
    signs: list[Days] = []
    for part in field.split(","):
        if part == "L":
            signs.append(lambda year, month: {monthrange(year, month)[1]})
        elif part == "LW":
            signs.append(lambda year, month: _nearest(year, month, monthrange(year, month)[1]))
        elif nearest := _NEAREST.fullmatch(part):
            day = _number(nearest[1], "day-of-month", 1, 31, ())
            signs.append(lambda year, month, day=day: _nearest(year, month, day))  # type: ignore[misc]
        else:
            numbers |= _numbers(part, "day-of-month", 1, 31)

    def days(year: int, month: int) -> set[int]:
        found = {day for day in numbers if day <= monthrange(year, month)[1]}
        return found.union(*(sign(year, month) for sign in signs))

    return days


def _nearest(year: int, month: int, day: int) -> set[int]:
    """In the same month; none where the month has no such day."""
    last = monthrange(year, month)[1]
    if day > last:
        return set()
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return {day - 1 if day > 1 else day + 2}
    if weekday == 6:
        return {day + 1 if day < last else day - 2}
    return {day}


def _days_of_week(field: str) -> Days:
    """1 is Sunday; `L` Saturday, `FRIL` the last Friday of the month, `FRI#2` the second."""
    numbers: set[int] = set()
    last: set[int] = set()
    nth: set[tuple[int, int]] = set()
    for part in field.split(","):
        if part == "L":
            numbers.add(7)
        elif found := _LAST_WEEKDAY.fullmatch(part):
            last.add(_number(found[1], "day-of-week", 1, 7, _WEEKDAYS))
        elif found := _NTH.fullmatch(part):
            nth.add((_number(found[1], "day-of-week", 1, 7, _WEEKDAYS), int(found[2])))
        else:
            numbers |= _numbers(part, "day-of-week", 1, 7, _WEEKDAYS)

    def days(year: int, month: int) -> set[int]:
        first, length = date(year, month, 1), monthrange(year, month)[1]
        found = set()
        for day in range(1, length + 1):
            weekday = (first + timedelta(days=day - 1)).isoweekday() % 7 + 1
            is_last, number = day + 7 > length, (day - 1) // 7 + 1
            if weekday in numbers or (weekday, number) in nth or (is_last and weekday in last):
                found.add(day)
        return found

    return days
