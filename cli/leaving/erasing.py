"""Erases what a stack has of a tenant; taken again after it was stopped, it ends what is left."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cli.leaving.remains import SHARED_EXPORTS, Key, Remains, prefixes_of, versions_under
from cli.problems import CommandError
from cli.stack import Stack
from lakeferry.ledger.datasets import DATASETS
from lakeferry.runs.dead_letters import DeadLetter, DeadLetterQueue
from lakeferry.streamed import write_streamed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_PARTITIONS_AT_ONCE = 25
"""BatchDeletePartition takes so many (AWS Glue API, "BatchDeletePartition")."""
_HIDDEN_SECONDS = 30
_IN_MEMORY = 1 << 20


def erase(stack: Stack, remains: Remains) -> Iterator[tuple[str, int]]:
    """Erases all of it, and tells of each kind how many it was.

    Feeds go first, so that nothing new comes; the ledger's items last but one, since they say what there was. Objects
    go with all their versions.

    Raises:
        CommandError: S3 or Glue kept something; called again it goes on.
    """
    tenant = remains.tenant
    for document in remains.feeds:
        stack.feeds.delete_item(Key={"tenant": tenant, "feed": document["feed"]})
    yield "feed documents", len(remains.feeds)
    yield "dead letters", _letters(stack, tenant)
    yield "catalog tables and partitions", _catalog(stack, remains)
    yield "object versions", _objects(stack, tenant)
    yield "lines of exports", sum(_lines(stack, prefix, tenant) for prefix in SHARED_EXPORTS)
    yield "promises", _items(stack.sla, remains.sla)
    for owned in remains.shared:
        stack.ledger.datasets.unshare(owned.dataset, [tenant])
    own = [{"feed_id": DATASETS, "file_id": owned.dataset} for owned in remains.owned]
    yield "datasets", _items(stack.ledger.table, own) + len(remains.shared)
    yield "ledger items", _items(stack.ledger.table, remains.ledger)


def _items(table: "Table", keys: Iterable[Key]) -> int:
    count = 0
    with table.batch_writer() as batch:
        for key in keys:
            batch.delete_item(Key=dict(key))
            count += 1
    return count


def _letters(stack: Stack, tenant: str) -> int:
    queue = DeadLetterQueue(stack.client("sqs"), stack.physical("DeadLetterQueue"))
    gone: list[DeadLetter] = []
    others: list[DeadLetter] = []
    for letter in queue.receive(_HIDDEN_SECONDS):
        (gone if str(letter.feed_id).startswith(f"{tenant}/") else others).append(letter)
    queue.remove(gone)
    queue.hide(others, 0)
    return len(gone)


def _catalog(stack: Stack, remains: Remains) -> int:
    glue, database, count = stack.client("glue"), stack.physical("GlueDatabase"), 0
    for table in remains.raw_tables:
        glue.delete_table(DatabaseName=database, Name=table)
        count += 1
    for table, values in remains.partitions.items():
        for start in range(0, len(values), _PARTITIONS_AT_ONCE):
            some = values[start : start + _PARTITIONS_AT_ONCE]
            answer = glue.batch_delete_partition(
                DatabaseName=database, TableName=table, PartitionsToDelete=[{"Values": one} for one in some]
            )
            for error in answer.get("Errors", ()):
                if error["ErrorDetail"]["ErrorCode"] != "EntityNotFoundException":
                    kept = f"partition {error['PartitionValues']} of {table}"
                    raise CommandError(f"Glue kept {kept}: {error['ErrorDetail']}. Call again.")
            count += len(some)
    return count


def _objects(stack: Stack, tenant: str) -> int:
    s3, count = stack.client("s3"), 0
    for bucket, prefix in prefixes_of(stack, tenant):
        for versions in versions_under(stack, bucket, prefix):
            answer = s3.delete_objects(Bucket=stack.physical(bucket), Delete={"Objects": versions, "Quiet": True})
            for error in answer.get("Errors", ()):
                raise CommandError(f"S3 kept {error.get('Key')}: {error.get('Message')}. Call again.")
            count += len(versions)
    return count


def _lines(stack: Stack, prefix: str, tenant: str) -> int:
    """Writes exports anew without the tenant's lines; versions that had them go."""
    s3, bucket, count = stack.client("s3"), stack.physical("LakeBucket"), 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", ()):
            key = found["Key"]
            with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as kept:
                gone = rest = 0
                for line in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_lines():
                    if _is_of(line, tenant):
                        gone += 1
                    else:
                        kept.write(line + b"\n")
                        rest += 1
                if not gone:
                    continue
                kept.seek(0)
                old = [one for versions in versions_under(stack, "LakeBucket", key) for one in versions]
                if rest:
                    write_streamed(s3, bucket, key, iter(kept))
                old = [one for one in old if one["Key"] == key]
                s3.delete_objects(Bucket=bucket, Delete={"Objects": old, "Quiet": True})
            count += gone
    return count


def _is_of(line: bytes, tenant: str) -> bool:
    row: dict[str, Any] = json.loads(line) if line.strip() else {}
    return row.get("tenant") == tenant or str(row.get("feed_id", "")).startswith(f"{tenant}/")
