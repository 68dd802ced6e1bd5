"""`lakeferry runs`: the latest runs and what they did."""

import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.calling import Call, command, group
from cli.names import run_of, tenant_of
from cli.problems import DONE
from cli.run.progress import Progress
from cli.run.telling import tell_end, watch
from cli.stack import Run, Stack

runs = typer.Typer(help="The latest runs; `runs show RUN` tells of one.")

_COLUMNS = {
    "run": "run",
    "status": "status",
    "started": "started (UTC)",
    "took": "took",
    "files": "files",
    "failed": "failed",
}
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many.")]


@group(runs)
def latest(call: Call, limit: Limit = 10) -> None:
    """The latest runs, and how many files each took."""
    _list(call, limit)


@command(runs, "list")
def listing(call: Call, limit: Limit = 10) -> None:
    """The same as `lakeferry runs`."""
    _list(call, limit)


@command(runs, "show")
def show(
    call: Call,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its name, the beginning of it, or its ARN.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch it until it has ended.")] = False,
) -> int:
    """One run: its feeds, files and failures, and where its rows are."""
    with call.stack() as stack:
        found = run_of(stack, run)
        feeds = _feeds(stack, found)
        if follow and found.status == "RUNNING" and not stack.is_local:
            return watch(call, stack, found, feeds)
        progress = Progress(stack, found.arn)
        progress.look(at_once=True)
        call.out.say(f"{found.name} {found.status}, started {found.started.replace('T', ' ')[:19]} UTC")
        tell_end(call, stack, found, progress, feeds, again=f"lakeferry reprocess --all --yes {call.where}")
    return DONE


@command(runs, "report")
def report(
    call: Call,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its name, the beginning of it, or its ARN.")],
    tenant: Annotated[str, typer.Option(help="That tenant's part alone, as its people may have it.")] = "",
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Put it into this folder, to keep or to send.")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in your browser.")] = False,
) -> None:
    """The report of a run: a page that says what failed, what to do, and where every row is."""
    from cli.report import report_of  # its templates need Jinja2, which no other command waits for

    with call.stack() as stack:
        path = report_of(call, stack, run_of(stack, run), tenant and tenant_of(stack, tenant), to)
    call.out.data({"report": str(path)})
    call.out.say(str(path))
    if open_it and not webbrowser.open(path.absolute().as_uri()):
        call.out.warn("no browser was found; open the file above in one")


def _feeds(stack: Stack, run: Run) -> list[str]:
    """Those it was given, and those whose files it took."""
    given = run.input or {}
    named = {str(feed_id) for feed_id in given.get("feeds") or ()}
    named |= {str(file["feed_id"]) for file in given.get("files") or ()}
    return sorted(named | {str(entry["feed_id"]) for entry in stack.ledger.of_run(run.arn, ("status",))})


def _list(call: Call, limit: int) -> None:
    with call.stack() as stack:
        rows = [_row(stack, run) for run in stack.runs(limit)]
    call.out.rows(rows, _COLUMNS, empty=f"no runs yet. To start one: lakeferry run {call.where}")


def _row(stack: Stack, run: Run) -> dict[str, Any]:
    files = list(stack.ledger.of_run(run.arn, ("status",)))
    return {
        "run": run.name,
        "arn": run.arn,
        "status": run.status,
        "started": run.started.replace("T", " ")[:19],
        "seconds": run.seconds,
        "took": f"{run.seconds:.0f} s" if run.seconds is not None else "",
        "files": len(files),
        "failed": sum(entry["status"] == "FAILED" for entry in files),
    }
