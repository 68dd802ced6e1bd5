"""What a delivered file became: a list in its ledger item while it is short, else an object in the lake bucket.

An archive of 10,000 members has a list of some 4 MB, and a DynamoDB item ends at 400 KB.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lakeferry.ledger import Entry
from lakeferry.models import FileItem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_INLINE = 100
"""Outputs an item holds itself: each takes some 400 to 600 bytes, its raw key twice."""


def keep_outputs(
    s3: "S3Client", bucket: str, item: FileItem, outputs: Sequence[dict[str, Any]]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Writes the list where it fits.

    Args:
        outputs: `name`, `key`, `upload_id`, `bytes`, `rows` and `sha256` of each.

    Returns:
        Attributes for the ledger item, and those to be removed from it.
    """
    if len(outputs) <= MAX_INLINE:
        return {"outputs": list(outputs)}, ("outputs_key",)
    version = hashlib.sha256(item.file_id.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    key = f"outputs/{item.tenant}_{item.feed}/{version}.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(outputs).encode(), ContentType="application/json")
    return {"outputs_key": key}, ("outputs",)


def outputs_of(entry: Entry, s3: "S3Client", bucket: str) -> list[dict[str, Any]]:
    """The list, wherever it is; empty for a file that was not validated yet."""
    if key := entry.get("outputs_key"):
        return list(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    return list(entry.get("outputs", ()))


def raw_keys_of(entry: Entry, read: Callable[[str], bytes]) -> tuple[str, ...]:
    """The raw objects of a landed file.

    Args:
        read: Reads an object of the lake bucket; called only for a list that did not fit into the item.

    Raises:
        KeyError: the item has no such list.
    """
    if key := entry.get("outputs_key"):
        return tuple(output["key"] for output in json.loads(read(key)))
    return tuple(entry["raw_keys"])
