"""Who owns a file, and what the ledger says of it."""

import itertools
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import boto3
import pytest
from boto3.dynamodb.conditions import ConditionExpressionBuilder

from lakeferry.aws.tables import update
from lakeferry.errors import ClaimLostError
from lakeferry.ledger import Entry, Ledger
from lakeferry.models import FileItem
from tests.conftest import OTHER_RUN, RUN


def item(run: str = RUN, path: str = "/outgoing/a.csv", mtime: int = 1) -> FileItem:
    return FileItem("acme", "daily_sales", run, path, 10, mtime)


def alive(run: str) -> bool:
    return True


def dead(run: str) -> bool:
    return False


def claimed(ledger: Ledger, run: str = RUN) -> FileItem:
    mine = item(run)
    assert ledger.claim(mine, dt="2026-11-23", entry=None)
    return mine


def test_a_file_is_claimed_once(ledger: Ledger) -> None:
    claimed(ledger)
    assert not ledger.claim(item(OTHER_RUN), dt="2026-11-23", entry=None)
    assert ledger.owned(item())["status"] == "CLAIMED"


def test_a_live_runs_claim_is_respected_and_a_dead_ones_is_free(ledger: Ledger) -> None:
    entry = ledger.get(*_key(claimed(ledger)))
    assert not ledger.is_free(entry, OTHER_RUN, alive)
    assert ledger.is_free(entry, OTHER_RUN, dead)
    assert ledger.is_free(entry, RUN, alive)


def _key(found: FileItem) -> tuple[str, str]:
    return found.feed_id, found.file_id


def test_of_two_runs_that_take_a_dead_runs_file_one_wins(ledger: Ledger) -> None:
    entry = ledger.get(*_key(claimed(ledger)))
    second, third = item(OTHER_RUN), item(OTHER_RUN + "3")
    assert ledger.claim(second, dt="2026-11-23", entry=entry)
    assert not ledger.claim(third, dt="2026-11-23", entry=entry)
    with pytest.raises(ClaimLostError):
        ledger.owned(item())
    with pytest.raises(ClaimLostError):
        ledger.advance(item(), status="FETCHED")
    with pytest.raises(ClaimLostError):
        ledger.land(item(), {"raw_keys": ["k"]}, superseded=[])
    assert ledger.owned(second)["status"] == "CLAIMED"


@pytest.mark.parametrize("status", ["FETCHED", "VALIDATED"])
def test_a_dead_runs_file_goes_on_where_it_stopped(ledger: Ledger, status: str) -> None:
    mine = claimed(ledger)
    ledger.advance(mine, status=status)
    assert ledger.claim(item(OTHER_RUN), dt="2026-11-23", entry=ledger.get(*_key(mine)))
    assert ledger.owned(item(OTHER_RUN))["status"] == status


@pytest.mark.parametrize("retryable", [True, False])
def test_a_failed_file_is_left_to_reprocess(ledger: Ledger, retryable: bool) -> None:
    mine = claimed(ledger)
    ledger.advance(mine, status="FAILED", retryable=retryable, error="ServerUnavailableError")
    entry = ledger.get(*_key(mine))
    assert entry is not None
    assert not ledger.is_free(entry, OTHER_RUN, dead)
    assert ledger.is_done_with(entry)
    assert ledger.claim(mine, dt="2026-11-23", entry=entry)
    assert "error" not in ledger.owned(mine)
    assert ledger.owned(mine)["attempts"] == 2


