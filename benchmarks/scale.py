#!/usr/bin/env python3
"""Runs of 10 to 50,000 feeds, simulated: how long, how many functions at once, what it costs, and what breaks first.

    PYTHONPATH=functions:glue:. python benchmarks/scale.py [--small] [--json FILE] [--page]
        [--feeds N --files N [--size KB] [--round-trip MS] [--connections N] [--feeds-at-once N] [--account N]]

The structure is that of `statemachine/ingest.asl.json`, walked (`benchmarks/scaling/machine.py`); batches are dealt by
Poll's own code; limits and prices are in `cli/cost/prices.yaml`, with the source of each. Without `--feeds` the loads
of docs/scale.md; `--page` writes them there. `--files` are those of an hour. How near it is to a real run is tested:
`benchmarks/scaling/recording.py`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.reporting.documents import between
from benchmarks.scaling.load import Load
from benchmarks.scaling.simulation import Outcome, Run
from benchmarks.scaling.verdict import HOURS, bounds, day, express, per_thousand, told
from cli.cost.bill import by_service
from cli.cost.prices import Prices, prices

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scale.md"
MARKS = ("<!-- made by benchmarks/scale.py --page -->", "<!-- end of what is made -->")
SMALL = [Load(10, 100), Load(1000, 10_000)]
LOADS = [
    *SMALL,
    Load(1000, 208_333),
    Load(10_000, 41_667),
    Load(50_000, 208_333),
    Load(50_000, 208_333, feeds_at_once=500, account=3000),
]


def row(outcome: Outcome, facts: Prices) -> dict[str, Any]:
    """One line of the table."""
    usage = day(outcome, facts)
    found = bounds(outcome, facts)
    services = by_service(usage, facts)
    return {
        "load": told(outcome.load)
        + ("" if outcome.load.feeds_at_once == Load(1, 1).feeds_at_once else f", {outcome.load.feeds_at_once} at once"),
        "feeds_minutes": outcome.feeds_seconds / 60,
        "run_minutes": outcome.seconds / 60,
        "peak": outcome.peak,
        "throttled": outcome.throttled,
        "left_files": outcome.left_files,
        "dollars": sum(services.values()),
        "per_thousand": per_thousand(usage, outcome, facts),
        "express": per_thousand(express(outcome, usage), outcome, facts),
        "services": services,
        "bounds": [{"what": one.what, "part": one.part, "change": one.change} for one in found[:5]],
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: one line a load, then dollars a day by service, then what breaks."""
    lines = [
        "| load | feeds done | run done | functions at once | throttled | files left | a day | 1,000 files |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['load']} | {one['feeds_minutes']:.1f} min | {one['run_minutes']:.1f} min | {one['peak']:,} "
        f"| {one['throttled']:,} | {one['left_files']:,} | ${one['dollars']:,.2f} | ${one['per_thousand']:.3f} |"
        for one in rows
    ]
    names = [name for name in rows[0]["services"] if any(one["services"][name] >= 0.005 for one in rows)]
    lines += ["", f"| a day | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [
        f"| {one['load']} | {' | '.join('$' + format(one['services'][name], ',.2f') for name in names)} |"
        for one in rows
    ]
    lines += ["", "| load | nearest limit: part of it that is used | what to change |", "|---|---|---|"]
    for one in rows:
        over = [bound for bound in one["bounds"] if bound["part"] >= 1] or one["bounds"][:1]
        said = "; ".join(f"{bound['what']}: {bound['part']:.0%}" for bound in over)
        lines.append(f"| {one['load']} | {said} | {over[0]['change']} |")
    return "\n".join(lines) + "\n"


def write_page(text: str, page: Path = PAGE) -> None:
    """Puts the tables between the marks."""
    page.write_text(between(page.read_text("utf-8"), text, MARKS), "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the small loads alone")
    parser.add_argument("--page", action="store_true", help="write docs/scale.md")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--feeds", type=int)
    parser.add_argument("--files", type=int, default=0, help="an hour")
    parser.add_argument("--size", type=float, default=100, help="kB")
    parser.add_argument("--round-trip", type=float, default=30, help="milliseconds")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--feeds-at-once", type=int, default=Load(1, 1).feeds_at_once)
    parser.add_argument("--account", type=int, default=1000)
    options = parser.parse_args()
    loads = SMALL if options.small else LOADS
    if options.feeds is not None:
        loads = [
            Load(
                *(options.feeds, options.files, options.size * 1000, options.round_trip / 1000),
                *(options.connections, options.feeds_at_once),
                account=options.account,
            )
        ]
    facts = prices()
    rows = [row(Run(load, facts).simulate(), facts) for load in loads]
    text = table(rows)
    print(text)
    for one in rows:
        print(f"{one['load']}: ${one['per_thousand']:.4f} per 1,000 files, ${one['express']:.4f} with Express batches")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    if options.page:
        write_page(text)
    return 0


__all__ = ["HOURS", "LOADS", "SMALL", "row", "table"]

if __name__ == "__main__":
    sys.exit(main())
