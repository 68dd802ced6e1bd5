"""One item of the SLA table: a promise, how it stands, and which mails about it were sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Self

from lakeferry.sla.calendar import DueTime
from lakeferry.sla.verdict import LATE, MET, Verdict

EVENTS = ("sla_due", "sla_breached", "sla_recovered", "pipeline_silent", "pipeline_recovered")
ALARMS = ("sla_due", "sla_breached")
FINAL = frozenset({MET, LATE})


@dataclass(frozen=True, slots=True)
class SlaItem:
    """A due time of a feed.

    Attributes:
        due: Sort key, `<expected_at>#<business date>`.
        expected_at, deadline, completed_at: UTC.
        expected_by, timezone: As the feed had them when it was due.
        late_seconds: From `expected_at` to `completed_at`.
        claimed: Events of which a mail was sent, or is being sent by somebody.
        sent: Events of which a mail was sent.
        is_open: There is more to come: files, or a mail.
    """

    feed_id: str
    due: str
    status: str
    expected_at: datetime
    deadline: datetime
    due_date: str
    business_date: str
    expected_by: str
    timezone: str
    completed_at: datetime | None = None
    late_seconds: int = 0
    arrived: int = 0
    missing: tuple[str, ...] = ()
    claimed: frozenset[str] = frozenset()
    sent: frozenset[str] = frozenset()
    is_open: bool = False

    @property
    def due_time(self) -> DueTime:
        return DueTime(
            self.expected_at, date.fromisoformat(self.business_date), self.deadline, date.fromisoformat(self.due_date)
        )

    @property
    def is_alarmed(self) -> bool:
        """Whether somebody was told, or is being told, that it is not there."""
        return not self.claimed.isdisjoint(ALARMS)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """From the table's item, as plain JSON."""
        return cls(
            feed_id=item["feed_id"],
            due=item["due"],
            status=item["status"],
            expected_at=datetime.fromisoformat(item["expected_at"]),
            deadline=datetime.fromisoformat(item["deadline"]),
            due_date=item["due_date"],
            business_date=item["business_date"],
            expected_by=item["expected_by"],
            timezone=item["timezone"],
            completed_at=datetime.fromisoformat(item["completed_at"]) if "completed_at" in item else None,
            late_seconds=item.get("late_seconds", 0),
            arrived=item.get("arrived", 0),
            missing=tuple(item.get("missing", ())),
            claimed=frozenset(event for event in EVENTS if f"{event}_claim" in item),
            sent=frozenset(event for event in EVENTS if f"{event}_sent_at" in item),
            is_open="open" in item,
        )


def due_key(due: DueTime) -> str:
    """The sort key: due time and business date, for two dates' files may be due at one moment."""
    return f"{stamp(due.expected_at)}#{due.business_date.isoformat()}"


def stamp(moment: datetime) -> str:
    """UTC, whole seconds: what sorts as text as it does in time."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def outcome(verdict: Verdict) -> dict[str, Any]:
    """The attributes a verdict is kept in."""
    values: dict[str, Any] = {
        "status": verdict.status,
        "arrived": verdict.arrived,
        "missing": list(verdict.missing),
        "late_seconds": verdict.late_seconds,
    }
    if verdict.completed_at is not None:
        # up to the millisecond, as the ledger: lateness is judged from it
        values["completed_at"] = verdict.completed_at.isoformat()
    return values


def span(seconds: int) -> str:
    """A length of time as one says it: `1 h 12 min`."""
    minutes = max(1, round(seconds / 60)) if seconds else 0
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(filter(None, parts)) or "0 min"
