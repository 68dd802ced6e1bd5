"""SVG plots of what was found, by matplotlib (`requirements/bench.txt`); none where it is not installed."""

import importlib.util
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring.whole_results import parsed
from benchmarks.reporting.kept import Outcome


def plots(outcomes: Sequence[Outcome], folder: Path) -> list[Path]:
    """The files drawn."""
    drawers = {"whole": _whole, "scale": _scale}
    wanted = [one for one in outcomes if one.script in drawers and one.data]
    if not wanted:
        return []
    if importlib.util.find_spec("matplotlib") is None:
        print("  left out: plots (make bench installs matplotlib)")
        return []
    folder.mkdir(parents=True, exist_ok=True)
    return [path for one in wanted for path in drawers[one.script](one.data, folder)]


def _figure() -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "lakeferry"  # the same data make the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    return figure, axes


def _save(figure: Any, path: Path) -> Path:
    from matplotlib import pyplot

    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path


def _whole(entries: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """A figure a round trip: seconds of each contender in each shape, the least and the most as a line."""
    drawn, every = [], parsed(entries)
    for milliseconds in sorted({one.round_trip for one in every}):
        found = [one for one in every if one.round_trip == milliseconds]
        names = list(dict.fromkeys(result.contender for one in found for result in one.results))
        figure, axes = _figure()
        width = 0.8 / len(names)
        for place, name in enumerate(names):
            own = [(number, result) for number, one in enumerate(found) if (result := one.of(name))]
            at = [number + (place - (len(names) - 1) / 2) * width for number, _ in own]
            middle = [statistics.median(result.seconds) for _, result in own]
            low = [mid - min(result.seconds) for mid, (_, result) in zip(middle, own, strict=True)]
            high = [max(result.seconds) - mid for mid, (_, result) in zip(middle, own, strict=True)]
            axes.bar(at, middle, width, yerr=[low, high], label=name, error_kw={"linewidth": 0.8})
        axes.set_xticks(range(len(found)), [one.shape for one in found])
        axes.set_yscale("log")
        axes.set_ylabel("seconds")
        axes.set_title(f"The whole way of the same files, {milliseconds} ms round trip")
        axes.legend()
        drawn.append(_save(figure, folder / f"whole-{milliseconds}ms.svg"))
    return drawn


def _scale(rows: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """Dollars of 1,000 files by service, load by load."""
    figure, axes = _figure()
    names = [name for name in rows[0]["services"] if any(row["services"][name] >= 0.005 for row in rows)]
    left = [0.0] * len(rows)
    for name in names:
        parts = [row["services"][name] / row["dollars"] * row["per_thousand"] for row in rows]
        axes.barh(range(len(rows)), parts, left=left, label=name)
        left = [before + part for before, part in zip(left, parts, strict=True)]
    axes.set_yticks(range(len(rows)), [row["load"].replace(", ", "\n", 1) for row in rows], fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("dollars of 1,000 files (simulated)")
    axes.legend(fontsize="small")
    return [_save(figure, folder / "scale.svg")]
