"""`lakeferry files`: what became of files."""

import argparse
import json

from cli.stack import Stack, add_options, stack_of
from cli.table import print_table
from lakeferry.ledger import IN_WORK, Entry
from lakeferry.ledger.queries import feed_ids, files_of_feed, unfinished
from lakeferry.runs.running import RunningRuns


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser("files", help="files of a feed or a run, failed ones, stuck ones")
    parser.add_argument("--feed", metavar="TENANT/FEED", help="of this feed")
    parser.add_argument("--run", help="that this run took: its name or ARN")
    parser.add_argument("--failed", action="store_true", help="only those that failed, with their causes")
    parser.add_argument("--stuck", action="store_true", help="only those whose run has ended without finishing them")
    parser.add_argument("--json", action="store_true", help="whole ledger items, one a line")
    add_options(parser)
    parser.set_defaults(command=_files, parser=parser)


def _files(options: argparse.Namespace) -> int:
    if not (options.feed or options.run or options.failed or options.stuck):
        options.parser.error("name a --feed or a --run, or ask for --failed or --stuck ones")
    with stack_of(options) as stack:
        found = _chosen(options, stack)
    if options.json:
        for entry in found:
            print(json.dumps(entry, sort_keys=True))
        return 0
    print_table(["feed", "file", "status", "bytes", "rows", "attempts", "why"], [_row(entry) for entry in found])
    return 0


def _chosen(options: argparse.Namespace, stack: Stack) -> list[Entry]:
    ledger = stack.ledger
    if options.run:
        machine = stack.physical("IngestStateMachine").replace(":stateMachine:", ":execution:")
        run = options.run if options.run.startswith("arn:") else f"{machine}:{options.run}"
        found = [entry for entry in ledger.of_run(run) if options.feed in {None, entry["feed_id"]}]
        found.sort(key=lambda entry: (str(entry["feed_id"]), str(entry["file_id"])))
    elif options.failed or options.stuck:
        feeds = [options.feed] if options.feed else feed_ids(stack.feeds)
        found = [entry for feed_id in feeds for entry in unfinished(ledger, feed_id)]
    else:
        found = files_of_feed(ledger, options.feed)
    if not (options.failed or options.stuck):
        return found
    is_running = RunningRuns(stack.client("stepfunctions"))
    return [
        entry
        for entry in found
        if (options.failed and entry["status"] == "FAILED")
        or (options.stuck and entry["status"] in IN_WORK and not is_running(entry["run"]))
    ]


def _row(entry: Entry) -> list[object]:
    why = f"{entry['stage']}: {entry['error']}: {entry['cause']}" if "error" in entry else ""
    return [
        entry["feed_id"],
        entry["path"],
        entry["status"],
        f"{entry['size']:,}",
        entry.get("rows_curated", entry.get("rows_landed", "")),
        entry.get("attempts", ""),
        why[:160],
    ]
