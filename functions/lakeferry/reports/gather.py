"""Reads what a report shows: the ledger's files and feeds, the execution's history, and what was promised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING

from lakeferry.feeds.each import each_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.asides import CURATE, Aside
from lakeferry.ledger.feed_states import OUT_OF_TIME_IN
from lakeferry.ledger.queries import feed_documents
from lakeferry.reports.facts import ATTRIBUTES, FileFacts, RunFacts, StateFacts, shown
from lakeferry.reports.failures import Failure, of_aside
from lakeferry.reports.feed import FeedFacts
from lakeferry.reports.history import history_of, read_history
from lakeferry.reports.maps import read_map_runs
from lakeferry.sla.items import stamp
from lakeferry.sla.table import SlaTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_stepfunctions import SFNClient

AROUND = timedelta(hours=36)
"""Due times so long before the run's end are shown: those of the day, wherever the feed is."""
OPERATORS = "The operator's report says why."
"""For the cause of a run that failed, in a tenant's report."""
PROMISES = 8
"""Of one feed that are shown, the latest."""
RESERVE_SECONDS = 120
"""Of a function's time, for what is read and written once no more files are: their sums are there then."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a stack keeps what a report shows."""

    ledger: Ledger
    feeds: "Table"
    sla: SlaTable
    states: "SFNClient"


@dataclass(slots=True)
class Gathered:
    """All that is known of one run.

    Attributes:
        feeds: By `tenant/feed`: those that were polled, or had files.
        unread: What could not be read, in words; the rest is there. Those of one feed are in `unread_of`.
        maps: What became of the executions that the run's maps started, of all tenants.
        failures: Of the run that are no file's, feed's or the run's own.
    """

    run: RunFacts
    feeds: dict[str, FeedFacts]
    unread: list[str] = field(default_factory=list)
    unread_of: dict[str, str] = field(default_factory=dict)
    maps: dict[str, StateFacts] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def missing(self) -> list[str]:
        """All that could not be read."""
        return [*self.unread, *self.unread_of.values()]

    @property
    def tenants(self) -> list[str]:
        return sorted({feed.tenant for feed in self.feeds.values()})

    def of(self, tenant: str) -> "Gathered":
        """One tenant's part. When the run's states were at work is everybody's; its cause may name others' files."""
        feeds = {name: feed for name, feed in self.feeds.items() if feed.tenant == tenant}
        unread = {name: what for name, what in self.unread_of.items() if name in feeds}
        return Gathered(replace(self.run, cause=OPERATORS if self.run.cause else ""), feeds, self.unread, unread)


def gather(
    sources: Sources,
    run: RunFacts,
    seen: Callable[[FileFacts], None] = lambda _: None,
    now: datetime | None = None,
    tenant: str = "",
    left: Callable[[], float] = lambda: inf,
) -> Gathered:
    """Reads all of a run. Of files only sums are kept, and so many of each feed as a page shows.

    Args:
        run: As far as the caller knows it; its states come from here.
        seen: Called with each file.
        tenant: Of this one alone; empty for all.
        left: Seconds that there are; where they run out, the files that were not read are left out, and that is said.
    """
    unread: list[str] = []
    run = _with_history(run, sources.states, unread)
    maps = [] if tenant else read_map_runs(sources.states, run.arn)
    documents = {
        f"{one['tenant']}/{one['feed']}": shown(one.get("dataset", "")) for one in feed_documents(sources.feeds, tenant)
    }
    feeds: dict[str, FeedFacts] = {}
    job_began = run.job_began()
    for entry in sources.ledger.of_run(run.arn, ATTRIBUTES, tenant):
        file = FileFacts.of(entry, job_began)
        _feed(feeds, file.feed_id, documents).add(entry, file)
        seen(file)
        if left() < RESERVE_SECONDS:
            count = sum(feed.count for feed in feeds.values())
            unread.append(f"files after the first {count:,}, for which there was no time: no sum has them")
            break
    for feed_id, state in sources.ledger.feeds.known(sorted({*documents, *feeds})).items():
        if feed_id in feeds or run.arn in _runs_of(state):
            _feed(feeds, feed_id, documents).poll(state, run.arn)
    for aside in sources.ledger.asides.of(CURATE):
        if aside.feed_id in feeds or _is_told_by(aside, run.arn, tenant):
            feed = _feed(feeds, aside.feed_id, documents)
            feed.is_aside = True
            feed.failures.add(of_aside(aside, run.arn))
    unread_of = _promises(feeds, sources.sla, (run.ended or now or datetime.now(UTC)))
    failures = [failure for one in maps for failure in one.failures]
    return Gathered(
        run, dict(sorted(feeds.items())), unread, unread_of, {one.state: one.facts for one in maps}, failures
    )


def _with_history(run: RunFacts, states: "SFNClient", unread: list[str]) -> RunFacts:
    history = history_of(read_history(states, run.arn), run.status, run.ended)
    if not history.states:
        unread.append("the execution's history: Step Functions does not know this run any more")
        return run
    return replace(run, states=history.states, spans=tuple(history.spans), has_history=True)


def _feed(feeds: dict[str, FeedFacts], feed_id: str, documents: Mapping[str, str]) -> FeedFacts:
    if feed_id not in feeds:
        feeds[feed_id] = FeedFacts(feed_id, documents.get(feed_id, ""))
    return feeds[feed_id]


def _runs_of(state: Mapping[str, object]) -> tuple[object, ...]:
    """The runs that polled the feed last, failed to, or had no time to."""
    return state.get("polled_by"), state.get("failed_run"), state.get(OUT_OF_TIME_IN)


def _is_told_by(aside: Aside, run: str, tenant: str) -> bool:
    """Whether this run's mail is about it: then it is in the report that the mail names, whatever the run took."""
    return aside.told == run and tenant in {"", aside.feed_id.partition("/")[0]}


def _promises(feeds: Mapping[str, FeedFacts], table: SlaTable, now: datetime) -> dict[str, str]:
    """Due times of the day before the run's end; a feed whose own cannot be read has none, and that is said."""
    first, last = stamp(now - AROUND), stamp(now + timedelta(minutes=15))
    clocks = table.clocks()
    broken: dict[str, Exception] = {}
    names = [name for name in feeds if name in clocks]
    found = each_feed(names, lambda name: (name, table.history(name, first, last)), broken.setdefault, at_once=True)
    for name, items in found:
        feeds[name].promises = tuple(sorted(items, key=lambda item: item.due))[-PROMISES:]
    return {name: f"the promises of {shown(name)}" for name in sorted(broken)}
