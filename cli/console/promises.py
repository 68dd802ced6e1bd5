"""Promises: a month's calendar of each tenant, attainment, and what is due within a day."""

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cli.console.known import documents_of
from cli.console.pages import console_of, page
from cli.sla import attainment_rows
from cli.stack import Stack
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import SlaSpec, parse_feed
from lakeferry.reports.view import Promise, promise_of
from lakeferry.sla.attainment import attainments, of_months
from lakeferry.sla.calendar import DueTime, due_times
from lakeferry.sla.items import SlaItem
from lakeferry.sla.table import SlaTable

AHEAD = timedelta(hours=24)
_WORST = ("failed", "open", "good", "quiet")
_WORDS = {"failed": "late or missing", "open": "late, or due", "good": "met", "quiet": "dropped"}


@dataclass(slots=True)
class Day:
    """One day of a calendar: its promises by how they stand."""

    day: date
    kinds: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    @property
    def worst(self) -> str:
        return next((kind for kind in _WORST if kind in self.kinds), "")


@dataclass(frozen=True, slots=True)
class Month:
    """A tenant's month, week by week; None where the week has days of another month."""

    tenant: str
    weeks: list[list[Day | None]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is read of a month."""

    items: list[SlaItem]
    ahead: list[tuple[str, DueTime]]
    unread: list[str]


def show(request: Request) -> Response:
    """The month that is asked for, or this one."""
    console = console_of(request)
    tenant, now = console.tenant(request), datetime.now(UTC)
    asked = request.query_params.get("month", "")
    month = asked if re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", asked) else f"{now:%Y-%m}"
    documents = documents_of(console.place, tenant)
    seen = console.place.kept(
        ("promises", tenant, month), lambda stack: _read(stack, documents, month, now), is_over=False
    )
    return page(
        request,
        "promises.html",
        month=month,
        before=_moved(month, -1),
        after=_moved(month, 1),
        months=_months(seen.items, month),
        rows=attainment_rows(attainments(seen.items)),
        ahead=seen.ahead,
        unread=seen.unread,
        open_ones=[promise_of(item.feed_id, item) for item in seen.items if item.status in {"BREACHED", "MISSED"}][:50],
        kind_words=_WORDS,
    )


def _read(stack: Stack, documents: Mapping[str, Mapping[str, Any]], month: str, now: datetime) -> Seen:
    table, items, ahead, unread = SlaTable(stack.sla), [], [], []
    for feed_id, document in documents.items():
        sla, problem = sla_of(document)
        if problem:
            unread.append(feed_id)
        if sla is not None and document.get("enabled", True):
            ahead += [(feed_id, due) for due in due_times(sla, now, now + AHEAD)]
        items += of_months(table, feed_id, month, month)
    return Seen(items, sorted(ahead, key=lambda one: (one[1], one[0])), unread)


def sla_of(document: Mapping[str, Any]) -> tuple[SlaSpec | None, str]:
    """What a document promises; and why it cannot be read, where it cannot."""
    if "sla" not in document:
        return None, ""
    try:
        return parse_feed(document).sla, ""
    except FeedInvalidError as error:
        return None, str(error)


def _months(items: list[SlaItem], month: str) -> Iterator[Month]:
    by_tenant: dict[str, dict[str, Day]] = {}
    for item in items:
        days = by_tenant.setdefault(item.feed_id.partition("/")[0], {})
        day = days.setdefault(item.due_date, Day(date.fromisoformat(item.due_date)))
        one: Promise = promise_of(item.feed_id, item)
        day.kinds[one.kind] = day.kinds.get(one.kind, 0) + 1
        day.told.append(f"{one.feed_id}: {one.told}")
    year, number = int(month[:4]), int(month[5:])
    for tenant, days in sorted(by_tenant.items()):
        weeks: list[list[Day | None]] = []
        for week in calendar.Calendar().monthdatescalendar(year, number):
            weeks.append([days.get(day.isoformat(), Day(day)) if day.month == number else None for day in week])
        yield Month(tenant, weeks)


def _moved(month: str, by: int) -> str:
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{number // 12:04}-{number % 12 + 1:02}"
