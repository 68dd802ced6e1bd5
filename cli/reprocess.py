"""`lakeferry reprocess` and `lakeferry backfill`: a dry run first; with --yes in earnest."""

import argparse
from typing import Any

from cli.stack import Stack, add_options, stack_of
from cli.table import print_table


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the commands."""
    again = commands.add_parser("reprocess", help="take again what failed")
    again.add_argument("--all", action="store_true", help="everything that is open")
    again.add_argument("--tenant", help="of this tenant")
    again.add_argument("--feed", metavar="TENANT/FEED", help="of this feed")
    again.add_argument("--error", help="that failed with this error, such as FileRejectedError")
    again.add_argument("--file", help="this file: its path, its name, or its key in the ledger")
    again.add_argument("--runs", action="store_true", help="failed runs")
    again.set_defaults(command=_reprocess, parser=again)
    back = commands.add_parser("backfill", help="take a feed's files of some days once more")
    back.add_argument("--feed", metavar="TENANT/FEED", required=True)
    back.add_argument("--from", dest="first", metavar="YYYY-MM-DD", required=True, help="first business date")
    back.add_argument("--to", dest="last", metavar="YYYY-MM-DD", required=True, help="last business date")
    back.add_argument(
        "--source",
        choices=["inbox", "server", "raw"],
        default="inbox",
        help="from the bytes as delivered, from the server, or only the Glue job again (default: inbox)",
    )
    back.set_defaults(command=_backfill)
    for command in (again, back):
        command.add_argument("--yes", action="store_true", help="do it; without, only tell what would be done")
        add_options(command)


def _reprocess(options: argparse.Namespace) -> int:
    names = ("tenant", "feed", "error", "file")
    event = {name: getattr(options, name) for name in names if getattr(options, name)}
    event |= {name: True for name in ("all", "runs") if getattr(options, name)}
    if not event:
        options.parser.error("name a --tenant, --feed, --error or --file, or ask for --runs or --all")
    with stack_of(options) as stack:
        told = stack.invoke("ReprocessFunction", {**event, "dry_run": not options.yes})
        chosen = [one for one in told["open"] if one["reason"] != "is not asked for"]
        print_table(
            ["", "feed", "file", "stage", "error", "attempt", "why"],
            [
                [
                    one["decision"],
                    one["feed"] or "",
                    one["file"] or "",
                    one["stage"],
                    one["error"],
                    one["attempt"],
                    one["reason"],
                ]
                for one in chosen
            ],
        )
        for message in told["unreadable"]:
            print(f"cannot be read: {message}")
        return _tell(stack, told, told["start"], options)


def _backfill(options: argparse.Namespace) -> int:
    asked = {"feed": options.feed, "from": options.first, "to": options.last, "source": options.source}
    with stack_of(options) as stack:
        told = stack.invoke("ReprocessFunction", {"backfill": asked, "dry_run": not options.yes})
        print_table(["date", "file", "status"], [[one["dt"], one["file"], one["status"]] for one in told["open"]])
        if told["left"]:
            print(f"{told['left']} more are left alone: they wait for the Glue job, or failed before the raw zone.")
        return _tell(stack, told, told["files"], options)


def _tell(stack: Stack, told: dict[str, Any], count: int, options: argparse.Namespace) -> int:
    if not options.yes:
        print(f"{count} would be started; nothing was done. Add --yes to do it." if count else "Nothing to start.")
        return 0
    for run in told["executions"]:
        print(f"started {run}" + (f": {stack.wait(run)}" if stack.is_local else ""))
    return 0
