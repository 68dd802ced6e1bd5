"""Two writers of one partition, at every call of either: no update is lost, no file deleted that readers see.

The first builds a day. At one of its calls of AWS another file of the day lands, and a second writer does all of its
own work. Whatever the moment, readers see whole days, and when both are done nothing is missing, or is still on the
work list, and then the next run brings it.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest

from curate_small.core import counts_of
from job import Arguments, Job
from lakeferry.ledger import leases
from lakeferry.ledger.leases import LEASES
from report import Report
from smallengine import SmallEngine
from tests.conftest import OTHER_RUN, RUN
from tests.glue.conftest import BUCKET, DATABASE, SmallLake

pytestmark = pytest.mark.timeout(600)

DAY = "acme/daily_sales/2026-01-05"


STEP = 1 if "LAKEFERRY_DRAWN" in os.environ else 5
"""Every so many calls are interrupted; all of them where there is time."""


class KilledError(BaseException):
    """The process is gone."""


@dataclass
class World:
    """One lake, and what happens in the middle."""

    lake: SmallLake
    clock: "Clock"

    def job(self, run: str) -> Report:
        """The Glue job; no partition here needs Spark."""
        return self.lake.job(run).run()

    def function(self, run: str, call: str = "c1") -> Report:
        """The function of state "Curate small"."""
        told = Arguments(run, "ledger", "feeds", BUCKET, DATABASE, 2, 60, f"s3://{BUCKET}={self.lake.folder}")
        return Job(told, lambda lake: SmallEngine(lake, run, call, 1 << 20, lambda: 900), is_last=False).run()

    def ids(self, dt: str = "2026-01-05") -> list[int]:
        """What readers see of a day; files that are not there fail."""
        try:
            place = self.lake.locations().get(("acme", "daily_sales", dt))
        except self.lake.glue.exceptions.EntityNotFoundException:
            return []
        if place is None:
            return []
        files = self.lake.files_at(place)
        assert files, f"{place} has no files"
        found: list[Any] = [number for file in files for number in pq.read_table(file)["order_id"].to_pylist()]
        return sorted(found)

    @property
    def is_pending(self) -> bool:
        return any(item.get("pending") == "raw" for item in self.lake.ledger.scan()["Items"])


class Clock:
    """Time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def world(aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    clock = Clock()
    defaults = (clock.time, clock.sleep)
    monkeypatch.setattr(leases.Leases.__init__, "__defaults__", defaults)
    no_spark: Any = None
    lake = SmallLake(no_spark, tmp_path / "lake", "arrow")
    lake.put_feed(transform={})
    return World(lake, clock)


def at_call(number: int, then: Callable[[], object]) -> list[str]:
    """Does something before a call of AWS, once; the names of all calls, as they come."""
    seen: list[str] = []
    inside = [False]

    def before(model: Any, **_: Any) -> None:
        if inside[0]:
            return
        seen.append(f"{model.service_model.service_name} {model.name}")
        if len(seen) == number:
            inside[0] = True
            try:
                then()
            finally:
                inside[0] = False

    boto3.DEFAULT_SESSION.events.register("before-call", before)  # type: ignore[union-attr]
    return seen


FIRST = ["function", "job"]


def interrupted(world: World, first: str, number: int, then: Callable[[], object]) -> int:
    """The first writer's run with something at one of its calls of AWS, from 1; how many calls it made."""
    boto3.setup_default_session()
    seen = at_call(number, then)
    try:
        getattr(world, first)(RUN)
    finally:
        boto3.setup_default_session()
    return len(seen)


@pytest.mark.parametrize("late", [False, True], ids=["in_time", "taken_over"])
@pytest.mark.parametrize("first", FIRST)
def test_a_second_writer_at_any_call_of_the_first_loses_nothing(world: World, first: str, late: bool) -> None:
    """`late`: the first one's time is over when the second one comes, though it lives, and wakes up afterwards."""
    number, many, seconds_rows = 0, 1, 0
    while number < many:
        number += STEP
        dt = f"day{number:03d}"
        world.lake.land("a.csv", "order_id,amount\n1,1.00\n", dt=dt)

        def second(dt: str = dt) -> None:
            world.lake.land("b.csv", "order_id,amount\n2,1.00\n", dt=dt)
            if late:
                world.clock.now += leases.LEASE_SECONDS + 1
            world.job(OTHER_RUN)
            world.ids(dt)

        many = interrupted(world, first, number, second)
        if many < number:
            break
        seconds_rows += 2 in world.ids(dt)
        if world.ids(dt) != [1, 2]:
            assert world.is_pending, f"call {number} of {many}: {world.ids(dt)}"
        if world.is_pending:
            world.job(f"{OTHER_RUN}-{number}")
        assert (world.ids(dt), world.is_pending) == ([1, 2], False), f"call {number} of {many}"
    assert number > 20
    assert seconds_rows, "else the second one was never let in"


@pytest.mark.parametrize("first", FIRST)
def test_one_that_is_killed_at_any_call_is_followed_by_one_that_does_it_all(world: World, first: str) -> None:
    number, many = 0, 1

    def die() -> None:
        raise KilledError

    while number < many:
        number += STEP
        dt = f"day{number:03d}"
        world.lake.land("a.csv", "order_id,amount\n1,1.00\n", dt=dt)
        with suppress(KilledError):  # one thread's call is not waited for
            many = max(many, interrupted(world, first, number, die))
        many = max(many, 21)
        world.ids(dt)
        assert world.job(OTHER_RUN).failed == {}
        assert (world.ids(dt), world.is_pending) == ([1], False), f"call {number}"


def test_the_job_waits_for_a_function_that_died_and_leaves_what_lives(world: World) -> None:
    table = world.lake.ledger
    world.lake.land("a.csv", "order_id,amount\n1,10.00\n")
    now = int(world.clock.now)
    table.put_item(Item={"feed_id": LEASES, "file_id": DAY, "owner": "gone", "until": now + 100})
    assert world.job(RUN).partitions == 1
    assert world.clock.now >= now + leases.LEASE_SECONDS

    world.lake.land("b.csv", "order_id,amount\n2,10.00\n")
    table.put_item(Item={"feed_id": LEASES, "file_id": DAY, "owner": "alive", "until": now + 10**6})
    report = world.job(OTHER_RUN)
    assert (report.partitions, report.failed, len(report.leased)) == (0, {}, 1)
    assert (world.ids(), world.is_pending) == ([1], True)


def test_the_function_leaves_what_is_not_small_or_not_on_the_list_or_has_no_time(world: World) -> None:
    lake = world.lake
    lake.land("a.csv", "order_id,amount\n1,10.00\n")
    lake.put_feed(feed="deduplicated", transform={"deduplicate": {"keys": ["order_id"]}})
    lake.land("c.csv", "order_id,amount\n1,10.00\n", feed="deduplicated")
    lake.land("big.csv", "order_id,amount\n" + "7,1.00\n" * 200_000, dt="2026-01-06", rows=200_000)
    report = world.function(RUN)
    assert report.partitions == 1
    assert sorted(map(str, report.left)) == ["acme/daily_sales dt=2026-01-06", "acme/deduplicated dt=2026-01-05"]
    assert report.begun_and_left == 0
    assert world.is_pending

    lake.land("d.csv", 'order_id,amount\n5,1"0.00\n')
    report = world.function(OTHER_RUN)
    assert (report.partitions, report.begun_and_left, len(report.left)) == (0, 1, 3)
    assert counts_of(report) == {"SmallPartitionsCurated": 0, "PartitionsLeftToJob": 3, "PartitionsGivenBack": 1}
    assert world.ids() == [1]


def test_a_function_whose_time_is_nearly_over_begins_nothing(world: World) -> None:
    world.lake.land("a.csv", "order_id,amount\n1,10.00\n")
    told = Arguments(RUN, "ledger", "feeds", BUCKET, DATABASE, 2, 60, f"s3://{BUCKET}={world.lake.folder}")
    report = Job(told, lambda lake: SmallEngine(lake, RUN, "c", 1 << 20, lambda: 80), is_last=False).run()
    assert (report.partitions, len(report.left)) == (0, 1)
    assert "time is over" in next(iter(report.left.values()))
    assert world.job(RUN).partitions == 1, "its lease was given back"
