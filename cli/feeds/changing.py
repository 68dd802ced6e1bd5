"""`lakeferry feeds disable`, `enable`, `history` and `delete`."""

from typing import Annotated

import typer

from cli.asking import agreed
from cli.calling import Call, command
from cli.feeds.admission import Admission
from cli.feeds.differences import differences
from cli.feeds.group import feeds
from cli.feeds.pending import Pending, Rest, pending_of, settle
from cli.feeds.put import Change, Yes, put_changes
from cli.feeds.show import FeedName, version_of
from cli.feeds.stored import Stored
from cli.names import feed_of
from cli.problems import DONE, FAILED, WRONG_USE
from cli.stack import Stack
from lakeferry.counting import count_of
from lakeferry.feeds import parse_feed

Feeds = Annotated[list[str], typer.Argument(metavar="FEED...", help="tenant/feed.")]
_HISTORY = {"version": "version", "until": "until", "by": "by", "why": "replaced by", "changes": "what changed then"}


@command(feeds, "disable")
def disable(call: Call, names: Feeds) -> None:
    """Stop polling feeds. Files that are under way are finished; `enable` takes it back."""
    _set(call, names, is_enabled=False)


@command(feeds, "enable")
def enable(call: Call, names: Feeds) -> None:
    """Poll feeds again, from the next run on."""
    _set(call, names, is_enabled=True)


def _set(call: Call, names: list[str], *, is_enabled: bool) -> None:
    word = "enabled" if is_enabled else "disabled"
    with call.stack(writes=True) as stack:
        stored = Stored(stack)
        found = [stored.get(name) for name in names]  # all of them, before any is changed
        for feed_id, document in found:
            if document.get("enabled", True) is is_enabled:
                call.out.data({"feed": feed_id, "enabled": is_enabled, "changed": False})
                call.out.say(f"{feed_id} was {word} already")
                continue
            if is_enabled:
                parse_feed({**document, "enabled": True})
            stored.set_enabled(feed_id, document, is_enabled=is_enabled)
            call.out.data({"feed": feed_id, "enabled": is_enabled, "changed": True})
            call.out.say(f"{feed_id} is {word}")


@command(feeds, "history")
def history(
    call: Call,
    name: FeedName,
    restore: Annotated[
        int | None, typer.Option(min=1, metavar="VERSION", help="Put this version again: 1 is the one before now.")
    ] = None,
    yes: Yes = False,
) -> int:
    """What a feed's document was before, and who changed it; with --restore go back to a version."""
    if restore is None:
        _list(call, name)
        return DONE
    with call.stack(writes=True) as stack:
        stored = Stored(stack)
        feed_id, document = version_of(stored, name, restore)
        before = stored.find(feed_id)
        found = [] if before is None else differences(before, document)
        if before is not None and not found:
            call.out.data({"feed": feed_id, "put": False})
            call.out.say(f"{feed_id} is as version {restore} has it")
            return DONE
        call.out.say(f"{feed_id}: back to version {restore}" + ("" if before is None else ", which changes:"))
        for one in found:
            call.out.say(f"  {one}")
        change = Change(f"version {restore}", parse_feed(document), document, before, found)
        return put_changes(call, stack, Admission(stack, call.where, call.out), [change], yes=yes)


def _list(call: Call, name: str) -> None:
    with call.stack() as stack:
        stored = Stored(stack)
        feed_id = name if stored.versions(name) else feed_of(stack, name)
        versions, newer = stored.versions(feed_id), stored.find(feed_id)
    rows = []
    for number, version in enumerate(versions, start=1):
        found = [] if newer is None else differences(version.document, newer)
        rows.append(
            {
                **{"version": number, "until": version.until, "by": version.by, "why": version.why},
                "changes": [str(one) for one in found],
            }
        )
        newer = dict(version.document)
    call.out.rows(rows, _HISTORY, empty=f"{feed_id} was never changed; `lakeferry feeds show {feed_id}` prints it")


@command(feeds, "delete")
def delete(
    call: Call,
    name: FeedName,
    pending: Annotated[
        Rest | None,
        typer.Option(
            help="What becomes of files that are not curated yet. finish: disable the feed, and delete it once they "
            "are; drop: nothing more is done with them; keep: they wait, for when the feed is put again."
        ),
    ] = None,
    yes: Yes = False,
) -> int:
    """Remove a feed's document. What it brought into the lake stays; `history --restore` brings it back."""
    with call.stack(writes=True) as stack:
        stored = Stored(stack)
        if "/" in name and stored.find(name) is None and (rest := pending_of(stack, name)).count:
            return _settle_orphans(call, stack, name, rest, pending, yes=yes)
        feed_id, document = stored.get(name)
        rest = pending_of(stack, feed_id)
        _tell(call, feed_id, rest)
        if rest.count and pending is None:
            call.out.data({"feed": feed_id, "deleted": False, "pending": rest.count})
            call.out.warn(f"Say what becomes of them: --pending {'|'.join(Rest)}. Nothing was done.")
            return FAILED
        if rest.count and pending is Rest.FINISH:
            if document.get("enabled", True):
                stored.set_enabled(feed_id, document, is_enabled=False)
            call.out.data({"feed": feed_id, "deleted": False, "enabled": False, "pending": rest.count})
            call.out.say(f"{feed_id} is disabled; runs finish these files. Then: lakeferry feeds delete {feed_id}")
            return DONE
        agreed(call, f"Delete {feed_id}?", yes=yes, stakes=f"this would delete {feed_id}")
        settled = settle(stack, rest, pending) if rest.count and pending else 0
        stored.delete(feed_id, document)
    call.out.data({"feed": feed_id, "deleted": True, "pending": rest.count, "settled": settled})
    call.out.say(f"{feed_id} is deleted. To bring it back: lakeferry feeds history {feed_id} --restore 1 {call.where}")
    return DONE


def _settle_orphans(call: Call, stack: Stack, feed_id: str, rest: Pending, pending: Rest | None, *, yes: bool) -> int:
    """Of a feed that was deleted with files under way: there is nothing to delete but what waits."""
    _tell(call, feed_id, rest)
    if pending is None or pending is Rest.FINISH:
        call.out.data({"feed": feed_id, "deleted": True, "pending": rest.count, "settled": 0})
        call.out.warn(
            f"{feed_id} was deleted before. Say what becomes of these files: --pending {Rest.DROP}|{Rest.KEEP}; to "
            f"have them finished, bring it back: lakeferry feeds history {feed_id} --restore 1 {call.where}"
        )
        return WRONG_USE if pending is Rest.FINISH else FAILED
    agreed(call, f"{pending.capitalize()} these files?", yes=yes, stakes=f"this would {pending} files of {feed_id}")
    settled = settle(stack, rest, pending)
    call.out.data({"feed": feed_id, "deleted": True, "pending": rest.count, "settled": settled})
    call.out.say(f"{feed_id} was deleted before; its files are {'dropped' if pending is Rest.DROP else 'kept'}")
    return DONE


def _tell(call: Call, feed_id: str, rest: Pending) -> None:
    if rest.waiting:
        call.out.say(f"{feed_id}: {count_of(len(rest.waiting), 'file')} in the raw zone not curated yet")
    if rest.in_work:
        call.out.say(f"{feed_id}: {count_of(len(rest.in_work), 'file')} in work")
    if rest.failed:
        call.out.say(f"{feed_id}: {count_of(len(rest.failed), 'file')} failed and not taken again")
