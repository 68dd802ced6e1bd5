"""The mails of a run that succeeded, as a list in S3 that the state machine sends."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lakeferry.feeds.each import each_feed
from lakeferry.feeds.notify import notify_of
from lakeferry.ledger import Entry
from lakeferry.ledger.asides import Asides
from lakeferry.mails.feed_success import feed_succeeded
from lakeferry.mails.mail import Mail
from lakeferry.models import run_id_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def mails_of_feeds(
    entries: Sequence[Entry], documents: Iterable[Mapping[str, Any]], asides: Asides, lake_bucket: str, run: str
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
    for feed_id in sorted(landed & _asking(documents, asides)) if landed else []:
        yield feed_succeeded(feed_id, by_feed[feed_id], lake_bucket, run)


def _asking(documents: Iterable[Mapping[str, Any]], asides: Asides) -> set[str]:
    def asks(document: Mapping[str, Any]) -> str | None:
        is_asking = notify_of(document).success == "feed"
        return f"{document['tenant']}/{document['feed']}" if is_asking else None

    found = each_feed(documents, asks, lambda document, error: asides.note_document("reconcile", document, error))
    return set(filter(None, found))


def write_mails(mails: Iterable[Mail], s3: "S3Client", bucket: str, run: str) -> dict[str, Any]:
    """Writes a JSON array of mails; called again for the same run, the same object again.

    Returns:
        `bucket`, `key` and `count`.
    """
    listed = [mail.to_json() for mail in mails]
    key = f"runs/{run_id_of(run)}/mails.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(listed).encode(), ContentType="application/json")
    return {"bucket": bucket, "key": key, "count": len(listed)}
