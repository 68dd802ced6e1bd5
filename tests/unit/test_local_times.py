"""Local times that clocks skip are bad rows, unless the feed has them shifted."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeferry.checks.local_times import gaps, missing
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ChecksSpec, ColumnSpec, Feed, parse_feed
from tests.conftest import feed_document
from tests.unit.inspecting import feed_of, inspected
from tests.unit.test_parquet import written

ZONES = [
    "Europe/Zurich",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kolkata",
    "Africa/Casablanca",
]
EPOCH = datetime(1970, 1, 1)


def feed_with(form: str = "csv", **column: object) -> Feed:
    spec = ColumnSpec("at", "timestamp", **{"timezone": "Europe/Zurich", **column})  # type: ignore[arg-type]
    return feed_of(form, checks=ChecksSpec(columns=(spec,)))


def exists(local: datetime, zone: str) -> bool:
    """Whether it comes back when it is taken to UTC and home again."""
    place = ZoneInfo(zone)
    return local.replace(tzinfo=place).astimezone(UTC).astimezone(place).replace(tzinfo=None) == local


@given(
    st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2037, 12, 31)), max_size=20),
    st.sampled_from(ZONES),
    st.integers(1995, 2037),
    st.integers(-1, 1),
)
def test_what_is_missing_does_not_come_back_from_utc(moments: list[datetime], zone: str, year: int, by: int) -> None:
    edges = [EPOCH + timedelta(microseconds=at + by) for gap in gaps(zone, year) for at in gap]
    times = [*moments, *edges]
    mask = missing(pa.array(times, pa.timestamp("us")), zone)
    found = [False] * len(times) if mask is None else mask.to_pylist()
    assert found == [not exists(each, zone) for each in times]


def test_zones_without_such_times_have_none() -> None:
    assert gaps("Asia/Kolkata", 2026) == ()
    assert len(gaps("Europe/Zurich", 2026)) == 1
    assert gaps("Europe/Zurich", 1) == gaps("Europe/Zurich", 9999) == ()


@pytest.mark.parametrize("form", [None, "%Y-%m-%d %H:%M:%S"])
def test_a_local_time_that_clocks_skip_is_a_bad_row(form: str | None) -> None:
    content = b"at\n2026-03-29 01:59:59\n2026-03-29 02:00:00\n2026-03-29 02:59:59\n2026-03-29 03:00:00\n"
    result = inspected(content, feed_with(format=form))
    assert result.told == [(3, "at", "local_time"), (4, "at", "local_time")]
    assert result.bad[0]["detail"] == "is no local time in Europe/Zurich, where clocks went forward"
    assert inspected(content, feed_with(format=form, nonexistent="shift")).rows == (4, 0)
    assert inspected(content, feed_with(format=form, timezone="UTC")).rows == (4, 0)


def test_a_time_with_an_offset_of_its_own_is_no_local_time() -> None:
    assert inspected(b"at\n2026-03-29T02:30:00Z\n2026-03-29 02:30:00 +0200\n", feed_with()).rows == (2, 0)
    zoned = feed_with(format="%Y-%m-%d %H:%M:%S%z")
    assert inspected(b"at\n2026-03-29 02:30:00+00:00\n", zoned).rows == (1, 0)


def test_parquet_without_a_zone_is_local_too() -> None:
    times = [datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 3, 30), None]
    local, zoned = (written({"at": pa.array(times, pa.timestamp("us", zone))}) for zone in (None, "UTC"))
    assert inspected(local, feed_with("parquet")).told == [(1, "at", "local_time")]
    assert inspected(zoned, feed_with("parquet")).rows == (3, 0)


def test_only_timestamps_can_be_shifted() -> None:
    column = {"name": "day", "type": "date", "nonexistent": "shift"}
    with pytest.raises(FeedInvalidError, match="nonexistent: is for timestamp, not for date"):
        parse_feed(feed_document(checks={"columns": [column]}, transform={}))
