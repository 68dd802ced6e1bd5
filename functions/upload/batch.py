"""A batch of files made visible side by side; then what their feed wants done on the server, over one connection."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.batches import Batch, Call
from lakeferry.errors import LakeferryError
from lakeferry.feeds import Feed
from lakeferry.file_at_work import FileAtWork
from lakeferry.ledger import Ledger
from lakeferry.runs.budget import Budget
from lakeferry.servers import Server
from lakeferry.servers.shared import SharedConnection
from lakeferry.settings import Settings
from upload.after import finish_remote
from upload.core import Uploaded, land, settle

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RESERVE_SECONDS = 30
"""Left of the function's time to keep what was done; what is not begun comes in the next call."""

_Done = tuple[FileAtWork, Uploaded]


def upload_batch(
    batch: Batch,
    feed: Feed,
    connect: Callable[[], AbstractContextManager[Server]],
    ledger: Ledger,
    s3: "S3Client",
    settings: Settings,
    remaining_seconds: Callable[[], float],
    budget: Budget | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Makes the batch's validated files visible, or as many as time allows.

    Returns:
        The batch as the state machine reads it (see `lakeferry.batches`), and what went wrong on the server.
    """
    limit = budget or Budget()
    call = Call(batch, "upload", ledger, limit)
    paths: dict[str, list[FileAtWork]] = {}
    for item in call.items:
        work = FileAtWork(feed, item, call.entries[item.file_id], ledger, s3, settings)
        paths.setdefault(item.path, []).append(work)

    def land_in_order(works: Sequence[FileAtWork]) -> list[_Done]:
        """The versions of one path: the last is what stays."""
        done: list[_Done] = []
        for work in works:
            if not limit.allows(RESERVE_SECONDS):
                call.leave([work.item])
            elif remaining_seconds() < RESERVE_SECONDS:
                call.postpone([work.item])
            elif call.attempt(work.item, lambda work=work: done.append((work, land(work)))):  # type: ignore[misc]
                call.went(work.item)
        return done

    landed = [one for found in side_by_side(land_in_order, list(paths.values())) for one in found]
    if landed:
        settle(landed[0][0], [done for _, done in landed])
    return call.answer(), _finish(landed, connect, lambda: min(remaining_seconds(), limit.left()))


def _finish(
    landed: Sequence[_Done], connect: Callable[[], AbstractContextManager[Server]], remaining: Callable[[], float]
) -> list[str]:
    """After-actions, one after the other; what is left, the next run that lists the files does."""
    problems: list[str] = []
    with SharedConnection(connect) as connection:
        for work, done in landed:
            if connection.refused is not None or remaining() < RESERVE_SECONDS:
                break
            due = replace(work, entry={**work.entry, "after_due": done.after_due})
            try:
                problem = finish_remote(due, connection.borrow)
            except LakeferryError as error:  # another run's by now
                problem = str(error)
            if problem:
                problems.append(f"{work.item.path}: {problem}")
    return problems
