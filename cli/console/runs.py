"""Runs: the latest, and one with its machine, feeds and files, as it goes on."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cli.console.guard import REPORT_CSP
from cli.console.pages import Console, Slice, console_of, link, page
from cli.console.states import StateLog
from cli.names import run_of
from cli.report import facts_of
from cli.stack import Run, Stack
from lakeferry.models import link_of
from lakeferry.reports.facts import FileFacts, StateFacts
from lakeferry.reports.failures import Failure
from lakeferry.reports.feed import FeedFacts
from lakeferry.reports.gather import Gathered, Sources, gather
from lakeferry.reports.machine import Panel, panels
from lakeferry.reports.render import OUTCOMES, report_page
from lakeferry.reports.states import states_of
from lakeferry.sla.table import SlaTable

LATEST = 50
"""Runs that are listed."""
COUNTED = 15
"""Of those whose files are counted: each costs a look into the ledger, once it has ended once."""
KINDS = {"SUCCEEDED": "good", "RUNNING": "open"}
"""Of a run's status; all else failed."""
_FEED_ORDER = ("failed", "open", "left", "good", "quiet")


@dataclass(frozen=True, slots=True)
class Seen:
    """One run, read whole: of 10,000 files a page shows fifty, whichever of them are asked for.

    Attributes:
        names: Of the files, as they are searched: without regard to upper and lower case.
        outcomes: Statuses that there are.
    """

    gathered: Gathered
    files: list[FileFacts]
    names: list[str]
    outcomes: list[str]


def sources_of(stack: Stack) -> Sources:
    """Where a stack keeps what is shown of a run."""
    return Sources(stack.ledger, stack.feeds, SlaTable(stack.sla), stack.client("stepfunctions"))


def see(console: Console, run: Run, tenant: str) -> Seen:
    """A run, as it is now or was a moment ago."""

    def read(stack: Stack) -> Seen:
        files: list[FileFacts] = []
        gathered = gather(sources_of(stack), facts_of(run), files.append, tenant=tenant)
        files.sort(key=lambda file: (file.rank, file.feed_id, file.path))
        outcomes = sorted({*OUTCOMES} & {file.status for file in files})
        return Seen(gathered, files, [file.path.casefold() for file in files], outcomes)

    key = ("run", run.arn, run.status, tenant)
    return console.place.kept(key, read, is_over=run.status != "RUNNING")


def find_run(console: Console, name: str) -> Run:
    """A run by its name.

    Raises:
        NothingMatchedError: there is none.
    """
    with console.place.stack() as stack:
        return run_of(stack, name)


def state_log(console: Console, run: Run) -> StateLog | None:
    """What the engine noted of a lake's run; None of a deployed stack's."""
    if console.folder is None:
        return None
    logs: dict[str, StateLog] = console.extras.setdefault("states", {})
    if run.name not in logs:
        while len(logs) >= 8:
            del logs[next(iter(logs))]
        logs[run.name] = StateLog(console.folder / ".lakeferry" / "states" / f"{run.name}.jsonl")
    logs[run.name].look()
    return logs[run.name]


def listing(request: Request) -> Response:
    """The latest runs."""
    console = console_of(request)
    tenant = console.tenant(request)
    with console.place.stack() as stack:
        runs = stack.runs(LATEST)
    counts = {run.name: _counts(console, run, tenant) for run in runs[:COUNTED]}
    live = any(run.status == "RUNNING" for run in runs)
    return page(request, "runs.html", live=live, runs=runs, counts=counts, kinds=KINDS)


def _counts(console: Console, run: Run, tenant: str) -> dict[str, int]:
    def read(stack: Stack) -> dict[str, int]:
        statuses = [entry["status"] for entry in stack.ledger.of_run(run.arn, ("status",), tenant)]
        return {"files": len(statuses), "failed": statuses.count("FAILED")}

    return console.place.kept(("counts", run.arn, run.status, tenant), read, is_over=run.status != "RUNNING")


