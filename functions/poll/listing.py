"""One look at a feed's directory: what of it may be new, and what everything else is."""

import posixpath
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from lakeferry.feeds import Feed
from lakeferry.feeds.files import companion_of
from lakeferry.models import RemoteFile
from lakeferry.servers import Server
from poll.balance import Balance
from poll.memory import Memory, digest_of, listed_digest_of
from poll.pattern import Pattern
from poll.questions import Questions

MOST_CANDIDATES = 50_000
"""Of one look: five times what a run takes of a feed. What is listed after them is counted, not kept: by the next poll
these are in the ledger, or known to be done with, so each poll comes further."""
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


class Listing:
    """One look at the feed's directory.

    Attributes:
        candidates: Files of the feed that the ledger was asked about.
        done: Digests of those that need no question.
        unread: The first lines that could not be read.
        beyond: How many names came after as many candidates as are kept; the next polls come to them.
        balance: How its entries ended, but for the candidates.
        missed: Names, the first, that are not the feed's.
        is_empty_ignored: Whether a file is not the feed's for want of content alone.
    """

    def __init__(self, feed: Feed, memory: Memory, questions: Questions, now: float) -> None:
        self.candidates: list[Candidate] = []
        self.done: set[bytes] = set()
        self.unread: list[str] = []
        self.balance = Balance()
        self.is_empty_ignored = False
        self.beyond = 0
        self._files, self._known, self._questions, self._now = feed.files, memory.done, questions, now
        self._pattern = Pattern(feed.files, feed.companions)
        self.missed = self._pattern.missed
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
            known, tell_done, quick = self._known, self.done.add, 0
            for remote in listed:
                digest = digest_of(remote)
                if digest in known and remote.listed_mtime is None and not self._companions:
                    tell_done(digest)
                    quick += 1
                else:
                    self._sort(remote, digest)
            self.unread = server.unread
            found, balance = server.listed, self.balance
        balance.done_with += quick
        balance.listed, balance.not_regular, balance.gone = found.entries, found.others, found.gone
        balance.unread, balance.not_the_feeds = found.unread, balance.not_the_feeds + found.unwanted
        if len({one.digest for one in self.candidates}) < len(self.candidates):  # what is listed twice is one file
            once = list({one.remote: one for one in self.candidates}.values())
            balance.repeated = len(self.candidates) - len(once)
            self.candidates = once

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
            self.balance.done_with += 1
        if is_done and not self._companions:
            return
        name = remote.name
        belongs_to = list(self._pattern.belonging(name))
        for template in belongs_to:
            self._companions[template][remote.path] = remote.mtime
        if is_done:
            return
        date = self._pattern.business_date(name, remote.mtime) if self._matters(remote) else None
        if date is not None and len(self.candidates) >= MOST_CANDIDATES:
            self.beyond += 1
        elif date is not None:
            self.candidates.append(Candidate(remote, date.isoformat(), kept))
            self._questions.ask(remote.file_id)
        elif belongs_to:
            self.balance.companions += 1
        else:
            self._is_not_the_feeds(remote)

    def _matters(self, remote: RemoteFile) -> bool:
        return self._pattern.fits(remote.name) and (remote.size > 0 or self._files.size.zero_bytes != "ignore")

    def _is_known(self, listed: RemoteFile) -> bool:
        """Whether the exact time of a file that the listing shows only so would change nothing."""
        if any(self._pattern.belonging(listed.name)):
            return False
        digest = listed_digest_of(listed)
        if digest in self._known:
            self.done.add(digest)
            self.balance.done_with += 1
            return True
        if self._matters(listed):
            return False
        self._is_not_the_feeds(listed)
        return True

    def _is_not_the_feeds(self, remote: RemoteFile) -> None:
        self.balance.not_the_feeds += 1
        if remote.size == 0 and self._pattern.fits(remote.name):
            self.is_empty_ignored |= self._files.size.zero_bytes == "ignore"
        self._pattern.miss(remote.name)
