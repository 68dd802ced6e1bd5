"""What is on the server, is this feed's, is complete and is new: claimed, and listed for the state machine."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakeferry.feeds import Feed
from lakeferry.ledger import Entry, Ledger
from lakeferry.models import FeedItem, FileItem, RemoteFile, run_id_of
from lakeferry.servers import Server
from poll.pattern import Pattern

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configured, settled remote file and its business date, `YYYY-MM-DD`."""

    remote: RemoteFile
    dt: str


def poll(
    feed: Feed,
    item: FeedItem,
    server: Server,
    ledger: Ledger,
    s3: "S3Client",
    work_bucket: str,
    is_running: Callable[[str], bool],
    now: float,
) -> dict[str, Any]:
    """Claims the feed's new files and writes them to S3 as a JSON array of `FileItem`.

    There is no high-water mark: the ledger decides for each file version, so one that appears late with an
    old time is taken all the same. Oldest first; what exceeds `max_files_per_run` waits for the next run.

    Args:
        is_running: Tells whether the run of that ARN still is.
        now: UTC epoch seconds.

    Returns:
        `bucket`, `key`, `files` (claimed), `max_connections`, `carried_over` (new, but over the cap), `unread_lines`
        (of the listing, the first ones).
    """
    candidates = sorted(_candidates(feed, server, now), key=lambda found: (found.remote.mtime, found.remote.path))
    known = ledger.known(feed.feed_id, [found.remote.file_id for found in candidates])
    new = [
        (found, entry)
        for found in candidates
        if ledger.is_free(entry := known.get(found.remote.file_id), item.run, is_running)
    ]
    taken = [
        claimed
        for found, entry in new[: feed.files.max_files_per_run]
        if (claimed := _claim(ledger, item, found, entry))
    ]
    key = f"runs/{run_id_of(item.run)}/{item.tenant}/{item.feed}.json"
    body = json.dumps([claimed.to_json() for claimed in taken]).encode()
    s3.put_object(Bucket=work_bucket, Key=key, Body=body, ContentType="application/json")
    ledger.note_poll(feed.feed_id, item.run)
    return {
        "bucket": work_bucket,
        "key": key,
        "files": len(taken),
        "max_connections": feed.server.max_connections,
        "carried_over": max(0, len(new) - feed.files.max_files_per_run),
        "unread_lines": server.unread,
    }


def _candidates(feed: Feed, server: Server, now: float) -> Iterator[Candidate]:
    pattern = Pattern(feed.files.pattern)
    for remote in server.list_files(feed.files.directory, recursive=feed.files.recursive, wanted=pattern.fits):
        date = pattern.business_date(remote.name, remote.mtime)
        settle = feed.files.settle_seconds
        if date is None or (settle and now - remote.mtime < settle):
            continue
        yield Candidate(remote, date.isoformat())


def _claim(ledger: Ledger, item: FeedItem, found: Candidate, entry: Entry | None) -> FileItem | None:
    remote = found.remote
    claimed = FileItem(item.tenant, item.feed, item.run, remote.path, remote.size, remote.mtime)
    return claimed if ledger.claim(claimed, dt=found.dt, entry=entry) else None