def show(request: Request) -> Response:
    """One run: its states as they light up, its feeds, its files."""
    console = console_of(request)
    tenant, run = console.tenant(request), find_run(console, request.path_params["run"])
    seen = see(console, run, tenant)
    found = seen.gathered.feeds | _polled_in_vain(console, run, tenant, seen)
    feeds = sorted(found.values(), key=lambda one: (_FEED_ORDER.index(one.verdict), one.feed_id))
    states = states_shown(console, run, tenant, seen, feeds)
    is_running = run.status == "RUNNING"

    def drawn(_: object = None) -> list[Panel]:
        return list(panels(states, lambda name: link("runs", run.name, "states", state=name)))

    return page(
        request,
        "run.html",
        live=is_running,
        run=seen.gathered.run,
        kind=KINDS.get(run.status, "failed"),
        feeds=Slice.of(feeds, request.query_params.get("feeds"), 40),
        every_feed=sorted(seen.gathered.feeds),
        totals=_totals(feeds),
        files=Slice.of(_chosen(seen, request), request.query_params.get("page")),
        outcomes=seen.outcomes,
        is_asked=any(request.query_params.get(name) for name in ("q", "feed", "outcome", "page")),
        # they are the same on each page of a run's files, and a third of the work
        panels=drawn()
        if is_running
        else console.place.kept(("drawn", run.arn, run.status, tenant), drawn, is_over=True),
        is_counted=bool(states),
        execution="" if console.folder else link_of(run.arn),
        unread=seen.gathered.unread if console.folder is None else [],
    )


def _polled_in_vain(console: Console, run: Run, tenant: str, seen: Seen) -> dict[str, FeedFacts]:
    """Feeds that the run could not poll, and whose item tells of a later run since: of a lake the engine noted them."""
    log, found = state_log(console, run), dict[str, FeedFacts]()
    for one in log.chosen(tenant=tenant, state="Poll server") if log else ():
        if one.feed_id and one.outcome == "failed" and one.feed_id not in seen.gathered.feeds:
            error, _, cause = one.error.partition(": ")
            feed = found[one.feed_id] = FeedFacts(one.feed_id, poll_failed=True)
            feed.failures.add(Failure("feed", one.feed_id, error, cause, one.state, one.feed_id))
    return found


def states_shown(console: Console, run: Run, tenant: str, seen: Seen, feeds: list[FeedFacts]) -> dict[str, StateFacts]:
    """What became of each state: as the engine noted it, or as the report tells it."""
    log = state_log(console, run)
    if log is not None and log.entries:
        is_running = run.status == "RUNNING"
        return log.counts(tenant, is_running=is_running, has_failed=run.status != "SUCCEEDED")
    return states_of(seen.gathered.run.states, feeds)


def _chosen(seen: Seen, request: Request) -> list[FileFacts]:
    query = request.query_params
    text, feed_id, outcome = query.get("q", "").casefold(), query.get("feed", ""), query.get("outcome", "")
    return [
        file
        for file, name in zip(seen.files, seen.names, strict=True)
        if text in name and feed_id in {"", file.feed_id} and outcome in {"", file.status}
    ]


def _totals(feeds: list[FeedFacts]) -> dict[str, Any]:
    return {
        "files": sum(feed.count for feed in feeds),
        "landed": sum(feed.landed for feed in feeds),
        "failed": sum(feed.statuses["FAILED"] for feed in feeds),
        "open": sum(feed.statuses[name] for feed in feeds for name in ("CLAIMED", "FETCHED", "VALIDATED")),
        "unbalanced": sum(feed.unbalanced for feed in feeds),
        **{name: sum(feed.totals[name] for feed in feeds) for name in ("rows_curated", "rows_rejected", "bytes")},
    }


def report(request: Request) -> Response:
    """The report of a run, as it would be written now."""
    console = console_of(request)
    tenant, run = console.tenant(request), find_run(console, request.path_params["run"])
    gathered = see(console, run, tenant).gathered
    whose = tenant if tenant in gathered.tenants else ""
    body = report_page(gathered, whose, link="" if console.folder else link_of(run.arn), words=console.words)
    return HTMLResponse(body, headers={"Content-Security-Policy": REPORT_CSP})
