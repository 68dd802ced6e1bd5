"""Whether a promise was kept: a pure function of what arrived when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from re import sub

from lakeferry.feeds.sla import SlaSpec
from lakeferry.sla.calendar import DueTime

DUE, BREACHED, MET, LATE, MISSED, DROPPED = "DUE", "BREACHED", "MET", "LATE", "MISSED", "DROPPED"
"""In its grace; not there after it; there in time; there after the grace; given up; the feed was switched off."""
GIVEN_UP_AFTER = timedelta(days=14)
"""What has not come so long after the grace is MISSED, and not looked for any more."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file of the business date that is in the lake, and when it came there (UTC)."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a promise stands.

    Attributes:
        completed_at: When the last file came that was needed; None while one is missing.
        late_seconds: From `expected_at` to `completed_at`; 0 for what was there before.
        missing: What is not there yet, in words.
    """

    status: str
    arrived: int = 0
    completed_at: datetime | None = None
    late_seconds: int = 0
    missing: tuple[str, ...] = ()


def judge(sla: SlaSpec, due: DueTime, arrivals: Sequence[Arrival], now: datetime) -> Verdict:
    """The verdict at `now` on a due time that has been reached; what arrived later does not count yet."""
    there = sorted((one for one in arrivals if one.at <= now), key=lambda one: one.at)
    moments: list[datetime] = []
    missing: list[str] = []
    if len(there) >= sla.min_files:
        moments.append(there[sla.min_files - 1].at)
    elif sla.min_files > 1:
        missing.append(f"{sla.min_files - len(there)} of {sla.min_files} files")
    elif not sla.files:
        missing.append("any file")
    for pattern in sla.files:
        glob = dated(pattern, due.business_date)
        first = next((one.at for one in there if fnmatchcase(one.name, glob)), None)
        if first is None:
            missing.append(glob)
        else:
            moments.append(first)
    if missing:
        return Verdict(DUE if now < due.deadline else BREACHED, len(there), missing=tuple(missing))
    completed_at = max(moments)
    late = max(0, int((completed_at - due.expected_at).total_seconds()))
    return Verdict(MET if completed_at <= due.deadline else LATE, len(there), completed_at, late)


def dated(pattern: str, business_date: date) -> str:
    """The glob for one business date: `{date:%Y%m%d}` filled in."""
    return sub(r"\{date:([^{}]+)\}", lambda match: business_date.strftime(match[1]), pattern)
