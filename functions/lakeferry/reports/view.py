"""What a page shows of a run: words, order and how much, so that a page of 10,000 files is still read on a phone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lakeferry.counting import count_of
from lakeferry.reports.facts import FileFacts, SchemaChange, shown
from lakeferry.reports.failures import Failures, Group, of_run
from lakeferry.reports.feed import KEPT, FeedFacts
from lakeferry.reports.gather import Gathered
from lakeferry.reports.listing import CLASSES, LEFT
from lakeferry.reports.machine import Panel, panels
from lakeferry.reports.states import states_of
from lakeferry.reports.timeline import Row, Scale, duration, feed_row, file_rows, run_rows
from lakeferry.sla.items import SlaItem, span

FILES, FEWEST = 240, 2
"""Files that a report shows one by one, of all feeds together; of each feed at least."""
FEEDS = 60
"""Feeds whose files, times and listing are shown; the table has more."""
IN_TABLE = 400
"""Feeds that the table has."""
GROUPS = 30
"""Causes that are shown."""
CHANGES, LEFT_LINES, PROMISES = 20, 60, 100


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed as a page shows it."""

    facts: FeedFacts
    row: Row
    files: list[FileFacts]
    times: list[Row]
    listing: list["Part"]

    @property
    def more(self) -> int:
        """Files of it that are not shown here."""
        return self.facts.count - len(self.files)


@dataclass(frozen=True, slots=True)
class Part:
    """One class of a listing: its share as a bar, from `x` on, in hundredths."""

    title: str
    kind: str
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Left:
    """Something that is left on a server, and why."""

    feed_id: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Promise:
    """A due time, and how it stands."""

    feed_id: str
    for_date: str
    due: str
    kind: str
    status: str
    told: str


@dataclass(frozen=True, slots=True)
class Page:
    """One of the pages that list all files."""

    name: str
    first: str
    last: str
    count: int


@dataclass(slots=True)
class View:
    """All that the template reads.

    Attributes:
        whose: A tenant's name; empty for the whole run.
        verdict, headline, lead: What a person sees in the first five seconds.
        words: What texts become where the report is read: on a laptop commands name a folder, not a stack.
    """

    gathered: Gathered
    whose: str
    link: str
    words: Callable[[str], str]
    verdict: str = "good"
    headline: str = ""
    lead: str = ""
    groups: list[Group] = field(default_factory=list)
    more_groups: int = 0
    feeds: list[FeedView] = field(default_factory=list)
    table: list[FeedFacts] = field(default_factory=list)
    more_feeds: int = 0
    run_rows: list[Row] = field(default_factory=list)
    ticks: list[tuple[float, str, str]] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    more_left: int = 0
    promises: list[Promise] = field(default_factory=list)
    changes: list[tuple[str, SchemaChange]] = field(default_factory=list)
    changed: int = 0
    panels: list[Panel] = field(default_factory=list)
    pages: Sequence[Page] = ()
    totals: dict[str, int] = field(default_factory=dict)
    took: str = ""


_ORDER = ("failed", "open", "left", "good", "quiet")


def view_of(
    gathered: Gathered,
    whose: str = "",
    *,
    link: str = "",
    words: Callable[[str], str] = str,
    pages: Sequence[Page] = (),
) -> View:
    """Chooses and words what is shown.

    Args:
        gathered: Of the tenant's feeds alone where `whose` is one.
        link: Of the execution in the console; empty where there is none.
        pages: Those that list all files, where there are any.
    """
    run, feeds = gathered.run, list(gathered.feeds.values())
    view = View(gathered, whose, link, words, pages=pages)
    failures = Failures()
    for failure in (*of_run(run), *gathered.failures):
        failures.add(failure)
    for feed in feeds:
        failures.add_all(feed.failures)
    groups = list(failures)
    view.groups, view.more_groups = groups[:GROUPS], max(0, len(groups) - GROUPS)
    feeds.sort(key=lambda feed: (_ORDER.index(feed.verdict), feed.feed_id))
    view.table, view.more_feeds = feeds[:IN_TABLE], max(0, len(feeds) - IN_TABLE)
    scale = Scale(run, feeds)
    view.ticks, view.run_rows = scale.ticks(), run_rows(run, scale)
    detailed = feeds[:FEEDS]
    each = _files_each(len(detailed))
    view.feeds = [_feed_view(feed, each, scale) for feed in detailed]
    left = [one for feed in feeds for one in _left(feed)]
    view.left, view.more_left = left[:LEFT_LINES], max(0, len(left) - LEFT_LINES)
    view.promises = [promise_of(feed.feed_id, item) for feed in feeds for item in feed.promises][:PROMISES]
    view.changes = [(feed.feed_id, change) for feed in feeds for change in feed.changes][:CHANGES]
    view.changed = sum(feed.changed for feed in feeds)
    view.panels = list(panels(states_of({**run.states, **gathered.maps}, feeds)))
    view.totals = _totals(feeds)
    view.took = duration((run.ended - run.started).total_seconds()) if run.ended else ""
    view.verdict, view.headline, view.lead = _headline(view, feeds, groups)
    return view


def _totals(feeds: Sequence[FeedFacts]) -> dict[str, int]:
    found = {name: sum(feed.totals[name] for feed in feeds) for name in ("bytes", "bytes_landed")}
    for name in ("rows_read", "rows_landed", "rows_rejected", "rows_curated", "rows_dropped"):
        found[name] = sum(feed.totals[name] for feed in feeds)
    return found | {
        "files": sum(feed.count for feed in feeds),
        "landed": sum(feed.landed for feed in feeds),
        "failed": sum(feed.statuses["FAILED"] for feed in feeds),
        "feeds": len(feeds),
        "polled": sum(feed.was_polled for feed in feeds),
        "unbalanced": sum(feed.unbalanced for feed in feeds),
    }


