"""The mails of a run that succeeded, as a list in S3 that the state machine sends."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lakeferry.feeds.each import each_feed
from lakeferry.feeds.notify import notify_of
from lakeferry.ledger import Entry
from lakeferry.ledger.asides import Asides
from lakeferry.mails.feed_success import FeedSuccess
from lakeferry.mails.mail import Mail
from lakeferry.models import run_id_of
from lakeferry.streamed import write_streamed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class FeedMails:
    """One mail for each feed that asks for it and of which files landed in the run."""

    def __init__(self, documents: Iterable[Mapping[str, Any]], asides: Asides, lake_bucket: str, run: str) -> None:
        """Reads nothing yet.

        Args:
            documents: Feed documents, valid or not; read only if something landed.
        """
        self._documents, self._asides, self._lake_bucket, self._run = documents, asides, lake_bucket, run
        self._landed: dict[str, FeedSuccess] = {}
        self._failed: Counter[str] = Counter()

    def add(self, entry: Entry) -> None:
        """Takes one of the run's files, of any feed."""
        feed_id, status = entry["feed_id"], entry["status"]
        if status == "FAILED":
            self._failed[feed_id] += 1
        elif status == "CURATED" and feed_id in self._asking:
            if feed_id not in self._landed:
                self._landed[feed_id] = FeedSuccess(feed_id, self._lake_bucket, self._run)
            self._landed[feed_id].add(entry)

    def __iter__(self) -> Iterator[Mail]:
        return (self._landed[feed_id].mail(self._failed[feed_id]) for feed_id in sorted(self._landed))

    @cached_property
    def _asking(self) -> set[str]:
        def asks(document: Mapping[str, Any]) -> str | None:
            is_asking = notify_of(document).success == "feed"
            return f"{document['tenant']}/{document['feed']}" if is_asking else None

        asides = self._asides
        found = each_feed(
            self._documents, asks, lambda document, error: asides.note_document("reconcile", document, error)
        )
        return set(filter(None, found))


def write_mails(mails: Iterable[Mail], s3: "S3Client", bucket: str, run: str) -> dict[str, Any]:
    """Writes a JSON array of mails; called again for the same run, the same object again.

    Returns:
        `bucket`, `key` and `count`.
    """
    count = 0

    def pieces() -> Iterator[bytes]:
        nonlocal count
        for mail in mails:
            yield (b", " if count else b"[") + json.dumps(mail.to_json()).encode()
            count += 1
        yield b"]" if count else b"[]"

    key = f"runs/{run_id_of(run)}/mails.json"
    write_streamed(s3, bucket, key, pieces(), "application/json")
    return {"bucket": bucket, "key": key, "count": count}
