"""Multipart uploads that nobody goes on with: a function was killed between beginning one and noting it, or later.

S3 lists them nowhere but in ListMultipartUploads, and their parts are paid for. The buckets' lifecycle rules end them
after seven days; this does so as soon as they are surely nobody's, and counts them.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from lakeferry.lake import Upload, abort_upload
from lakeferry.ledger import Entry, Ledger
from lakeferry.ledger.outputs import outputs_of
from lakeferry.ledger.queries import unfinished
from lakeferry.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AGE = timedelta(hours=24)
"""A younger one may be of a call that has not noted it yet; functions and states end long before."""
MOST = 1_000
"""Of one bucket and run: the next run goes on. A list of so many is one call."""
_NOTED = ("inbox_upload_id", "uploads_begun", "outputs", "outputs_key")


def sweep(ledger: Ledger, s3: "S3Client", settings: Settings, now: datetime) -> int:
    """Aborts uploads that are older than `AGE` and noted with no file that is in work or failed; tells how many."""
    by_feed: dict[str, list[Upload]] = defaultdict(list)
    for bucket, prefix in ((settings.inbox_bucket, ""), (settings.lake_bucket, "raw/"), (settings.work_bucket, "")):
        for upload in islice(_old(s3, bucket, prefix, now - AGE), MOST):
            by_feed["" if bucket == settings.work_bucket else _feed_of(upload.key)].append(upload)
    aborted = 0
    for feed_id, uploads in by_feed.items():
        # of the work bucket's nothing is ever gone on with
        noted = {one for entry in _open(ledger, feed_id) for one in _uploads_of(entry, s3, settings.lake_bucket)}
        for upload in uploads:
            if upload.upload_id not in noted:
                abort_upload(s3, upload)
                aborted += 1
    return aborted


def _old(s3: "S3Client", bucket: str, prefix: str, before: datetime) -> Iterator[Upload]:
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Uploads", []):
            if found["Initiated"] < before:
                yield Upload(bucket, found["Key"], found["UploadId"])


def _feed_of(key: str) -> str:
    """The feed whose key it is: `<tenant>/<feed>/...` of the inbox, `raw/<tenant>_<feed>/...` of the lake."""
    first, _, rest = key.partition("/")
    if first == "raw":
        tenant, _, feed = rest.partition("/")[0].partition("_")  # a tenant's name has no `_`
        return f"{tenant}/{feed}"
    return f"{first}/{rest.partition('/')[0]}"


def _open(ledger: Ledger, feed_id: str) -> Iterator[Entry]:
    return unfinished(ledger, feed_id, attributes=_NOTED) if feed_id else iter(())


def _uploads_of(entry: Entry, s3: "S3Client", lake_bucket: str) -> Iterator[str]:
    """Ids of all uploads that a file's item speaks of."""
    if "inbox_upload_id" in entry:
        yield str(entry["inbox_upload_id"])
    noted: list[dict[str, Any]] = [*entry.get("uploads_begun", ()), *outputs_of(entry, s3, lake_bucket)]
    yield from (str(one["upload_id"]) for one in noted if "upload_id" in one)
