"""What a report knows: of the run, and of one of its files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from lakeferry.ledger import DROPPED_AT, IN_WORK, LEFT_AT, Entry
from lakeferry.mails.text import excerpt
from lakeferry.models import run_id_of, stack_of

NAME, CAUSE = 200, 1_200
"""Characters of a name, and of a cause, that a page shows."""
RULES = 12
"""Rules that a file's line names before it counts the rest."""
COLUMNS = 40
"""Columns of a schema that are named before the rest is counted."""
ATTRIBUTES = (
    *("path", "size", "status", "dt", "attempts", "bytes_fetched", "rows_read", "rows_landed", "rows_rejected"),
    *("rows_curated", "rows_dropped", "bad_rows", "report_key", "drift", "columns", "notes", "seconds", "curated_by"),
    *("stage", "error", "cause", "after_error", DROPPED_AT, LEFT_AT),
    *("claimed_at", "fetched_at", "validated_at", "uploaded_at", "curated_at", "failed_at"),
)
"""What is read of a file, besides its key."""


def shown(text: object, longest: int = NAME) -> str:
    """So much of what others wrote, on one line, in the reading direction of the page."""
    return excerpt(str(text), longest)


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took time.

    Attributes:
        what: `fetch`, `check`, `upload`, `curate`; of the run as a whole a state's name.
        is_wait: Nothing was done: hatched.
    """

    what: str
    begun: datetime
    ended: datetime
    is_wait: bool = False

    @property
    def seconds(self) -> float:
        return (self.ended - self.begun).total_seconds()


@dataclass(slots=True)
class StateFacts:
    """What became of one state of the machine.

    Attributes:
        unit: What is counted, `file` or `feed`; empty where it is how often the state was entered.
    """

    good: int = 0
    failed: int = 0
    open: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The run as a whole.

    Attributes:
        arn: Of the execution.
        states: By name; one that is not there was not entered, or nothing tells of it.
        spans: When its states were at work, in order.
        has_history: Whether the execution's history could be read.
    """

    arn: str
    status: str
    started: datetime
    ended: datetime | None = None
    error: str = ""
    cause: str = ""
    states: Mapping[str, StateFacts] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    has_history: bool = False

    @property
    def name(self) -> str:
        return run_id_of(self.arn)

    @property
    def stack(self) -> str:
        return stack_of(self.arn)

    def job_began(self) -> datetime | None:
        """When the run began to curate."""
        return min((span.begun for span in self.spans if span.what in {"Run Glue job", "Curate small"}), default=None)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a balance: what must be equal, and whether it is."""

    left: str
    left_count: int
    right: tuple[tuple[str, int], ...]

    @property
    def holds(self) -> bool:
        return self.left_count == sum(count for _, count in self.right)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file, as the run left it; texts are cut to what a page shows.

    Attributes:
        rows_*, bytes_fetched: None where the file did not come so far.
        rejected_by, dropped_by: Rows by rule, the largest first.
    """

    feed_id: str
    path: str
    size: int
    status: str
    dt: str
    spans: tuple[Span, ...]
    bytes_fetched: int | None = None
    rows_read: int | None = None
    rows_landed: int | None = None
    rows_rejected: int | None = None
    rows_curated: int | None = None
    rows_dropped: int = 0
    rejected_by: tuple[tuple[str, int], ...] = ()
    dropped_by: tuple[tuple[str, int], ...] = ()
    stage: str = ""
    error: str = ""
    cause: str = ""
    after_error: str = ""
    notes: tuple[str, ...] = ()
    has_drift: bool = False
    is_left: bool = False
    is_dropped: bool = False
    file_id: str = ""

    @classmethod
    def of(cls, entry: Entry, job_began: datetime | None) -> Self:
        """From the ledger's item; `job_began` is when the run began to curate."""
        failed = entry["status"] == "FAILED"
        dropped = _counts(entry.get("rows_dropped"))
        return cls(
            feed_id=str(entry["feed_id"]),
            path=shown(entry.get("path", "")),
            size=_number(entry.get("size")) or 0,
            status=str(entry["status"]),
            dt=shown(entry.get("dt", "")),
            spans=tuple(_spans(entry, job_began)),
            bytes_fetched=_number(entry.get("bytes_fetched")),
            rows_read=_number(entry.get("rows_read")),
            rows_landed=_number(entry.get("rows_landed")),
            rows_rejected=_number(entry.get("rows_rejected")),
            rows_curated=_number(entry.get("rows_curated")),
            rows_dropped=sum(dropped.values()),
            rejected_by=_by_rule(_counts(entry.get("bad_rows"))),
            dropped_by=_by_rule(dropped),
            stage=shown(entry.get("stage", "")) if failed else "",
            error=shown(entry.get("error", "")) if failed else "",
            cause=shown(entry.get("cause", ""), CAUSE) if failed else "",
            after_error=shown(entry.get("after_error", ""), CAUSE),
            notes=tuple(shown(note, CAUSE) for note in list(entry.get("notes", ()))[:3]),
            has_drift=bool(entry.get("drift")),
            is_left=LEFT_AT in entry,
            is_dropped=DROPPED_AT in entry,
            file_id=str(entry["file_id"]),
        )

    @property
    def is_unfinished(self) -> bool:
        """Whether a later run goes on with it."""
        return self.status in IN_WORK

    @property
    def balance(self) -> tuple[Line, ...]:
        """What must add up, as far as the file came."""
        lines = []
        if self.bytes_fetched is not None and self.status not in {"CLAIMED", "FAILED"}:
            lines.append(Line("bytes on the server", self.size, (("fetched", self.bytes_fetched),)))
        if None not in (self.rows_read, self.rows_landed):
            right = (("landed", self.rows_landed or 0), ("rejected", self.rows_rejected or 0))
            lines.append(Line("rows read", self.rows_read or 0, right))
        if self.rows_curated is not None:
            right = (("curated", self.rows_curated), ("dropped", self.rows_dropped))
            lines.append(Line("rows landed", self.rows_landed or 0, right))
        return tuple(lines)

    @property
    def rank(self) -> int:
        """How soon a person wants to see it: 0 first."""
        if self.status == "FAILED" or not all(line.holds for line in self.balance):
            return 0
        if self.is_unfinished or self.after_error:
            return 1
        return 2 if self.rows_rejected or self.has_drift or self.notes else 3


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """Columns of a file that are others than those of the feed's file before."""

    path: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    added: frozenset[str]
    removed: frozenset[str]
    more: int
    is_reordered: bool = False

    @classmethod
    def of(cls, entry: Entry) -> Self | None:
        """None where they are the same. Where the columns that are gone stood is not known: they come last."""
        drift: Mapping[str, Any] = entry.get("drift") or {}
        if not drift:
            return None
        added, removed = list(map(str, drift.get("added", ()))), list(map(str, drift.get("removed", ())))
        columns = list(map(str, entry.get("columns", ())))
        before = [name for name in columns if name not in set(added)] + removed
        return cls(
            path=shown(entry.get("path", "")),
            before=tuple(shown(name) for name in before[:COLUMNS]),
            after=tuple(shown(name) for name in columns[:COLUMNS]),
            added=frozenset(map(shown, added)),
            removed=frozenset(map(shown, removed)),
            more=max(len(columns), len(before)) - COLUMNS if max(len(columns), len(before)) > COLUMNS else 0,
            is_reordered=bool(drift.get("reordered")),
        )


