"""Which feeds a run takes."""

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from lakeferry.models import FeedItem
from list_feeds.core import list_feeds
from list_feeds.order import MOST_FEEDS
from tests.conftest import RUN, feed_document

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

NOW = datetime(2030, 1, 1, 6, 0, 5, tzinfo=UTC)


def listed(feeds_table: "Table", ledger: Ledger, s3: "S3Client", **execution_input: Any) -> list[str]:
    result = list_feeds(feeds_table, ledger, s3, "work", RUN, execution_input, NOW)
    items = json.loads(s3.get_object(Bucket=result["bucket"], Key=result["key"])["Body"].read())
    assert result["feeds"] == len(items)
    assert all(item["run"] == RUN for item in items)
    return [f"{item['tenant']}/{item['feed']}" for item in items]


def test_enabled_feeds_are_listed(feeds_table: "Table", ledger: Ledger, s3: "S3Client") -> None:
    put_feed(feeds_table, feed_document())
    put_feed(feeds_table, feed_document(feed="paused", enabled=False))
    assert listed(feeds_table, ledger, s3) == ["acme/daily_sales"]


def test_a_feed_that_is_not_due_waits_unless_it_is_named(feeds_table: "Table", ledger: Ledger, s3: "S3Client") -> None:
    put_feed(feeds_table, feed_document(schedule="rate(300000 days)"))
    assert listed(feeds_table, ledger, s3) == ["acme/daily_sales"]
    ledger.feeds.note_poll("acme/daily_sales", RUN)
    assert listed(feeds_table, ledger, s3) == []
    assert listed(feeds_table, ledger, s3, feeds=["acme/daily_sales"]) == ["acme/daily_sales"]


