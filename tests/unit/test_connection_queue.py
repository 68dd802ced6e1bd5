"""The queue for a server's places over random arrivals, work, kills and clocks, in simulated time."""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.ledger import connections
from lakeferry.ledger.connections import Connections, Queue, Waiter, rest_seconds

SERVER = "files.acme.example:22"
INTERVAL = 1.5 * connections.ASK_SECONDS


@dataclass(frozen=True)
class Visit:
    """Somebody who wants a place: when, for how long, and after how many seconds of that or of waiting it is killed."""

    tenant: str
    arrives: float
    holds: float
    killed_after: float | None = None
    clock: float = 0.0


class OneItem:
    """A table of one item with DynamoDB's condition on its version; some writes lose a race."""

    def __init__(self, lost: Callable[[], bool]) -> None:
        self.item: dict[str, Any] = {}
        self.lost = lost
        self.calls = 0

    def get_item(self, **_: Any) -> Mapping[str, Any]:
        self.calls += 1
        return {"Item": self.item} if self.item else {}

    def update_item(
        self, ExpressionAttributeValues: Mapping[str, Any], ExpressionAttributeNames: Mapping[str, str], **_: Any
    ) -> None:
        self.calls += 1
        values = ExpressionAttributeValues
        if ":read" not in values:  # somebody leaves
            for places in ("connected", "waiting"):
                others = dict(self.item[places])
                others.pop(ExpressionAttributeNames["#who"], None)
                self.item = {**self.item, places: others}
            self.item["version"] += 1
            return
        if self.lost() or self.item.get("version", 0) != values[":read"]:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")
        self.item = {"version": values[":next"], "connected": values[":connected"], "waiting": values[":waiting"]}


@dataclass
class Day:
    """What happens to all visits."""

    visits: list[Visit]
    most: int
    cap: int
    seed: int
    lost_writes: float = 0.0
    now: float = 1_000_000.0
    holding: dict[int, str] = field(default_factory=dict)
    taken: list[int] = field(default_factory=list)
    taken_at: dict[int, float] = field(default_factory=dict)
    longest_idle: float = 0.0
    peak: int = 0
    peak_of_tenant: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.table = OneItem(lambda: self.random.random() < self.lost_writes)
        self.dead: set[int] = set()
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._idle_since: float | None = None

    def run(self) -> None:
        start = self.now
        enough = start + 120 + sum(visit.arrives + visit.holds + connections.LEASE_SECONDS for visit in self.visits)
        for number, visit in enumerate(self.visits):
            self._at(start + visit.arrives, lambda number=number: self._arrive(number))  # type: ignore[misc]
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            assert self.now < enough, f"{len(self.visits) - len(self.taken)} wait for ever"
            event()
            self._look()

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def _connections(self, visit: Visit) -> Connections:
        return Connections(
            cast("Any", self.table), cap=self.cap, clock=lambda: self.now + visit.clock, sleep=lambda _: None
        )

    def _arrive(self, number: int) -> None:
        visit = self.visits[number]
        mine = self._connections(visit)
        waiter = Waiter(SERVER, f"{self.random.getrandbits(64):016x}", visit.tenant, self.most)
        since = int((self.now + visit.clock) * 1000)
        dies = None if visit.killed_after is None else self.now + visit.killed_after

        def ask() -> None:
            if dies is not None and self.now >= dies:
                return
            answer = mine.ask(waiter, since)
            if answer is True:
                self._hold(number, waiter, mine)
            elif answer is None:
                self._at(self.now + self.random.uniform(0, 0.05), ask)
            else:
                self._at(self.now + rest_seconds(answer), ask)

        ask()

    def _hold(self, number: int, waiter: Waiter, mine: Connections) -> None:
        visit = self.visits[number]
        self.holding[number] = visit.tenant
        self.taken.append(number)
        self.taken_at[number] = self.now
        self.peak = max(self.peak, len(self.holding))
        self.peak_of_tenant = max(self.peak_of_tenant, *Counter(self.holding.values()).values())
        killed = visit.killed_after is not None and visit.killed_after < visit.holds
        ends = self.now + (min(visit.holds, visit.killed_after or visit.holds))

        def leave() -> None:
            del self.holding[number]
            if not killed:
                mine._leave(SERVER, waiter.who)

        def renew() -> None:
            if self.now < ends:
                mine._renew(waiter, 0)
                self._at(self.now + connections.RENEW_SECONDS, renew)

        self._at(self.now + connections.RENEW_SECONDS, renew)
        self._at(ends, leave)

    def _look(self) -> None:
        """How long a place has been free for somebody whose turn it is."""
        if not self._turn():
            self._idle_since = None
            return
        if self._idle_since is None:
            self._idle_since = self.now
        self.longest_idle = max(self.longest_idle, self.now - self._idle_since)

    def _turn(self) -> bool:
        return bool(Queue.from_item(self.table.item, int(self.now * 1000)).turns(self.cap))


