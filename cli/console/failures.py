"""What is open and needs somebody, grouped by cause, each with what takes it again."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from cli.console.actions import Action, of_group
from cli.console.known import feeds_of
from cli.console.pages import console_of, page
from cli.report import facts_of
from cli.stack import Stack
from lakeferry.counting import count_of
from lakeferry.ledger.asides import CURATE
from lakeferry.ledger.queries import unfinished
from lakeferry.reports.facts import CAUSE, FileFacts, shown
from lakeferry.reports.failures import Failure, Failures, Group, of_aside, of_file, of_run


@dataclass(frozen=True, slots=True)
class Open:
    """All that failed for one cause, and is open."""

    group: Group
    actions: list[Action]


def listing(request: Request) -> Response:
    """Causes, what needs a person first."""
    console = console_of(request)
    tenant = console.tenant(request)
    feeds = feeds_of(console.place, tenant)
    groups = console.place.kept(
        ("failures", tenant), lambda stack: _groups(stack, feeds, is_whole=not tenant), is_over=False
    )
    return page(request, "failures.html", found=[Open(group, of_group(group)) for group in groups])


def _groups(stack: Stack, feeds: list[str], *, is_whole: bool) -> list[Group]:
    failures = Failures()
    for failure in _open(stack, feeds, is_whole=is_whole):
        failures.add(failure)
    return list(failures)


def _open(stack: Stack, feeds: list[str], *, is_whole: bool) -> Iterator[Failure]:
    last = next((run for run in stack.runs(5) if run.status != "RUNNING"), None)
    if is_whole and last is not None:
        # a later run that did not fail has done its work
        yield from of_run(facts_of(stack.run(last.arn) or last))
    states = stack.ledger.feeds.known(feeds)
    machine = last.arn if last is not None else stack.physical("IngestStateMachine")
    asides = {aside.feed_id: aside for aside in stack.ledger.asides.of(CURATE)}
    for feed_id in feeds:
        state = states.get(feed_id, {})
        if "failed_polls" in state:
            since = str(state.get("failing_since", "?"))[:16].replace("T", " ")
            what = f"{feed_id}: {count_of(int(state['failed_polls']), 'poll')} failed since {since} UTC"
            error, cause = shown(state.get("error", "unknown")), shown(state.get("cause", ""), CAUSE)
            yield Failure("feed", what, error, cause, "", feed_id)
        if feed_id in asides:
            yield of_aside(asides[feed_id], machine)
        for entry in unfinished(stack.ledger, feed_id, prefix="failed#"):
            yield of_file(FileFacts.of(entry, None))
