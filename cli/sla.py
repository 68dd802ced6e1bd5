"""`lakeferry sla`: how feeds keep their promises, and when their files are due.

lakeferry sla attainment --from 2026-09
lakeferry sla list --feed acme/daily_sales --from 2026-11
lakeferry sla calendar feeds/acme_daily_sales.yaml --count 10
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
import yaml

from cli.calling import Call, Reach, command
from cli.checking import load_document
from cli.names import feed_of
from cli.problems import CommandError
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import SlaSpec, parse_feed
from lakeferry.ledger.queries import feed_ids
from lakeferry.sla.attainment import Attainment, attainments, of_months
from lakeferry.sla.calendar import due_times
from lakeferry.sla.items import SlaItem, span
from lakeferry.sla.table import SlaTable

HORIZON = timedelta(days=800)
"""So far ahead are due times looked for."""
sla = typer.Typer(help="Promises of feeds and how they were kept.", no_args_is_help=True)

ATTAINMENT = {
    **{"feed": "feed", "month": "month", "due": "due", "met": "met", "late": "late", "missed": "missed"},
    **{"attainment": "attainment", "late_by_mean": "late by (mean)", "late_by_most": "late by (most)"},
}
ITEMS = {
    **{"feed": "feed", "due": "due", "zone": "zone", "for": "for", "status": "status"},
    **{"late_by": "late by", "missing": "missing"},
}
CALENDAR = {
    **{"due_local": "due (local)", "zone": "zone", "due_utc": "due (UTC)"},
    **{"breach_utc": "breach (UTC)", "business_date": "for the files of"},
}


def _month(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m").strftime("%Y-%m")
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a month such as 2026-11") from error


Feed = Annotated[str | None, typer.Option(metavar="TENANT/FEED", help="Of this feed; absent: of all.")]
First = Annotated[
    str | None, typer.Option("--from", parser=_month, metavar="YYYY-MM", help="First month (default: this month).")
]
Last = Annotated[
    str | None, typer.Option("--to", parser=_month, metavar="YYYY-MM", help="Last month (default: this month).")
]


@command(sla, "attainment")
def attainment(call: Call, feed: Feed = None, first: First = None, last: Last = None) -> None:
    """Met, late and missed by feed and month."""
    call.out.rows(attainment_rows(attainments(_items(call, feed, first, last))), ATTAINMENT, empty=_NONE)


@command(sla, "list")
def listing(call: Call, feed: Feed = None, first: First = None, last: Last = None) -> None:
    """Each due time and how it stands."""
    call.out.rows(item_rows(_items(call, feed, first, last)), ITEMS, empty=_NONE)


@command(sla, "calendar", Reach.NOTHING)
def calendar(
    call: Call,
    document: Annotated[Path, typer.Argument(help="YAML file.", metavar="FILE")],
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 10,
) -> None:
    """The next due times of a feed document; needs no stack."""
    try:
        found = parse_feed(load_document(document)).sla
    except (FeedInvalidError, OSError, yaml.YAMLError) as error:
        raise CommandError(f"{document}: {error}") from error
    if found is None:
        raise CommandError(f"{document}: has no section sla; see docs/sla.md for its settings.")
    call.out.rows(calendar_rows(found, datetime.now(UTC), count), CALENDAR)


_NONE = "no due times in these months; see --from and --to"


def calendar_rows(found: SlaSpec, now: datetime, count: int) -> list[dict[str, Any]]:
    """Rows of the next due times."""
    rows = []
    for due in due_times(found, now, now + HORIZON)[:count]:
        local = due.expected_at.astimezone(ZoneInfo(found.timezone))
        rows.append(
            {
                "due_local": f"{local:%a %Y-%m-%d %H:%M}",
                "zone": f"{local:%Z}",
                "due_utc": f"{due.expected_at:%Y-%m-%d %H:%M}",
                "breach_utc": f"{due.deadline:%Y-%m-%d %H:%M}",
                "business_date": due.business_date.isoformat(),
            }
        )
    return rows


def attainment_rows(found: Iterable[Attainment]) -> list[dict[str, Any]]:
    """Rows of attainment."""
    rows = []
    for one in found:
        late = [span(one.late_seconds_mean), span(one.late_seconds_max)] if one.late else ["-", "-"]
        rows.append(
            {
                **{"feed": one.feed_id, "month": one.month, "due": one.due, "met": one.met, "late": one.late},
                **{"missed": one.missed, "attainment": "-" if one.ratio is None else f"{one.ratio:.1%}"},
                **{"ratio": one.ratio, "late_by_mean": late[0], "late_by_most": late[1]},
            }
        )
    return rows


def item_rows(items: Iterable[SlaItem]) -> list[dict[str, Any]]:
    """Rows of due times."""
    return [
        {
            "feed": item.feed_id,
            "due": f"{item.due_date} {item.expected_by}",
            "zone": item.timezone,
            "for": item.business_date,
            "status": item.status,
            "late_by": span(item.late_seconds) if item.completed_at and item.late_seconds else "-",
            "missing": list(item.missing),
        }
        for item in items
    ]


def _items(call: Call, feed: str | None, first: str | None, last: str | None) -> list[SlaItem]:
    now = f"{datetime.now(UTC):%Y-%m}"
    first, last = first or last or now, last or now
    with call.stack() as stack:
        table = SlaTable(stack.sla)
        feeds = [feed_of(stack, feed)] if feed else feed_ids(stack.feeds)
        return [item for feed_id in feeds for item in of_months(table, feed_id, min(first, last), last)]
