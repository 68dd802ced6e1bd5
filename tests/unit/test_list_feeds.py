"""Which feeds a run takes."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from list_feeds.core import list_feeds
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


def test_a_document_that_got_in_broken_is_listed_so_that_it_fails_by_name(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    feeds_table.put_item(Item={"tenant": "acme", "feed": "broken", "schedule": "cron(nonsense)"})
    ledger.feeds.note_poll("acme/broken", RUN)
    assert listed(feeds_table, ledger, s3) == ["acme/broken"]


def test_more_feeds_than_a_page_of_the_table_are_all_listed(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    with feeds_table.batch_writer() as batch:
        for number in range(1200):
            batch.put_item(Item={"tenant": "acme", "feed": f"f{number}", "padding": "x" * 2000})
    assert len(listed(feeds_table, ledger, s3)) == 1200


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
    assert items == [
        {"tenant": "acme", "feed": "daily_sales", "run": RUN, "files": ["a#1#1", "b#1#1"], "source": "inbox"}
    ]
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
