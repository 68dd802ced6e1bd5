"""A ledger from point-in-time recovery, older than the lake: files that the server still has are taken again.

What polls remember (work bucket, `polls/`) has to be deleted with it, or they would not ask about those files for days.
Nothing is doubled, since a raw object's key depends on the remote path alone; docs/operations.md says the same.
"""

from typing import Any

import boto3
import pytest

from tests.conftest import OTHER_RUN
from tests.unit.pipeline import Pipeline, files

HEAD = b"order_id,amount\n"
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
    remembered = pipeline.poll(OTHER_RUN.replace("run-2", "run-2c"), running=lambda run: False)
    assert remembered == [], "what polls remember is newer than the ledger: the page has it deleted first"
    pipeline.s3.delete_object(Bucket="work", Key="polls/acme/daily_sales")
    # what was done with before is left alone; the run that was under way has ended
    again = pipeline.poll(OTHER_RUN.replace("run-2", "run-3"), running=lambda run: False)
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
    assert pipeline.poll(OTHER_RUN.replace("run-2", "run-4")) == []
