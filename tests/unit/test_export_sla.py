"""What feeds promised and how it stands, as an object a day in the lake."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from export_sla import handler
from export_sla.core import export_sla
from lakeferry.clients import Clients
from lakeferry.errors import CheckIncompleteError
from lakeferry.feeds import parse_feed
from lakeferry.feeds.sla import SlaSpec
from lakeferry.sla.calendar import DueTime, due_times
from lakeferry.sla.items import stamp
from lakeferry.sla.table import SlaTable
from lakeferry.sla.verdict import GIVEN_UP_AFTER, MISSED, Arrival, judge
from tests.conftest import called, feed_document
from tests.unit.conftest import SETTINGS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

FEED = "acme/daily_sales"
WEEK = 7 * 24 * 60
DUE = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)


class World:
    """One feed's promises, each day at 06:30 in New York, and the lake."""

    def __init__(self, table: SlaTable, s3: "S3Client") -> None:
        self.table, self.s3 = table, s3

    def promise(self, day: int = 0, late: int | None = None, *, feed: str = FEED, grace: int = 30) -> DueTime:
        """Keeps a due time, so many days after the first, and by how many minutes it was late; None: not there."""
        sla = self.sla(grace)
        (due,) = due_times(sla, *(DUE + timedelta(days=day, minutes=minutes) for minutes in (-1, 1)))
        came = [] if late is None else [Arrival("a.csv", due.expected_at + timedelta(minutes=late))]
        self.table.expect(feed, sla, due, judge(sla, due, came, due.deadline + timedelta(hours=3)))
        self.table.set_clock(feed, due.deadline)
        return due

    @staticmethod
    def sla(grace: int = 30) -> SlaSpec:
        document = {"expected_by": "06:30", "timezone": "America/New_York", "grace_minutes": grace}
        sla = parse_feed(feed_document(sla=document)).sla
        assert sla is not None
        return sla

    def export(self, day: int = 0, **arguments: Any) -> int:
        return export_sla(self.table, self.s3, "lake", DUE + timedelta(days=day, hours=12), **arguments)

    def rows(self, day: str = "2026-11-24") -> list[dict[str, Any]]:
        body = self.s3.get_object(Bucket="lake", Key=f"sla/day={day}/due.json")["Body"].read()
        return [json.loads(line) for line in body.splitlines()]

    def days(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket="lake", Prefix="sla/").get("Contents", [])
        return [item["Key"].removeprefix("sla/day=").removesuffix("/due.json") for item in found]


@pytest.fixture
def world(sla_table: "Table", s3: "S3Client") -> World:
    return World(SlaTable(sla_table), s3)


def test_each_due_time_is_a_line_that_tells_by_how_much_it_was_late_or_what_is_missing(world: World) -> None:
    world.promise(late=95)
    world.promise(feed="acme/stock")
    assert world.export() == 1
    late, missing = world.rows()
    assert late == {
        "feed_id": FEED,
        "business_date": "2026-11-24",
        "due_date": "2026-11-24",
        "expected_by": "06:30",
        "timezone": "America/New_York",
        "expected_at": "2026-11-24T11:30:00Z",
        "deadline": "2026-11-24T12:00:00Z",
        "status": "LATE",
        "completed_at": "2026-11-24T13:05:00Z",
        "late_seconds": 5700,
        "arrived": 1,
    }
    assert (missing["feed_id"], missing["status"], missing["missing"]) == ("acme/stock", "BREACHED", '["any file"]')
    assert not {"late_seconds", "completed_at"} & set(missing)


def test_what_did_not_change_is_not_written_again(world: World) -> None:
    world.promise(0)
    due = world.promise(1)
    assert world.export(1) == 2
    assert world.export(1) == 0
    (item,) = [item for item in world.table.open_items() if item.due_time == due]
    world.table.settle(item, judge(world.sla(), due, [Arrival("a.csv", due.deadline)], due.deadline))
    assert world.export(1) == 1
    assert [row["status"] for row in world.rows("2026-11-25")] == ["MET"]
    assert [row["status"] for row in world.rows("2026-11-24")] == ["BREACHED"]


