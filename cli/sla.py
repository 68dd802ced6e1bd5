"""`lakeferry sla`: how feeds keep their promises, and when their files are due.

lakeferry sla attainment --from 2026-09
lakeferry sla list --feed acme/daily_sales --from 2026-11
lakeferry sla calendar feeds/acme_daily_sales.yaml --count 10
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from cli.stack import add_options, stack_of
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import parse_feed
from lakeferry.ledger.queries import feed_ids
from lakeferry.sla.attainment import Attainment, attainments, of_months
from lakeferry.sla.calendar import due_times
from lakeferry.sla.items import SlaItem, span
from lakeferry.sla.table import SlaTable

HORIZON = timedelta(days=800)
"""So far ahead are due times looked for."""


def add_to(groups: Any) -> None:  # noqa: ANN401  (argparse's own class of subparsers is private)
    """Adds `sla` and its commands to the CLI's parser."""
    commands = groups.add_parser("sla", help="promises of feeds and how they were kept").add_subparsers(
        required=True, metavar="attainment|list|calendar"
    )
    attainment = commands.add_parser("attainment", help="met, late and missed by feed and month")
    listing = commands.add_parser("list", help="each due time and how it stands")
    for command in (attainment, listing):
        add_options(command)
        command.add_argument("--feed", help="tenant/feed; absent: all")
        command.add_argument("--from", dest="first", type=_month, help="first month, 2026-11 (default: this month)")
        command.add_argument("--to", dest="last", type=_month, help="last month (default: this month)")
    attainment.set_defaults(command=_attainment)
    listing.set_defaults(command=_list)
    calendar = commands.add_parser("calendar", help="the next due times of a feed document; needs no stack")
    calendar.add_argument("document", type=Path, help="YAML file")
    calendar.add_argument("--count", type=int, default=10)
    calendar.set_defaults(command=_calendar)


def _month(text: str) -> str:
    return datetime.strptime(text, "%Y-%m").strftime("%Y-%m")


def _attainment(options: argparse.Namespace) -> int:
    _print(attainment_rows(attainments(_items(options))))
    return 0


def _list(options: argparse.Namespace) -> int:
    _print(item_rows(_items(options)))
    return 0


def _calendar(options: argparse.Namespace) -> int:
    try:
        document = yaml.safe_load(options.document.read_text("utf-8"))
        sla = parse_feed(document if isinstance(document, dict) else {}).sla
    except (FeedInvalidError, OSError, yaml.YAMLError) as error:
        print(f"{options.document}: {error}", file=sys.stderr)
        return 1
    if sla is None:
        print(f"{options.document}: has no section sla; see docs/sla.md for its settings.", file=sys.stderr)
        return 1
    now = datetime.now(UTC)
    rows = [["due (local)", "zone", "due (UTC)", "breach (UTC)", "for the files of"]]
    for due in due_times(sla, now, now + HORIZON)[: options.count]:
        local = due.expected_at.astimezone(ZoneInfo(sla.timezone))
        rows.append(
            [
                f"{local:%a %Y-%m-%d %H:%M}",
                f"{local:%Z}",
                f"{due.expected_at:%Y-%m-%d %H:%M}",
                f"{due.deadline:%Y-%m-%d %H:%M}",
                due.business_date.isoformat(),
            ]
        )
    _print(rows)
    return 0


def attainment_rows(found: Iterable[Attainment]) -> list[list[str]]:
    """A table of attainment, its head first."""
    rows = [["feed", "month", "due", "met", "late", "missed", "attainment", "late by (mean)", "late by (most)"]]
    for one in found:
        numbers = [str(number) for number in (one.due, one.met, one.late, one.missed)]
        ratio = "-" if one.ratio is None else f"{one.ratio:.1%}"
        late = [span(one.late_seconds_mean), span(one.late_seconds_max)] if one.late else ["-", "-"]
        rows.append([one.feed_id, one.month, *numbers, ratio, *late])
    return rows


def item_rows(items: Iterable[SlaItem]) -> list[list[str]]:
    """A table of due times, its head first."""
    rows = [["feed", "due", "zone", "for", "status", "late by", "missing"]]
    for item in items:
        late = span(item.late_seconds) if item.completed_at and item.late_seconds else "-"
        rows.append(
            [
                item.feed_id,
                f"{item.due_date} {item.expected_by}",
                item.timezone,
                item.business_date,
                item.status,
                late,
                ", ".join(item.missing),
            ]
        )
    return rows


def _items(options: argparse.Namespace) -> list[SlaItem]:
    now = f"{datetime.now(UTC):%Y-%m}"
    first, last = options.first or options.last or now, options.last or now
    with stack_of(options) as stack:
        table = SlaTable(stack.sla)
        feeds = [options.feed] if options.feed else feed_ids(stack.feeds)
        return [item for feed_id in feeds for item in of_months(table, feed_id, min(first, last), last)]


def _print(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
