"""benchmarks/RESULTS.md: tables with medians, spread and ratios, and what each script printed; when, where, on what."""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import circumstances
from benchmarks.measuring.rounds import spread
from benchmarks.measuring.whole_results import OURS, Found, Result, parsed, ratios, verdicts
from benchmarks.reporting.kept import Outcome

HEAD = (
    "# Results\n\nWritten by `make bench` from what is kept in `benchmarks/results`. Tables have the median, with the"
    " least and the most in brackets.\n"
)


def page(outcomes: Sequence[Outcome], plots: Iterable[str]) -> str:
    """The whole page."""
    data = {outcome.script: outcome for outcome in outcomes if outcome.data}
    parts = [HEAD, _machines(outcomes)]
    if "whole" in data:
        parts += ["## The whole way, beside others\n", *_whole(parsed(data["whole"].data))]
    if "load" in data:
        parts += ["## Under load\n", _when(data["load"]), load_table(data["load"].data)]
    parts += [f"![{Path(plot).stem}]({plot})\n" for plot in plots]
    said = [outcome for outcome in outcomes if outcome.code is not None]
    if said:
        parts.append("## What each script said\n")
    for outcome in said:
        verdict = {0: "", 1: " (a target was missed)"}.get(outcome.code or 0, f" (failed: exit code {outcome.code})")
        parts += [
            f"### {outcome.script}.py{verdict}\n",
            _when(outcome),
            f"```\n{outcome.said.strip()}\n```\n",
        ]
    return "\n".join(part for part in parts if part)


def _whole(found: Sequence[Found]) -> list[str]:
    judged = [(one, verdict) for one in found for verdict in verdicts(one)]
    targets = ["| shape | round trip | target | found | at most | |", "|---|---|---|---|---|---|"]
    targets += [
        f"| {one.shape} | {one.round_trip} ms | {verdict.what} | {verdict.ratio:.2f} | {verdict.limit:g} "
        f"| {'met' if verdict.is_met else 'missed'} |"
        for one, verdict in judged
    ]
    when = [f"- {one.shape}, {one.round_trip} ms: {one.told}; {circumstances.told(one.circumstances)}" for one in found]
    parts = "\n".join(_parts(found))
    made_of = (
        "What seconds and CPU seconds were made of; calls of functions are added up, also of those at work together:\n"
    )
    return [
        whole_table(found),
        "\n".join(targets) + "\n",
        *((made_of, parts + "\n") if parts else ()),
        "When, and beside which load:\n",
        "\n".join(when) + "\n",
    ]


def whole_table(found: Sequence[Found]) -> str:
    """A line a shape, round trip and contender; ratios are of rounds side by side."""
    lines = [
        "| shape | round trip | | seconds | CPU s | peak MB | its time over the functions' |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        ours = one.of(OURS)
        for result in one.results:
            beside = spread(ratios(result, ours)) if ours is not None and result is not ours else ""
            cpu, peak = statistics.median(result.cpu_seconds), result.peak_bytes / 1e6
            lines.append(
                f"| {one.shape} | {one.round_trip} ms | {result.contender} | {spread(result.seconds)} | {cpu:.1f} "
                f"| {peak:.0f} | {beside} |"
            )
    return "\n".join(lines) + "\n"


def _parts(found: Sequence[Found]) -> list[str]:
    def told(result: Result) -> str:
        names = dict.fromkeys(name for parts in result.parts for name in parts)
        return ", ".join(f"{name} {result.part(name):.1f} s" for name in names)

    return [
        f"- {one.shape}, {one.round_trip} ms, {result.contender}: {told(result)}"
        for one in found
        for result in one.results
        if result.parts
    ]


def load_table(found: dict[str, Any]) -> str:
    """Seconds of each stage, and what the process had at the beginning and at the end."""
    lines = ["| stage | calls | p50 s | p99 s |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {one['calls']:,} | {one['p50']:.2f} | {one['p99']:.2f} |" for name, one in found["stages"].items()
    ]
    lines += ["", "| | a quarter in | at the end |", "|---|---|---|"]
    lines += [f"| {name} | {before:,.0f} | {after:,.0f} |" for name, (before, after) in found["flat"].items()]
    problems = found["problems"]
    lines += ["", "; ".join(problems) if problems else "Nothing lost, nothing twice."]
    return f"{found['files']:,} files in {found['runs']} runs.\n\n" + "\n".join(lines) + "\n"


def _when(outcome: Outcome) -> str:
    return f"{circumstances.told(outcome.circumstances)}\n" if outcome.circumstances else ""


def _machines(outcomes: Sequence[Outcome]) -> str:
    all_of_them = [outcome.circumstances for outcome in outcomes]
    for outcome in outcomes:
        if outcome.script == "whole" and outcome.data:
            all_of_them += [one.circumstances for one in parsed(outcome.data)]
    return "".join(f"{name}\n" for name in dict.fromkeys(one["machine"] for one in all_of_them if one))
