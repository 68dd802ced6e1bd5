"""What a listing's candidates are today: done with, in other hands, waiting, still settling, or complete."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple

from lakeferry.feeds import Feed
from lakeferry.ledger import ENDED, Entry
from lakeferry.models import FeedItem, RemoteFile
from lakeferry.runs.budget import BEGIN_SECONDS
from lakeferry.servers import Server
from poll.balance import Balance
from poll.coarse import known_by_less
from poll.listing import DOUBT_SECONDS, Candidate, Listing
from poll.memory import Memory
from poll.questions import Questions
from poll.surroundings import Surroundings
from poll.watch import CARRIED_OVER, CHANGED, SETTLING, UNREAD, WAITING, WENT_BACK

LONGEST_WAIT_SECONDS = 120
"""A longer `settle_seconds` is measured from one poll to another, a shorter one within a poll."""

Free = list[tuple[Candidate, Entry | None]]


@dataclass(frozen=True, slots=True)
class Sorted:
    """The feed's files, once the ledger was asked and fresh ones were looked at again.

    Attributes:
        complete: What may be taken now, oldest first.
        over: Paths of what may, and is more than the feed takes in a run.
        beyond: How many names were not looked at, since there are as many before them as a poll keeps.
        waiting: Paths of files without their marker or checksum file.
        settling: Paths of files that have been seen for too short a time.
        unread: The first lines that could not be read.
        open_: All that is not done with.
        went_back: Paths that show a version which a later one has replaced.
        balance: How the listing's entries ended.
    """

    complete: Free
    over: list[str]
    beyond: int
    waiting: list[str]
    settling: list[str]
    unread: list[str]
    open_: Free
    went_back: list[str]
    balance: Balance

    def left(self, released: tuple[str, ...]) -> dict[str, str]:
        """What stays on the server, and why.

        Args:
            released: Paths of files that changed as they were fetched.
        """
        still_open = {found.remote.path for found, _ in self.open_} if released else set()
        left = dict.fromkeys((path for path in released if path in still_open), CHANGED)
        left |= dict.fromkeys(self.over, CARRIED_OVER) | dict.fromkeys(self.settling, SETTLING)
        left |= dict.fromkeys(self.went_back, WENT_BACK)
        return left | dict.fromkeys(self.waiting, WAITING) | dict.fromkeys(self.unread, UNREAD)


def look(feed: Feed, item: FeedItem, around: Surroundings, memory: Memory) -> tuple[Listing, Sorted]:
    """Lists the folder, and sorts what is in it; `memory` has what the next poll is to know."""
    with Questions(around.ledger, feed.feed_id) as questions:
        listing = Listing(feed, memory, questions, around.clock())
        listing.take(around.connect)
        seen_at = around.clock()
        entries = questions.answers()
    if memory.stored is not None:
        unknown = [one.remote for one in listing.candidates if one.remote.file_id not in entries]
        entries |= known_by_less(feed, unknown, around.ledger, seen_at)
    open_, went_back = _not_done_with(listing, entries, around, memory)
    free = [one for one in open_ if around.ledger.is_free(one[1], item.run, around.is_running)]
    accompanied: Free = []
    waiting: list[str] = []
    for one in free:
        if listing.is_accompanied(one[0].remote):
            accompanied.append(one)
        else:
            waiting.append(one[0].remote.path)
    ready, memory.seen = _settled(feed, memory, around, accompanied, seen_at)
    complete = sorted(ready.complete, key=lambda one: (one[0].remote.mtime, one[0].remote.path))
    cap = feed.files.max_files_per_run
    over = [found.remote.path for found, _ in complete[cap:]]
    balance = replace(
        listing.balance,
        taken=len(open_) - len(free) + len(complete) - len(over),
        done_with=listing.balance.done_with + len(listing.candidates) - len(open_),
        waiting=len(waiting),
        settling=len(ready.settling),
        carried_over=len(over) + listing.beyond,
        gone=listing.balance.gone + ready.gone,
    )
    return listing, Sorted(
        complete[:cap], over, listing.beyond, waiting, ready.settling, listing.unread, open_, went_back, balance
    )


def _not_done_with(
    listing: Listing, entries: dict[str, Entry], around: Surroundings, memory: Memory
) -> tuple[Free, list[str]]:
    """The candidates that a poll may still take, and paths that went back; the memory is told of the others."""
    open_: Free = []
    went_back: list[str] = []
    memory.done = set(listing.done)
    for found in listing.candidates:
        entry = entries.get(found.remote.file_id)
        if entry is None or not around.ledger.is_done_with(entry):
            open_.append((found, entry))
        elif entry.get("status") in ENDED and entry.get("file_id") == found.remote.file_id:
            went_back.append(found.remote.path)  # asked about again at each poll: they are few
        else:
            memory.done.add(found.digest)
    return open_, went_back


class Ready(NamedTuple):
    """Free files, by whether they are complete.

    Attributes:
        settling: Paths of those that are not, as far as can be told.
        gone: How many were gone at the second look.
    """

    complete: Free
    settling: list[str]
    gone: int


def _settled(
    feed: Feed, memory: Memory, around: Surroundings, free: Free, seen_at: float
) -> tuple[Ready, dict[str, float]]:
    """Those that are complete, and since when the others have been seen.

    A file is complete once it has been seen with the same size and time for `settle_seconds`, by our clock: what the
    server's clock says of a fresh file is not relied on. An upload that goes on changes the size; one that has
    stalled for longer than that cannot be told from a file that is complete, except by a marker or a control file.
    """
    settle = feed.files.settled_after
    complete: Free = []
    fresh: Free = []
    for one in free:
        remote = one[0].remote
        is_old = seen_at - remote.mtime >= settle + DOUBT_SECONDS
        is_settled = seen_at - memory.seen.get(remote.file_id, seen_at) >= settle
        (complete if one[1] is not None or is_old or is_settled else fresh).append(one)
    can_wait = settle <= LONGEST_WAIT_SECONDS and around.budget.allows(settle + BEGIN_SECONDS)
    if not fresh or not can_wait:
        seen = {found.remote.file_id: memory.seen.get(found.remote.file_id, seen_at) for found, _ in fresh}
        return Ready(complete, [found.remote.path for found, _ in fresh], 0), seen
    around.sleep(max(0.0, seen_at + settle - around.clock()))
    first = {found.remote for found, _ in fresh}
    again = _look_again(feed, around.connect, first)
    now = around.clock()
    complete += [one for one in fresh if one[0].remote in again]
    there = {remote.path for remote in again}
    changed = [found.remote.path for found, _ in fresh if found.remote not in again]
    settling = [path for path in changed if path in there]
    return Ready(complete, settling, len(changed) - len(settling)), {remote.file_id: now for remote in again - first}


def _look_again(
    feed: Feed, connect: Callable[[], AbstractContextManager[Server]], first: set[RemoteFile]
) -> set[RemoteFile]:
    """What the same paths hold now."""
    paths, names = {remote.path for remote in first}, {remote.name for remote in first}
    with connect() as server:
        listed = server.list_files(feed.files.directory, recursive=feed.files.recursive, wanted=names.__contains__)
        return {remote for remote in listed if remote.path in paths}
