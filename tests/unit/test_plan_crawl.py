"""A crawl is planned for a schema that no crawl has seen, and for nothing else."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from lakeferry.aws.tables import utc_now
from lakeferry.ledger import Ledger
from lakeferry.ledger.feed_states import FEED_ITEM
from plan_crawl.core import plan_crawl

Land = Callable[..., None]


class Crawler:
    """A `glue:GetCrawler` answer that the test sets."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}

    def get_crawler(self, Name: str) -> dict[str, Any]:
        assert Name == "raw"
        return {"Crawler": {"State": "READY", **({"LastCrawl": self.last} if self.last else {})}}

    def crawled(self, status: str = "SUCCEEDED", **ago: float) -> None:
        self.last = {"Status": status, "StartTime": datetime.now(UTC) - timedelta(**ago)}


@pytest.fixture
def crawler() -> Crawler:
    return Crawler()


@pytest.fixture
def land(ledger: Ledger) -> Land:
    def land(fingerprint: str, feed_id: str = "acme/daily_sales", name: str = "a.csv") -> None:
        boto3.resource("dynamodb").Table("ledger").put_item(
            Item={
                "feed_id": feed_id,
                "file_id": f"/{name}#1#1",
                "status": "UPLOADED",
                "schema_fingerprint": fingerprint,
                "partition": f"{feed_id}/2026-01-05",
                "pending": "raw",
            }
        )

    return land


def plan(ledger: Ledger, crawler: Crawler) -> dict[str, Any]:
    return plan_crawl(ledger, crawler, "raw")  # type: ignore[arg-type]


def test_a_new_feed_needs_a_crawl_and_the_reason_names_it(ledger: Ledger, crawler: Crawler, land: Land) -> None:
    crawler.crawled(minutes=5)
    land("f1")
    assert plan(ledger, crawler) == {
        "crawl": True,
        "feeds": 1,
        "reason": "A new schema since the last crawl: acme/daily_sales.",
    }


def test_a_schema_that_was_crawled_needs_none_and_a_changed_one_does(
    ledger: Ledger, crawler: Crawler, land: Land
) -> None:
    land("f1")
    assert plan(ledger, crawler)["crawl"] is True
    time.sleep(0.002)
    crawler.crawled()
    land("f1", name="b.csv")
    assert plan(ledger, crawler)["crawl"] is False
    time.sleep(0.002)
    land("f2", name="c.csv")
    assert plan(ledger, crawler)["crawl"] is True


def test_nothing_pending_needs_no_crawl(ledger: Ledger, crawler: Crawler) -> None:
    assert plan(ledger, crawler) == {"crawl": False, "feeds": 0, "reason": "No schema is new since the last crawl."}


@pytest.mark.parametrize(
    ("status", "reason"),
    [("FAILED", "The last crawl ended FAILED: acme/daily_sales."), ("", "Nothing was ever crawled: acme/daily_sales.")],
)
def test_after_a_crawl_that_failed_the_next_run_crawls_again(
    ledger: Ledger, crawler: Crawler, land: Land, status: str, reason: str
) -> None:
    land("f1")
    plan(ledger, crawler)
    if status:
        crawler.crawled(status)
    assert plan(ledger, crawler) == {"crawl": True, "feeds": 1, "reason": reason}


def test_many_feeds_are_counted_and_a_few_are_named(ledger: Ledger, crawler: Crawler, land: Land) -> None:
    for number in range(7):
        land("f1", feed_id=f"acme/feed{number}")
    found = plan(ledger, crawler)
    assert found["feeds"] == 7
    assert found["reason"].endswith("acme/feed4 and 2 more.")


def test_what_the_feeds_item_holds_besides_stays(ledger: Ledger, crawler: Crawler, land: Land) -> None:
    ledger.feeds.note_poll("acme/daily_sales", "run-1")
    land("f1")
    before = utc_now()
    plan(ledger, crawler)
    kept = ledger.get("acme/daily_sales", FEED_ITEM) or {}
    assert kept["polled_by"] == "run-1"
    assert kept["schema_f1"] >= before
