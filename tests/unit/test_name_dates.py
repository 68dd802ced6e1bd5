"""Dates in the names of files: which formats a feed may have, and that each gives back the day it was written for."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import FilesSpec, parse_feed
from lakeferry.feeds.name_dates import IN_NAMES, READ, date_format_problems, read_day
from poll.pattern import Pattern
from tests.conftest import feed_document

FILES = {"directory": "/out"}


def refusal_of(files: dict[str, Any], **rest: Any) -> str:
    with pytest.raises(FeedInvalidError) as refused:
        parse_feed(feed_document(files=FILES | files, **rest))
    return str(refused.value)


@pytest.mark.parametrize(
    ("form", "instead"),
    [
        ("%Y-W%W", "%G-W%V"),
        ("%Y-W%U", "%G-W%V"),
        ("%Y-W%V", "%G and %V together"),
        ("%G-%m", "%G and %V together"),
        ("%d%m", "%Y or %y"),
        ("%H%M", "%Y or %y"),
        ("%j", "%Y or %y"),
        ("%Y", "%m%d"),
        ("%Y%d", "%m%d"),
        ("%F", "%Y-%m-%d"),
        ("%D", "%m%d%y"),
        ("%e%m%Y", "%d"),
        ("%-d.%-m.%Y", "%d"),
        ("%s", "the day of the file's time"),
        ("yyyymmdd", "%Y%m%d"),
        ("YYYY-MM-DD", "%Y-%m-%d"),
        ("ddmmyy", "%d%m%y"),
        ("yyyy-'W'ww", "%Y%m%d"),
        ("quarter", "%Y%m%d"),
    ],
)
def test_a_format_that_gives_no_day_back_is_refused_with_what_to_write(form: str, instead: str) -> None:
    found = refusal_of({"pattern": f"sales_{{date:{form}}}.csv"})
    assert "$.files.pattern" in found
    assert instead in found


@pytest.mark.parametrize("form", ["%Y-W%W", "%U%Y", "%d%m", "%H%M", "%Y", "yyyymmdd", "%F", "%-d%m%Y"])
def test_a_regex_has_the_same_rules(form: str) -> None:
    assert "$.files.date_format" in refusal_of({"regex": "sales_(?P<date>.*)", "date_format": form})


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        ("SALES_yyyymmdd.csv", "{date:%Y%m%d}"),
        ("SALES_YYYY-MM-DD*", "{date:%Y-%m-%d}"),
        ("SALES_YYYYMMDDHH24MISS.csv", "{date:%Y%m%d%H%M%S}"),
        ("ddmmyyyy_sales", "{date:%d%m%Y}"),
        ("SALES_%Y%m%d", "{date:%Y%m%d}"),
        ("%d.%m.%Y.csv", "{date:%d.%m.%Y}"),
        ("SALES_{yyyymmdd}.csv", "{date:%Y%m%d}"),
        ("SALES_{dd.mm.yy}.csv", "{date:%d.%m.%y}"),
        ("SALES_{date}.csv", "{date:%Y%m%d}"),
        ("SALES_{date:}.csv", "{date:%Y%m%d}"),
    ],
)
def test_a_date_that_is_none_is_refused_with_what_to_write(pattern: str, instead: str) -> None:
    assert instead in refusal_of({"pattern": pattern})
    if "{" not in pattern:
        due = {"expected_by": "06:30", "timezone": "UTC", "files": [pattern]}
        assert instead in refusal_of({"pattern": "*"}, sla=due), "a name that the feed promises, too"


@pytest.mark.parametrize("pattern", ["daddy_*.csv", "[Y]YYYMMDD.csv", "%20sales*", "a_yy.csv", "comma.csv", "100%.csv"])
def test_other_letters_are_letters(pattern: str) -> None:
    assert parse_feed(feed_document(files=FILES | {"pattern": pattern})).files.pattern == pattern


def test_a_folder_without_a_directive_is_refused() -> None:
    after = {"action": "move", "to": "/archive/{date:yyyy/mm}"}
    assert "%Y/%m" in refusal_of({"pattern": "*", "after": after})


@pytest.mark.parametrize(
    ("form", "text", "day"),
    [
        ("%G-W%V", "2026-W48", date(2026, 11, 23)),
        ("%G-W%V", "2025-W01", date(2024, 12, 30)),
        ("%G-W%V-%u", "2026-W48-7", date(2026, 11, 29)),
        ("%Y%m", "202611", date(2026, 11, 1)),
        ("%b%Y", "nov2026", date(2026, 11, 1)),
        ("%Y%j", "2026333", date(2026, 11, 29)),
    ],
)
def test_a_week_is_its_monday_and_a_month_its_first_day(form: str, text: str, day: date) -> None:
    pattern = f"sales_{{date:{form}}}.csv"
    parse_feed(feed_document(files=FILES | {"pattern": pattern}))
    assert Pattern(FilesSpec("/", pattern)).business_date(f"sales_{text}.csv", 0) == day


def test_a_week_that_does_not_exist_is_no_date() -> None:
    assert Pattern(FilesSpec("/", "{date:%G-W%V}")).business_date("2026-W54", 0) is None


DAYS = ("Ymd", "ymd", "Ybd", "yBd", "Yj", "yj", "GV", "GVu", "GVA", "Ym", "yb", "YWw", "YUa", "GVw")


@st.composite
def forms(draw: st.DrawFn, letters: frozenset[str]) -> str:
    """What gives a day back, among others that change nothing, or make it unreadable."""
    core = draw(st.sampled_from([form for form in DAYS if set(form) <= letters]))
    more = draw(st.lists(st.sampled_from(sorted(letters - {"%", *core})), max_size=3, unique=True))
    parts = draw(st.permutations([*core, *more]))
    return draw(st.sampled_from(["", "-", "_"])).join(f"%{letter}" for letter in parts)


@pytest.mark.slow
@given(form=forms(IN_NAMES), day=st.dates(date(1970, 1, 1), date(2068, 12, 31)))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_what_a_pattern_takes_gives_back_the_day_it_was_written_for(form: str, day: date) -> None:
    assume(not list(date_format_problems("$", form, IN_NAMES)))
    name = f"sales_{day.strftime(form)}.csv"
    pattern = Pattern(FilesSpec("/", f"sales_{{date:{form}}}.csv"))
    assert pattern.fits(name)
    assert pattern.business_date(name, 0) in _meant(day, form)


@pytest.mark.slow
@given(form=forms(READ - set("zZfp")), day=st.dates(date(1970, 1, 1), date(2068, 12, 31)))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_what_a_regex_reads_gives_back_the_day_it_was_written_for(form: str, day: date) -> None:
    assume(not list(date_format_problems("$", form, READ)))
    assert read_day(day.strftime(form), form) in _meant(day, form)


def _meant(day: date, form: str) -> set[date]:
    """The day; or what stands for its week or its month, where the format says no more."""
    if "%d" in form or "%j" in form or any(f"%{letter}" in form for letter in "aAwu"):
        return {day}
    return {day - timedelta(days=day.weekday())} if "%V" in form else {day.replace(day=1)}