_STAGES = (("fetch", "claimed_at", "fetched_at"), ("check", "fetched_at", "validated_at"))
_LAST = (("upload", "validated_at", "uploaded_at"),)


def _spans(entry: Entry, job_began: datetime | None) -> Iterator[Span]:
    """The stages between the moments that the ledger has, with what was only waited for apart."""
    for what, begun, ended in (*_STAGES, *_LAST):
        span = _between(entry, what, begun, ended)
        if span is None:
            continue
        busy = sum(map(float, (entry.get("seconds") or {}).values())) if what == "check" else 0.0
        if 0 < busy < span.seconds:
            middle = datetime.fromtimestamp(span.ended.timestamp() - busy, span.ended.tzinfo)
            yield Span(what, span.begun, middle, is_wait=True)
            yield Span(what, middle, span.ended)
        else:
            yield span
    curated = _between(entry, "curate", "uploaded_at", "curated_at")
    if curated is not None:
        began = min(max(job_began or curated.begun, curated.begun), curated.ended)
        if began > curated.begun:
            yield Span("curate", curated.begun, began, is_wait=True)
        yield Span("curate", began, curated.ended)
    if entry["status"] == "FAILED" and (failed := moment(entry.get("failed_at"))):
        last = max((moment(entry.get(name)) for name in _MOMENTS if moment(entry.get(name))), default=None)  # type: ignore[type-var]
        if last is not None and failed > last:
            yield Span("failed", last, failed)


_MOMENTS = ("claimed_at", "fetched_at", "validated_at", "uploaded_at")


def _between(entry: Entry, what: str, begun: str, ended: str) -> Span | None:
    first, last = moment(entry.get(begun)), moment(entry.get(ended))
    return Span(what, first, last) if first is not None and last is not None and last >= first else None


def moment(text: object) -> datetime | None:
    """A time as tables keep it; None where there is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _counts(value: object) -> dict[str, int]:
    return {str(name): int(count) for name, count in value.items() if count} if isinstance(value, Mapping) else {}


def _by_rule(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The largest first; what is too much for a line is one rule, so that the sum stays."""
    found = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    rest = sum(count for _, count in found[RULES:])
    named = tuple((shown(name), count) for name, count in found[:RULES])
    return (*named, (f"{len(found) - RULES} more rules", rest)) if rest else named
