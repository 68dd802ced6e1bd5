"""`lakeferry failures`: all that is open and needs somebody, with why and what to do."""

from collections.abc import Iterator
from typing import Annotated

import typer

from cli.calling import Call, command
from cli.names import feed_of, tenant_of
from cli.run.outcome import Failure, tell_failures
from cli.stack import Stack
from lakeferry.ledger.asides import CURATE
from lakeferry.ledger.queries import feed_ids, unfinished


def declare(app: typer.Typer) -> None:
    """Adds it to the commands."""
    command(app, "failures")(failures)


def failures(
    call: Call,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None,
    feed: Annotated[str | None, typer.Option(metavar="TENANT/FEED", help="Of this feed.")] = None,
) -> None:
    """What failed and is still open: files, feeds, the last run; each with why and what to do."""
    with call.stack() as stack:
        if tenant:
            tenant_of(stack, tenant)
        feeds = [feed_of(stack, feed)] if feed else feed_ids(stack.feeds)
        feeds = [feed_id for feed_id in feeds if tenant in {None, feed_id.partition("/")[0]}]
        found = [*_of_feeds(stack, feeds), *([] if tenant or feed else _of_runs(stack))]
    if call.out.as_json:
        for failure in found:
            call.out.data(failure.to_json())
        return
    if not found:
        call.out.say("nothing failed that is still open")
    chosen = f"--feed {feed}" if feed else f"--tenant {tenant}" if tenant else "--all"
    tell_failures(call, found, f"lakeferry reprocess {chosen} --yes {call.where}")


def _of_feeds(stack: Stack, feeds: list[str]) -> Iterator[Failure]:
    states = stack.ledger.feeds.known(feeds)
    asides = {aside.feed_id: aside for aside in stack.ledger.asides.of(CURATE)}
    for feed_id in feeds:
        state = states.get(feed_id, {})
        if "failed_polls" in state:
            since = f" ({state['failed_polls']} polls failed since {state.get('failing_since', '?')})"
            yield Failure(f"{feed_id}{since}", state.get("error", ""), state.get("cause", ""))
        if feed_id in asides:
            aside = asides[feed_id]
            yield Failure(f"{feed_id}: its files cannot be curated since {aside.since}", aside.error, aside.cause)
        for entry in unfinished(stack.ledger, feed_id, prefix="failed#"):
            told = f"{feed_id}: {entry['path']} ({entry.get('stage', '?')}, {entry.get('failed_at', '?')})"
            yield Failure(told, entry.get("error", ""), entry.get("cause", ""))


def _of_runs(stack: Stack) -> Iterator[Failure]:
    """The last run, where it failed: a later one that did not has done its work."""
    for run in stack.runs(5):
        if run.status == "RUNNING":
            continue
        if run.status != "SUCCEEDED":
            whole = stack.run(run.arn) or run  # a list has no causes
            yield Failure(f"run {run.name} {run.status}", whole.error or run.status, whole.cause)
        return
