"""Who is at work on a curated partition: two writers never publish over each other, whatever happens to one of them.

An item each beside the files' items, changed by conditional writes only. It has the owner, until when that is certain,
and the generation that was published last. An owner renews what it holds; one that was killed renews nothing, and
after `LEASE_SECONDS` another may take over. Whoever publishes first writes down what (`commit`), on the condition that
the lease is still its own and the generation the one it found: an owner that was taken over finds that out there.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from boto3.dynamodb.conditions import Key
from botocore.exceptions import BotoCoreError, ClientError

from lakeferry.aws.tables import is_condition, pages, update
from lakeferry.errors import LakeferryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LEASES = "!lease"
"""Partition key of these items, which are no files; their sort key is the partition's, `tenant/feed/dt`."""
CATALOG = "catalog"
"""Sort key of the lease of whoever writes to the Data Catalog: a table's columns are read, merged and written back."""
LEASE_SECONDS = 180
"""Longer than any single call waits for its answer."""
RENEW_SECONDS = 45
WAIT_SECONDS = 300
"""For the catalog; what was built stays pending after that."""
_ASK_SECONDS = 5
_KEPT_SECONDS = 2 * 86400
"""After the last write; where an item is gone, files are read again, and nothing else."""


class LeasedError(LakeferryError):
    """Another writer is at work on it, or has published since; it stays on the work list."""


class Leases:
    """The leases of one writer; a context, which renews them meanwhile and gives them back at its end."""

    def __init__(
        self,
        table: "Table",
        owner: str,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            owner: Tells this writer from all others, other attempts of the same run too.
        """
        self._table, self._owner, self._clock, self._sleep = table, owner, clock, sleep
        self._held: dict[str, str | None] = {}
        self._seen: dict[str, str | None] = {}
        self._over = threading.Event()
        self._renewing = threading.Thread(target=self._renew_all, daemon=True, name="leases")

    def __enter__(self) -> Self:
        self._renewing.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._over.set()
        self._renewing.join()
        for key in list(self._held):
            self.release(key)

    def look(self) -> None:
        """Reads what was published of each partition; to be done before files are looked up."""
        found = pages(self._table.query, KeyConditionExpression=Key("feed_id").eq(LEASES), ConsistentRead=True)
        self._seen = {item["file_id"]: item.get("generation") for item in found}

    def acquire(self, key: str) -> bool:
        """Takes a lease; whether anything was published of it since `look`.

        Raises:
            LeasedError: another writer has it.
        """
        now = self._clock()
        values = {"owner": self._owner, "until": int(now + LEASE_SECONDS), "expires_at": int(now + _KEPT_SECONDS)}
        before = self._write(key, values, "attribute_not_exists(#owner) OR #until < :now OR #owner = :mine", int(now))
        self._held[key] = before.get("generation")
        return before.get("generation") != self._seen.get(key)

    def found(self, key: str) -> str | None:
        """The generation that was there when the lease was taken; whoever wrote it may still be about to publish it."""
        return self._held.get(key)

    def commit(self, key: str, generation: str) -> None:
        """Writes down what is about to be published.

        Raises:
            LeasedError: another writer has taken over.
        """
        found = self._held.get(key)
        same = "attribute_not_exists(#generation)" if found is None else "#generation = :found"
        condition = f"#owner = :mine AND {same}"
        until = int(self._clock() + LEASE_SECONDS)
        self._write(key, {"generation": generation, "until": until}, condition, found=found)

    def check(self, key: str) -> None:
        """Sees that it is still held, and renews it.

        Raises:
            LeasedError: another writer has taken over.
        """
        self._write(key, {"until": int(self._clock() + LEASE_SECONDS)}, "#owner = :mine")

    def release(self, key: str) -> None:
        """Gives a lease back; one that is another's by now is left alone."""
        self._held.pop(key, None)
        with suppress(LeasedError):
            self._write(key, {"until": 0}, "#owner = :mine", remove=("owner",))

    def wait(self) -> None:
        """Until those of a writer that died are over."""
        self._sleep(LEASE_SECONDS + 1)

    @contextmanager
    def catalog(self) -> Iterator[None]:
        """Waits until nobody else writes to the Data Catalog.

        Raises:
            LeasedError: somebody did all the time.
        """
        until = self._clock() + WAIT_SECONDS
        while True:
            try:
                self.acquire(CATALOG)
                break
            except LeasedError:
                if self._clock() >= until:
                    raise
                self._sleep(_ASK_SECONDS)
        try:
            yield
        finally:
            self.release(CATALOG)

    def _write(
        self,
        key: str,
        values: dict[str, Any],
        condition: str,
        now: int | None = None,
        found: str | None = None,
        remove: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        expected = {":mine": self._owner, ":now": now, ":found": found}
        try:
            return update(
                self._table,
                (LEASES, key),
                values,
                remove=remove,
                condition=condition,
                names={"#owner": "owner", "#until": "until", "#generation": "generation"},
                expected={name: value for name, value in expected.items() if name in condition},
            )
        except ClientError as error:
            if not is_condition(error):
                raise
            raise LeasedError(f"{key}: another writer is at work on it, or was meanwhile.") from error

    def _renew_all(self) -> None:
        while not self._over.wait(RENEW_SECONDS):
            for key in list(self._held):
                # one that was lost is noticed by `commit`; a ledger that is away for a moment is asked again
                with suppress(LeasedError, ClientError, BotoCoreError):
                    self.check(key)
