"""`sla` of the feed document: which files are promised, by what local time, on which days."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from lakeferry.feeds.days_off import HolidaysSpec, unknown_calendar
from lakeferry.feeds.name_dates import WRITTEN, bare_date_problems, date_format_problems
from lakeferry.feeds.names import zone_problems

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


@dataclass(frozen=True, slots=True)
class SlaSpec:
    """What a feed promises.

    Attributes:
        expected_by: Local time in `timezone` at which the files are to be there.
        days, month_days, weekdays_of_month: A day on which any of them falls is scheduled; none given: every day.
            `month_days` counts -1 as the last day; `weekdays_of_month` has (n, weekday) with 0 = Monday, -1 = last.
        on_holiday, on_weekend: `skip`, `due`, `next_business_day` or `previous_business_day`.
        weekend: Weekdays that are no business days, 0 = Monday.
        files: Globs on file names, each with at most one `{date:...}`; each is to be matched by a file.
        business_date_offset_days: From the scheduled or due day (`business_date_from`) to the date the files are for,
            counted in `business_date_offset_in`.
        warn: Whether a mail is sent at `expected_by` already, when there is a grace.
    """

    expected_by: time
    timezone: str
    days: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    weekdays_of_month: frozenset[tuple[int, int]] = frozenset()
    holidays: HolidaysSpec | None = None
    on_holiday: str = "skip"
    weekend: frozenset[int] = frozenset({5, 6})
    on_weekend: str = "due"
    grace_minutes: int = 0
    min_files: int = 1
    files: tuple[str, ...] = ()
    business_date_offset_days: int = 0
    business_date_offset_in: str = "calendar_days"
    business_date_from: str = "scheduled_day"
    warn: bool = True


def sla_problems(sla: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `sla`."""
    yield from zone_problems("$.sla.timezone", sla["timezone"])
    for index, pattern in enumerate(sla.get("files", ())):
        dates = re.findall(r"\{date:[^{}]+\}", pattern)
        if dates:
            yield from date_format_problems(f"$.sla.files[{index}]", dates[0][len("{date:") : -1], WRITTEN)
        rest = pattern.replace(dates[0], "", 1) if dates else pattern
        if "{" in rest or "}" in rest or "/" in rest:
            yield f"$.sla.files[{index}]: is a glob on a file's name with at most one {{date:...}} in it"
        else:
            yield from bare_date_problems(f"$.sla.files[{index}]", rest)
    yield from _holiday_problems(sla.get("holidays"))


def _holiday_problems(holidays: Any) -> Iterator[str]:  # noqa: ANN401  (any JSON value)
    if isinstance(holidays, Mapping):
        if "country" in holidays and "market" in holidays:
            yield "$.sla.holidays: has a country or a market, not both"
        if "subdivision" in holidays and "country" not in holidays:
            yield "$.sla.holidays.subdivision: goes with a country"
        listed = [*holidays.get("add", ()), *holidays.get("remove", ())]
    else:
        listed = [] if holidays is None or isinstance(holidays, str) else list(holidays)
    for day in listed:
        try:
            date.fromisoformat(day)
        except ValueError:
            yield f"$.sla.holidays: {day!r} is not a date of the calendar, YYYY-MM-DD"
            return
    if holidays is not None and (problem := unknown_calendar(_build_holidays(holidays))):
        yield f"$.sla.holidays: {problem}"


def build_sla(sla: Mapping[str, Any]) -> SlaSpec:
    """The frozen form of a valid `sla`."""
    holidays = sla.get("holidays")
    changed: dict[str, Any] = {
        "expected_by": time.fromisoformat(sla["expected_by"]),
        "days": frozenset(WEEKDAYS.index(day) for day in sla.get("days", ())),
        "month_days": frozenset(sla.get("month_days", ())),
        "weekdays_of_month": frozenset(
            (int(rule[:-3]), WEEKDAYS.index(rule[-3:])) for rule in sla.get("weekdays_of_month", ())
        ),
        "holidays": None if holidays is None else _build_holidays(holidays),
        "files": tuple(sla.get("files", ())),
    }
    if "weekend" in sla:
        changed["weekend"] = frozenset(WEEKDAYS.index(day) for day in sla["weekend"])
    return SlaSpec(**{**sla, **changed})


def _build_holidays(holidays: Any) -> HolidaysSpec:  # noqa: ANN401  (any JSON value)
    if isinstance(holidays, str):
        country, _, subdivision = holidays.partition("-")
        return HolidaysSpec(country=country, subdivision=subdivision or None)
    if isinstance(holidays, Mapping):
        days = {name: frozenset(map(date.fromisoformat, holidays.get(name, ()))) for name in ("add", "remove")}
        return HolidaysSpec(**{**holidays, **days})
    return HolidaysSpec(add=frozenset(map(date.fromisoformat, holidays)))
