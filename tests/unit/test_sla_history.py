"""Attainment by feed and month, from the table's items; and what the CLI prints of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from cli import __main__ as cli
from cli.sla import attainment_rows
from lakeferry.feeds import parse_feed, put_feed
from lakeferry.sla.attainment import Attainment, attainments, of_months
from lakeferry.sla.calendar import due_times
from lakeferry.sla.items import span
from lakeferry.sla.table import SlaTable
from lakeferry.sla.verdict import Arrival, judge
from tests.conftest import feed_document

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

FEED = "acme/daily_sales"
# 00:15 in Kathmandu is the evening before in UTC: months are the local ones
SLA = {"expected_by": "00:15", "timezone": "Asia/Kathmandu", "grace_minutes": 30, "month_days": [1, 2, 3, 4, -1]}


@pytest.fixture
def history(sla_table: "Table") -> SlaTable:
    """Each month: the 1st in time, the 2nd 1 h late, the 3rd 3 h late, the 4th missing, the last in its grace."""
    table = SlaTable(sla_table)
    sla = parse_feed(feed_document(sla=SLA)).sla
    assert sla is not None
    begin = datetime(2026, 9, 30, tzinfo=UTC)
    for due in due_times(sla, begin, begin + timedelta(days=62)):
        late = {1: 0, 2: 1, 3: 3}.get(due.due_date.day)
        came = [] if late is None else [Arrival("x.csv", due.expected_at + timedelta(hours=late))]
        now = due.expected_at + (timedelta(hours=5) if due.due_date.day < 5 else timedelta())
        table.expect(FEED, sla, due, judge(sla, due, came, now))
    return table


def test_attainment_is_by_local_month(history: SlaTable) -> None:
    found = attainments(of_months(history, FEED, "2026-10", "2026-11"))
    expected = {"met": 1, "late": 2, "missed": 1, "pending": 1, "late_seconds_mean": 7200, "late_seconds_max": 10800}
    assert found == [Attainment(FEED, month, **expected) for month in ("2026-10", "2026-11")]
    assert (found[0].due, found[0].ratio) == (4, 0.25)


def test_a_month_is_read_alone(history: SlaTable) -> None:
    for month in ("2026-10", "2026-11"):
        assert {item.due_date[:7] for item in of_months(history, FEED, month, month)} == {month}
    assert of_months(history, FEED, "2026-09", "2026-09") == []
    assert attainments([]) == []


def test_what_was_dropped_does_not_count(history: SlaTable) -> None:
    for item in history.open_items():
        history.drop(item)
    (october, _) = attainments(of_months(history, FEED, "2026-10", "2026-11"))
    assert (october.met, october.late, october.missed, october.pending, october.ratio) == (1, 0, 0, 0, 1.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 min"),
        (1, "1 min"),
        (59, "1 min"),
        (60, "1 min"),
        (4320, "1 h 12 min"),
        (86400, "1 d"),
        (90000, "1 d 1 h"),
    ],
)
def test_lengths_of_time_are_said_as_one_says_them(seconds: int, text: str) -> None:
    assert span(seconds) == text


def test_a_month_without_due_times_has_no_ratio() -> None:
    assert attainment_rows([Attainment(FEED, "2026-11", pending=1)])[0]["attainment"] == "-"


@pytest.fixture
def stack(history: SlaTable, feeds_table: "Table", monkeypatch: pytest.MonkeyPatch) -> None:
    put_feed(feeds_table, feed_document(sla=SLA))
    monkeypatch.setattr("cli.stack.Stack.physical", lambda _, name: name.removesuffix("Table").lower())


def test_the_cli_prints_attainment_and_due_times(stack: None, capsys: pytest.CaptureFixture[str]) -> None:
    months = ["--from", "2026-10", "--to", "2026-10"]
    assert cli.main(["sla", "attainment", *months]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["acme/daily_sales", "2026-10", "4", "1", "2", "1", "25.0%", "2", "h", "3", "h"]
    assert cli.main(["sla", "list", "--feed", FEED, *months]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[5] for line in lines[1:]] == ["MET", "LATE", "LATE", "BREACHED", "DUE"]
    assert lines[2][1:] == ["2026-10-02", "00:15", "Asia/Kathmandu", "2026-10-02", "LATE", "1", "h"]
    assert lines[4][6:] == ["-", "any", "file"]


def test_the_cli_prints_the_calendar_of_a_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "feed.yaml"
    path.write_text(yaml.safe_dump(feed_document(sla=SLA | {"timezone": "Europe/London"})))
    assert cli.main(["sla", "calendar", str(path), "--count", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "GMT" in lines[1] or "BST" in lines[1]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (feed_document(), "has no section sla"),
        (feed_document(sla=SLA | {"timezone": "Nowhere"}), "`sla.timezone`: 'Nowhere' is not a time zone"),
        ([], "1:1: a feed is settings"),
    ],
)
def test_the_cli_tells_what_is_wrong_with_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], document: object, told: str
) -> None:
    path = tmp_path / "feed.yaml"
    path.write_text(yaml.safe_dump(document))
    assert cli.main(["sla", "calendar", str(path)]) == 1
    assert told in capsys.readouterr().err
