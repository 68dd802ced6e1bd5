"""A batch of files, one read after the other: the next ones' bytes come, and the last ones' go, meanwhile."""

import io
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from lakeferry.batches import Batch, Call
from lakeferry.decode import DecodeKeys
from lakeferry.feeds import Feed
from lakeferry.file_at_work import FileAtWork
from lakeferry.lake import ONE_CALL
from lakeferry.ledger import Ledger
from lakeferry.models import FileItem
from lakeferry.runs.budget import Budget
from lakeferry.settings import Settings
from validate.core import open_inbox, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

RESERVE_SECONDS = 180
"""Another file is begun only where so much is left; else it comes in the next call, which has all its time for it."""
BYTES_A_SECOND = 2_000_000
"""Delivered, of what takes long: compressed ten times, they are 20 MB of text."""
FIRST_SECONDS, LONGEST_SECONDS = 30, 840
AHEAD = 3
"""Files of at most 5 MiB each that are read from the inbox before their turn."""
RECORDED_AT_ONCE = 4
"""Files whose outputs are on their way to S3 and whose results to the ledger."""


def validate_batch(
    batch: Batch,
    feed: Feed,
    keys: DecodeKeys,
    ledger: Ledger,
    s3: "S3Client",
    settings: Settings,
    remaining_seconds: "Callable[[], float]",
    budget: Budget | None = None,
) -> dict[str, Any]:
    """Decodes and checks the batch's files, or as many as time allows.

    Returns:
        The batch as the state machine reads it; see `lakeferry.batches`.
    """
    limit = budget or Budget()
    call = Call(batch, "validate", ledger, limit)
    works = [FileAtWork(feed, item, call.entries[item.file_id], ledger, s3, settings) for item in call.items]
    state = ledger.feeds.get(batch.feed_id) if works else {}
    recording: deque[tuple[FileItem, Future[dict[str, Any]]]] = deque()
    with ThreadPoolExecutor(max_workers=AHEAD + RECORDED_AT_ONCE, thread_name_prefix="file") as pool:
        bodies: deque[Future[io.BytesIO] | None] = deque()
        for number, work in enumerate(works):
            if number and remaining_seconds() < RESERVE_SECONDS:
                call.postpone(call.items[number:])
                break
            while len(bodies) <= AHEAD and number + len(bodies) < len(works):
                following = works[number + len(bodies)]
                bodies.append(pool.submit(_body, following) if _is_small(following) else None)
            body = bodies.popleft()
            if not limit.allows(seconds_for(work.item.size)):  # it has no checkpoint: what cannot end is not begun
                call.leave([work.item])
                continue
            try:
                rest = read(work, state, keys, None if body is None else body.result())
            except Exception as error:
                call.erred(work.item, error)
                continue
            recording.append((work.item, pool.submit(rest)))
            _ended(call, recording, RECORDED_AT_ONCE - 1 if _is_small(work) else 0)
        _ended(call, recording, 0)
    return call.answer()


def seconds_for(size: int) -> float:
    """What a file of so many bytes may take, and no more than the function has."""
    return min(LONGEST_SECONDS, FIRST_SECONDS + size / BYTES_A_SECOND)


def _is_small(work: FileAtWork) -> bool:
    """Whether its bytes are asked for before its turn; those of one that is further along are not needed."""
    return work.item.size <= ONE_CALL and work.status == "FETCHED"


def _body(work: FileAtWork) -> io.BytesIO:
    with open_inbox(work) as body:
        return io.BytesIO(body.read())


def _ended(call: Call, recording: "deque[tuple[FileItem, Future[dict[str, Any]]]]", left: int) -> None:
    """Waits until no more than so many are on their way."""
    while len(recording) > left:
        item, future = recording.popleft()
        if call.attempt(item, future.result):
            call.went(item)
