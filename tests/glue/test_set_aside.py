"""A feed's mistake in `transform` is that feed's: its files are set aside, the others' rows are there."""

import json
from typing import Any

import pytest
from pyspark.sql import DataFrame

import curate
import sparkworker
import transforms
from faults import feeds_own
from lakeferry.feeds.fingerprint import fingerprint_of
from lakeferry.ledger.asides import CURATE, Aside
from tests.conftest import OTHER_RUN, feed_document
from tests.glue.conftest import SmallLake

pytestmark = pytest.mark.spark

SPARKS_ALONE = {
    "test_a_partition_over_its_time_is_given_up_by_spark_too_and_curated_when_it_is_taken_up_again",
}

SALES = "order_id,amount\n1,10.00\n3,30.50\n"
RULE = {"name": "positive", "expression": "amount < 0", "action": "fail"}
WRONG: dict[str, dict[str, Any]] = {
    "no such column": {"filter": "amuont > 0"},
    "no such function": {"derive": {"x": "no_such_function(amount)"}},
    "no such value": {"derive": {"x": "raise_error('no')"}},
    "no such reference": {"enrich": [{"reference": "stores", "on": "order_id", "columns": ["region"]}]},
    "its own fail rule": {"rules": [RULE]},
    "no such column to rename": {"rename": {"nothing": "x"}},
}


def asides(lake: SmallLake) -> list[Aside]:
    return lake.job()._ledger.asides.of(CURATE)


@pytest.mark.parametrize("what", WRONG)
def test_it_is_set_aside_and_the_other_feeds_rows_are_there(
    lake: SmallLake, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = feed_document(feed="wrong", transform=WRONG[what])
    lake.feeds.put_item(Item=document)  # as it was put before checks knew better
    lake.land("w.csv", SALES, feed="wrong")
    lake.land("a.csv", SALES)
    curate.main(lake.arguments())
    assert lake.entry("a.csv")["status"] == "CURATED"
    entry = lake.entry("w.csv", "acme/wrong")
    assert (entry["status"], entry["pending"]) == ("UPLOADED", "aside")
    (aside,) = asides(lake)
    assert (aside.feed_id, aside.partitions, aside.told) == ("acme/wrong", 1, "")
    assert aside.fingerprint == fingerprint_of(document)
    assert aside.cause.startswith("dt=2026-01-05: ")
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(report["own"]) == ["acme/wrong dt=2026-01-05"]
    curate.main(lake.arguments(OTHER_RUN))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["partitions"] == 0, "no work is left"


def test_files_of_a_feed_that_was_deleted_are_set_aside_and_no_later_job_has_them(
    lake: SmallLake, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.feeds.put_item(Item=feed_document(feed="gone"))
    lake.land("w.csv", SALES, feed="gone")
    lake.land("a.csv", SALES)
    lake.feeds.delete_item(Key={"tenant": "acme", "feed": "gone"})
    curate.main(lake.arguments())
    assert lake.entry("a.csv")["status"] == "CURATED"
    entry = lake.entry("w.csv", "acme/gone")
    assert (entry["status"], entry["pending"]) == ("UPLOADED", "aside")
    (aside,) = asides(lake)
    assert (aside.feed_id, aside.error, aside.partitions) == ("acme/gone", "FeedGoneError", 1)
    curate.main(lake.arguments(OTHER_RUN))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["partitions"] == 0, "no work is left"
    assert lake.job()._ledger.take_up("acme/gone") == 1
    lake.feeds.put_item(Item=feed_document(feed="gone"))
    curate.main(lake.arguments(OTHER_RUN))
    assert lake.entry("w.csv", "acme/gone")["status"] == "CURATED"
    assert asides(lake) == []


def test_what_was_curated_before_stays_and_comes_with_the_corrected_document(lake: SmallLake) -> None:
    lake.land("a.csv", SALES)
    curate.main(lake.arguments())
    before = lake.rows("order_id, amount")
    lake.feeds.put_item(Item=feed_document(transform={"filter": "amuont > 0"}))
    lake.land("b.csv", "order_id,amount\n5,50.00\n")
    curate.main(lake.arguments(OTHER_RUN))
    assert lake.rows("order_id, amount") == before
    assert lake.entry("a.csv")["status"] == "CURATED"
    assert "pending" not in lake.entry("a.csv")
    lake.put_feed()
    assert lake.job()._ledger.take_up("acme/daily_sales") == 1
    curate.main(lake.arguments(OTHER_RUN))
    assert len(lake.rows("order_id")) == 3
    assert lake.entry("b.csv")["status"] == "CURATED"
    assert asides(lake) == []


def test_what_is_nobodys_own_fault_fails_the_run_and_stays_on_the_work_list(lake: SmallLake) -> None:
    lake.feeds.put_item(Item=feed_document(feed="wrong", transform={"filter": "amuont > 0"}))
    lake.land("w.csv", SALES, feed="wrong")
    lake.land("a.csv", SALES, rows=9)
    with pytest.raises(curate.JobFailedError, match="1 of 2 partitions failed: BalanceError: acme/daily_sales"):
        curate.main(lake.arguments())
    assert lake.entry("a.csv")["pending"] == "raw"
    assert lake.entry("w.csv", "acme/wrong")["pending"] == "aside"


def test_where_it_cannot_be_noted_the_files_stay_on_the_work_list(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("the ledger is away")

    lake.feeds.put_item(Item=feed_document(feed="wrong", transform={"filter": "amuont > 0"}))
    lake.land("w.csv", SALES, feed="wrong")
    monkeypatch.setattr("lakeferry.ledger.asides.Asides.note", refuse)
    with pytest.raises(curate.JobFailedError, match="not set aside: OSError: the ledger is away"):
        curate.main(lake.arguments())
    assert lake.entry("w.csv", "acme/wrong")["pending"] == "raw"


def test_a_partition_over_its_time_is_given_up_by_spark_too_and_curated_when_it_is_taken_up_again(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*arguments: Any, **rest: Any) -> DataFrame:
        return transforms.curate(*arguments, **rest).crossJoin(lake.spark.range(10**12).select())

    lake.land("a.csv", SALES)
    with monkeypatch.context() as patch:
        patch.setattr(sparkworker, "curate", endless)
        curate.main([*lake.arguments(), "--partition_minutes", "0.05"])
    (aside,) = asides(lake)
    assert (aside.feed_id, aside.error) == ("acme/daily_sales", "PartitionTooHeavyError")
    assert "was not built in 0.05 minutes" in aside.cause
    assert list(lake.spark.sparkContext.statusTracker().getActiveJobsIds()) == []
    assert lake.entry("a.csv")["pending"] == "aside"
    assert lake.job()._ledger.take_up("acme/daily_sales") == 1
    report = lake.job(OTHER_RUN).run()
    assert [str(each) for each in report.alone] == ["acme/daily_sales dt=2026-01-05"]
    assert lake.rows("order_id") == [(1,), (3,)]
    assert asides(lake) == []


@pytest.mark.parametrize("error", [OSError("disk full"), MemoryError(), KeyError("a bug")])
def test_an_error_of_the_machine_is_no_feeds_fault(error: Exception) -> None:
    assert feeds_own(error) is None