def test_a_promise_of_a_feed_that_was_switched_off_is_told_as_dropped(world: World) -> None:
    world.promise()
    world.export()
    (item,) = world.table.open_items()
    world.table.drop(item)
    world.table.forget_clock(FEED)
    assert world.export() == 1
    assert [row["status"] for row in world.rows()] == ["DROPPED"]


def test_the_longest_grace_and_giving_up_are_within_the_days_that_are_looked_at(world: World) -> None:
    due = world.promise(grace=WEEK)
    world.export()
    (item,) = world.table.open_items()
    world.table.end(item, MISSED)
    given_up = due.deadline + GIVEN_UP_AFTER + timedelta(days=1)
    assert export_sla(world.table, world.s3, "lake", given_up) == 1
    assert [row["status"] for row in world.rows()] == ["MISSED"]


def test_the_first_export_takes_all_days_and_later_ones_those_that_may_change_or_are_asked_for(world: World) -> None:
    for day in (0, 60, 61):
        world.promise(day, late=0)
    assert world.export(61) == 3
    assert world.days() == ["2026-11-24", "2027-01-23", "2027-01-24"]
    for written in world.days():
        world.s3.put_object(Bucket="lake", Key=f"sla/day={written}/due.json", Body=b"")
    assert world.export(61) == 2
    assert world.rows("2026-11-24") == []
    assert world.export(61, since=datetime(2026, 11, 24, tzinfo=UTC).date()) == 1
    assert len(world.rows("2026-11-24")) == 1


def test_two_feeds_days_are_apart_by_the_utc_day_they_were_due(world: World) -> None:
    sla = parse_feed(feed_document(sla={"expected_by": "00:15", "timezone": "Asia/Kathmandu"})).sla
    assert sla is not None
    (due,) = due_times(sla, DUE, DUE + timedelta(hours=12))
    world.table.expect("acme/east", sla, due, judge(sla, due, [], DUE))
    world.table.set_clock("acme/east", DUE)
    world.promise()
    assert world.export() == 1
    # so no day is in the future, where projected partitions end
    assert [(row["feed_id"], row["due_date"]) for row in world.rows()] == [
        (FEED, "2026-11-24"),
        ("acme/east", "2026-11-25"),
    ]


def test_nothing_promised_leaves_no_object(world: World) -> None:
    assert world.export() == 0
    assert world.days() == []


def test_a_day_that_cannot_be_written_fails_the_call_and_the_next_one_writes_it(world: World) -> None:
    world.promise()
    with pytest.raises(ClientError, match="NoSuchBucket"):
        export_sla(world.table, world.s3, "gone", DUE + timedelta(hours=1))
    assert world.export() == 1


def test_by_hand_one_says_since_when(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.promise()
    world.export()
    world.s3.put_object(Bucket="lake", Key="sla/day=2026-11-24/due.json", Body=b"")
    clients = Clients(SETTINGS)
    monkeypatch.setitem(vars(clients), "sla", world.table)
    monkeypatch.setattr(handler, "clients", lambda: clients)
    assert handler.handler({"since": "2026-11-24"}, called()) == {"days": 1}
    assert handler.handler({"since": "2026-11-24"}, called()) == {"days": 0}
    assert len(world.rows()) == 1
    with pytest.raises(ValueError, match="yesterday"):
        handler.handler({"since": "yesterday"}, called())


def test_one_feed_whose_promises_cannot_be_read_stops_no_other(world: World, sla_table: "Table") -> None:
    other = "acme/other"
    world.promise()
    world.promise(feed=other)
    world.export()
    sla_table.update_item(
        Key={"feed_id": other, "due": stamp(DUE)},
        UpdateExpression="SET expected_at = :x, deadline = :x",
        ExpressionAttributeValues={":x": "the day before yesterday"},
    )
    world.promise(1, late=0)
    with pytest.raises(CheckIncompleteError, match="due times of 1 feed could not be exported, such as acme/other"):
        world.export(1)
    assert [row["feed_id"] for row in world.rows()] == [FEED, other], "what was exported of it stays"
    assert [row["feed_id"] for row in world.rows("2026-11-25")] == [FEED]
