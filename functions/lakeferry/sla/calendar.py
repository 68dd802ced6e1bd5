"""When a feed's files are due: pure functions of the feed's `sla` and a span of time.

A due time is the first moment at which the local clock shows `expected_by`, or later, on that day. So on the day the
clocks go forward a time they jump over is due when they jump; on the day they go back a time that comes twice is due
the first time. Grace is real time, whatever the clocks do.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lakeferry.feeds.days_off import is_holiday
from lakeferry.feeds.sla import SlaSpec

FARTHEST_DAYS = 31
"""So far is a day moved to a business day, at most; further on it stays where it is."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class DueTime:
    """One promise of a feed.

    Attributes:
        expected_at: UTC.
        business_date: The date the files are for, the `dt` of the ledger.
        deadline: UTC; `expected_at` and the grace.
        due_date: The local day of `expected_at`.
    """

    expected_at: datetime
    business_date: date
    deadline: datetime
    due_date: date


def due_times(sla: SlaSpec, after: datetime, until: datetime) -> list[DueTime]:
    """Every due time in (after, until], in order; two of the same moment and business date are one.

    Args:
        after, until: With a time zone, any.
    """
    zone = ZoneInfo(sla.timezone)
    moved = {sla.on_holiday, sla.on_weekend} & {"next_business_day", "previous_business_day"}
    margin = timedelta(days=FARTHEST_DAYS + 1 if moved else 1)
    day, last = after.astimezone(zone).date() - margin, until.astimezone(zone).date() + margin
    found = set()
    while day <= last:
        due_date = _due_date(sla, day) if is_scheduled(sla, day) else None
        if due_date is not None:
            expected_at = first_moment(due_date, sla.expected_by, zone)
            if after < expected_at <= until:
                start = day if sla.business_date_from == "scheduled_day" else due_date
                deadline = expected_at + timedelta(minutes=sla.grace_minutes)
                found.add(DueTime(expected_at, _business_date(sla, start), deadline, due_date))
        day += _DAY
    return sorted(found)


def first_moment(day: date, local: time, zone: ZoneInfo) -> datetime:
    """The first moment (UTC, whole seconds) at which the local clock shows that day and time, or later."""
    wanted = datetime.combine(day, local)
    moment = wanted.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wanted:
        return moment
    # the clocks jump over it (PEP 495, "The Time in a Gap"): the jump is between the two readings of the time
    low, high = int(wanted.replace(tzinfo=zone, fold=1).timestamp()), int(moment.timestamp())
    while low < high:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).replace(tzinfo=None) >= wanted:
            high = middle
        else:
            low = middle + 1
    return datetime.fromtimestamp(high, UTC)


def is_scheduled(sla: SlaSpec, day: date) -> bool:
    """Whether the day is one of the feed's, holidays and weekends not yet looked at."""
    if not (sla.days or sla.month_days or sla.weekdays_of_month):
        return True
    length = monthrange(day.year, day.month)[1]
    weekday = day.weekday()
    return (
        weekday in sla.days
        or day.day in sla.month_days
        or day.day - length - 1 in sla.month_days
        or ((day.day - 1) // 7 + 1, weekday) in sla.weekdays_of_month
        or (-((length - day.day) // 7 + 1), weekday) in sla.weekdays_of_month
    )


def is_business_day(sla: SlaSpec, day: date) -> bool:
    """Neither on the feed's weekend nor a holiday."""
    return day.weekday() not in sla.weekend and not is_holiday(sla.holidays, day)


def _due_date(sla: SlaSpec, day: date) -> date | None:
    if is_holiday(sla.holidays, day):
        action = sla.on_holiday
    elif day.weekday() in sla.weekend:
        action = sla.on_weekend
    else:
        return day
    if action == "skip":
        return None
    if action == "due":
        return day
    step = _DAY if action == "next_business_day" else -_DAY
    for distance in range(1, FARTHEST_DAYS + 1):
        if is_business_day(sla, day + distance * step):
            return day + distance * step
    return day


def _business_date(sla: SlaSpec, start: date) -> date:
    offset = sla.business_date_offset_days
    if sla.business_date_offset_in == "calendar_days":
        return start + timedelta(days=offset)
    step, left, day = (_DAY if offset > 0 else -_DAY), abs(offset), start
    # a list of holidays without end is not one: so far and no further
    for _ in range(FARTHEST_DAYS * (abs(offset) + 1)):
        if not left:
            break
        day += step
        left -= is_business_day(sla, day)
    return day
