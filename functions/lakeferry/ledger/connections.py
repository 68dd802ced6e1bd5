"""Connections to a partner's server, counted across all functions, feeds and tenants.

One ledger item for each server holds who is connected and who waits. It changes by conditional writes only, so that
no two functions take the last place. A function that is killed renews nothing, and its place is free again soon.
"""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from lakeferry.aws.items import plain
from lakeferry.errors import ConnectionsBusyError
from lakeferry.feeds import ServerSpec
from lakeferry.ledger import CONNECTIONS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LEASE_SECONDS = 60
"""A place that was not renewed for so long is free."""
RENEW_SECONDS = 20
WAITING_SECONDS = 15
"""Somebody who has not asked for so long does not wait any more."""
ASK_SECONDS = 0.3
"""Between two questions of one that waits, on average."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody's place among those connected, or those waiting.

    Attributes:
        since: When it was asked for, `until` when it ends by itself; UTC epoch seconds.
    """

    tenant: str
    since: float
    until: float


@dataclass(slots=True)
class Queue:
    """Who is connected to a server and who waits for that, each by an id; `version` counts the writes."""

    version: int = 0
    connected: dict[str, Place] = field(default_factory=dict)
    waiting: dict[str, Place] = field(default_factory=dict)

    @classmethod
    def from_item(cls, item: Mapping[str, Any], now: float) -> Self:
        """Places that have ended are left out."""
        return cls(
            version=int(item.get("version", 0)),
            connected=_places(item.get("connected", {}), now),
            waiting=_places(item.get("waiting", {}), now),
        )

    def is_turn_of(self, who: str, most: int) -> bool:
        """Whether one that waits may connect now.

        The next place goes to the tenant that has the fewest, among its own to the one that waits longest.
        """
        places = Counter(place.tenant for place in self.connected.values())
        waiting = dict(self.waiting)
        for _ in range(most - len(self.connected)):
            if not waiting:
                return False
            following = min(waiting, key=lambda one: (places[waiting[one].tenant], waiting[one].since, one))
            if following == who:
                return True
            places[waiting.pop(following).tenant] += 1
        return False


class Connections:
    """Leases of places on servers, for the functions that connect.

    Args:
        table: The ledger's.
    """

    def __init__(
        self,
        table: "Table",
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table, self._clock, self._sleep = table, clock, sleep

    @contextmanager
    def lease(self, spec: ServerSpec, tenant: str, wait_seconds: float) -> Iterator[None]:
        """A place on the feed's server as long as the block runs.

        Feeds that name the same host and port share its places. Each takes one only while fewer than its own
        `max_connections` are taken, whoever has them.

        Raises:
            ConnectionsBusyError: no place became free in that time.
        """
        server, who = f"{spec.host.lower()}:{spec.port}", uuid.uuid4().hex
        self._wait_for_place(server, who, tenant, spec.max_connections, wait_seconds)
        ended = threading.Event()
        renewing = threading.Thread(target=self._keep, args=(server, who, tenant, ended), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()
            self._leave(server, who)

    def _wait_for_place(self, server: str, who: str, tenant: str, most: int, seconds: float) -> None:
        since = self._clock()
        while True:
            now = self._clock()
            queue = self._read(server, now)
            before = queue.waiting.get(who)
            queue.waiting[who] = Place(tenant, since, now + WAITING_SECONDS)
            if queue.is_turn_of(who, most):
                del queue.waiting[who]
                queue.connected[who] = Place(tenant, since, now + LEASE_SECONDS)
                if self._write(server, queue):
                    return
                self._sleep(random.uniform(0, 0.05))  # noqa: S311  (somebody else wrote: not at the same time again)
                continue
            if now - since >= seconds:
                self._leave(server, who)
                others = ", ".join(sorted({place.tenant for place in queue.connected.values()}))
                raise ConnectionsBusyError(
                    f"all {most} connections that server.max_connections allows to {server} were in use (by {others}) "
                    f"for {seconds:.0f} s. It is tried again; if that lasts, ask the partner for more connections and "
                    "raise the setting in the feeds that share the server."
                )
            if before is None or before.until - now < WAITING_SECONDS / 2:
                self._write(server, queue)
            self._sleep(min(random.uniform(0.5, 1.5) * ASK_SECONDS, max(0.01, seconds - (now - since))))  # noqa: S311

    def _keep(self, server: str, who: str, tenant: str, ended: threading.Event) -> None:
        since = self._clock()
        while not ended.wait(RENEW_SECONDS):
            try:
                self._change(
                    server,
                    lambda queue, now: queue.connected.__setitem__(who, Place(tenant, since, now + LEASE_SECONDS)),
                )
            except (ClientError, BotoCoreError):
                continue  # there is time for another try before the lease ends

    def _leave(self, server: str, who: str) -> None:
        def gone(queue: Queue, now: float) -> None:
            queue.connected.pop(who, None)
            queue.waiting.pop(who, None)

        # the place ends by itself; what was done on the server counts
        with suppress(ClientError, BotoCoreError):
            self._change(server, gone)

    def _change(self, server: str, change: Callable[[Queue, float], None]) -> None:
        while True:
            now = self._clock()
            queue = self._read(server, now)
            change(queue, now)
            if self._write(server, queue):
                return
            self._sleep(random.uniform(0, 0.05))  # noqa: S311

    def _read(self, server: str, now: float) -> Queue:
        answer = self._table.get_item(Key={"feed_id": CONNECTIONS, "file_id": server}, ConsistentRead=True)
        return Queue.from_item(plain(answer.get("Item", {})), now)

    def _write(self, server: str, queue: Queue) -> bool:
        """False if somebody else wrote since it was read."""
        try:
            self._table.update_item(
                Key={"feed_id": CONNECTIONS, "file_id": server},
                UpdateExpression="SET #version = :next, #connected = :connected, #waiting = :waiting",
                ConditionExpression="attribute_not_exists(#version) OR #version = :read",
                ExpressionAttributeNames={
                    "#version": "version",
                    "#connected": "connected",
                    "#waiting": "waiting",
                },
                ExpressionAttributeValues={
                    ":read": queue.version,
                    ":next": queue.version + 1,
                    ":connected": _item(queue.connected),
                    ":waiting": _item(queue.waiting),
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _places(item: Mapping[str, Any], now: float) -> dict[str, Place]:
    places = {who: Place(tenant, since / 1000, until / 1000) for who, (tenant, since, until) in item.items()}
    return {who: place for who, place in places.items() if place.until > now}


def _item(places: Mapping[str, Place]) -> dict[str, list[str | int]]:
    # DynamoDB takes no floats
    return {who: [one.tenant, int(one.since * 1000), int(one.until * 1000)] for who, one in places.items()}
