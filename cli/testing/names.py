"""What a poll would make of each name on the server, and why."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from lakeferry.counting import count_of
from lakeferry.feeds import Feed
from lakeferry.feeds.files import companion_of
from lakeferry.ledger import ENDED, FINISHED, Entry
from lakeferry.models import RemoteFile
from lakeferry.servers import Server
from poll.core import LONGEST_WAIT_SECONDS
from poll.listing import DOUBT_SECONDS
from poll.nearest import nearest_of
from poll.pattern import Pattern

TAKEN, WAITS, DONE_WITH, OTHER = "taken", "waits", "done with", "not this feed's"
MOST_NAMES = 2_000
"""Names that a listing tells; more are counted."""


@dataclass(frozen=True, slots=True)
class Named:
    """One name of the server.

    Attributes:
        what: `taken`, `waits`, `done with` or `not this feed's`.
        why: In words.
        dt: Business date of a file of the feed.
    """

    name: str
    what: str
    why: str
    size: int | None = None
    dt: str = ""
    remote: RemoteFile | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """What one listing had.

    Attributes:
        others: Folders, links and whatever else is no file.
        unread: Lines that could not be understood, the first of them.
        uncounted: Names of others over `MOST_NAMES`.
    """

    names: tuple[Named, ...]
    others: int
    unread: tuple[str, ...]
    uncounted: int = 0

    def of(self, what: str) -> list[Named]:
        """Those of one kind."""
        return [named for named in self.names if named.what == what]


def look(server: Server, feed: Feed) -> tuple[list[RemoteFile], list[str], int]:
    """Files of the server that may be the feed's, the names of others, and how many of those there are."""
    pattern, others, count = Pattern(feed.files, feed.companions), list[str](), 0

    def wanted(name: str) -> bool:
        nonlocal count
        if pattern.wanted(name):
            return True
        count += 1
        if len(others) < MOST_NAMES:
            others.append(name)
        return False

    found = list(server.list_files(feed.files.directory, recursive=feed.files.recursive, wanted=wanted))
    return found, others, count


def sort_names(
    feed: Feed, server: Server, looked: tuple[list[RemoteFile], list[str], int], known: Mapping[str, Entry], now: float
) -> Names:
    """Says of each name what the next poll would do with it.

    Args:
        known: The ledger's entries by `file_id`; empty where there is no ledger.
    """
    remotes, others, count = looked
    sorter = _Sorter(feed, remotes, now)
    named = [sorter.named(remote, known.get(remote.file_id)) for remote in remotes]
    over = feed.files.max_files_per_run
    taken = [one for one in named if one.what == TAKEN and one.remote is not None]
    taken.sort(key=lambda one: (one.remote.mtime, one.remote.path) if one.remote else (0, ""))
    left = {one.name for one in taken[over:]}
    named = [
        Named(one.name, WAITS, f"over max_files_per_run ({over:,}); a later run takes it", one.size, one.dt, one.remote)
        if one.name in left
        else one
        for one in named
    ]
    named += [Named(name, OTHER, difference(feed, name)) for name in sorted(others)]
    return Names(tuple(named), server.listed.others, tuple(server.unread), count - len(others))


def difference(feed: Feed, name: str) -> str:
    """Why a name is not the feed's, and how near it is."""
    _, _, told = nearest_of(feed.files, [name], 1).partition("; nearest: ")
    return (
        told.rpartition(", differs")[1].lstrip(", ") + told.rpartition(", differs")[2]
        if ", differs" in told
        else (told.partition(", ")[2] or "does not fit")
    )


class _Sorter:
    def __init__(self, feed: Feed, remotes: list[RemoteFile], now: float) -> None:
        self._feed, self._now = feed, now
        self._pattern = Pattern(feed.files, feed.companions)
        self._times = {remote.path: remote.mtime for remote in remotes}

    def named(self, remote: RemoteFile, entry: Entry | None) -> Named:
        feed, name = self._feed, remote.path
        if not self._pattern.fits(remote.name):
            belonging = list(self._pattern.belonging(remote.name))
            why = "comes with another file, as marker, checksum or control file" if belonging else "does not fit"
            return Named(name, OTHER, why, remote.size, remote=remote)
        day = self._pattern.business_date(remote.name, remote.mtime)
        if day is None:
            return Named(name, OTHER, "has a date in it that does not exist", remote.size, remote=remote)
        what, why = self._fate(remote, entry)
        if what == TAKEN and (problem := _size_problem(feed, remote)):
            why = f"{problem}: it will be rejected"
        return Named(name, what, why, remote.size, day.isoformat(), remote)

    def _fate(self, remote: RemoteFile, entry: Entry | None) -> tuple[str, str]:
        files = self._feed.files
        if remote.size == 0 and files.size.zero_bytes == "ignore":
            return OTHER, "is empty, and files.size.zero_bytes is ignore"
        if entry is not None and entry["status"] in {*ENDED, *FINISHED, "FAILED"}:
            return DONE_WITH, _of_entry(entry)
        missing = [template for template in self._feed.companions if not self._is_there(template, remote)]
        if missing:
            names = " and ".join(companion_of(template, remote.name) for template in missing)
            return WAITS, f"waits for {names}, which is not there or older"
        age, settle = self._now - remote.mtime, files.settled_after
        if age >= settle + DOUBT_SECONDS or not settle:
            return TAKEN, "the next poll takes it"
        if settle <= LONGEST_WAIT_SECONDS:
            return TAKEN, f"the next poll takes it, once it has seen it unchanged for {count_of(settle, 'second')}"
        return WAITS, f"is young: taken by the first poll {count_of(settle, 'second')} after one that saw the same"

    def _is_there(self, template: str, remote: RemoteFile) -> bool:
        path = posixpath.join(posixpath.dirname(remote.path), companion_of(template, remote.name))
        return self._times.get(path, -1) >= remote.mtime


def _of_entry(entry: Entry) -> str:
    status = str(entry["status"])
    if status == "FAILED":
        return f"this version failed ({entry.get('error', '?')}); `lakeferry reprocess` takes it again"
    words = {"SUPERSEDED": "a newer version of it is in the lake", "DUPLICATE": "its bytes are in the lake already"}
    return words.get(status, f"this version is in the lake already ({status})")


def _size_problem(feed: Feed, remote: RemoteFile) -> str:
    size = feed.files.size
    if remote.size < size.min_bytes:
        return f"has {remote.size:,} bytes, fewer than files.size.min_bytes ({size.min_bytes:,})"
    if size.max_bytes is not None and remote.size > size.max_bytes:
        return f"has {remote.size:,} bytes, more than files.size.max_bytes ({size.max_bytes:,})"
    return ""
