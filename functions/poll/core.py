"""What is on the server, is this feed's, is complete and is new: claimed, and listed for the state machine."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.batches import STAGES, Batch, BatchFile
from lakeferry.feeds import Feed
from lakeferry.ledger import CLAIMED_AT_ONCE, LEFT_RUNS, Entry, Ledger
from lakeferry.ledger.feed_states import Polled
from lakeferry.ledger.mutes import mute_of
from lakeferry.mails.delays import files_out_of_time, is_told
from lakeferry.mails.failures import feed_recovered
from lakeferry.mails.mail import Mail
from lakeferry.models import FeedItem, FileItem, run_id_of
from poll.dealing import Limits, deal
from poll.memory import Memory, share_at
from poll.news import fits_nothing, idle_for, news_of
from poll.sorting import LONGEST_WAIT_SECONDS, Free, look
from poll.surroundings import Surroundings

__all__ = ["LONGEST_WAIT_SECONDS", "Surroundings", "poll", "write_list"]

TOLD_LINES = 5
"""Lines of the listing that cannot be read, in the run's mail."""


def poll(feed: Feed, item: FeedItem, around: Surroundings) -> dict[str, Any]:
    """Claims the feed's new files, deals them into batches and writes those to S3 as a JSON array.

    There is no high-water mark: the ledger decides for each file version, so one that appears late with an
    old time is taken all the same. Oldest first; what exceeds `max_files_per_run` waits for the next run. Of more new
    names than a poll keeps (`MOST_CANDIDATES`) those come first that are listed first.

    Returns:
        What `write_list` does, `carried_over` (new, but over the cap), `settling` (seen
        for too short a time), `waiting` (for their marker or checksum file), `unread_lines` (of the listing, the first
        ones); `entries`, the classes that the listing's entries ended in; `fits_nothing`, where none of many names is
        the feed's; `news`, a mail where polls before this one had failed, runs had no time for its files again and
        again, or polls in a row took nothing of what is the feed's.
    """
    memory = _memory(item, around)
    listing, sorted_ = look(feed, item, around, memory)
    taken = _claim(around.ledger, item, sorted_.complete)
    written = write_list(feed, item, around, taken, ".json")
    counts = {
        "carried_over": len(sorted_.over) + sorted_.beyond,
        "settling": len(memory.seen),
        "waiting": len(sorted_.waiting),
    }
    told = {**counts, "unread": listing.unread[:TOLD_LINES]}
    unfit = fits_nothing(feed, listing, sorted_.balance)
    ended = sorted_.balance.to_json()
    before = around.ledger.feeds.note_poll(
        feed.feed_id,
        item.run,
        told if any(told.values()) else None,
        time=item.time,
        has_taken=bool(taken),
        entries=ended | unfit,
    )
    idle = "" if before.has_taken else idle_for(sorted_.balance, unfit)
    memory.watch = memory.watch.after(
        sorted_.left(before.released), idle, run=item.run, now=around.clock(), enough=feed.files.stuck_after_polls
    )
    delayed = [entry for _, entry in sorted_.complete if entry is not None and is_told(entry.get(LEFT_RUNS, 0))]
    mail = _mail(feed, item, around, memory, before, delayed, unfit)
    memory.save(around.s3, around.work_bucket, item, before.at)
    news = {} if mail is None else {"news": mail.to_json()}
    return news | written | counts | {"unread_lines": listing.unread, "entries": ended} | unfit


def _memory(item: FeedItem, around: Surroundings) -> Memory:
    """What earlier polls left, without what is done with where the ledger is older than that."""
    memory = Memory.load(around.s3, around.work_bucket, item, share_at(around.clock()))
    if memory.stored is None or item.polled_at is None or memory.noted_at <= item.polled_at:
        return memory
    # another run may have polled the feed since this one began: only then is the ledger asked
    if memory.noted_at > str(around.ledger.feeds.get(item.feed_id).get("polled_at", "")):
        memory.forget_done(around.s3, around.work_bucket, item)
    return memory


def _mail(
    feed: Feed,
    item: FeedItem,
    around: Surroundings,
    memory: Memory,
    before: Polled,
    delayed: Sequence[Entry],
    unfit: Mapping[str, str],
) -> Mail | None:
    """The one that is due first: that the feed works again, that runs have no time for its files, what is stuck."""
    now, lake = around.clock(), around.lake_bucket
    is_muted = mute_of(before.state, datetime.fromtimestamp(now, UTC)) is not None
    if before.failed and not is_muted:
        return feed_recovered(item.tenant, item.feed, item.run, lake, **before.failed)
    if delayed:
        return files_out_of_time(item.tenant, item.feed, item.run, delayed, lake)
    if is_muted:
        return None
    memory.watch, mail = news_of(memory.watch, feed, item.run, now, lake, unfit.get("fits_nothing", ""))
    return mail


def write_list(
    feed: Feed, item: FeedItem, around: Surroundings, taken: Sequence[FileItem], suffix: str
) -> dict[str, Any]:
    """Writes what was claimed to S3 as the state machine maps it; nothing where there is nothing.

    Returns:
        `bucket`, `key`, `files`, `batches` and `max_connections`, which is how many batches are at work together.
    """
    spec, connections = feed.files.batch, min(feed.server.max_connections, around.limits.at_once)
    limits = Limits(spec.max_files or around.limits.files, spec.max_bytes or around.limits.bytes)
    batches = [
        Batch(
            item.tenant,
            item.feed,
            item.run,
            [BatchFile(file.path, file.size, file.mtime) for file in batch],
            deadline=item.deadline,
            part_ends=item.part_ends,
        ).to_json(STAGES["fetch"])
        for batch in deal(taken, limits, connections)
    ]
    key = f"runs/{run_id_of(item.run)}/{item.tenant}/{item.feed}{suffix}"
    if taken:
        body = json.dumps(batches if item.in_batches else [file.to_json() for file in taken]).encode()
        around.s3.put_object(Bucket=around.work_bucket, Key=key, Body=body, ContentType="application/json")
    return {
        "bucket": around.work_bucket,
        "key": key,
        "files": len(taken),
        "batches": len(batches),
        "max_connections": connections,
    }


def _claim(ledger: Ledger, item: FeedItem, complete: Free) -> list[FileItem]:
    """Those that no other run was quicker with, in their order."""
    of_run = partial(FileItem, item.tenant, item.feed, item.run)
    wanted = [
        (of_run(found.remote.path, found.remote.size, found.remote.mtime), found.dt, entry) for found, entry in complete
    ]
    parts = [wanted[start : start + CLAIMED_AT_ONCE] for start in range(0, len(wanted), CLAIMED_AT_ONCE)]
    claims = [claimed for part in side_by_side(ledger.claim_all, parts) for claimed in part]
    return [file for (file, _, _), claimed in zip(wanted, claims, strict=True) if claimed]
