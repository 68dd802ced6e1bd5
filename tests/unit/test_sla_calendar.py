"""When files are due, against a plain reference: every quarter hour of four years is looked at with the local clock."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import SlaSpec, parse_feed
from lakeferry.feeds.days_off import is_holiday
from lakeferry.sla.calendar import DueTime, due_times, first_moment
from tests.conftest import feed_document

ZONES = ["America/New_York", "Europe/London", "Australia/Sydney", "Asia/Kathmandu"]
FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
NAMES = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]


def sla_of(**changes: Any) -> SlaSpec:
    sla = parse_feed(feed_document(sla={"expected_by": "06:30", "timezone": "America/New_York"} | changes)).sla
    assert sla is not None
    return sla


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@cache
def clock(zone: str) -> list[tuple[datetime, datetime]]:
    """UTC and what the local clock shows, each quarter hour; every zone here changes at one."""
    moments = [FIRST + n * QUARTER for n in range(int((LAST - FIRST) / QUARTER))]
    return [(moment, moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for moment in moments]


@cache
def first_showings(zone: str, local: time) -> dict[date, datetime]:
    """For each day, the first moment at which the clock shows that time, or a later one, of that day."""
    found: dict[date, datetime] = {}
    for moment, shown in clock(zone):
        if shown.time() >= local:
            found.setdefault(shown.date(), moment)
    return found


def reference(zone: str, rules: dict[str, Any]) -> list[tuple[datetime, date]]:
    """Due times of four years from the document's own words; shares no code with the calendar."""
    hours, minutes = map(int, rules["expected_by"].split(":"))
    shown = first_showings(zone, time(hours, minutes))
    off = holidays.country_holidays(rules["holidays"], years=range(2024, 2031)) if "holidays" in rules else {}

    def business(day: date) -> bool:
        return day.weekday() < 5 and day not in off

    due = set()
    for day in (date(2024, 11, 1) + timedelta(days=n) for n in range(1700)):
        weeks = calendar.monthcalendar(day.year, day.month)
        same = [week[day.weekday()] for week in weeks if week[day.weekday()]]
        name, place = NAMES[day.weekday()], same.index(day.day)
        days_left = calendar.monthrange(day.year, day.month)[1] - day.day
        wanted = [
            *(name == rule for rule in rules.get("days", [])),
            *(rule == day.day or rule == -1 - days_left for rule in rules.get("month_days", [])),
            *(
                rule in (f"{place + 1}{name}", f"{place - len(same)}{name}")
                for rule in rules.get("weekdays_of_month", [])
            ),
        ]
        if wanted and not any(wanted):
            continue
        action = "due"
        if day in off:
            action = rules.get("on_holiday", "skip")
        elif day.weekday() >= 5:
            action = rules.get("on_weekend", "due")
        if action == "skip":
            continue
        moved = day
        if action != "due":
            while not business(moved):
                moved += timedelta(days=1 if action == "next_business_day" else -1)
        start = moved if rules.get("business_date_from") == "due_day" else day
        offset, meant = rules.get("business_date_offset_days", 0), start
        if rules.get("business_date_offset_in") == "business_days":
            for _ in range(abs(offset)):
                meant += timedelta(days=1 if offset > 0 else -1)
                while not business(meant):
                    meant += timedelta(days=1 if offset > 0 else -1)
        else:
            meant += timedelta(days=offset)
        if moved in shown:
            due.add((shown[moved], meant))
    return sorted(due)


