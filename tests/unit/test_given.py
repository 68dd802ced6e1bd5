"""Files that are given by name: claimed without asking the server, and taken from where it is said."""

import json
from typing import Any

import pytest

from lakeferry.errors import RemoteAccessError
from lakeferry.models import FeedItem, FileItem
from poll.core import Surroundings
from poll.given import claim_given
from tests.conftest import OTHER_RUN
from tests.unit.pipeline import CSV, Pipeline


def _no_server() -> Any:
    raise AssertionError("the server was asked")


def given(
    pipeline: Pipeline, *file_ids: str, source: str | None = None, run: str = OTHER_RUN, running: bool = False
) -> list[FileItem]:
    around = Surroundings(
        _no_server,
        pipeline.ledger,
        pipeline.s3,
        "work",
        "lake",
        lambda run: running,
        lambda: pipeline.now,
        pipeline.sleep,
    )
    result = claim_given(pipeline.feed, FeedItem("acme", "daily_sales", run, file_ids, source), around)
    if not result["files"]:  # there is no list then
        return []
    body = pipeline.s3.get_object(Bucket=result["bucket"], Key=result["key"])["Body"].read()
    found = [FileItem.from_event(one) for one in json.loads(body)]
    assert (result["files"], result["files"] + result["left"]) == (len(found), len(set(file_ids)))
    return found


def _landed(pipeline: Pipeline) -> FileItem:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    pipeline.ledger.advance(item, status="CURATED", rows_curated=2, remove=("pending",))
    return item


def test_a_failed_file_goes_on_at_the_stage_that_failed(pipeline: Pipeline) -> None:
    path = pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.fetch(item)
    pipeline.ledger.advance(item, status="FAILED", error="FileRejectedError", retryable=False)
    path.unlink()
    assert pipeline.poll(OTHER_RUN) == []
    (again,) = given(pipeline, item.file_id)
    reads = len(pipeline.server.reads)
    pipeline.all(again)
    assert len(pipeline.server.reads) == reads
    assert list(pipeline.raw().values()) == [CSV]


def test_asked_again_after_a_lost_answer_it_gives_the_same_files(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.ledger.advance(item, status="FAILED")
    assert given(pipeline, item.file_id) == given(pipeline, item.file_id, item.file_id)
    entry = pipeline.ledger.get("acme/daily_sales", item.file_id)
    assert entry is not None
    assert entry["attempts"] == 2


def test_what_is_at_work_landed_or_unknown_is_left_alone(pipeline: Pipeline) -> None:
    item = _landed(pipeline)
    pipeline.put("sales_20261102.csv", CSV)
    (busy,) = pipeline.poll()
    assert given(pipeline, item.file_id, busy.file_id, "/nowhere#1#1", running=True) == []
    assert [found.file_id for found in given(pipeline, busy.file_id)] == [busy.file_id], "its run has ended"


@pytest.mark.parametrize("source", ["inbox", "server"])
def test_a_landed_file_is_taken_anew(pipeline: Pipeline, source: str) -> None:
    item = _landed(pipeline)
    (again,) = given(pipeline, item.file_id, source=source)
    reads = len(pipeline.server.reads)
    pipeline.all(again)
    assert len(pipeline.server.reads) - reads == (source == "server")
    entry = pipeline.ledger.get("acme/daily_sales", item.file_id)
    assert entry is not None
    assert (entry["status"], entry["pending"], entry["run"]) == ("UPLOADED", "raw", OTHER_RUN)
    assert not {"landed", "refetch", "unfinished"} & set(entry)
    assert list(pipeline.raw().values()) == [CSV]
    assert pipeline.open_uploads() == []


def test_a_landed_file_the_partner_has_no_more_stays_as_it_is(pipeline: Pipeline) -> None:
    item = _landed(pipeline)
    (pipeline.server.root / "outgoing" / "sales_20261101.csv").unlink()
    (again,) = given(pipeline, item.file_id, source="server")
    with pytest.raises(RemoteAccessError, match="stays there"):
        pipeline.fetch(again)
    assert list(pipeline.raw().values()) == [CSV]


def test_a_newer_version_that_lands_meanwhile_wins_and_is_there_once(pipeline: Pipeline) -> None:
    old = _landed(pipeline)
    (again,) = given(pipeline, old.file_id, source="inbox")
    pipeline.put("sales_20261101.csv", CSV + b"9,9.00\n", age=1800)
    (new,) = pipeline.poll()
    pipeline.all(new)
    entries = pipeline.ledger.of_partition("acme/daily_sales/2026-11-01")
    assert [entry["file_id"] for entry in entries] == [new.file_id]
    pipeline.validate(again)
    assert pipeline.upload(again) == {"raw_keys": []}
    entry = pipeline.ledger.get("acme/daily_sales", old.file_id)
    assert entry is not None
    assert entry["status"] == "SUPERSEDED"
    assert not {"landed", "partition", "pending", "unfinished"} & set(entry)
    assert list(pipeline.raw().values()) == [CSV + b"9,9.00\n"]
