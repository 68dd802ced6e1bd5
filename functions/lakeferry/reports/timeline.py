"""Where the time went: bars on one scale, in parts of a hundred, for the page's SVG."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakeferry.reports.facts import FileFacts, RunFacts, Span
from lakeferry.reports.feed import FeedFacts

LANES = ("fetch", "check", "upload", "curate", "failed")
"""Stages of a file; each has a lane of its own in a feed's bar."""
LETTERS = {"fetch": "F", "check": "C", "upload": "U", "curate": "Q", "failed": "\N{MULTIPLICATION X}"}
_THINNEST = 0.35
"""Hundredths that a bar has at least: one of a moment is seen, too."""
_STATES = {
    **{"List feeds": "plan", "For each feed": "feeds", "Start crawler": "crawl", "Read crawler": "crawl"},
    **{"Wait for crawler": "crawl", "Curate small": "curate", "Run Glue job": "curate", "Reconcile run": "check"},
}
"""How the run's own states are drawn; the rest take moments."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `x` and `width` are hundredths of the scale."""

    kind: str
    lane: int
    x: float
    width: float
    is_wait: bool
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the chart."""

    name: str
    bars: tuple[Bar, ...]
    took: str


class Scale:
    """From the beginning of a run to the end of all that is known of it."""

    def __init__(self, run: RunFacts, feeds: Iterable[FeedFacts]) -> None:
        ends = [run.ended, *(feed.ended for feed in feeds), *(span.ended for span in run.spans)]
        self.begun = run.started
        last = max((end for end in ends if end is not None), default=run.started)
        self._seconds = max((last - run.started).total_seconds(), 0.001)

    def ticks(self, parts: int = 4) -> list[tuple[float, str, str]]:
        """Where, how long since the beginning, and at what time (UTC)."""
        return [
            (
                100 * at / parts,
                duration(self._seconds * at / parts),
                f"{self.begun + timedelta(seconds=self._seconds * at / parts):%H:%M:%S}",
            )
            for at in range(parts + 1)
        ]

    def bar(self, span: Span, kind: str, lane: int, *, label: str = "") -> Bar:
        """Where a span stands; what was before the run is at its beginning."""
        x = min(max(self._at(span.begun), 0.0), 100.0 - _THINNEST)
        width = min(max(self._at(span.ended) - x, _THINNEST), 100.0 - x)
        what = f"{'waits for ' if span.is_wait else ''}{span.what}: {duration(span.seconds)}"
        title = f"{what}, {span.begun:%H:%M:%S} to {span.ended:%H:%M:%S} UTC"
        return Bar(kind, lane, round(x, 2), round(width, 2), span.is_wait, label if width > 4 else "", title)

    def _at(self, moment: datetime) -> float:
        return 100 * (moment - self.begun).total_seconds() / self._seconds


def run_rows(run: RunFacts, scale: Scale) -> list[Row]:
    """The run as a whole: its own states, one after the other."""
    bars = tuple(
        scale.bar(span, _STATES[span.what], 0, label=span.what if not span.is_wait else "")
        for span in run.spans
        if span.what in _STATES
    )
    took = duration((run.ended - run.started).total_seconds()) if run.ended else ""
    return [Row("The run", bars, took)] if bars else []


def feed_row(feed: FeedFacts, scale: Scale) -> Row:
    """A feed: each stage from its first file's beginning to its last one's end, in a lane of its own."""
    bars = []
    order = sorted(feed.spans.items(), key=lambda one: (LANES.index(one[0][0]), not one[0][1]))
    for (what, is_wait), (begun, ended, _) in order:
        bars.append(scale.bar(Span(what, begun, ended, is_wait), what, LANES.index(what)))
    took = duration((feed.ended - feed.begun).total_seconds()) if feed.begun and feed.ended else ""
    return Row(feed.feed_id, tuple(bars), took)


def file_rows(files: Sequence[FileFacts], scale: Scale) -> list[Row]:
    """Files, a bar after the other."""
    rows = []
    for file in files:
        if not file.spans:
            continue
        bars = tuple(scale.bar(span, span.what, 0, label=LETTERS[span.what]) for span in file.spans)
        took = (file.spans[-1].ended - file.spans[0].begun).total_seconds()
        rows.append(Row(file.path.rsplit("/", 1)[-1] or file.path, bars, duration(took)))
    return rows


def duration(seconds: float) -> str:
    """Such as `420 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