def test_a_failed_file_goes_on_after_its_last_good_stage(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.advance(mine, status="FETCHED", bytes_fetched=10)
    ledger.advance(mine, status="FAILED", retryable=True)
    assert ledger.claim(mine, dt="2026-11-23", entry=ledger.get(*_key(mine)))
    assert ledger.owned(mine)["status"] == "FETCHED"


def test_landing_makes_a_file_pending_and_its_older_version_superseded(ledger: Ledger) -> None:
    old, new = item(mtime=1), item(mtime=2)
    partition = "acme/daily_sales/2026-11-23"
    for version in (old, new):
        replaced = ledger.versions(version.feed_id, version.path)
        assert ledger.claim(version, dt="2026-11-23", entry=None)
        assert ledger.land(version, {"raw_keys": ["k"], "partition": partition}, superseded=replaced)
    assert ledger.pending_partitions() == [partition]
    assert [entry["file_id"] for entry in ledger.of_partition(partition)] == [new.file_id]
    assert {entry["file_id"]: entry["status"] for entry in ledger.versions("acme/daily_sales", "/outgoing/a.csv")} == {
        old.file_id: "SUPERSEDED",
        new.file_id: "UPLOADED",
    }


@pytest.mark.parametrize("changed", [{"status": "UPLOADED"}, {"run": OTHER_RUN}])
def test_a_version_that_is_another_by_now_is_not_replaced_unseen(ledger: Ledger, changed: dict[str, str]) -> None:
    old, new = item(mtime=1), item(mtime=2)
    for version in (old, new):
        assert ledger.claim(version, dt="2026-11-23", entry=None)
    (seen,) = (one for one in ledger.versions(old.feed_id, old.path) if one["file_id"] == old.file_id)
    ledger.advance(old, **changed)
    assert not ledger.land(new, {"raw_keys": ["k"]}, superseded=[seen])
    assert ledger.owned(new)["status"] == "CLAIMED"
    assert not ledger.give_way(new, seen, was="CLAIMED", remove=()) or "run" in changed


def test_what_is_known_is_found_among_many(ledger: Ledger) -> None:
    there = [item(path=f"/outgoing/{number}.csv") for number in range(0, 250, 2)]
    for found in there:
        assert ledger.claim(found, dt="2026-11-23", entry=None)
    asked = [item(path=f"/outgoing/{number}.csv").file_id for number in range(250)]
    assert set(ledger.known("acme/daily_sales", asked)) == {found.file_id for found in there}
    assert len(list(ledger.of_run(RUN))) == len(there)


def test_versions_of_one_path_are_not_those_of_a_path_that_begins_alike(ledger: Ledger) -> None:
    for path in ("/outgoing/a.csv", "/outgoing/a.csv#1", "/outgoing/a.csv.gz"):
        assert ledger.claim(item(path=path), dt="2026-11-23", entry=None)
    assert [entry["path"] for entry in ledger.versions("acme/daily_sales", "/outgoing/a.csv")] == ["/outgoing/a.csv"]


def test_a_query_is_not_mixed_up_with_one_that_another_thread_begins_meanwhile(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = vars(ConditionExpressionBuilder)["_get_name_placeholder"]
    calls, began, go_on = itertools.count(1), threading.Event(), threading.Event()

    def interrupted(self: ConditionExpressionBuilder) -> str:
        nth = next(calls)
        if nth == 2:  # the first query is in the midst of its condition
            others.append(pool.submit(ledger.versions, "acme/daily_sales", "/b.csv"))
            assert began.wait(10)
        elif nth == 3:  # and now the second one is
            began.set()
            assert go_on.wait(10)
        return str(original(self))

    for path in ("/a.csv", "/b.csv"):
        ledger.claim(FileItem("acme", "daily_sales", RUN, path, 1, 1), dt="2026-11-24", entry=None)
    monkeypatch.setattr(ConditionExpressionBuilder, "_get_name_placeholder", interrupted)
    others: list[Future[list[Entry]]] = []
    with ThreadPoolExecutor(1) as pool:
        try:
            found = ledger.versions("acme/daily_sales", "/a.csv")
        finally:
            go_on.set()
        (other,) = others
        assert [entry["path"] for entry in [*found, *other.result()]] == ["/a.csv", "/b.csv"]


def test_polling_is_noted(ledger: Ledger) -> None:
    assert ledger.feeds.get("acme/daily_sales") == {}
    ledger.feeds.note_poll("acme/daily_sales", RUN)
    assert ledger.feeds.get("acme/daily_sales")["polled_by"] == RUN


def test_a_poll_that_succeeds_tells_of_those_that_failed_before_it(ledger: Ledger) -> None:
    assert ledger.feeds.note_poll("acme/daily_sales", RUN).failed == {}
    failed = {"failing_since": "2026-11-23T01:00:00Z", "failed_polls": 3, "error": "ServerUnavailableError"}
    update(boto3.resource("dynamodb").Table("ledger"), ("acme/daily_sales", "!feed"), failed)
    told = ledger.feeds.note_poll("acme/daily_sales", RUN).failed
    assert told == {"since": "2026-11-23T01:00:00Z", "polls": 3, "error": "ServerUnavailableError"}
    assert ledger.feeds.note_poll("acme/daily_sales", RUN).failed == {}


def test_a_scheduled_event_belongs_to_the_run_that_was_first(ledger: Ledger) -> None:
    assert ledger.feeds.take_tick("2026-11-23T06:00:00Z", RUN)
    assert ledger.feeds.take_tick("2026-11-23T06:00:00Z", RUN), "asked again after a lost answer"
    assert not ledger.feeds.take_tick("2026-11-23T06:00:00Z", OTHER_RUN)
    assert ledger.feeds.take_tick("2026-11-23T07:00:00Z", OTHER_RUN)


def test_nothing_of_a_file_version_ever_expires(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.land(mine, {"raw_keys": ["k"], "partition": "acme/daily_sales/2026-11-23"}, superseded=[])
    assert "expires_at" not in ledger.owned(mine)


def test_a_file_taken_once_more_stays_in_its_partition_as_it_was(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.advance(mine, bytes_fetched=10, columns=["a"], rows_landed=4, outputs=[], validated_at="t")
    ledger.land(mine, {"raw_keys": ["k"], "partition": "acme/daily_sales/2026-11-23"}, superseded=[])
    before = ledger.owned(mine)
    again = item(OTHER_RUN)
    assert ledger.claim(again, dt="2026-11-23", entry=before, source="inbox")
    entry = ledger.owned(again)
    assert entry["status"] == "FETCHED"
    in_lake = ("raw_keys", "columns", "rows_landed", "uploaded_at")
    to_go_back = ("status", "bytes_fetched", "outputs", "validated_at")
    assert entry["landed"] == {name: before[name] for name in (*in_lake, *to_go_back)}
    assert not {"outputs", "validated_at"} & set(entry)
    ledger.land(again, {"raw_keys": ["k"], "partition": "acme/daily_sales/2026-11-23"}, superseded=[])
    assert not {"landed", "unfinished"} & set(ledger.owned(again))
