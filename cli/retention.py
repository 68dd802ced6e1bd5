"""`lakeferry retention`: what feeds do not keep any longer; with --yes it is deleted now, not next night."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from cli.calling import Call, command
from cli.names import feed_of
from cli.problems import DONE, CommandError
from lakeferry.counting import count_of
from lakeferry.feeds import parse_feed
from lakeferry.feeds.each import each_feed
from lakeferry.ledger.queries import feed_documents
from retain.due import Day, due_days

_COLUMNS = {
    **{"feed": "feed", "zone": "zone", "dt": "business date", "kept_days": "kept (days)"},
    **{"objects": "objects", "bytes": "bytes", "waits": "kept, since"},
}


def declare(app: typer.Typer) -> None:
    """Adds it to the commands."""
    command(app, "retention")(retention)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-11-30") from error


def retention(
    call: Call,
    feed: Annotated[
        str | None, typer.Option(metavar="TENANT/FEED", help="Only of this feed, and only to look.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", parser=_day, metavar="YYYY-MM-DD", help="What will be over on that day.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete what is over now; without, only tell.")] = False,
) -> int:
    """What the feeds' retention does not keep any longer: days by zone, with objects and bytes.

    A stack deletes it by itself each night, a lake on this machine with --yes. Kept beyond its time is a day with files
    that are not curated yet, and one of which the ledger knows nothing.
    """
    if yes and (feed or on):
        raise CommandError("--yes deletes all that is over today: leave --feed and --on out.")
    with call.stack(writes=yes, runs=yes) as stack:
        chosen = feed and feed_of(stack, feed)
        documents = [one for one in feed_documents(stack.feeds) if chosen in {None, f"{one['tenant']}/{one['feed']}"}]
        least = int(stack.parameter("MinRetentionDays", "0"))
        s3, bucket, ledger = stack.client("s3"), stack.physical("LakeBucket"), stack.ledger
        today = date.fromisoformat(on) if on else datetime.now(UTC).date()

        def look(document: Mapping[str, Any]) -> list[Day]:
            return list(due_days(parse_feed(document), ledger, s3, bucket, today, least))

        asked = [one for one in documents if "retention" in one]
        found = each_feed(asked, look, lambda one, error: call.out.warn(str(error)))
        days = [day for of_feed in found for day in of_feed]
        call.out.rows([day.to_json() for day in days], _COLUMNS, empty=_nothing(len(asked), today))
        over = [day for day in days if not day.waits]
        total = f"{count_of(len(over), 'day')}, {count_of(sum(day.bytes for day in over), 'byte')}"
        if not yes:
            call.out.say(f"{total} to delete. Nothing was deleted.")
            return DONE
        told = stack.invoke("RetainFunction", {})
        call.out.data(told)
        call.out.say(f"{count_of(told['DaysRetired'], 'day')} deleted, {told['BytesRetired']} bytes.")
    return DONE


def _nothing(asked: int, today: date) -> str:
    if not asked:
        return "no feed has a retention: all is kept for ever (docs/operations.md#retention)"
    return f"nothing is over on {today}"
