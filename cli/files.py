"""`lakeferry files`: what became of files."""

from typing import Annotated

import typer

from cli.calling import Call, group
from cli.names import feed_of, run_of
from cli.output import Row
from cli.problems import WrongUseError
from cli.stack import Stack
from lakeferry.ledger import IN_WORK, Entry
from lakeferry.ledger.queries import feed_ids, files_of_feed, unfinished

files = typer.Typer(help="Files of a feed or a run, failed ones, stuck ones; `files show FILE` tells of one.")
_COLUMNS = {
    **{"feed_id": "feed", "path": "file", "status": "status", "size": "bytes"},
    **{"rows": "rows", "attempts": "attempts", "why": "why"},
}
_LONGEST = 160


@group(files)
def chosen(
    call: Call,
    feed: Annotated[str | None, typer.Option(metavar="TENANT/FEED", help="Of this feed.")] = None,
    run: Annotated[str | None, typer.Option(help="That this run took: its name or ARN.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed, with their causes.")] = False,
    stuck: Annotated[
        bool, typer.Option("--stuck", help="Only those whose run has ended without finishing them.")
    ] = False,
) -> None:
    """Files of a feed or a run, failed ones, stuck ones. With --json whole ledger items."""
    if not (feed or run or failed or stuck):
        raise WrongUseError("name a --feed or a --run, or ask for --failed or --stuck ones.")
    with call.stack() as stack:
        found = _chosen(stack, feed and feed_of(stack, feed), run, failed=failed, stuck=stuck)
    if call.out.as_json:
        for entry in found:
            call.out.data(entry)
        return
    call.out.rows([_row(entry) for entry in found], _COLUMNS)


def _chosen(stack: Stack, feed: str | None, run: str | None, *, failed: bool, stuck: bool) -> list[Entry]:
    ledger = stack.ledger
    if run:
        found = [entry for entry in ledger.of_run(run_of(stack, run).arn) if feed in {None, entry["feed_id"]}]
        found.sort(key=lambda entry: (str(entry["feed_id"]), str(entry["file_id"])))
    elif failed or stuck:
        feeds = [feed] if feed else feed_ids(stack.feeds)
        found = [entry for feed_id in feeds for entry in unfinished(ledger, feed_id)]
    else:
        found = files_of_feed(ledger, feed or "")
    if not (failed or stuck):
        return found
    return [
        entry
        for entry in found
        if (failed and entry["status"] == "FAILED")
        or (stuck and entry["status"] in IN_WORK and not stack.is_running(entry["run"]))
    ]


def _row(entry: Entry) -> Row:
    why = f"{entry['stage']}: {entry['error']}: {entry['cause']}" if "error" in entry else ""
    return {
        **entry,
        "rows": entry.get("rows_curated", entry.get("rows_landed", "")),
        "attempts": entry.get("attempts", ""),
        "why": why[:_LONGEST],
    }
