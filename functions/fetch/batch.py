"""A batch of files over one connection: the next file comes while the ones before it are put away."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from fetch.changed import Connect
from fetch.copying import RESERVE_SECONDS, Remaining
from fetch.core import bring
from lakeferry.batches import BUSY_WAIT, Batch, Call
from lakeferry.errors import ConnectionsBusyError
from lakeferry.feeds import Feed
from lakeferry.file_at_work import FileAtWork
from lakeferry.ledger import Ledger
from lakeferry.models import FileItem
from lakeferry.runs.budget import BEGIN_SECONDS, REPEAT_SECONDS, Budget
from lakeferry.servers.shared import SharedConnection
from lakeferry.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PUT_AWAY_AT_ONCE = 4
"""Files that are whole in memory and on their way to the inbox, each of 5 MiB at most."""
SECONDS_A_FILE = 15
"""Another file is begun where so much is left before the reserve; else it comes in the next call."""


def fetch_batch(
    batch: Batch,
    feed: Feed,
    connect: Connect,
    ledger: Ledger,
    s3: "S3Client",
    settings: Settings,
    remaining_seconds: Remaining,
    budget: Budget | None = None,
) -> dict[str, Any]:
    """Copies the batch's files to the inbox, or what time allows.

    Returns:
        The batch as the state machine reads it; see `lakeferry.batches`.

    Raises:
        LakeferryError: the server cannot be reached, or refuses this feed, and no file came of the call.
    """
    limit = budget or Budget()
    call = Call(batch, "fetch", ledger, limit)
    if not limit.allows(BEGIN_SECONDS):
        call.postpone(call.items)
        return call.answer()

    def remaining() -> float:
        return min(remaining_seconds(), limit.left())

    with (
        ThreadPoolExecutor(max_workers=PUT_AWAY_AT_ONCE, thread_name_prefix="inbox") as pool,
        SharedConnection(connect) as connection,
    ):
        putting: deque[tuple[FileItem, Future[dict[str, Any]]]] = deque()
        for number, item in enumerate(call.items):
            if number and remaining() < RESERVE_SECONDS + SECONDS_A_FILE:
                call.postpone(call.items[number:])
                break
            work = FileAtWork(feed, item, call.entries[item.file_id], ledger, s3, settings)
            try:
                rest = bring(work, connection.borrow, remaining)
            except Exception as error:
                if error is not connection.refused:
                    call.erred(item, error)
                    continue
                _ended(call, putting, 0)
                if isinstance(error, ConnectionsBusyError):
                    call.postpone(call.items[number:], BUSY_WAIT)
                elif call.has_progress:  # the next call has only these left, and says what the server said
                    call.postpone(call.items[number:])
                elif not limit.allows(REPEAT_SECONDS):  # the state machine would repeat it when that is over
                    call.postpone(call.items[number:], BUSY_WAIT)
                else:
                    raise
                break
            putting.append((item, pool.submit(rest)))
            _ended(call, putting, PUT_AWAY_AT_ONCE - 1)
        _ended(call, putting, 0)
    return call.answer()


def _ended(call: Call, putting: "deque[tuple[FileItem, Future[dict[str, Any]]]]", left: int) -> None:
    """Waits until no more than so many are on their way."""
    while len(putting) > left:
        item, future = putting.popleft()
        call.attempt(item, _settled(call, item, future))


def _settled(call: Call, item: FileItem, future: "Future[dict[str, Any]]") -> Callable[[], None]:
    def settle() -> None:
        if future.result()["done"]:
            call.went(item)
        else:
            call.goes_on(item)

    return settle