def test_each_feed_has_along_when_the_ledger_noted_its_last_poll(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    put_feed(feeds_table, feed_document())
    put_feed(feeds_table, feed_document(feed="never_polled"))
    at = ledger.feeds.note_poll("acme/daily_sales", RUN).at
    result = list_feeds(feeds_table, ledger, s3, "work", RUN, {}, NOW)
    items = json.loads(s3.get_object(Bucket=result["bucket"], Key=result["key"])["Body"].read())
    assert [(item["feed"], item["polled_at"]) for item in items] == [("daily_sales", at), ("never_polled", "")]
    assert ledger.feeds.get("acme/daily_sales")["polled_at"] == at
    assert FeedItem.from_event(items[1]).polled_at == ""


def test_a_document_that_got_in_broken_is_listed_so_that_it_fails_by_name(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    feeds_table.put_item(Item={"tenant": "acme", "feed": "broken", "schedule": "cron(nonsense)"})
    ledger.feeds.note_poll("acme/broken", RUN)
    assert listed(feeds_table, ledger, s3) == ["acme/broken"]


@pytest.mark.parametrize(
    "schedule",
    ["rate(99999999999999999999 days)", "cron(0 0 31 2 ? *)", 5, ["x"], {"a": "b"}, b"x", "cron(" + "0," * 9999],
)
def test_a_schedule_that_nobody_can_read_stops_no_other_feed(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client", schedule: Any
) -> None:
    put_feed(feeds_table, feed_document())
    feeds_table.put_item(Item={"tenant": "evil", "feed": "xx", "schedule": schedule})
    ledger.feeds.note_poll("evil/xx", RUN)
    assert listed(feeds_table, ledger, s3) == ["acme/daily_sales", "evil/xx"]


def test_more_feeds_than_a_page_of_the_table_are_all_listed(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    with feeds_table.batch_writer() as batch:
        for number in range(1200):
            batch.put_item(Item={"tenant": "acme", "feed": f"f{number}", "padding": "x" * 2000})
    assert len(listed(feeds_table, ledger, s3)) == 1200


def test_of_more_feeds_than_a_run_holds_those_are_taken_that_were_polled_longest_ago(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    for name in ("first", "second", "third"):
        put_feed(feeds_table, feed_document(feed=name))
    taken = []
    for _ in range(3):
        result = list_feeds(feeds_table, ledger, s3, "work", RUN, {}, NOW, most=2)
        items = json.loads(s3.get_object(Bucket=result["bucket"], Key=result["key"])["Body"].read())
        taken.append({item["feed"] for item in items})
        assert (result["feeds"], result["waiting"]) == (2, 1)
        for item in items:
            ledger.feeds.note_poll(f"acme/{item['feed']}", RUN)
            time.sleep(0.002)  # the ledger's clock has milliseconds
    assert taken == [{"first", "second"}, {"third", "first"}, {"second", "third"}]
    assert list_feeds(feeds_table, ledger, s3, "work", RUN, {}, NOW, most=3)["waiting"] == 0


def test_what_a_run_takes_fits_into_its_payload() -> None:
    assert MOST_FEEDS * (len(json.dumps("999 999 0 0 0")) + 1) <= 262_144, 'bytes, "Step Functions service quotas"'


@pytest.mark.parametrize("name", ["acme", "/x", "acme/", 7])
def test_a_name_that_is_no_feeds_is_refused(feeds_table: "Table", ledger: Ledger, s3: "S3Client", name: object) -> None:
    with pytest.raises(FeedInvalidError, match="tenant/feed"):
        list_feeds(feeds_table, ledger, s3, "work", RUN, {"feeds": [name]}, NOW)


def test_files_are_given_to_their_feeds_without_polling_any(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    put_feed(feeds_table, feed_document())
    files = [{"feed_id": "acme/daily_sales", "file_id": name} for name in ("a#1#1", "b#1#1")]
    result = list_feeds(feeds_table, ledger, s3, "work", RUN, {"files": files, "source": "inbox"}, NOW)
    items = json.loads(s3.get_object(Bucket=result["bucket"], Key=result["key"])["Body"].read())
    given = {"tenant": "acme", "feed": "daily_sales", "run": RUN, "files": ["a#1#1", "b#1#1"], "source": "inbox"}
    assert items == [given | {"deadline": NOW.timestamp() + 45 * 60}]
    with pytest.raises(FeedInvalidError, match="neither"):
        list_feeds(feeds_table, ledger, s3, "work", RUN, {"files": files, "source": "tape"}, NOW)


def test_a_scheduled_event_is_taken_once_and_a_run_taken_again_ignores_that(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    put_feed(feeds_table, feed_document())
    event = {"trigger": "schedule", "time": "2030-01-01T06:00:00Z"}
    assert listed(feeds_table, ledger, s3, **event) == ["acme/daily_sales"]
    other = list_feeds(feeds_table, ledger, s3, "work", f"{RUN}-other", event, NOW)
    assert other["feeds"] == 0
    assert listed(feeds_table, ledger, s3, **{**event, "trigger": "reprocess"}) == ["acme/daily_sales"]


def event_at(hour: int, minute: int = 0) -> dict[str, Any]:
    return {"trigger": "schedule", "time": f"2030-01-01T{hour:02}:{minute:02}:00Z"}


def test_a_schedule_counts_from_when_the_run_was_due_however_long_the_poll_took(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    """A fresh file's minute of settling made rate(1 hour) a poll every second hour."""
    put_feed(feeds_table, feed_document(schedule="rate(1 hour)"))
    for hour in range(6, 10):
        assert listed(feeds_table, ledger, s3, **event_at(hour)) == ["acme/daily_sales"], hour
        ledger.feeds.note_poll("acme/daily_sales", RUN, time=item_time(s3))
    assert listed(feeds_table, ledger, s3, **event_at(9, 30)) == []


def item_time(s3: "S3Client") -> str:
    """What the run just listed tells its polls."""
    body = s3.get_object(Bucket="work", Key="runs/run-1/feeds.json")["Body"].read()
    return str(json.loads(body)[0]["time"])


@pytest.mark.parametrize("left", ["settling", "waiting", "carried_over"])
def test_what_only_time_keeps_from_being_taken_does_not_wait_for_a_daily_schedule(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client", left: str
) -> None:
    put_feed(feeds_table, feed_document(schedule="cron(0 6 * * ? *)"))

    def poll(hour: int, **polled: Any) -> bool:
        due = listed(feeds_table, ledger, s3, **event_at(hour)) != []
        if due:
            ledger.feeds.note_poll("acme/daily_sales", RUN, time=item_time(s3), **polled)
        return due

    some = {"carried_over": 0, "settling": 0, "waiting": 0, "unread": [], left: 2}
    # three polls in a row that take nothing, and it is stuck: the schedule decides again
    assert [poll(hour, left=some) for hour in range(6, 11)] == [True, True, True, False, False]
    ledger.feeds.note_poll("acme/daily_sales", RUN, some, time="2030-01-01T06:00:00Z", has_taken=True)
    assert poll(12, left=some, has_taken=True)
    assert poll(13)
    assert not poll(14)


def test_lines_that_cannot_be_read_are_not_asked_for_again_before_their_time(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    put_feed(feeds_table, feed_document(schedule="cron(0 6 * * ? *)"))
    ledger.feeds.note_poll("acme/daily_sales", RUN, {"unread": ["?"]}, time="2030-01-01T06:00:00Z")
    assert listed(feeds_table, ledger, s3, **event_at(7)) == []


def test_a_run_taken_again_counts_from_now(feeds_table: "Table", ledger: Ledger, s3: "S3Client") -> None:
    put_feed(feeds_table, feed_document(schedule="rate(1 hour)"))
    listed(feeds_table, ledger, s3, trigger="reprocess", time="2029-12-31T00:00:00Z")
    assert item_time(s3) == "2030-01-01T06:00:05.000+00:00"
