"""Connections to a partner's server, counted across all functions, feeds and tenants.

One ledger item for each server holds who is connected and who waits. It changes by conditional writes only, so that
no two functions take the last place. A function that is killed renews nothing, and its place is free again soon.

Times are whole milliseconds of the UTC epoch, here as in the item: two that wait must see the same order, or each
takes the other for first and nobody takes the free place.
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
from lakeferry.aws.tables import is_condition
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
"""Between two questions of whoever is next, on average; those behind ask more rarely."""
ASK_AT_MOST_SECONDS = 3.0
"""Between two questions of one that is far behind; well under `WAITING_SECONDS`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody's place among those connected, or those waiting.

    Attributes:
        since: When it was asked for, `until` when it ends by itself; UTC epoch milliseconds.
        most: `max_connections` of the feed it is for.
    """

    tenant: str
    since: int
    until: int
    most: int = 1


@dataclass(slots=True)
class Queue:
    """Who is connected to a server and who waits for that, each by an id; `version` counts the writes."""

    version: int = 0
    connected: dict[str, Place] = field(default_factory=dict)
    waiting: dict[str, Place] = field(default_factory=dict)

    @classmethod
    def from_item(cls, item: Mapping[str, Any], now: int) -> Self:
        """Places that have ended are left out."""
        return cls(
            version=int(item.get("version", 0)),
            connected=_places(item.get("connected", {}), now),
            waiting=_places(item.get("waiting", {}), now),
        )

    def turns(self, cap: int) -> list[str]:
        """Who of those that wait may connect now, in this order.

        There are as many places as the feeds that are here say the server bears, and never more than `cap`. A feed
        counts only its own tenant's connections against its `max_connections`: what a stranger says of the same server
        takes nothing from it. Where `cap` is what limits, one tenant alone never has the last place.

        A place goes to the tenant that has the fewest, among its own to the one that waits longest.
        """
        share = max(1, cap - 1)
        return self._dealt(self._bears(cap) - len(self.connected), lambda one, has: has < min(one.most, share))

    def rounds_before(self, who: str, cap: int) -> int:
        """How often all places have to become free before it is the turn of one that waits."""
        order = self._dealt(len(self.waiting), lambda one, has: True)
        return order.index(who) // max(1, self._bears(cap))

    def _bears(self, cap: int) -> int:
        everybody = [*self.connected.values(), *self.waiting.values()]
        return min(cap, max((place.most for place in everybody), default=0))

    def _dealt(self, free: int, may: Callable[[Place, int], bool]) -> list[str]:
        """Who gets so many places, in this order; `may` is asked with what its tenant has by then."""
        has = Counter(place.tenant for place in self.connected.values())
        waiting = dict(self.waiting)
        turns: list[str] = []
        while len(turns) < free:
            able = [who for who, place in waiting.items() if may(place, has[place.tenant])]
            if not able:
                break
            following = min(able, key=lambda who: (has[waiting[who].tenant], waiting[who].since, who))
            has[waiting.pop(following).tenant] += 1
            turns.append(following)
        return turns


@dataclass(frozen=True, slots=True)
class Waiter:
    """Somebody that wants a connection.

    Attributes:
        who: An id of its own.
        most: `max_connections` of its feed.
    """

    server: str
    who: str
    tenant: str
    most: int


class Connections:
    """Leases of places on servers, for the functions that connect.

    Args:
        table: The ledger's.
        cap: The most connections to one server, of all tenants together.
    """

    def __init__(
        self,
        table: "Table",
        *,
        cap: int = 16,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table, self._cap, self._clock, self._sleep = table, cap, clock, sleep

    @contextmanager
    def lease(
        self,
        spec: ServerSpec,
        tenant: str,
        wait_seconds: float,
        waits: Callable[[float], object] = lambda seconds: None,
    ) -> Iterator[None]:
        """A place on the feed's server as long as the block runs.

        Feeds that name the same host and port share its places (`Queue.turns`).

        Args:
            waits: Told as a wait begins, with the seconds that it may take.

        Raises:
            ConnectionsBusyError: no place became free in that time.
        """
        server, who = f"{spec.host.lower()}:{spec.port}", uuid.uuid4().hex
        waiter = Waiter(server, who, tenant, spec.max_connections)
        if not self._take_first(waiter):
            self._wait_for_place(waiter, wait_seconds, waits)
        ended = threading.Event()
        renewing = threading.Thread(target=self._keep, args=(waiter, ended), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()
            self._leave(server, who)

    def _take_first(self, waiter: Waiter) -> bool:
        """Takes a place where nobody is connected and nobody waits, which needs no look at the queue."""
        now = _milliseconds(self._clock())
        mine = {waiter.who: Place(waiter.tenant, now, now + LEASE_SECONDS * 1000, waiter.most)}
        nobody = "(attribute_not_exists({0}) OR size({0}) = :none)"
        try:
            self._table.update_item(
                Key={"feed_id": CONNECTIONS, "file_id": waiter.server},
                UpdateExpression="SET #connected = :mine, #waiting = :nobody ADD #version :one",
                ConditionExpression=f"{nobody.format('#connected')} AND {nobody.format('#waiting')}",
                ExpressionAttributeNames={"#version": "version", "#connected": "connected", "#waiting": "waiting"},
                ExpressionAttributeValues={":mine": _item(mine), ":nobody": {}, ":none": 0, ":one": 1},
            )
        except ClientError as error:
            if is_condition(error):
                return False
            raise
        return True

    def _wait_for_place(self, waiter: "Waiter", seconds: float, waits: Callable[[float], object]) -> None:
        started, is_told = self._clock(), False
        since = _milliseconds(started)
        while True:
            now = self._clock()
            answer = self.ask(waiter, since)
            if answer is True:
                return
            if answer is None:  # somebody else wrote: not at the same time again
                self._sleep(random.uniform(0, 0.05))  # noqa: S311
                continue
            left = seconds - (now - started)
            if left <= 0:
                self._leave(waiter.server, waiter.who)
                raise ConnectionsBusyError(
                    f"all connections to {waiter.server} that server.max_connections ({waiter.most}) and the stack's "
                    f"MaxConnectionsPerServer ({self._cap}) allow were in use for {seconds:.0f} s. It is tried again; "
                    "if that lasts, ask the partner for more connections and raise the setting in the feeds that share "
                    "the server."
                )
            if not is_told:
                waits(seconds)
                is_told = True
            self._sleep(min(rest_seconds(answer), max(0.01, left)))

    def ask(self, waiter: "Waiter", since: int) -> bool | int | None:
        """One question of somebody that waits: takes the place if it is its turn, and else stays in the queue.

        Returns:
            True if the place is taken; `Queue.rounds_before` if not; None if somebody else wrote meanwhile.
        """
        now = _milliseconds(self._clock())
        queue = self._read(waiter.server, now)
        before = queue.waiting.get(waiter.who)
        queue.waiting[waiter.who] = Place(waiter.tenant, since, now + WAITING_SECONDS * 1000, waiter.most)
        if waiter.who in queue.turns(self._cap):
            del queue.waiting[waiter.who]
            queue.connected[waiter.who] = Place(waiter.tenant, since, now + LEASE_SECONDS * 1000, waiter.most)
            return True if self._write(waiter.server, queue) else None
        rounds = queue.rounds_before(waiter.who, self._cap)
        # no place for anybody, and others know that this one waits: nothing to write
        if before is None or before.until - now < WAITING_SECONDS * 1000 / 2:
            self._write(waiter.server, queue)
        return rounds

    def _keep(self, waiter: "Waiter", ended: threading.Event) -> None:
        since = _milliseconds(self._clock())
        while not ended.wait(RENEW_SECONDS):
            # there is time for another try before the lease ends
            with suppress(ClientError, BotoCoreError):
                self._renew(waiter, since)

    def _renew(self, waiter: "Waiter", since: int) -> None:
        def renew(queue: Queue, now: int) -> None:
            queue.connected[waiter.who] = Place(waiter.tenant, since, now + LEASE_SECONDS * 1000, waiter.most)

        self._change(waiter.server, renew)

    def _leave(self, server: str, who: str) -> None:
        # one call without a look at the queue: those that read it before write again, since the version is another;
        # where it fails the place ends by itself, and what was done on the server counts
        with suppress(ClientError, BotoCoreError):
            self._table.update_item(
                Key={"feed_id": CONNECTIONS, "file_id": server},
                UpdateExpression="REMOVE #connected.#who, #waiting.#who ADD #version :one",
                ConditionExpression="attribute_exists(#version)",
                ExpressionAttributeNames={
                    "#version": "version",
                    "#connected": "connected",
                    "#waiting": "waiting",
                    "#who": who,
                },
                ExpressionAttributeValues={":one": 1},
            )

    def _change(self, server: str, change: Callable[[Queue, int], None]) -> None:
        while True:
            now = _milliseconds(self._clock())
            queue = self._read(server, now)
            change(queue, now)
            if self._write(server, queue):
                return
            self._sleep(random.uniform(0, 0.05))  # noqa: S311

    def _read(self, server: str, now: int) -> Queue:
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
            if is_condition(error):
                return False
            raise
        return True


def rest_seconds(rounds: int) -> float:
    """How long one that waits leaves the table alone: whoever could be next asks often, the others hardly."""
    return min(ASK_AT_MOST_SECONDS, ASK_SECONDS * (1 + rounds)) * random.uniform(0.5, 1.5)  # noqa: S311


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _places(item: Mapping[str, Any], now: int) -> dict[str, Place]:
    places = {who: Place(*values) for who, values in item.items()}
    return {who: place for who, place in places.items() if place.until > now}


def _item(places: Mapping[str, Place]) -> dict[str, list[str | int]]:
    return {who: [one.tenant, one.since, one.until, one.most] for who, one in places.items()}