MOVES = st.sampled_from(["skip", "due", "next_business_day", "previous_business_day"])
RULES = st.fixed_dictionaries(
    {"expected_by": st.integers(0, 95).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02}")},
    optional={
        "days": st.lists(st.sampled_from(NAMES), min_size=1, max_size=5),
        "month_days": st.lists(st.integers(-31, 31).filter(bool), min_size=1, max_size=3),
        "weekdays_of_month": st.lists(
            st.tuples(st.sampled_from([1, 2, 3, 4, 5, -1, -2, -3, -4, -5]), st.sampled_from(NAMES)).map(
                lambda rule: f"{rule[0]}{rule[1]}"
            ),
            min_size=1,
            max_size=2,
        ),
        "holidays": st.sampled_from(["US", "GB", "AU", "NP"]),
        "on_holiday": MOVES,
        "on_weekend": MOVES,
        "business_date_offset_days": st.integers(-3, 3),
        "business_date_offset_in": st.sampled_from(["calendar_days", "business_days"]),
        "business_date_from": st.sampled_from(["scheduled_day", "due_day"]),
    },
)


def short(found: list[DueTime]) -> list[tuple[datetime, date]]:
    return [(due.expected_at, due.business_date) for due in found]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(zone=st.sampled_from(ZONES), rules=RULES)
def test_four_years_are_those_of_the_reference(zone: str, rules: dict[str, Any]) -> None:
    found = due_times(sla_of(timezone=zone, **rules), FIRST - QUARTER, LAST - QUARTER)
    # at the ends the reference has not seen a whole day
    inner = (FIRST + timedelta(days=2), LAST - timedelta(days=2))
    expected = reference(zone, rules)
    assert [one for one in short(found) if inner[0] < one[0] < inner[1]] == [
        one for one in expected if inner[0] < one[0] < inner[1]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
def test_every_quarter_hour_of_every_day_is_due_when_the_clock_first_shows_it(zone: str) -> None:
    days = [date(2025, 1, 2) + timedelta(days=n) for n in range(1458)]
    for quarter in range(96):
        local = time(quarter // 4, quarter % 4 * 15)
        shown = first_showings(zone, local)
        assert [first_moment(day, local, ZoneInfo(zone)) for day in days] == [shown[day] for day in days], local


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    rules=RULES,
    cuts=st.lists(st.integers(0, 4 * 365 * 96), min_size=1, max_size=30),
)
def test_spans_of_any_length_joined_skip_nothing_and_double_nothing(
    zone: str, rules: dict[str, Any], cuts: list[int]
) -> None:
    sla = sla_of(timezone=zone, **rules)
    edges = sorted({FIRST, LAST, *(FIRST + cut * QUARTER for cut in cuts)})
    pieces = [due for begin, end in pairwise(edges) for due in due_times(sla, begin, end)]
    assert pieces == due_times(sla, FIRST, LAST)


@pytest.mark.parametrize("action", ["next_business_day", "previous_business_day"])
def test_a_look_every_day_finds_what_one_look_finds_however_far_days_are_moved(action: str) -> None:
    # the long holidays of Nepal, and a fortnight of the partner's own
    own = [str(date(2026, 8, 1) + timedelta(days=n)) for n in range(14)]
    holidays_of = {"country": "NP", "add": own}
    sla = sla_of(timezone="Asia/Kathmandu", holidays=holidays_of, on_holiday=action, on_weekend=action)
    edges = [FIRST + timedelta(days=n) for n in range(800)]
    pieces = [due for begin, end in pairwise(edges) for due in due_times(sla, begin, end)]
    assert pieces == due_times(sla, edges[0], edges[-1])
    assert len(pieces) >= 795
    assert max(abs((due.due_date - due.business_date).days) for due in pieces) >= 14


@pytest.mark.parametrize(
    ("zone", "day", "local", "expected"),
    [
        ("America/New_York", "2026-03-08", "02:30", "2026-03-08 07:00"),  # 02:00 EST becomes 03:00 EDT
        ("America/New_York", "2026-03-08", "03:00", "2026-03-08 07:00"),
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01 05:30"),  # the first of the two
        ("America/New_York", "2026-11-01", "02:00", "2026-11-01 07:00"),
        ("Europe/London", "2026-03-29", "01:15", "2026-03-29 01:00"),
        ("Europe/London", "2026-10-25", "01:15", "2026-10-25 00:15"),
        ("Australia/Sydney", "2026-10-04", "02:45", "2026-10-03 16:00"),
        ("Australia/Sydney", "2026-04-05", "02:45", "2026-04-04 15:45"),
        ("Australia/Lord_Howe", "2026-10-04", "02:10", "2026-10-03 15:30"),  # half an hour is jumped over
        ("Asia/Kathmandu", "2026-12-31", "23:45", "2026-12-31 18:00"),  # UTC+05:45, no summer time
        ("Pacific/Apia", "2011-12-30", "12:00", "2011-12-30 10:00"),  # a day that was left out: when the next began
    ],
)
def test_times_on_changeover_days(zone: str, day: str, local: str, expected: str) -> None:
    assert first_moment(date.fromisoformat(day), time.fromisoformat(local), ZoneInfo(zone)) == utc(expected)


def test_grace_is_real_time_over_a_change_of_clocks() -> None:
    (due,) = due_times(sla_of(expected_by="01:30", grace_minutes=60), utc("2026-03-07 12:00"), utc("2026-03-08 12:00"))
    assert due.deadline.astimezone(ZoneInfo("America/New_York")).strftime("%H:%M") == "03:30"


def days_of(year: int, month: int, **rules: Any) -> list[int]:
    begin = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year, month, calendar.monthrange(year, month)[1], 23, 59, tzinfo=UTC)
    return [due.due_date.day for due in due_times(sla_of(timezone="UTC", **rules), begin, end)]


