"""`lakeferry runs`: the latest runs and what they did."""

from typing import Annotated, Any

import typer

from cli.calling import Call, command, group
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
