"""`lakeferry runs`: the latest runs and what they did."""

import argparse
from datetime import UTC

from cli.stack import add_options, stack_of
from cli.table import print_table


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser("runs", help="the latest runs, and how many files each took")
    parser.add_argument("--limit", type=int, default=10, help="how many (default: 10)")
    add_options(parser)
    parser.set_defaults(command=_runs)


def _runs(options: argparse.Namespace) -> int:
    with stack_of(options) as stack:
        machine = stack.physical("IngestStateMachine")
        found = stack.client("stepfunctions").list_executions(stateMachineArn=machine, maxResults=options.limit)
        rows = []
        for run in found["executions"]:
            files = list(stack.ledger.of_run(run["executionArn"], ("status",)))
            failed = sum(entry["status"] == "FAILED" for entry in files)
            took = f"{(run['stopDate'] - run['startDate']).total_seconds():.0f} s" if "stopDate" in run else ""
            started = run["startDate"].astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
            rows.append([run["name"], run["status"], started, took, len(files), failed])
    print_table(["run", "status", "started (UTC)", "took", "files", "failed"], rows)
    return 0