def test_the_days_of_november_2026() -> None:
    assert days_of(2026, 11, month_days=[1, 15, -1]) == [1, 15, 30]
    assert days_of(2026, 11, weekdays_of_month=["1MON", "-1FRI"]) == [2, 27]
    assert days_of(2026, 11, weekdays_of_month=["5MON", "5SUN"]) == [29, 30]
    assert days_of(2026, 11, month_days=[31]) == []
    assert days_of(2026, 11, days=["THU"], month_days=[3]) == [3, 5, 12, 19, 26]
    assert days_of(2026, 11, days=["THU"], holidays="US") == [5, 12, 19]  # the 26th is Thanksgiving
    assert days_of(2026, 11, days=["THU"], holidays="US", on_holiday="next_business_day") == [5, 12, 19, 27]


def test_a_holiday_on_a_weekend_is_also_observed_on_the_friday_before_or_the_monday_after() -> None:
    weekdays = NAMES[:5]
    # 4 July 2026 is a Saturday, 26 December 2026 too: the US take Friday the 3rd, Britain takes Monday the 28th
    assert 3 not in days_of(2026, 7, days=weekdays, holidays="US")
    assert {25, 28} & set(days_of(2026, 12, days=weekdays, holidays="GB")) == set()
    # 1 January 2028 is a Saturday: observed in the year before
    assert 31 not in days_of(2027, 12, days=weekdays, holidays="US")
    assert 4 not in days_of(2026, 7, holidays="US")
    assert 4 in days_of(2026, 7, holidays={"country": "US", "remove": ["2026-07-04"]})


def test_year_ends_move_over_the_year() -> None:
    sla = sla_of(
        timezone="Europe/London", month_days=[1], holidays="GB-ENG", on_holiday="next_business_day",
        on_weekend="next_business_day", business_date_offset_days=-1,
    )  # fmt: skip
    (due,) = due_times(sla, utc("2027-12-31 12:00"), utc("2028-01-20 12:00"))
    # 1 January 2028 is a Saturday, observed on Monday the 3rd; the files are still those of 31 December
    assert (due.due_date, due.business_date) == (date(2028, 1, 4), date(2027, 12, 31))


