"""`lakeferry feeds put` and `diff`: documents beside those of the stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.asking import agreed
from cli.calling import Call, command
from cli.feeds.admission import Admission, check_owner
from cli.feeds.differences import Difference, differences
from cli.feeds.documents import each
from cli.feeds.group import feeds
from cli.feeds.stored import Stored
from cli.owners import Owners
from cli.problems import DONE
from cli.stack import Stack
from lakeferry.counting import count_of
from lakeferry.feeds import Feed, parse_feed, put_feed

Documents = Annotated[list[Path], typer.Argument(help="YAML files, or folders of them.", metavar="FILE...")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


@dataclass(frozen=True, slots=True)
class Change:
    """A document that differs from the stored one."""

    path: str
    feed: Feed
    document: Mapping[str, Any]
    before: Mapping[str, Any] | None
    differences: list[Difference]


@command(feeds, "diff")
def diff(call: Call, documents: Documents) -> int:
    """Show what `feeds put` would change; write nothing."""
    with call.stack() as stack:
        changes: list[Change] = []
        return each(
            call.out, documents, lambda path, document: _look(call, Stored(stack), str(path), document, changes)
        )


@command(feeds, "put")
def put(call: Call, documents: Documents, yes: Yes = False) -> int:
    """Check documents, show what changes, ask, and put them into the stack. What was there before is kept."""
    with call.stack(writes=True) as stack:
        stored, admission = Stored(stack), Admission(stack, call.where, call.out)
        changes: list[Change] = []

        def look(path: Path, document: dict[str, Any]) -> None:
            feed, before = parse_feed(document), len(changes)
            admission.owner(feed)
            _look(call, stored, str(path), document, changes)
            if len(changes) == before and (hint := admission.hint(feed)):  # of others it comes once they are put
                call.out.say(f"  {hint}")

        code = each(call.out, documents, look)
        put_changes(call, stack, admission, changes, yes=yes)
        return code


def put_changes(call: Call, stack: Stack, admission: Admission, changes: list[Change], *, yes: bool) -> int:
    """Asks, where something stored would be another, and writes."""
    if any(change.before is not None for change in changes):
        what = count_of(len(changes), "feed")
        agreed(call, f"Put {what}?", yes=yes, stakes=f"this would change {what} (see above)")
    stored, datasets = Stored(stack), stack.ledger.datasets
    if changes:
        Owners(stack).seed_datasets()

    def admit(feed: Feed) -> None:
        check_owner(datasets.found(feed.dataset, feed.tenant), feed, call.where)

    for change in changes:
        stored.keep(change.feed.feed_id, change.before, "put")
        put_feed(stack.feeds, change.document, admit)
        if change.before is None:
            stack.ledger.take_up(change.feed.feed_id)  # what waited since the feed was deleted
        hint = admission.hint(change.feed)
        call.out.data({"file": change.path, "feed": change.feed.feed_id, "put": True, "hint": hint})
        call.out.say(f"{change.path}: {change.feed.feed_id} is put" + (f"\n  {hint}" if hint else ""))
    return DONE


def _look(call: Call, stored: Stored, path: str, document: dict[str, Any], changes: list[Change]) -> None:
    feed = parse_feed(document)
    before = stored.find(feed.feed_id)
    found = [] if before is None else differences(before, document)
    shown = {"file": path, "feed": feed.feed_id, "new": before is None}
    call.out.data({**shown, "changes": [one.to_json() for one in found]})
    if before is not None and not found:
        call.out.say(f"{path}: {feed.feed_id} is as it is stored")
        return
    changes.append(Change(path, feed, document, before, found))
    if before is None:
        server = feed.server
        name = feed.files.pattern or feed.files.regex
        call.out.say(f"{path}: {feed.feed_id} is new: {server.protocol} {server.host}, {name}, dataset {feed.dataset}")
    else:
        call.out.say(f"{path}: {feed.feed_id} changes:")
        for one in found:
            call.out.say(f"  {one}")
