"""A partition has one writer at a time, and one that was taken over finds that out before it publishes."""

from typing import Any

import pytest

from lakeferry.ledger import Ledger
from lakeferry.ledger.leases import CATALOG, LEASE_SECONDS, LEASES, WAIT_SECONDS, LeasedError, Leases

DAY = "acme/sales/2026-01-05"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def writers(ledger: Ledger, clock: Clock) -> tuple[Leases, Leases]:
    one, other = (Leases(ledger._table, name, clock, clock.sleep) for name in ("one", "other"))
    return one, other


def item(ledger: Ledger, key: str = DAY) -> dict[str, Any]:
    return dict(ledger._table.get_item(Key={"feed_id": LEASES, "file_id": key})["Item"])


def test_one_has_it_until_it_is_given_back(writers: tuple[Leases, Leases]) -> None:
    one, other = writers
    one.acquire(DAY)
    with pytest.raises(LeasedError, match="another writer"):
        other.acquire(DAY)
    one.release(DAY)
    other.acquire(DAY)


def test_one_that_died_is_taken_over_after_a_while_and_publishes_nothing(
    writers: tuple[Leases, Leases], clock: Clock, ledger: Ledger
) -> None:
    one, other = writers
    one.acquire(DAY)
    clock.now += LEASE_SECONDS + 1
    other.acquire(DAY)
    with pytest.raises(LeasedError):
        one.commit(DAY, "of one/")
    with pytest.raises(LeasedError):
        one.check(DAY)
    one.release(DAY)
    assert item(ledger)["owner"] == "other", "what is another's is left alone"
    other.commit(DAY, "of other/")


def test_one_that_is_late_but_was_not_taken_over_goes_on(writers: tuple[Leases, Leases], clock: Clock) -> None:
    one, other = writers
    one.acquire(DAY)
    clock.now += LEASE_SECONDS + 1
    one.commit(DAY, "of one/")
    with pytest.raises(LeasedError):
        other.acquire(DAY)


def test_it_is_renewed_before_it_ends(writers: tuple[Leases, Leases], clock: Clock) -> None:
    one, other = writers
    one.acquire(DAY)
    for _ in range(5):
        clock.now += LEASE_SECONDS - 1
        one.check(DAY)
    with pytest.raises(LeasedError):
        other.acquire(DAY)


def test_a_thread_renews_what_is_held_and_all_is_given_back_in_the_end(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakeferry.ledger.leases.RENEW_SECONDS", 0.01)
    with Leases(ledger._table, "one", clock) as one:
        one.acquire(DAY)
        first = item(ledger)["until"]
        clock.now += LEASE_SECONDS / 2
        while item(ledger)["until"] == first:
            pass
    assert "owner" not in item(ledger)


def test_what_was_published_meanwhile_is_told_when_it_is_taken(writers: tuple[Leases, Leases]) -> None:
    one, other = writers
    other.look()
    assert one.acquire(DAY) is False, "nothing is known of it, as before"
    one.commit(DAY, "of one/")
    one.release(DAY)
    assert other.acquire(DAY) is True, "files are looked up anew"
    assert other.found(DAY) == "of one/"
    other.release(DAY)
    other.look()
    assert other.acquire(DAY) is False


def test_a_generation_that_changed_while_it_was_held_is_not_published_over(
    writers: tuple[Leases, Leases], ledger: Ledger
) -> None:
    one, _ = writers
    one.acquire(DAY)
    ledger._table.update_item(
        Key={"feed_id": LEASES, "file_id": DAY},
        UpdateExpression="SET generation = :g",
        ExpressionAttributeValues={":g": "of somebody/"},
    )
    with pytest.raises(LeasedError):
        one.commit(DAY, "of one/")


def test_the_catalog_is_waited_for_and_not_for_ever(writers: tuple[Leases, Leases], clock: Clock) -> None:
    one, other = writers
    started = clock.now
    one.acquire(CATALOG)
    with other.catalog():  # after one has died
        assert LEASE_SECONDS <= clock.now - started < WAIT_SECONDS
        with pytest.raises(LeasedError):
            one.check(CATALOG)
    with one.catalog():
        pass
    other.acquire(CATALOG)
    other._clock = lambda: started
    sleeps = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        clock.now += seconds
        other._write(CATALOG, {"until": int(clock.now + LEASE_SECONDS)}, "#owner = :mine")

    one._sleep = sleep
    with pytest.raises(LeasedError), one.catalog():
        pass
    assert sum(sleeps) == WAIT_SECONDS
