"""What is on the server, is this feed's, is complete and is new: claimed, and listed for the state machine."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.batches import STAGES, Batch, BatchFile
from lakeferry.feeds import Feed
from lakeferry.ledger import CLAIMED_AT_ONCE, LEFT_RUNS, Entry, Ledger
from lakeferry.mails.delays import files_out_of_time, is_told
from lakeferry.mails.failures import feed_recovered
from lakeferry.models import FeedItem, FileItem, RemoteFile, run_id_of
from lakeferry.runs.budget import BEGIN_SECONDS, Budget
from lakeferry.servers import Server
from poll.coarse import known_by_less
from poll.dealing import Limits, deal
from poll.listing import DOUBT_SECONDS, Candidate, Listing
from poll.memory import Memory, share_at
from poll.news import fits_nothing, idle_for, news_of
from poll.questions import Questions
from poll.watch import CARRIED_OVER, CHANGED, SETTLING, UNREAD, WAITING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LONGEST_WAIT_SECONDS = 120
"""A longer `settle_seconds` is measured from one poll to another, a shorter one within a poll."""
TOLD_LINES = 5
"""Lines of the listing that cannot be read, in the run's mail."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a poll works with.

    Attributes:
        connect: Opens the feed's server.
        is_running: Tells whether the run of that ARN still is.
        clock: UTC epoch seconds.
        limits: Of batches, where the feed does not say.
        budget: What there is time for.
    """

    connect: Callable[[], AbstractContextManager[Server]]
    ledger: Ledger
    s3: "S3Client"
    work_bucket: str
    is_running: Callable[[str], bool]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    limits: Limits = field(default_factory=lambda: Limits(50, 64 * 1024 * 1024))
    budget: Budget = field(default_factory=Budget)


def poll(feed: Feed, item: FeedItem, around: Surroundings) -> dict[str, Any]:
    """Claims the feed's new files, deals them into batches and writes those to S3 as a JSON array.

    There is no high-water mark: the ledger decides for each file version, so one that appears late with an
    old time is taken all the same. Oldest first; what exceeds `max_files_per_run` waits for the next run.

    Returns:
        What `write_list` does, `carried_over` (new, but over the cap), `settling` (seen
        for too short a time), `waiting` (for their marker or checksum file), `unread_lines` (of the listing, the first
        ones); `entries`, the classes that the listing's entries ended in; `fits_nothing`, where none of many names is
        the feed's; `news`, a mail where polls before this one had failed, runs had no time for its files again and
        again, or polls in a row took nothing of what is the feed's.
    """
    memory = Memory.load(around.s3, around.work_bucket, item, share_at(around.clock()))
    with Questions(around.ledger, feed.feed_id) as questions:
        listing = Listing(feed, memory, questions, around.clock())
        listing.take(around.connect)
        seen_at = around.clock()
        entries = questions.answers()
    if memory.stored is not None:
        unknown = [one.remote for one in listing.candidates if one.remote.file_id not in entries]
        entries |= known_by_less(feed, unknown, around.ledger, seen_at)
    open_: list[tuple[Candidate, Entry | None]] = []
    memory.done = set(listing.done)
    for found in listing.candidates:
        entry = entries.get(found.remote.file_id)
        if entry is not None and around.ledger.is_done_with(entry):
            memory.done.add(found.digest)
        else:
            open_.append((found, entry))
    free = [one for one in open_ if around.ledger.is_free(one[1], item.run, around.is_running)]
    waiting = [found.remote.path for found, _ in free if not listing.is_accompanied(found.remote)]
    ready, memory.seen = _settle(
        feed, memory, around, [one for one in free if listing.is_accompanied(one[0].remote)], seen_at
    )
    complete = ready.complete
    complete.sort(key=lambda one: (one[0].remote.mtime, one[0].remote.path))
    cap = feed.files.max_files_per_run
    taken = _claim(around.ledger, item, complete[:cap])
    over = [found.remote.path for found, _ in complete[cap:]]
    balance = replace(
        listing.balance,
        taken=len(open_) - len(free) + len(complete) - len(over),
        done_with=listing.balance.done_with + len(listing.candidates) - len(open_),
        waiting=len(waiting),
        settling=len(ready.settling),
        carried_over=len(over),
        gone=listing.balance.gone + ready.gone,
    )
    left = dict.fromkeys(over, CARRIED_OVER) | dict.fromkeys(ready.settling, SETTLING)
    left |= dict.fromkeys(waiting, WAITING) | dict.fromkeys(listing.unread, UNREAD)
    written = write_list(feed, item, around, taken, ".json")
    counts = {"carried_over": len(over), "settling": len(memory.seen), "waiting": len(waiting)}
    told = {**counts, "unread": listing.unread[:TOLD_LINES]}
    unfit = fits_nothing(feed, listing, balance)
    ended = balance.to_json()
    before = around.ledger.feeds.note_poll(
        feed.feed_id,
        item.run,
        told if any(told.values()) else None,
        time=item.time,
        has_taken=bool(taken),
        entries=ended | unfit,
    )
    still_open = {found.remote.path for found, _ in open_} if before.released else set()
    left = {path: CHANGED for path in before.released if path in still_open} | left
    idle = "" if before.has_taken else idle_for(balance, unfit)
    memory.watch = memory.watch.after(left, idle, run=item.run, now=around.clock(), enough=feed.files.stuck_after_polls)
    delayed = [entry for _, entry in complete[:cap] if entry is not None and is_told(entry.get(LEFT_RUNS, 0))]
    result: dict[str, Any] = {}
    if before.failed:
        result["news"] = feed_recovered(item.tenant, item.feed, item.run, **before.failed).to_json()
    elif delayed:
        result["news"] = files_out_of_time(item.tenant, item.feed, item.run, delayed).to_json()
    else:
        memory.watch, mail = news_of(memory.watch, feed, item.run, around.clock(), unfit.get("fits_nothing", ""))
        result |= {"news": mail.to_json()} if mail else {}
    memory.save(around.s3, around.work_bucket, item)
    return result | written | counts | {"unread_lines": listing.unread, "entries": ended} | unfit


def write_list(
    feed: Feed, item: FeedItem, around: Surroundings, taken: Sequence[FileItem], suffix: str
) -> dict[str, Any]:
    """Writes what was claimed to S3 as the state machine maps it; nothing where there is nothing.

    Returns:
        `bucket`, `key`, `files`, `batches` and `max_connections`.
    """
    spec, connections = feed.files.batch, feed.server.max_connections
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


_Free = list[tuple[Candidate, Entry | None]]


class _Ready(NamedTuple):
    """Free files, by whether they are complete.

    Attributes:
        settling: Paths of those that are not, as far as can be told.
        gone: How many were gone at the second look.
    """

    complete: _Free
    settling: list[str]
    gone: int


def _settle(
    feed: Feed, memory: Memory, around: Surroundings, free: _Free, seen_at: float
) -> tuple[_Ready, dict[str, float]]:
    """Those that are complete, and since when the others have been seen.

    A file is complete once it has been seen with the same size and time for `settle_seconds`, by our clock: what the
    server's clock says of a fresh file is not relied on. An upload that goes on changes the size; one that has
    stalled for longer than that cannot be told from a file that is complete, except by a marker or a control file.
    """
    settle = feed.files.settled_after
    complete: _Free = []
    fresh: _Free = []
    for one in free:
        remote = one[0].remote
        is_old = seen_at - remote.mtime >= settle + DOUBT_SECONDS
        is_settled = seen_at - memory.seen.get(remote.file_id, seen_at) >= settle
        (complete if one[1] is not None or is_old or is_settled else fresh).append(one)
    can_wait = settle <= LONGEST_WAIT_SECONDS and around.budget.allows(settle + BEGIN_SECONDS)
    if not fresh or not can_wait:
        seen = {found.remote.file_id: memory.seen.get(found.remote.file_id, seen_at) for found, _ in fresh}
        return _Ready(complete, [found.remote.path for found, _ in fresh], 0), seen
    around.sleep(max(0.0, seen_at + settle - around.clock()))
    first = {found.remote for found, _ in fresh}
    again = _look_again(feed, around.connect, first)
    now = around.clock()
    complete += [one for one in fresh if one[0].remote in again]
    there = {remote.path for remote in again}
    changed = [found.remote.path for found, _ in fresh if found.remote not in again]
    settling = [path for path in changed if path in there]
    return _Ready(complete, settling, len(changed) - len(settling)), {remote.file_id: now for remote in again - first}


def _look_again(
    feed: Feed, connect: Callable[[], AbstractContextManager[Server]], first: set[RemoteFile]
) -> set[RemoteFile]:
    """What the same paths hold now."""
    paths, names = {remote.path for remote in first}, {remote.name for remote in first}
    with connect() as server:
        listed = server.list_files(feed.files.directory, recursive=feed.files.recursive, wanted=names.__contains__)
        return {remote for remote in listed if remote.path in paths}


def _claim(ledger: Ledger, item: FeedItem, complete: _Free) -> list[FileItem]:
    """Those that no other run was quicker with, in their order."""
    of_run = partial(FileItem, item.tenant, item.feed, item.run)
    wanted = [
        (of_run(found.remote.path, found.remote.size, found.remote.mtime), found.dt, entry) for found, entry in complete
    ]
    parts = [wanted[start : start + CLAIMED_AT_ONCE] for start in range(0, len(wanted), CLAIMED_AT_ONCE)]
    claims = [claimed for part in side_by_side(ledger.claim_all, parts) for claimed in part]
    return [file for (file, _, _), claimed in zip(wanted, claims, strict=True) if claimed]
