"""How far a run is: what the ledger says of its files, and what its state machine and functions say they wait for."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.stack import Stack

_READ = (
    *("path", "size", "status", "bytes_fetched", "rows_read", "rows_landed", "rows_curated", "rows_rejected"),
    *("error", "cause", "stage", "dt"),
)
STEPS = {"CLAIMED": "fetching", "FETCHED": "checking", "VALIDATED": "uploading", "UPLOADED": "curating"}
"""What is done with a file of a status."""
_REST_SHARE = 20
"""A look at the ledger takes one part in so many of the time, however many files a run has."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the run."""

    feed_id: str
    file_id: str
    path: str
    size: int
    status: str
    fetched: int = 0
    rows: int = 0
    rows_rejected: int = 0
    error: str = ""
    cause: str = ""
    stage: str = ""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "File":
        """A ledger item."""
        status, size = entry["status"], int(entry["size"])
        is_fetched = status not in {"CLAIMED", "FAILED", "RELEASED"}
        return cls(
            feed_id=entry["feed_id"],
            file_id=entry["file_id"],
            path=entry["path"],
            size=size,
            status=status,
            fetched=size if is_fetched else int(entry.get("bytes_fetched") or 0),
            rows=int(entry.get("rows_curated", entry.get("rows_landed", 0)) or 0),
            rows_rejected=int(entry.get("rows_rejected") or 0),
            error=entry.get("error", "") if status == "FAILED" else "",
            cause=entry.get("cause", "") if status == "FAILED" else "",
            stage=entry.get("stage", "") if status == "FAILED" else "",
        )

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def is_at_work(self) -> bool:
        """Whether something is still done with it."""
        return self.status in STEPS


@dataclass(slots=True)
class Progress:
    """One run, looked at again and again.

    Attributes:
        stage: The state of the state machine that the run is in as a whole.
        waits: What is waited for, by feed: words, and until when by `time.monotonic`.
        reports: Files with the report of each run that was waited for.
    """

    stack: Stack
    run: str
    started: float = field(default_factory=time.monotonic)
    files: dict[tuple[str, str], File] = field(default_factory=dict)
    stage: str = ""
    waits: dict[str, tuple[str, float]] = field(default_factory=dict)
    reports: list[str] = field(default_factory=list)
    _next: float = 0.0

    def look(self, *, at_once: bool = False) -> list[File]:
        """Reads the ledger anew, where it is time; files that are another than before."""
        began = time.monotonic()
        if not at_once and began < self._next:
            return []
        changed = []
        for entry in self.stack.ledger.of_run(self.run, _READ):
            file = File.of(entry)
            key = (file.feed_id, file.file_id)
            if self.files.get(key) != file:
                self.files[key] = file
                changed.append(file)
        took = time.monotonic() - began
        self._next = began + took * _REST_SHARE
        return changed

    def waits_for(self, feed_id: str, what: str, seconds: float) -> None:
        """Notes that a function waits."""
        self.waits[feed_id] = (what, time.monotonic() + seconds)

    def waiting(self) -> list[tuple[str, str, int]]:
        """Feed, what it waits for, and for how many seconds at most."""
        now = time.monotonic()
        self.waits = {feed: wait for feed, wait in self.waits.items() if wait[1] > now}
        return [(feed, what, round(until - now)) for feed, (what, until) in sorted(self.waits.items())]

    @property
    def seconds(self) -> float:
        """Since it was begun to be watched."""
        return time.monotonic() - self.started

    def by_feed(self) -> dict[str, list[File]]:
        """Its files."""
        found: dict[str, list[File]] = {}
        for file in self.files.values():
            found.setdefault(file.feed_id, []).append(file)
        return dict(sorted(found.items()))


def share_done(files: Iterable[File]) -> float:
    """How much of them is done, 0 to 1: fetching counts by bytes, and each later step for as much again."""
    done = total = 0.0
    for file in files:
        weight = max(file.size, 1)
        total += weight
        if file.is_at_work:
            steps = list(STEPS)
            part = file.fetched / weight if file.status == steps[0] else 1.0
            done += weight * (part + max(steps.index(file.status) - 1, 0)) / len(steps)
        else:
            done += weight
    return done / total if total else 0.0
