"""`lakeferry restore`: what differs once a ledger, a lake or a catalog was brought back from another moment."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from cli.calling import Call, command
from cli.names import feed_of
from cli.problems import DONE, FAILED, WrongUseError
from cli.restoring.compare import differences, leases
from cli.restoring.difference import Difference
from cli.restoring.place import Place, feeds_of, known_of
from lakeferry.counting import count_of

Days = dict[tuple[str, str], set[str]]
"""What is to be built, by feed and source."""


def declare(app: typer.Typer) -> None:
    """Adds it to the commands."""
    command(app, "restore")(restore)


def restore(
    call: Call,
    check: Annotated[bool, typer.Option("--check", help="Compare; nothing is changed.")] = False,
    feed: Annotated[str | None, typer.Option(metavar="TENANT/FEED", help="Only of this feed.")] = None,
) -> int:
    """After a restore: what ledger, lake and catalog say differently, and what to do about each.

    Tables are restored by hand (docs/operations.md). Ends with 1 where something does not come right by itself.
    """
    if not check:
        raise WrongUseError("restore only compares so far: add --check. How to restore is in docs/operations.md.")
    counts = {True: 0, False: 0}
    days: Days = defaultdict(set)

    def tell(found: Iterable[Difference]) -> None:
        for one in found:
            counts[one.needs_person] += 1
            if one.rebuild:
                days[one.feed, one.rebuild].add(one.dt)
            _tell(call, one)

    with call.stack() as stack:
        place = Place.of(stack)
        for feed_id in [feed_of(stack, feed)] if feed else feeds_of(stack, place):
            tell(differences(place, known_of(stack, place, feed_id)))
        if not feed:
            tell(leases(place, datetime.now(UTC)))
    if days:
        call.out.say("\nTo have those days whole again:")
    for command_line in commands_of(days, call.where):
        call.out.say(f"  {command_line}")
        call.out.data({"command": command_line})
    yours, others = counts[True], counts[False]
    if not yours + others:
        call.out.say("Ledger, lake and catalog agree.")
    else:
        call.out.say(f"\n{count_of(yours, 'difference')} for you to see to, {others} that come right by themselves")
    call.out.data({"needs_person": yours, "others": others})
    return FAILED if yours else DONE


def commands_of(days: Days, where: str) -> list[str]:
    """A backfill for each range of days that follow one another."""
    return [
        f"lakeferry backfill --feed {feed} --from {first} --to {last} --source {source} --yes {where}".rstrip()
        for (feed, source), wanted in sorted(days.items())
        for first, last in _ranges(sorted(map(date.fromisoformat, wanted)))
    ]


def _ranges(days: list[date]) -> list[tuple[date, date]]:
    found: list[tuple[date, date]] = []
    for day in days:
        if found and day - found[-1][1] == timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _tell(call: Call, one: Difference) -> None:
    call.out.data(one.to_json())
    sign = "you " if one.needs_person else "note"
    where = " ".join(filter(None, (one.feed, one.dt)))
    call.out.say(f"{sign}  {where}: {one.told}\n      {one.what}\n      -> {one.do}")
