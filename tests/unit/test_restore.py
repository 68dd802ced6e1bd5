"""A ledger from point-in-time recovery, older than the lake: files that the server still has are taken again.

What polls remember (work bucket, `polls/`) is bound to the ledger, so one that is older voids it.
Nothing is doubled, since a raw object's key depends on the remote path alone; docs/operations.md says the same.
"""

import gzip
import json
from typing import Any

import boto3
import pytest

from poll.memory import DIGEST_BYTES, Memory
from tests.conftest import OTHER_RUN
from tests.unit.pipeline import Pipeline, files, names

HEAD = b"order_id,amount\n"
MEMORY = "polls/acme/daily_sales"
Items = list[dict[str, Any]]


def kept() -> Items:
    """The whole ledger as it is now."""
    items: Items = boto3.resource("dynamodb").Table("ledger").scan()["Items"]
    return items


def restore(items: Items) -> None:
    """Puts the ledger back to what it was."""
    table = boto3.resource("dynamodb").Table("ledger")
    with table.batch_writer() as writer:
        for now in kept():
            writer.delete_item(Key={"feed_id": now["feed_id"], "file_id": now["file_id"]})
    with table.batch_writer() as writer:
        for item in items:
            writer.put_item(Item=item)


def noted(pipeline: Pipeline) -> str:
    """What the list of feeds tells the poll of a run that begins now."""
    return str(pipeline.ledger.feeds.get("acme/daily_sales").get("polled_at", ""))


def test_what_landed_after_the_restored_moment_is_taken_again_and_stands_once(pipeline: Pipeline) -> None:
    pipeline.configure(files=files())
    pipeline.put("before.csv", HEAD + b"1,1.00\n")
    pipeline.put("under_way.csv", HEAD + b"2,2.00\n")
    for item in (listed := pipeline.poll()):
        if item.remote.name == "before.csv":
            pipeline.all(item)
    under_way = next(item for item in listed if item.remote.name == "under_way.csv")
    assert pipeline.fetch(under_way)["done"]
    pipeline.validate(under_way)
    ago = kept()

    pipeline.upload(under_way)
    pipeline.put("after.csv", HEAD + b"3,3.00\n")
    pipeline.put("before.csv", HEAD + b"1,1.00\n4,4.00\n", age=1800)  # a redelivery
    for item in pipeline.poll(OTHER_RUN):
        pipeline.all(item)
    lake = pipeline.raw()
    assert len(lake) == 3

    for item in pipeline.poll(OTHER_RUN.replace("run-2", "run-2b")):
        pytest.fail(f"{item.remote.name} is done with")

    restore(ago)
    # what was done with before is left alone; the run that was under way has ended
    again = pipeline.poll(OTHER_RUN.replace("run-2", "run-3"), running=lambda run: False, polled_at=noted(pipeline))
    assert sorted(item.remote.name for item in again) == ["after.csv", "before.csv", "under_way.csv"]
    for item in again:
        pipeline.all(item)
    assert pipeline.raw() == lake, "the same keys with the same bytes"
    statuses = sorted((item["path"], item["status"]) for item in kept() if "path" in item)
    assert statuses == [
        ("/outgoing/after.csv", "UPLOADED"),
        ("/outgoing/before.csv", "SUPERSEDED"),
        ("/outgoing/before.csv", "UPLOADED"),
        ("/outgoing/under_way.csv", "UPLOADED"),
    ]
    assert pipeline.poll(OTHER_RUN.replace("run-2", "run-4"), polled_at=noted(pipeline)) == []


def done_with(pipeline: Pipeline) -> tuple[Items, bytes]:
    """Two files in the lake, of which the ledger knows one after it is restored; what it was, and what polls left."""
    pipeline.configure(files=files())
    pipeline.put("before.csv", HEAD + b"1,1.00\n")
    for item in pipeline.poll():
        pipeline.all(item)
    assert pipeline.poll(OTHER_RUN) == []
    ago = kept()
    pipeline.put("after.csv", HEAD + b"3,3.00\n")
    for item in pipeline.poll(OTHER_RUN):
        pipeline.all(item)
    assert pipeline.poll(OTHER_RUN) == []  # which remembers that it is done with
    return ago, left_behind(pipeline)


def left_behind(pipeline: Pipeline) -> bytes:
    return pipeline.s3.get_object(Bucket="work", Key=MEMORY)["Body"].read()


def test_a_poll_killed_after_the_ledger_noted_it_leaves_nothing_of_before_the_restore(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    ago, _ = done_with(pipeline)
    restore(ago)
    with monkeypatch.context() as killed:
        killed.setattr(Memory, "save", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pipeline.poll(OTHER_RUN, polled_at=noted(pipeline))
    again = pipeline.poll(OTHER_RUN, running=lambda run: False, polled_at=noted(pipeline))
    assert names(again) == ["after.csv"]


def test_a_feed_that_the_restored_ledger_never_polled_is_asked_about_anew(pipeline: Pipeline) -> None:
    done_with(pipeline)
    restore([])
    assert sorted(names(pipeline.poll(OTHER_RUN, polled_at=noted(pipeline)))) == ["after.csv", "before.csv"]


def test_what_is_stuck_and_since_when_outlives_the_restore(pipeline: Pipeline) -> None:
    ago, _ = done_with(pipeline)
    pipeline.configure(files=files(settle_seconds=7200))
    pipeline.put("fresh.csv", HEAD, age=0)
    assert pipeline.poll(OTHER_RUN) == []
    restore(ago)
    pipeline.now += 7300
    assert names(pipeline.poll(OTHER_RUN, polled_at=noted(pipeline))) == ["fresh.csv"]
    assert pipeline.result["settling"] == 1, "after.csv, which is asked about anew, and has not been seen for so long"


def test_another_run_that_polled_since_this_one_began_is_no_restore(pipeline: Pipeline) -> None:
    _, memory = done_with(pipeline)
    assert pipeline.poll(OTHER_RUN, polled_at="2026-01-01T00:00:00.000Z") == []
    assert left_behind(pipeline) == memory
    assert pipeline.poll(OTHER_RUN, polled_at="") == []
    assert left_behind(pipeline) == memory


def test_a_memory_from_before_it_was_bound_is_relied_on_and_bound(pipeline: Pipeline) -> None:
    done_with(pipeline)
    head, _, digests = gzip.decompress(left_behind(pipeline)).partition(b"\n")
    fields = json.loads(head)
    assert fields.pop("noted_at") <= noted(pipeline)
    before = gzip.compress(json.dumps(fields).encode() + b"\n" + digests)
    pipeline.s3.put_object(Bucket="work", Key=MEMORY, Body=before)
    pipeline.ledger.known = lambda *_: pytest.fail("what is done with is not asked about")  # type: ignore[method-assign]
    assert pipeline.poll(OTHER_RUN, polled_at=noted(pipeline)) == []
    head, _, again = gzip.decompress(left_behind(pipeline)).partition(b"\n")
    assert json.loads(head)["noted_at"] == noted(pipeline)
    assert len(again) == len(digests) == 2 * DIGEST_BYTES
