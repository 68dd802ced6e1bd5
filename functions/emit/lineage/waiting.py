"""Events as objects, a line of JSON each: for good in the lake, or in the work bucket until the endpoint has them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WAITING = "lineage/waiting/"
REFUSED = "lineage/refused/"
"""Of the work bucket: what the endpoint would not take, for somebody to look at."""


@dataclass(frozen=True, slots=True)
class Written:
    """Lineage in the lake, by the UTC day it happened: that is where it is to be."""

    s3: "S3Client"
    bucket: str

    def put(self, events: Sequence[dict[str, Any]]) -> None:
        """One object; the same events make the same."""
        when = min(event["eventTime"] for event in events)
        _put(self.s3, self.bucket, f"lineage/day={when[:10]}/", when, events)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Lineage that is yet to be posted, the oldest first."""

    s3: "S3Client"
    bucket: str

    def put(self, events: Sequence[dict[str, Any]]) -> None:
        """One object; the same events make the same."""
        _put(self.s3, self.bucket, WAITING, min(event["eventTime"] for event in events), events)

    def keys(self) -> Iterator[str]:
        """Of all that wait."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=WAITING)
        for page in pages:
            yield from (found["Key"] for found in page.get("Contents", []))

    def read(self, key: str) -> list[bytes]:
        """Its events."""
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().splitlines()

    def done(self, key: str) -> None:
        """It was posted."""
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def refuse(self, key: str, number: int, event: bytes) -> str:
        """Sets an event aside; its key."""
        aside = f"{REFUSED}{key.removeprefix(WAITING).removesuffix('.jsonl')}-{number}.json"
        self.s3.put_object(Bucket=self.bucket, Key=aside, Body=event)
        return aside


def _put(s3: "S3Client", bucket: str, prefix: str, when: str, events: Sequence[dict[str, Any]]) -> None:
    body = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events).encode("utf-8", "replace")
    name = f"{when.replace(':', '')}-{hashlib.sha256(body).hexdigest()[:16]}.jsonl"
    s3.put_object(Bucket=bucket, Key=prefix + name, Body=body, ContentType="application/x-ndjson")
