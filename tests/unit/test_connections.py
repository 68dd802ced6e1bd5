"""Places on a partner's server, shared by functions that know nothing of each other."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lakeferry.errors import ConnectionsBusyError
from lakeferry.feeds import ServerSpec
from lakeferry.ledger import CONNECTIONS, Ledger, connections
from lakeferry.ledger.connections import Connections, Place, Queue

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SPEC = ServerSpec("sftp", "files.acme.example", 22, "lake", max_connections=1)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def table(ledger: Ledger) -> "Table":
    return boto3.resource("dynamodb").Table("ledger")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place(table: "Table", clock: Clock) -> Connections:
    return Connections(table, clock=clock, sleep=clock.sleep)


def places(table: "Table", kind: str) -> list[Any]:
    item = table.get_item(Key={"feed_id": CONNECTIONS, "file_id": "files.acme.example:22"}).get("Item", {})
    found = item.get(kind, {})
    assert isinstance(found, dict)
    return [tenant for tenant, *_ in found.values()]


def test_a_place_is_taken_and_given_back(table: "Table", place: Connections) -> None:
    with place.lease(SPEC, "acme", 0):
        assert places(table, "connected") == ["acme"]
    assert places(table, "connected") == places(table, "waiting") == []


def test_a_place_is_given_back_when_the_work_fails(table: "Table", place: Connections) -> None:
    with pytest.raises(ZeroDivisionError), place.lease(SPEC, "acme", 0):
        raise ZeroDivisionError
    assert places(table, "connected") == []


def test_where_all_are_taken_one_waits_and_is_told_so_but_not_who_has_them(
    table: "Table", place: Connections, clock: Clock
) -> None:
    started = clock.now
    with (
        place.lease(SPEC, "acme", 0),
        pytest.raises(
            ConnectionsBusyError, match=r"all connections to files\.acme\.example:22 .*max_connections \(1\)"
        ) as busy,
        place.lease(replace(SPEC, host="FILES.acme.example", username="other"), "umbrella", 9),
    ):
        raise AssertionError
    assert 9 <= clock.now - started < 10
    assert "acme/" not in str(busy.value).replace("files.acme", "")
    assert "by acme" not in str(busy.value)
    assert places(table, "connected") == places(table, "waiting") == []


def test_another_port_is_another_server(place: Connections) -> None:
    with place.lease(SPEC, "acme", 0), place.lease(replace(SPEC, port=2222), "acme", 0):
        pass


def test_the_place_of_a_killed_function_is_free_again(place: Connections, clock: Clock) -> None:
    killed = place.lease(SPEC, "acme", 0)
    killed.__enter__()
    started = clock.now
    with place.lease(SPEC, "umbrella", 300):
        assert 59 <= clock.now - started <= 62


def test_a_long_transfer_keeps_its_place(
    table: "Table", place: Connections, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "RENEW_SECONDS", 0.01)
    with place.lease(SPEC, "acme", 0):
        for _ in range(10):
            before = until(table)
            clock.now += 40
            deadline = time.monotonic() + 10
            while until(table) == before and time.monotonic() < deadline:
                time.sleep(0.005)
        with pytest.raises(ConnectionsBusyError), place.lease(SPEC, "umbrella", 0):
            raise AssertionError


def until(table: "Table") -> list[int]:
    item: Any = table.get_item(Key={"feed_id": CONNECTIONS, "file_id": "files.acme.example:22"})["Item"]
    return [int(end) for _, _, end, _ in item["connected"].values()]


def test_one_that_waited_and_died_keeps_nobody_waiting(table: "Table", place: Connections, clock: Clock) -> None:
    dead = {"x" * 32: ["acme", int((clock.now - 100) * 1000), int((clock.now - 1) * 1000)]}
    table.put_item(
        Item={
            "feed_id": CONNECTIONS, "file_id": "files.acme.example:22", "version": 7, "connected": {}, "waiting": dead
        }
    )  # fmt: skip
    with place.lease(SPEC, "umbrella", 0):
        assert places(table, "connected") == ["umbrella"]


def test_a_table_that_fails_when_the_work_is_done_undoes_nothing(
    table: "Table", place: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem")

    with place.lease(SPEC, "acme", 0):
        monkeypatch.setattr(place._table, "update_item", throttled)
    assert places(table, "connected") == ["acme"]


@pytest.mark.parametrize(
    ("connected", "waiting", "most", "turns"),
    [
        ("", "a1", 1, "a1"),
        ("a", "a1", 1, ""),
        ("", "a1 a2", 1, "a1"),
        ("", "a2 a1", 2, "a1 a2"),
        ("a", "a1 b9", 2, "b9"),  # b has none yet, though a waits longer
        ("aab", "a1 b5 b6 c9", 6, "c9 b5 a1"),
        ("", "a1 a2 a3 b9", 2, "a1 b9"),
        ("aaaa", "b1", 4, ""),
        ("aaaaa", "b1", 4, ""),
    ],
)
def test_places_go_to_the_tenant_that_has_fewest_then_to_the_longest_waiting(
    connected: str, waiting: str, most: int, turns: str
) -> None:
    queue = Queue(
        connected={f"c{number}": Place(tenant, 0, 99, most) for number, tenant in enumerate(connected)},
        waiting={who: Place(who[0], int(who[1]), 99, most) for who in waiting.split()},
    )
    assert queue.turns(cap=16) == turns.split()


def test_many_at_once_never_have_more_than_there_are(table: "Table") -> None:
    spec = replace(SPEC, max_connections=3)
    now = most = 0
    done: list[str] = []
    lock = threading.Lock()

    def work(tenant: str) -> None:
        nonlocal now, most
        # a client of its own: boto3's resources are not for several threads
        mine = Connections(boto3.resource("dynamodb").Table("ledger"), sleep=lambda seconds: time.sleep(seconds / 20))
        with mine.lease(spec, tenant, 60):
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.1)
            with lock:
                now -= 1
                done.append(tenant)

    run_all([lambda tenant=tenant: work(tenant) for tenant in "aaaaaaaabbbbcc"])  # type: ignore[misc]
    assert sorted(done) == sorted("aaaaaaaabbbbcc")
    assert 1 < most <= 3
    assert places(table, "connected") == places(table, "waiting") == []


def run_all(works: list[Callable[[], None]]) -> None:
    with ExitStack() as stack:
        for work in works:
            thread = threading.Thread(target=work)
            thread.start()
            stack.callback(thread.join)
