"""benchmarks/RESULTS.md: machine and commit, tables with medians, spread and ratios, and what each script printed."""

import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.measuring.rounds import spread


@dataclass(frozen=True)
class Outcome:
    """What a script came to.

    Attributes:
        code: 1 says that a target was missed.
        data: What it wrote as JSON; None where it writes none, or failed.
    """

    script: str
    code: int
    said: str
    data: Any = None


def page(outcomes: Sequence[Outcome], plots: Iterable[str]) -> str:
    """The whole page."""
    parts = ["# Results\n", "Written by `make bench`.\n", _machine()]
    by_name = {outcome.script: outcome for outcome in outcomes}
    whole = by_name.get("whole")
    if whole is not None and whole.data:
        parts += ["## The whole way, beside others\n", whole_table(whole.data)]
    load = by_name.get("load")
    if load is not None and load.data:
        parts += ["## Under load\n", load_table(load.data)]
    parts += [f"![{Path(plot).stem}]({plot})\n" for plot in plots]
    parts.append("## What each script said\n")
    for outcome in outcomes:
        verdict = {0: "", 1: " (a target was missed)"}.get(outcome.code, f" (failed: exit code {outcome.code})")
        parts.append(f"### {outcome.script}.py{verdict}\n\n```\n{outcome.said.rstrip()}\n```\n")
    return "\n".join(parts)


def whole_table(results: Sequence[dict[str, Any]]) -> str:
    """A line a shape, round trip and contender; ratios are medians of rounds side by side."""
    lines = [
        "| shape | round trip | | seconds | CPU s | peak MB | its time over the functions' |",
        "|---|---|---|---|---|---|---|",
    ]
    for (shape, milliseconds), group in groupby(results, key=lambda one: (one["shape"], one["round_trip"])):
        found = list(group)
        ours = next((one for one in found if one["contender"] == "functions"), None)
        for one in found:
            ratio = ""
            if ours is not None and one is not ours:
                ratio = spread([a / b for a, b in zip(one["seconds"], ours["seconds"], strict=True)])
            cpu, peak = statistics.median(one["cpu_seconds"]), one["peak_bytes"] / 1e6
            lines.append(
                f"| {shape} | {milliseconds} ms | {one['contender']} | {spread(one['seconds'])} | {cpu:.1f} "
                f"| {peak:.0f} | {ratio} |"
            )
    return "\n".join(lines) + "\n"


def load_table(found: dict[str, Any]) -> str:
    """Seconds of each stage, and what the process had at the beginning and at the end."""
    lines = ["| stage | calls | p50 s | p99 s |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {one['calls']:,} | {one['p50']:.2f} | {one['p99']:.2f} |" for name, one in found["stages"].items()
    ]
    lines += ["", "| | a quarter in | at the end |", "|---|---|---|"]
    lines += [f"| {name} | {before:,.0f} | {after:,.0f} |" for name, (before, after) in found["flat"].items()]
    return "\n".join(lines) + "\n"


def _machine() -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    model = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [
            line.partition(":")[2].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit.stdout.strip() or 'unknown'}; "
        f"{os.cpu_count()} × {model}, "
        f"{memory:.0f} GB, {platform.system()} {platform.release()}, Python {platform.python_version()}; "
        f"load {os.getloadavg()[0]:.1f} at the end. Tables have the median, with the least and the most in brackets.\n"
    )
