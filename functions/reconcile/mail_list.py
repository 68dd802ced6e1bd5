"""The mails of a run that succeeded, as a list in S3 that the state machine sends."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lakeferry.ledger import Entry
from lakeferry.mails.feed_success import feed_succeeded
from lakeferry.mails.mail import Mail
from lakeferry.models import run_id_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def mails_of_feeds(
    entries: Sequence[Entry], documents: Iterable[Mapping[str, Any]], lake_bucket: str, run: str
) -> Iterator[Mail]:
    """One mail for each feed that asks for it and of which files landed in the run.

    Args:
        entries: The run's files, of all feeds.
        documents: Feed documents, valid or not; read only if something landed.
    """
    by_feed: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_feed[entry["feed_id"]].append(entry)
    landed = {feed_id for feed_id, found in by_feed.items() if any(one["status"] == "CURATED" for one in found)}
    for feed_id in sorted(landed & set(_asking(documents))) if landed else []:
        yield feed_succeeded(feed_id, by_feed[feed_id], lake_bucket, run)


def _asking(documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for document in documents:
        if (document.get("notify") or {}).get("success") == "feed":
            yield f"{document['tenant']}/{document['feed']}"


def write_mails(mails: Iterable[Mail], s3: "S3Client", bucket: str, run: str) -> dict[str, Any]:
    """Writes a JSON array of mails; called again for the same run, the same object again.

    Returns:
        `bucket`, `key` and `count`.
    """
    listed = [mail.to_json() for mail in mails]
    key = f"runs/{run_id_of(run)}/mails.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(listed).encode(), ContentType="application/json")
    return {"bucket": bucket, "key": key, "count": len(listed)}
