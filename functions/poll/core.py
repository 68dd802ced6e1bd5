"""What is on the server, is this feed's, is complete and is new: claimed, and listed for the state machine."""

import json
import posixpath
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.batches import STAGES, Batch, BatchFile
from lakeferry.feeds import Feed
from lakeferry.feeds.files import companion_of
from lakeferry.ledger import CLAIMED_AT_ONCE, LEFT_RUNS, Entry, Ledger
from lakeferry.mails.delays import files_out_of_time, is_told
from lakeferry.mails.failures import feed_recovered
from lakeferry.models import FeedItem, FileItem, RemoteFile, run_id_of
from lakeferry.runs.budget import BEGIN_SECONDS, Budget
from lakeferry.servers import Server
from poll.coarse import known_by_less
from poll.dealing import Limits, deal
from poll.memory import Memory, digest_of, listed_digest_of, share_at
from poll.pattern import Pattern
from poll.questions import Questions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LONGEST_WAIT_SECONDS = 120
"""A longer `settle_seconds` is measured from one poll to another, a shorter one within a poll."""
TOLD_LINES = 5
"""Lines of the listing that cannot be read, in the run's mail."""
DOUBT_SECONDS = 26 * 3600
"""By so much can a server's clock and time zone be wrong together; what looks older is old."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A remote file of the feed that may be new.

    Attributes:
        dt: Its business date, `YYYY-MM-DD`.
        digest: What stands for it in the memory once it is done with.
    """

    remote: RemoteFile
    dt: str
    digest: bytes


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
        ones); `news`, a mail where polls before this one had failed, or runs had no time for its files again and again.
    """
    memory = Memory.load(around.s3, around.work_bucket, item, share_at(around.clock()))
    with Questions(around.ledger, feed.feed_id) as questions:
        listing = _Listing(feed, memory, questions, around.clock())
        listing.take(around.connect)
        seen_at = around.clock()
        entries = questions.answers()
    if memory.stored is not None:
        unknown = [one.remote for one in listing.candidates if one.remote.file_id not in entries]
        entries |= known_by_less(feed, unknown, around.ledger, seen_at)
    memory.done = listing.done | {
        found.digest
        for found in listing.candidates
        if (entry := entries.get(found.remote.file_id)) and around.ledger.is_done_with(entry)
    }
    free = [
        (found, entries.get(found.remote.file_id))
        for found in listing.candidates
        if around.ledger.is_free(entries.get(found.remote.file_id), item.run, around.is_running)
    ]
    waiting = sum(not listing.is_accompanied(found.remote) for found, _ in free)
    free = [one for one in free if listing.is_accompanied(one[0].remote)]
    complete, memory.seen = _settle(feed, memory, around, free, seen_at)
    complete.sort(key=lambda one: (one[0].remote.mtime, one[0].remote.path))
    cap = feed.files.max_files_per_run
    taken = _claim(around.ledger, item, complete[:cap])
    written = write_list(feed, item, around, taken, ".json")
    memory.save(around.s3, around.work_bucket, item)
    counts = {"carried_over": max(0, len(complete) - cap), "settling": len(memory.seen), "waiting": waiting}
    left = {**counts, "unread": listing.unread[:TOLD_LINES]}
    failed = around.ledger.feeds.note_poll(
        feed.feed_id, item.run, left if any(left.values()) else None, time=item.time, has_taken=bool(taken)
    )
    delayed = [entry for _, entry in complete[:cap] if entry is not None and is_told(entry.get(LEFT_RUNS, 0))]
    result: dict[str, Any] = {}
    if failed:
        result["news"] = feed_recovered(item.tenant, item.feed, item.run, **failed).to_json()
    elif delayed:
        result["news"] = files_out_of_time(item.tenant, item.feed, item.run, delayed).to_json()
    return result | written | counts | {"unread_lines": listing.unread}


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


class _Listing:
    """One look at the feed's directory.

    Attributes:
        candidates: Files of the feed that the ledger was asked about.
        done: Digests of those that need no question.
    """

    def __init__(self, feed: Feed, memory: Memory, questions: Questions, now: float) -> None:
        self.candidates: list[Candidate] = []
        self.done: set[bytes] = set()
        self.unread: list[str] = []
        self._files, self._known, self._questions, self._now = feed.files, memory.done, questions, now
        self._pattern = Pattern(feed.files, feed.companions)
        self._companions: dict[str, dict[str, int]] = {template: {} for template in feed.companions}

    def take(self, connect: Callable[[], AbstractContextManager[Server]]) -> None:
        with connect() as server:
            listed = server.list_files(
                self._files.directory,
                recursive=self._files.recursive,
                wanted=self._pattern.wanted,
                is_known=self._is_known,
            )
            # what is done with costs as little as can be: it may be a hundred thousand files
            known, tell_done = self._known, self.done.add
            for remote in listed:
                digest = digest_of(remote)
                if digest in known and remote.listed_mtime is None and not self._companions:
                    tell_done(digest)
                else:
                    self._sort(remote, digest)
            self.unread = server.unread

    def is_accompanied(self, remote: RemoteFile) -> bool:
        """Whether all companions are there; one that is older than the file was that of an earlier version."""
        folder = posixpath.dirname(remote.path)
        return all(
            times.get(posixpath.join(folder, companion_of(template, remote.name)), -1) >= remote.mtime
            for template, times in self._companions.items()
        )

    def _sort(self, remote: RemoteFile, digest: bytes) -> None:
        # a version that comes within the same minute looks the same in such a listing: only old ones are told by it
        is_exact = remote.listed_mtime is None or self._now - remote.mtime < DOUBT_SECONDS
        kept = digest if is_exact else listed_digest_of(remote)
        is_done = digest in self._known
        if is_done:
            self.done.add(kept)
        if is_done and not self._companions:
            return
        name = remote.name
        for template in self._pattern.belonging(name):
            self._companions[template][remote.path] = remote.mtime
        if is_done or not self._matters(remote):
            return
        date = self._pattern.business_date(name, remote.mtime)
        if date is not None:
            self.candidates.append(Candidate(remote, date.isoformat(), kept))
            self._questions.ask(remote.file_id)

    def _matters(self, remote: RemoteFile) -> bool:
        return self._pattern.fits(remote.name) and (remote.size > 0 or self._files.size.zero_bytes != "ignore")

    def _is_known(self, listed: RemoteFile) -> bool:
        """Whether the exact time of a file that the listing shows only so would change nothing."""
        if any(self._pattern.belonging(listed.name)):
            return False
        digest = listed_digest_of(listed)
        if digest in self._known:
            self.done.add(digest)
            return True
        return not self._matters(listed)


_Free = list[tuple[Candidate, Entry | None]]


def _settle(
    feed: Feed, memory: Memory, around: Surroundings, free: _Free, seen_at: float
) -> tuple[_Free, dict[str, float]]:
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
        return complete, {found.remote.file_id: memory.seen.get(found.remote.file_id, seen_at) for found, _ in fresh}
    around.sleep(max(0.0, seen_at + settle - around.clock()))
    first = {found.remote for found, _ in fresh}
    again = _look_again(feed, around.connect, first)
    now = around.clock()
    complete += [one for one in fresh if one[0].remote in again]
    return complete, {remote.file_id: now for remote in again - first}


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