def test_two_dates_files_can_be_due_at_one_moment() -> None:
    sla = sla_of(timezone="UTC", days=["THU", "FRI"], holidays="US", on_holiday="next_business_day")
    found = due_times(sla, utc("2026-11-26 00:00"), utc("2026-11-28 00:00"))
    assert short(found) == [
        (utc("2026-11-27 06:30"), date(2026, 11, 26)),
        (utc("2026-11-27 06:30"), date(2026, 11, 27)),
    ]
    (one,) = due_times(
        sla_of(timezone="UTC", days=["THU", "FRI"], holidays="US", on_holiday="next_business_day",
               business_date_from="due_day"),
        utc("2026-11-26 00:00"), utc("2026-11-28 00:00"),
    )  # fmt: skip
    assert one.business_date == date(2026, 11, 27)


def test_mondays_files_are_fridays_in_business_days() -> None:
    sla = sla_of(
        timezone="UTC", days=["MON"], business_date_offset_days=-1, business_date_offset_in="business_days",
        holidays=["2026-11-20"],
    )  # fmt: skip
    (due,) = due_times(sla, utc("2026-11-22 00:00"), utc("2026-11-24 00:00"))
    assert due.business_date == date(2026, 11, 19)


def test_a_week_that_ends_on_thursday() -> None:
    sla = sla_of(timezone="Asia/Dubai", weekend=["FRI", "SAT"], on_weekend="next_business_day", month_days=[20])
    (due,) = due_times(sla, utc("2026-11-19 12:00"), utc("2026-11-25 00:00"))
    assert due.due_date == date(2026, 11, 22)  # the 20th is a Friday


def test_without_an_end_to_the_holidays_a_day_stays_where_it_is() -> None:
    off = [str(date(2026, 11, 1) + timedelta(days=n)) for n in range(100)]
    sla = sla_of(timezone="UTC", month_days=[1], holidays=off, on_holiday="next_business_day")
    (due,) = due_times(sla, utc("2026-10-31 12:00"), utc("2026-11-30 00:00"))
    assert due.due_date == date(2026, 11, 1)


def test_markets_have_holidays_of_their_own() -> None:
    market = sla_of(holidays={"market": "XNYS", "add": ["2026-11-25"]}).holidays
    assert is_holiday(market, date(2026, 4, 3))  # Good Friday, no federal holiday
    assert is_holiday(market, date(2026, 11, 25))
    assert not is_holiday(sla_of(holidays="US").holidays, date(2026, 4, 3))
    assert not is_holiday(market, date(2026, 10, 12))  # Columbus Day, a trading day


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"timezone": "Mars/Olympus"}, "$.sla.timezone"),
        ({"expected_by": "24:00"}, "$.sla.expected_by"),
        ({"expected_by": 390}, "$.sla.expected_by"),  # YAML reads 06:30 without quotes as a number to base 60
        ({"holidays": "XX"}, "$.sla.holidays"),
        ({"holidays": "US-QQ"}, "$.sla.holidays"),
        ({"holidays": False}, "$.sla.holidays"),  # and NO, for Norway, as false
        ({"holidays": ["2026-02-30"]}, "$.sla.holidays"),
        ({"holidays": {"country": "US", "market": "XNYS"}}, "$.sla.holidays"),
        ({"holidays": {"subdivision": "NY"}}, "$.sla.holidays.subdivision"),
        ({"holidays": {"market": "XMAS"}}, "$.sla.holidays"),
        ({"weekdays_of_month": ["6MON"]}, "$.sla.weekdays_of_month[0]"),
        ({"month_days": [0]}, "$.sla.month_days[0]"),
        ({"files": ["in/{date:%Y}.csv"]}, "$.sla.files[0]"),
        ({"files": ["{date:%Y}{date:%m}.csv"]}, "$.sla.files[0]"),
        ({"weekend": NAMES}, "$.sla.weekend"),
    ],
)
def test_a_wrong_sla_is_told_where_it_is_wrong(wrong: dict[str, Any], path: str) -> None:
    with pytest.raises(FeedInvalidError) as caught:
        sla_of(**wrong)
    assert f"{path}: " in str(caught.value)
