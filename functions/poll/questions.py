"""What the ledger has of files, asked for while the listing still comes in."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from lakeferry.aws.side_by_side import THREADS
from lakeferry.aws.tables import BATCH
from lakeferry.ledger import Entry, Ledger


class Questions:
    """Asks about one feed's files, as many at once as one call takes."""

    def __init__(self, ledger: Ledger, feed_id: str) -> None:
        self._ledger, self._feed_id = ledger, feed_id
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="question")
        self._gathered: dict[str, None] = {}  # a server may list a file twice, and DynamoDB takes no key twice
        self._asked: list[Future[dict[str, Entry]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def ask(self, file_id: str) -> None:
        """Does not wait."""
        self._gathered[file_id] = None
        if len(self._gathered) == BATCH:
            self._send()

    def answers(self) -> dict[str, Entry]:
        """What the ledger has, by `file_id`; nothing of a file it does not know."""
        if self._gathered:
            self._send()
        return {file_id: entry for one in self._asked for file_id, entry in one.result().items()}

    def _send(self) -> None:
        self._asked.append(self._pool.submit(self._ledger.known, self._feed_id, list(self._gathered)))
        self._gathered = {}
