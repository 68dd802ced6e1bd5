"""What whoever asked is told in a sentence, on the command line as by the function."""

from collections.abc import Collection, Sequence
from typing import Any

from lakeferry.counting import count_of
from lakeferry.ledger import IN_WORK, Entry
from lakeferry.ledger.retired import RAW_DELETED_AT
from reprocess.decide import NOT_ASKED_FOR, Open
from reprocess.request import Backfill, Request

_WOULD = "{} would be started; nothing was done."


def answered(asked: Request, found: Sequence[Open], known: Collection[str]) -> dict[str, Any]:
    """`matched`, whether anything is what was named; `answer`, what becomes of it, or why there is nothing.

    Args:
        found: All that is open, asked for or not.
        known: Feeds that have a document.
    """
    named = [one for one in found if one.reason != NOT_ASKED_FOR]
    starts, under_way = (sum(one.decision == name for one in named) for name in ("start", "under way"))
    tenants = {feed_id.partition("/")[0] for feed_id in known}
    told: list[str] = []
    if asked.tenant is not None and asked.tenant not in tenants:
        told.append(f"There is no feed of tenant {asked.tenant}.")
    if asked.feed_id is not None and asked.feed_id not in known:
        told.append(f"There is no feed {asked.feed_id}.")
    if starts:
        told.append(_WOULD.format(starts) if asked.dry_run else f"{starts} taken again.")
    if under_way:
        told.append(f"{under_way} under way already.")
    if waits := sum(one.decision == "waits" for one in named):
        told.append(f"{waits} left as they are: each says why.")
    if not named:
        told.append("Nothing failed that you named.")
    return {"matched": bool(named), "answer": " ".join(told) or "Nothing is left to be done with what you named."}


def backfilled(asked: Backfill, taken: Sequence[Entry], left: Sequence[Entry], *, dry_run: bool) -> dict[str, Any]:
    """The same of a backfill.

    Args:
        left: Files of these days that are not taken.
    """
    days = f"{asked.first} to {asked.last}"
    in_work = sum(entry["status"] in IN_WORK for entry in left)
    told: list[str] = []
    if taken:
        of_days = f"{count_of(len(taken), 'file')} of {days} taken once more."
        told.append(_WOULD.format(len(taken)) if dry_run else of_days)
    if in_work:
        told.append(f"{count_of(in_work, 'file')} under way already.")
    if retired := sum(RAW_DELETED_AT in entry and entry["status"] == "CURATED" for entry in left):
        told.append(
            f"{count_of(retired, 'file')} deleted from the raw zone by retention: --source server takes them again "
            "where the partner still has them."
        )
    if rest := len(left) - in_work - retired:
        told.append(f"{count_of(rest, 'file')} left alone: they wait for the Glue job, or failed before the raw zone.")
    if not told:
        told.append(f"Feed {asked.feed_id} has no file in the lake, and none that failed, of {days}.")
    return {"matched": bool(taken or left), "answer": " ".join(told)}
