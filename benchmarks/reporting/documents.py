"""What docs/speed.md and README.md take from the results, each between two marks."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring.whole_results import DLT, MONOLITH, OURS, Found, Result, parsed, ratio
from benchmarks.reporting.kept import Outcome

ROOT = Path(__file__).resolve().parents[2]
MARKS = ("<!-- made by python -m benchmarks.reporting -->", "<!-- end of what is made -->")
SPEED, README = ROOT / "docs" / "speed.md", ROOT / "README.md"


def write(outcomes: Sequence[Outcome]) -> None:
    """Both documents, where the results have the figures."""
    for page, text in made(outcomes).items():
        page.write_text(between(page.read_text("utf-8"), text), "utf-8")


def made(outcomes: Sequence[Outcome]) -> dict[Path, str]:
    """What belongs between the marks of each document."""
    found = next((parsed(one.data) for one in outcomes if one.script == "whole" and one.data), [])
    many = next((one for one in found if (one.shape, one.round_trip) == ("many", 30)), None)
    texts = {SPEED: table(found) if found else "", README: sentence(many) if many else ""}
    return {page: text for page, text in texts.items() if text}


def between(page: str, text: str, marks: tuple[str, str] = MARKS) -> str:
    """A page with that text between its marks.

    Raises:
        ValueError: it has none.
    """
    if not 0 <= page.find(marks[0]) < page.find(marks[1]):
        raise ValueError(f"the page has no {marks[0]} with {marks[1]} behind it")
    before, _, rest = page.partition(marks[0])
    _, _, after = rest.partition(marks[1])
    return f"{before}{marks[0]}\n\n{text}\n{marks[1]}{after}"


def table(found: Sequence[Found]) -> str:
    """A line a shape and round trip, a column a contender."""
    names = list(dict.fromkeys(result.contender for one in found for result in one.results))
    lines = [f"| s, CPU s, peak MB | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for one in found:
        cells = [_cell(result) if (result := one.of(name)) else "" for name in names]
        lines.append(f"| {one.shape}, {one.round_trip} ms | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(result: Result) -> str:
    seconds, cpu = statistics.median(result.seconds), statistics.median(result.cpu_seconds)
    return f"{_short(seconds)}, {_short(cpu)}, {result.peak_bytes / 1e6:,.0f}"


def sentence(many: Found) -> str:
    """What README says of many files a long way off."""
    ours = many.of(OURS)
    if ours is None:
        return ""
    others = {"one program that takes one feed after another": many.of(MONOLITH), "dlt": many.of(DLT)}
    told = [
        f"{_short(statistics.median(other.seconds))} s by {name} ({ratio(other, ours):.1f} times as long)"
        for name, other in others.items()
        if other is not None
    ]
    cores = many.circumstances["machine"].partition(" ")[0]
    before, after = many.circumstances["load"]
    taken = f"{_short(statistics.median(ours.seconds))} s by Lakeferry's functions on {cores} cores"
    taken += f" (load {before:g} to {after:g})"
    return (
        f"**Measured** ([all of it](docs/speed.md#the-whole-way)): {many.told}, {many.round_trip} ms away, take\n"
        f"{', '.join([taken, *told])}.\n"
    )


def _short(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2f}"