arrivals = st.floats(0, 20).map(lambda at: round(at, 4))
holds = st.floats(1, 90)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.builds(Visit, st.sampled_from("ab"), arrivals, holds), min_size=1, max_size=25),
    st.integers(1, 6),
    st.integers(2, 8),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.3]),
)
def test_a_free_place_is_taken_at_once_and_never_more_than_there_are(
    visits: list[Visit], most: int, cap: int, seed: int, lost: float
) -> None:
    random.seed(seed)
    day = Day(visits, most, cap, seed, lost)
    day.run()
    assert sorted(day.taken) == list(range(len(visits)))
    assert day.peak <= min(most, cap)
    assert day.peak_of_tenant <= max(1, cap - 1)
    assert day.longest_idle <= 2 * INTERVAL + 20 * 0.05 * bool(lost)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            Visit,
            st.sampled_from("abc"),
            arrivals,
            holds,
            st.one_of(st.none(), st.floats(0, 60)),
            st.floats(-2, 2),
        ),
        min_size=1,
        max_size=25,
    ),
    st.integers(1, 4),
    st.integers(0, 10**6),
)
def test_killed_functions_and_clocks_that_differ_hold_a_place_no_longer_than_a_lease(
    visits: list[Visit], most: int, seed: int
) -> None:
    random.seed(seed)
    day = Day(visits, most, 16, seed)
    day.run()
    survive = {number for number, visit in enumerate(visits) if visit.killed_after is None}
    assert survive <= set(day.taken)
    assert day.peak <= most
    # whoever died in the queue stands there until it would have asked again; then those behind ask at their pace
    assert day.longest_idle <= connections.WAITING_SECONDS + 1.5 * connections.ASK_AT_MOST_SECONDS + 4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 0.01), min_size=2, max_size=20), st.integers(0, 10**6))
def test_those_of_one_tenant_are_served_in_the_order_they_came_though_it_is_the_same_millisecond(
    came: list[float], seed: int
) -> None:
    random.seed(seed)
    visits = [Visit("a", at, 2) for at in [0.0, *came]]
    day = Day(visits, 1, 16, seed)
    day.run()
    milliseconds = [int((1_000_000.0 + visits[number].arrives) * 1000) for number in day.taken[1:]]
    assert milliseconds == sorted(milliseconds)
    assert day.longest_idle <= 2 * INTERVAL


def test_a_stranger_who_names_the_same_server_cannot_starve_its_owner() -> None:
    greedy = [Visit("greedy", 0.0, 120.0) for _ in range(10)]
    owner = [Visit("owner", 60.0, 30.0)]
    day = Day([*greedy, *owner], most=10, cap=4, seed=1)
    day.run()
    assert day.taken_at[10] == pytest.approx(1_000_060.0, abs=INTERVAL)


def test_waiting_costs_few_calls() -> None:
    """80 that wait for 4 places, each held for half a second."""
    day = Day([Visit("a", number / 1000, 0.5) for number in range(80)], most=4, cap=16, seed=2)
    random.seed(2)
    day.run()
    assert day.table.calls / 80 < 25
