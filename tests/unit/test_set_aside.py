"""Files the Glue job set aside: told once, with a dead letter, and taken up when their feed's document is another."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lakeferry.errors import BalanceError
from lakeferry.feeds import put_feed
from lakeferry.feeds.fingerprint import fingerprint_of
from lakeferry.ledger import Ledger
from lakeferry.ledger.asides import CURATE
from lakeferry.models import FileItem
from list_feeds.core import list_feeds
from reconcile.core import reconcile
from reprocess.decide import Decider
from reprocess.request import Request
from tests.conftest import OTHER_RUN, RUN, feed_document
from tests.unit.conftest import SETTINGS
from tests.unit.pipeline import CSV, Pipeline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

NOW = datetime(2030, 1, 1, 6, 0, 5, tzinfo=UTC)
FEED = "acme/daily_sales"


@pytest.fixture
def landed(pipeline: Pipeline, feeds_table: "Table") -> FileItem:
    put_feed(feeds_table, feed_document())
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    return item


def set_aside(ledger: Ledger, item: FileItem, document: Any = None, error: str = "FeedInvalidError") -> None:
    """As the job does it."""
    fingerprint = fingerprint_of(feed_document() if document is None else document)
    ledger.asides.note(FEED, CURATE, fingerprint=fingerprint, error=error, cause="no column amuont", partitions=1)
    entry = ledger.get(item.feed_id, item.file_id)
    assert entry is not None
    ledger.set_aside(item.feed_id, item.file_id, entry["uploaded_at"])


def mails(pipeline: Pipeline, run: str = RUN) -> list[dict[str, Any]]:
    told = reconcile(pipeline.ledger, pipeline.s3, pipeline.queue, SETTINGS, run)["mails"]
    found: list[dict[str, Any]] = json.loads(pipeline.s3.get_object(Bucket="work", Key=told["key"])["Body"].read())
    assert [mail["event"] for mail in found].count("run_succeeded") == 1
    return [mail for mail in found if mail["event"] != "run_succeeded"]


def listed(pipeline: Pipeline, feeds_table: "Table", **execution_input: Any) -> int:
    answer = list_feeds(feeds_table, pipeline.ledger, pipeline.s3, "work", OTHER_RUN, execution_input, NOW)
    return int(answer["feeds"])


def test_a_feed_that_was_set_aside_gets_one_mail_and_one_dead_letter(pipeline: Pipeline, landed: FileItem) -> None:
    set_aside(pipeline.ledger, landed)
    assert pipeline.ledger.pending_partitions() == []
    (mail,) = mails(pipeline)
    assert mail["attributes"]["feed_id"]["StringValue"] == FEED
    assert mail["subject"] == "[Lakeferry] acme/daily_sales: 1 partition could not be curated"
    assert "WHY  no column amuont" in mail["message"]
    assert [one["event"] for one in mails(pipeline)] == ["feed_set_aside"], "asked again, the same answer"
    set_aside(pipeline.ledger, landed)
    assert mails(pipeline, OTHER_RUN) == [], "told once"
    (letter,) = pipeline.queue.receive(60)
    assert (letter.kind, letter.feed_id, letter.stage) == ("feed", FEED, "Run Glue job")
    assert letter.resume == {"trigger": "reprocess", "curate": [FEED]}


def test_of_a_feed_that_was_deleted_the_mail_has_both_ways_and_the_first_one_takes_its_files_up(
    pipeline: Pipeline, landed: FileItem, feeds_table: "Table"
) -> None:
    feeds_table.delete_item(Key={"tenant": "acme", "feed": "daily_sales"})
    pipeline.ledger.asides.note(
        FEED, CURATE, fingerprint=fingerprint_of(None), error="FeedGoneError", cause="has no document", partitions=1
    )
    pipeline.ledger.set_aside(FEED, landed.file_id, None)
    (mail,) = mails(pipeline)
    assert f"./lakeferry feeds history {FEED} --restore 1 --stack" in mail["message"]
    assert f"./lakeferry feeds delete {FEED} --pending drop --stack" in mail["message"]
    assert "in the first run after the feed has a document again" in mail["message"]
    listed(pipeline, feeds_table)
    assert pipeline.ledger.pending_partitions() == [], "gone still"
    put_feed(feeds_table, feed_document())
    listed(pipeline, feeds_table)
    assert pipeline.ledger.pending_partitions() == [f"{FEED}/2026-11-01"]


def test_files_that_were_left_out_of_their_day_are_counted_in_the_mail(pipeline: Pipeline, landed: FileItem) -> None:
    cause = "dt=2026-11-01: /out/sales_20261101.csv: damaged"
    fingerprint = fingerprint_of(feed_document())
    pipeline.ledger.asides.note(
        FEED, CURATE, fingerprint=fingerprint, error="FileNotCuratedError", cause=cause, files=2
    )
    entry = pipeline.ledger.get(landed.feed_id, landed.file_id)
    assert entry is not None
    pipeline.ledger.set_aside(landed.feed_id, landed.file_id, entry["uploaded_at"])
    (mail,) = mails(pipeline)
    assert mail["subject"] == "[Lakeferry] acme/daily_sales: 2 files could not be curated"
    assert "The other files of these days are curated" in mail["message"]
    assert f"WHY  {cause}" in mail["message"]
    assert "Ask the partner to deliver the file again" in mail["message"]


def test_the_summary_counts_what_waits(pipeline: Pipeline, landed: FileItem) -> None:
    set_aside(pipeline.ledger, landed)
    assert "1 file waits for a correction of the feed" in pipeline.summary()["message"]


def test_only_what_is_set_aside_owes_nothing(pipeline: Pipeline, landed: FileItem) -> None:
    with pytest.raises(BalanceError, match="is UPLOADED"):
        mails(pipeline)


@pytest.mark.parametrize("change", [{"document": feed_document(dataset="other")}, {"error": "RuleViolatedError"}])
def test_another_document_or_reason_is_news(pipeline: Pipeline, landed: FileItem, change: dict[str, Any]) -> None:
    set_aside(pipeline.ledger, landed)
    mails(pipeline)
    set_aside(pipeline.ledger, landed, **change)
    assert len(mails(pipeline, OTHER_RUN)) == 1


def test_files_wait_while_the_document_is_the_same_and_are_taken_up_when_it_is_another(
    pipeline: Pipeline, landed: FileItem, feeds_table: "Table"
) -> None:
    set_aside(pipeline.ledger, landed)
    assert listed(pipeline, feeds_table) == 1
    assert pipeline.ledger.pending_partitions() == []
    put_feed(feeds_table, feed_document(transform={"filter": "amount > 0"}))
    listed(pipeline, feeds_table)
    assert pipeline.ledger.pending_partitions() == [f"{FEED}/2026-11-01"]
    listed(pipeline, feeds_table)
    assert pipeline.ledger.asides.of(CURATE) == [], "nothing is left to take up"


def test_a_day_that_was_too_heavy_is_tried_again_a_day_later_and_told_once(
    pipeline: Pipeline, landed: FileItem, feeds_table: "Table", monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(moment: str) -> None:
        monkeypatch.setattr("lakeferry.ledger.asides.utc_now", lambda: moment)

    at("2029-12-31T07:00:00.000Z")
    set_aside(pipeline.ledger, landed, error="PartitionTooHeavyError")
    (mail,) = mails(pipeline)
    assert "in the first run that begins 24 hours later" in mail["message"]
    assert "PartitionMinutes" in mail["message"]
    listed(pipeline, feeds_table)  # at 06:00 of the next day
    assert pipeline.ledger.pending_partitions() == []
    at("2029-12-31T06:00:00.000Z")
    set_aside(pipeline.ledger, landed, error="PartitionTooHeavyError")
    listed(pipeline, feeds_table)
    assert pipeline.ledger.pending_partitions() == [f"{FEED}/2026-11-01"]
    at("2030-01-01T07:00:00.000Z")
    set_aside(pipeline.ledger, landed, error="PartitionTooHeavyError")
    assert mails(pipeline, OTHER_RUN) == [], "told once"
    listed(pipeline, feeds_table)
    assert pipeline.ledger.pending_partitions() == [], "it waits another day"


def test_a_file_that_landed_anew_is_not_set_aside(pipeline: Pipeline, landed: FileItem) -> None:
    pipeline.ledger.set_aside(landed.feed_id, landed.file_id, "2020-01-01T00:00:00.000Z")
    assert pipeline.ledger.pending_partitions() == [f"{FEED}/2026-11-01"]


def test_a_person_has_them_taken_up_and_hears_of_it_if_they_fail_again(
    pipeline: Pipeline, landed: FileItem, feeds_table: "Table"
) -> None:
    set_aside(pipeline.ledger, landed)
    mails(pipeline)
    (letter,) = pipeline.queue.receive(60)
    assert listed(pipeline, feeds_table, **letter.resume) == 0, "nothing is polled"
    assert pipeline.ledger.pending_partitions() == [f"{FEED}/2026-11-01"]
    set_aside(pipeline.ledger, landed)
    assert len(mails(pipeline, OTHER_RUN)) == 1


@pytest.mark.parametrize("is_aside", [True, False])
def test_the_dead_letter_is_settled_when_the_files_are_taken_up(
    pipeline: Pipeline, landed: FileItem, is_aside: bool
) -> None:
    set_aside(pipeline.ledger, landed)
    mails(pipeline)
    letters = list(pipeline.queue.receive(60))
    decider = Decider(Request(by_schedule=True), lambda run: False, 5, NOW)
    polled = {"polled_at": "2030-01-01T00:00:00.000Z"}
    assert decider.feed(polled, letters, is_aside=is_aside).decision == ("waits" if is_aside else "settled")
