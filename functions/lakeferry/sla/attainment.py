"""How well feeds kept their promises, month by month: a pure function of the SLA table's items."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from lakeferry.sla.items import SlaItem
from lakeferry.sla.table import SlaTable
from lakeferry.sla.verdict import BREACHED, DROPPED, DUE, LATE, MET, MISSED


@dataclass(frozen=True, slots=True)
class Attainment:
    """A feed's month, by the local day on which files were due.

    Attributes:
        month: `YYYY-MM`.
        met: Complete within the grace.
        late: Complete after it; by how much is in the two figures of seconds, counted from the due time.
        missed: Not complete after the grace; may still come.
        pending: In the grace.
    """

    feed_id: str
    month: str
    met: int = 0
    late: int = 0
    missed: int = 0
    pending: int = 0
    late_seconds_mean: int = 0
    late_seconds_max: int = 0

    @property
    def due(self) -> int:
        """What can be told: the pending ones cannot yet."""
        return self.met + self.late + self.missed

    @property
    def ratio(self) -> float | None:
        """Share that was met, 0 to 1; None when nothing was due."""
        return self.met / self.due if self.due else None


def attainments(items: Iterable[SlaItem]) -> list[Attainment]:
    """One for each feed and month that the items have, in order; what was dropped does not count."""
    by_month: dict[tuple[str, str], list[SlaItem]] = defaultdict(list)
    for item in items:
        if item.status != DROPPED:
            by_month[item.feed_id, item.due_date[:7]].append(item)
    return [_of_month(feed_id, month, found) for (feed_id, month), found in sorted(by_month.items())]


def _of_month(feed_id: str, month: str, items: list[SlaItem]) -> Attainment:
    late = [item.late_seconds for item in items if item.status == LATE]
    return Attainment(
        feed_id,
        month,
        met=sum(item.status == MET for item in items),
        late=len(late),
        missed=sum(item.status in {BREACHED, MISSED} for item in items),
        pending=sum(item.status == DUE for item in items),
        late_seconds_mean=round(sum(late) / len(late)) if late else 0,
        late_seconds_max=max(late, default=0),
    )


def of_months(table: SlaTable, feed_id: str, first: str, last: str) -> list[SlaItem]:
    """A feed's due times of the local months `first` to `last` (`YYYY-MM`); reads these and some days around them."""
    # keys are UTC; no zone is more than a day away from it
    items = table.history(feed_id, _shifted(first, -1) + "-27", _shifted(last, 1) + "-02")
    return [item for item in items if first <= item.due_date[:7] <= last]


def _shifted(month: str, by: int) -> str:
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{number // 12:04}-{number % 12 + 1:02}"