def _headline(view: View, feeds: Sequence[FeedFacts], groups: Sequence[Group]) -> tuple[str, str, str]:
    """What it comes to; the worst first."""
    totals, needing = view.totals, [group for group in groups if not group.by_itself]
    landed = f"{count_of(totals['landed'], 'file')} of {count_of(sum(feed.landed > 0 for feed in feeds), 'feed')}"
    landed += f" {'is' if totals['landed'] == 1 else 'are'} in the lake"
    if totals["unbalanced"]:
        what = count_of(totals["unbalanced"], "file")
        return "failed", f"{what} {'does' if totals['unbalanced'] == 1 else 'do'} not add up", f"{landed}."
    if any(group.kind == "run" for group in needing):
        return "failed", "The run failed", f"{landed}. What to do is below."
    if needing:
        count = len(needing)
        return (
            "failed",
            f"{count_of(count, 'thing')} {'needs' if count == 1 else 'need'} you",
            f"{landed}. What failed, and the command that fixes it, is below.",
        )
    if groups:
        count = sum(group.count for group in groups)
        return (
            "open",
            "Lakeferry tries again by itself",
            f"{landed}; {count:,} failed for a passing reason. You need not do anything yet.",
        )
    if any(feed.verdict == "open" for feed in feeds):
        return "open", "The next run goes on with what is unfinished", f"{landed}. You need not do anything."
    if not totals["files"]:
        return "quiet", "Nothing new", f"{count_of(totals['polled'], 'feed')} polled; no file was new."
    if any(feed.verdict == "left" for feed in feeds):
        return (
            "left",
            f"{landed.capitalize()}",
            "Everything adds up. Some files are still on their servers: see why below.",
        )
    return "good", f"{landed.capitalize()}", "Everything adds up. You need not do anything."


def _feed_view(feed: FeedFacts, files: int, scale: Scale) -> FeedView:
    some = feed.files[:files]
    return FeedView(feed, feed_row(feed, scale), some, file_rows(some, scale), _listing(feed))


def _listing(feed: FeedFacts) -> list[Part]:
    """Its classes in the order of their description; what this program does not know has its own name."""
    total = sum(count for name, count in feed.entries.items() if name != "listed" and count > 0)
    names = [name for name in CLASSES if feed.entries.get(name)]
    names += [name for name in feed.entries if name not in CLASSES and name != "listed"]
    parts, x = [], 0.0
    for name in names:
        count, known = feed.entries[name], CLASSES.get(name)
        width = 100 * max(count, 0) / total if total else 0.0
        title = known.title if known else shown(name.replace("_", " "))
        parts.append(Part(title, known.kind if known else "bad", count, round(x, 2), round(width, 2)))
        x += width
    return parts


def _left(feed: FeedFacts) -> list[Left]:
    """What is left on the feed's server, and why, in the words of the mail about a run."""
    found = [Left(feed.feed_id, line, "") for line in feed.left]
    if feed.poll_failed:
        found.append(Left(feed.feed_id, "all its new files", "the server could not be polled: see what failed above"))
    if not feed.left:
        found += [
            Left(feed.feed_id, count_of(feed.entries[name], "file"), CLASSES[name].why)
            for name in LEFT
            if feed.entries.get(name)
        ]
    if feed.left_for_time:
        found.append(
            Left(
                feed.feed_id,
                count_of(feed.left_for_time, "file"),
                "the run had no time left (RunMinutes); the next goes on",
            )
        )
    failed = feed.statuses["FAILED"]
    if failed:
        found.append(
            Left(feed.feed_id, count_of(failed, "file"), "failed, and stays until it is taken again or replaced")
        )
    for file in feed.after_errors:
        found.append(Left(feed.feed_id, file.path, f"in the lake; moving or deleting it failed: {file.after_error}"))
    if more := feed.after_failed - len(feed.after_errors):
        found.append(Left(feed.feed_id, count_of(more, "more file"), "moving or deleting them failed"))
    if feed.nearest and feed.was_polled:
        found.append(Left(feed.feed_id, feed.nearest, "no name fits the feed's pattern"))
    return found


_KINDS = {"MET": "good", "LATE": "open", "BREACHED": "failed", "MISSED": "failed", "DUE": "open", "DROPPED": "quiet"}


def promise_of(feed_id: str, item: SlaItem) -> Promise:
    """A due time in words, and the kind of its sign."""
    """A due time in words, with the kind of its sign."""
    due = f"{item.due_date} {item.expected_by} {shown(item.timezone)}"
    told = {
        "MET": "complete in time",
        "LATE": f"complete, {span(item.late_seconds)} late",
        "DUE": f"not complete yet; late from {_at(item.deadline)}",
        "BREACHED": "late, and not complete yet",
        "MISSED": "never came",
        "DROPPED": "not promised any more",
    }.get(item.status, "")
    if item.missing and item.status in {"DUE", "BREACHED", "MISSED"}:
        told += f": missing {shown(', '.join(item.missing[:5]))}"
    return Promise(feed_id, item.business_date, due, _KINDS.get(item.status, "quiet"), item.status, told)


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def shows_all(gathered: Gathered) -> bool:
    """Whether the report itself shows every file."""
    feeds = gathered.feeds.values()
    each = _files_each(min(len(feeds), FEEDS))
    return len(feeds) <= FEEDS and all(feed.count <= min(each, KEPT) for feed in feeds)


def _files_each(feeds: int) -> int:
    return max(FEWEST, FILES // max(1, feeds))
