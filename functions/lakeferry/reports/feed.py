"""What a report knows of one feed in a run: sums, and so many files as a page shows."""

from bisect import insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lakeferry.ledger import Entry
from lakeferry.ledger.feed_states import OUT_OF_TIME_IN
from lakeferry.mails.run_summary import what_was_left
from lakeferry.reports.facts import CAUSE, FileFacts, Line, SchemaChange, Span, shown
from lakeferry.reports.failures import Failure, Failures, of_file
from lakeferry.reports.listing import LEFT
from lakeferry.sla.items import SlaItem

KEPT = 60
"""Files of a feed that are kept, those that a person wants to see first; pages of all files have the rest."""
NO_TURN = "not polled: the run's time was over before its turn came"
CHANGES, NOTED = 6, 6
"""Schema changes, and files whose after-action failed, that are kept."""


@dataclass(slots=True)
class FeedFacts:
    """One feed; files are added as they are read.

    Attributes:
        entries: How the entries of its listing ended; empty where this run did not poll it.
        promises: Due times around the run.
        spans: Stage → when the first file's began and the last one's ended, and the seconds of all.
    """

    feed_id: str
    dataset: str = ""
    entries: Mapping[str, int] = field(default_factory=dict)
    nearest: str = ""
    left: tuple[str, ...] = ()
    was_polled: bool = False
    promises: tuple[SlaItem, ...] = ()
    failures: Failures = field(default_factory=Failures)
    poll_failed: bool = False
    is_aside: bool = False
    statuses: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)
    rejected_by: Counter[str] = field(default_factory=Counter)
    dropped_by: Counter[str] = field(default_factory=Counter)
    failed_in: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    unbalanced: int = 0
    left_for_time: int = 0
    after_failed: int = 0
    after_errors: list[FileFacts] = field(default_factory=list)
    changed: int = 0
    changes: list[SchemaChange] = field(default_factory=list)
    spans: dict[tuple[str, bool], list[Any]] = field(default_factory=dict)
    _files: list[tuple[int, str, int, FileFacts]] = field(default_factory=list)

    @property
    def tenant(self) -> str:
        return self.feed_id.partition("/")[0]

    @property
    def count(self) -> int:
        """Its files in the run."""
        return self.statuses.total()

    @property
    def files(self) -> list[FileFacts]:
        """Those that are kept, in the order a person wants to see them."""
        return [file for *_, file in self._files]

    def add(self, entry: Entry, file: FileFacts) -> None:
        """Takes a file."""
        self.statuses[file.status] += 1
        self._sum(file)
        one = (file.rank, file.path, self.count, file)
        if len(self._files) < KEPT or one[:3] < self._files[-1][:3]:
            insort(self._files, one)
            del self._files[KEPT:]
        if file.status == "FAILED":
            self.failures.add(of_file(file))
            self.failed_in[file.stage] += 1
        if file.after_error:
            self.after_failed += 1
            if len(self.after_errors) < NOTED:
                self.after_errors.append(file)
        if (change := SchemaChange.of(entry)) is not None:
            self.changed += 1
            if len(self.changes) < CHANGES:
                self.changes.append(change)
        for span in file.spans:
            self._spread(span)

    def _sum(self, file: FileFacts) -> None:
        landed = file.status in {"UPLOADED", "CURATED"}
        self.totals["bytes"] += file.size
        self.totals["bytes_landed"] += file.size if landed else 0
        for name in ("bytes_fetched", "rows_read", "rows_landed", "rows_rejected", "rows_curated"):
            self.totals[name] += getattr(file, name) or 0
        self.totals["rows_dropped"] += file.rows_dropped
        self.rejected_by.update(dict(file.rejected_by))
        self.dropped_by.update(dict(file.dropped_by))
        self.unbalanced += not all(line.holds for line in file.balance)
        self.left_for_time += file.is_left
        for span in file.spans:
            self.passed[span.what] += not span.is_wait
        for line in file.balance:
            self.totals[f"lines {line.left}"] += line.left_count
            self.totals[f"of {line.left}"] += 1
            for what, count in line.right:
                self.totals[f"lines {line.left} {what}"] += count

    def _spread(self, span: Span) -> None:
        begun, ended, seconds = self.spans.get((span.what, span.is_wait), (span.begun, span.ended, 0.0))
        self.spans[span.what, span.is_wait] = [min(begun, span.begun), max(ended, span.ended), seconds + span.seconds]

    def poll(self, state: Mapping[str, Any], run: str) -> None:
        """Takes what the ledger has of the feed as a whole."""
        if state.get("failed_run") == run and "error" in state:
            self.poll_failed = True
            cause = shown(state.get("cause", ""), CAUSE) or "No cause was given."
            self.failures.add(
                Failure("feed", self.feed_id, shown(state["error"]), cause, shown(state.get("stage", "")), self.feed_id)
            )
            return
        if state.get("polled_by") != run:
            if state.get(OUT_OF_TIME_IN) == run:
                self.left = (NO_TURN,)
            return
        self.was_polled = True
        entries = dict(state.get("entries") or {})
        self.nearest = shown(entries.pop("fits_nothing", ""), CAUSE)
        self.entries = {name: int(count) for name, count in entries.items()}
        if state.get("run") == run:
            self.left = tuple(shown(line, CAUSE) for line in what_was_left(state.get("left") or {}))

    @property
    def landed(self) -> int:
        """Files in the raw zone, or further."""
        return self.statuses["UPLOADED"] + self.statuses["CURATED"]

    @property
    def waits(self) -> int:
        """Entries of the listing that are the feed's and were not taken."""
        return sum(self.entries.get(name, 0) for name in LEFT)

    @property
    def begun(self) -> datetime | None:
        return min((begun for begun, _, _ in self.spans.values()), default=None)

    @property
    def ended(self) -> datetime | None:
        return max((ended for _, ended, _ in self.spans.values()), default=None)

    @property
    def balance(self) -> tuple[Line, ...]:
        """Of all its files together, line by line."""
        lines = []
        for left, right in (
            ("bytes on the server", ("fetched",)),
            ("rows read", ("landed", "rejected")),
            ("rows landed", ("curated", "dropped")),
        ):
            if self.totals[f"of {left}"]:
                parts = tuple((what, self.totals[f"lines {left} {what}"]) for what in right)
                lines.append(Line(left, self.totals[f"lines {left}"], parts))
        return tuple(lines)

    @property
    def verdict(self) -> str:
        """`failed`, `open` (a later run goes on), `left` (something waits on the server), `good`, or `quiet`."""
        groups = list(self.failures)
        if self.unbalanced or any(not group.by_itself for group in groups):
            return "failed"
        if groups or self.left_for_time or any(self.statuses[name] for name in ("CLAIMED", "FETCHED", "VALIDATED")):
            return "open"
        if self.left or self.waits or self.after_failed:
            return "left"
        return "good" if self.count else "quiet"
