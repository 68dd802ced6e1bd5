"""`lakeferry reprocess` and `lakeferry backfill`: a dry run first; with --yes in earnest."""

from typing import Annotated, Any

import typer

from cli.calling import Call, command
from cli.names import feed_of, file_of, tenant_of
from cli.problems import DONE, FAILED, NOTHING_MATCHED, WrongUseError
from cli.stack import Stack

_COLUMNS = {
    **{"decision": "", "feed": "feed", "file": "file", "stage": "stage"},
    **{"error": "error", "attempt": "attempt", "reason": "why"},
}
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, only tell what would be done.")]


def declare(app: typer.Typer) -> None:
    """Adds both to the commands."""
    command(app, "reprocess")(reprocess)
    command(app, "backfill")(backfill)


def reprocess(
    call: Call,
    everything: Annotated[bool, typer.Option("--all", help="Everything that is open.")] = False,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None,
    feed: Annotated[str | None, typer.Option(metavar="TENANT/FEED", help="Of this feed.")] = None,
    error: Annotated[str | None, typer.Option(help="That failed with this error, such as FileRejectedError.")] = None,
    file: Annotated[str | None, typer.Option(help="This file: its path, its name, or its key in the ledger.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="Failed runs.")] = False,
    yes: Yes = False,
) -> int:
    """Take again what failed."""
    event: dict[str, Any] = {"tenant": tenant, "feed": feed, "error": error, "file": file}
    event = {name: value for name, value in event.items() if value} | ({"all": True} if everything else {})
    event |= {"runs": True} if runs else {}
    if not event:
        raise WrongUseError("name a --tenant, --feed, --error or --file, or ask for --runs or --all.")
    with call.stack(runs=yes) as stack:
        if tenant:
            tenant_of(stack, tenant)
        if feed:
            event["feed"] = feed_of(stack, feed)
        if file:
            file_of(stack, file, event.get("feed"), many=True)
        told = stack.invoke("ReprocessFunction", {**event, "dry_run": not yes})
        chosen = [one for one in told["open"] if one["reason"] != "is not asked for"]
        if chosen:
            call.out.rows(chosen, _COLUMNS)
        for message in told["unreadable"]:
            call.out.warn(f"cannot be read: {message}")
        return _tell(call, stack, told, told["start"], yes=yes)


def backfill(
    call: Call,
    feed: Annotated[str, typer.Option(metavar="TENANT/FEED", help="Of this feed.")],
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First business date.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last business date.")],
    source: Annotated[
        str,
        typer.Option(
            help="inbox: from the bytes as delivered; server: from the server; raw: only the Glue job again.",
            metavar="inbox|server|raw",
        ),
    ] = "inbox",
    yes: Yes = False,
) -> int:
    """Take a feed's files of some days once more."""
    asked = {"feed": feed, "from": first, "to": last, "source": source}
    with call.stack(runs=yes) as stack:
        # dates first: they are wrong whatever feeds there are
        check_backfill(asked)
        asked["feed"] = feed_of(stack, feed)
        told = stack.invoke("ReprocessFunction", {"backfill": asked, "dry_run": not yes})
        if told["open"]:
            call.out.rows(told["open"], {"dt": "date", "file": "file", "status": "status"})
        return _tell(call, stack, told, told["files"], yes=yes)


def check_backfill(asked: dict[str, str]) -> None:
    """Refuses dates and sources that are none.

    Raises:
        WrongUseError: with what is wrong.
    """
    from lakeferry.errors import ReprocessInvalidError
    from reprocess.request import Request

    try:
        Request.from_event({"backfill": asked})
    except ReprocessInvalidError as error:
        raise WrongUseError(str(error)) from error


def _tell(call: Call, stack: Stack, told: dict[str, Any], count: int, *, yes: bool) -> int:
    call.out.say(told["answer"])
    code = DONE if told["matched"] else NOTHING_MATCHED
    if not yes:
        call.out.data({"would_start": count, "done": False})
        if count:
            call.out.say("Add --yes to do it.")
        return code
    for run in told["executions"]:
        call.out.say(f"started {run}" + ("" if not stack.is_local else ", and waiting for it ..."))
        status = stack.wait(run)
        call.out.data({"started": run, "status": status})
        if status is not None:
            call.out.say(f"{run}: {status}")
            code = code if status == "SUCCEEDED" else FAILED
    if not told["executions"]:
        call.out.data({"started": None})
    return code
