"""Partitions are built in turns, within their time, and Spark may end in the middle: with a Spark that is played."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

import building
from building import Builders, Finished, SparkLostError
from engine import Engine
from faults import feeds_own
from lakeferry.errors import PartitionTooHeavyError
from lakeferry.ledger import Ledger
from lakeferry.ledger.begun import BEGUN, Begun, TakenByAnotherJobError
from partition import Built
from tests.conftest import RUN
from worklist import Partition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

A, B, C, D = (Partition(tenant, "sales", "2026-01-05") for tenant in ("acme", "globex", "initech", "umbrella"))
JVM_GONE = ConnectionError("Answer from Java side is empty")


class Spark:
    """An engine that can end, and cancels what waits for that."""

    def __init__(self) -> None:
        self.is_alive, self.builder = True, None
        self.sessions = 1
        self.can_start = True
        self.cancelled: list[str] = []
        self._groups = threading.local()
        self._events: dict[str, threading.Event] = {}

    def start_anew(self) -> None:
        if not self.can_start:
            raise OSError("Java gateway process exited before sending its port number")
        self.is_alive = True
        self.sessions += 1

    def name_work(self, group: str, what: str) -> None:
        self._groups.of_thread = what
        self._events[group] = self._groups.event = threading.Event()

    def cancel(self, group: str) -> None:
        self.cancelled.append(group)
        self._events[group].set()

    # what a partition's work does

    def endless(self) -> None:
        assert self._groups.event.wait(60)
        raise RuntimeError("Job 7 cancelled part of cancelled job group")

    def end(self) -> None:
        self.is_alive = False
        raise JVM_GONE


class World:
    """The job's threads over a ledger in moto; what each partition does is a function by its name."""

    def __init__(self, table: "Table") -> None:
        self.table, self.spark = table, Spark()
        self.does: dict[Partition, Callable[[], None]] = {}
        self.began: list[Partition] = []
        self.beside: dict[Partition, list[int]] = {}
        self._at_work = 0
        self._lock = threading.Lock()

    def notes(self) -> dict[str, dict[str, Any]]:
        items = self.table.scan()["Items"]
        return {str(item["file_id"]): cast("dict[str, Any]", item) for item in items if item["feed_id"] == BEGUN}

    def _work(self, _: object, partition: Partition) -> Built:
        assert self.notes()[partition.ledger_key]["by"] == RUN, "noted first"
        with self._lock:
            self.began.append(partition)
            self._at_work += 1
            self.beside.setdefault(partition, []).append(self._at_work)
        try:
            self.does.get(partition, lambda: None)()
        finally:
            with self._lock:
                self._at_work -= 1
        return cast("Built", SimpleNamespace(partition=partition, iceberg=False))

    def job(
        self, *partitions: Partition, job: str = "job-1", seconds: float = 600, parallel: int = 8
    ) -> tuple[Builders, dict[Partition, Finished]]:
        begun = Begun(self.table, RUN, job)
        builders = Builders(cast("Engine", self.spark), begun, self._work, parallel=parallel, seconds=seconds)
        finished = [each for some in builders.finished(partitions) for each in some]
        found = {each.partition: each for each in finished}
        assert len(found) == len(finished), "each ends once"
        return builders, found


@pytest.fixture
def world(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(building, "WATCH_SECONDS", 0.01)
    return World(ledger._table)


def built(finished: dict[Partition, Finished]) -> set[Partition]:
    return {partition for partition, each in finished.items() if each.built is not None}


def test_what_ends_leaves_no_note_well_or_not(world: World) -> None:
    world.does[B] = lambda: exec("raise ValueError('no')")
    _, finished = world.job(A, B)
    assert built(finished) == {A}
    assert isinstance(finished[B].error, ValueError)
    assert world.notes() == {}


def test_a_partition_over_its_time_is_cancelled_as_its_feeds_own_fault_and_the_others_are_built(world: World) -> None:
    world.does[A] = world.spark.endless
    builders, finished = world.job(A, B, C, seconds=0.2, parallel=2)
    assert built(finished) == {B, C}
    error = finished[A].error
    assert isinstance(error, PartitionTooHeavyError)
    assert feeds_own(error) == "PartitionTooHeavyError"
    assert "acme/sales dt=2026-01-05: was not built in" in str(error)
    assert builders.alone == []
    # taken up again, it is built by itself, after all others
    del world.does[A]
    builders, finished = world.job(A, B, job="job-2")
    assert (world.began[-2:], builders.alone) == ([B, A], [A])
    assert built(finished) == {A, B}
    assert world.notes() == {}


def test_eight_endless_days_of_one_tenant_keep_no_other_from_being_built(world: World) -> None:
    endless = [Partition("acme", "sales", f"2026-01-{day:02d}") for day in range(1, 9)]
    others = [Partition(tenant, "sales", "2026-01-05") for tenant in ("globex", "initech") for _ in "1"]
    ended = threading.Event()

    def last() -> None:
        ended.set()

    def until_the_others_are_done() -> None:
        assert ended.wait(60), "the other tenants' partitions were not built beside"
        world.spark.endless()

    world.does |= dict.fromkeys(endless, until_the_others_are_done)
    world.does[others[-1]] = last
    _, finished = world.job(*endless, *others, seconds=0.2)
    assert built(finished) == set(others)


def test_where_two_days_of_a_feed_took_too_long_its_others_are_not_begun(world: World) -> None:
    endless = [Partition("acme", "sales", f"2026-01-{day:02d}") for day in range(1, 9)]
    world.does |= dict.fromkeys(endless, world.spark.endless)
    other = Partition("acme", "stock", "2026-01-05")
    _, finished = world.job(*endless, other, seconds=0.2, parallel=2)
    assert built(finished) == {other}
    assert {type(finished[day].error) for day in endless} == {PartitionTooHeavyError}
    assert 2 <= len(set(world.began) & set(endless)) <= 3
    assert "was not begun, because 2 other days" in str(finished[endless[-1]].error)


def test_what_ends_spark_twice_is_its_own_fault_and_what_was_beside_it_is_built(world: World) -> None:
    together = threading.Barrier(3)

    def beside() -> None:
        if world.spark.sessions == 1:
            together.wait(60)
            while world.spark.is_alive:
                pass
            raise JVM_GONE

    def fatal() -> None:
        if world.spark.sessions == 1:
            together.wait(60)
        world.spark.end()

    world.does |= {A: fatal, B: beside, C: beside}
    builders, finished = world.job(A, B, C, D, parallel=3)
    assert built(finished) == {B, C, D}
    assert "once more while it was built by itself" in str(finished[A].error)
    assert feeds_own(finished[A].error or Exception()) == "PartitionTooHeavyError"
    assert world.spark.sessions == 3
    assert world.began.index(D) < 4, "before those that might have been it"
    assert sorted(builders.alone) == [A, B, C]
    assert {beside[-1] for beside in world.beside.values()} == {1}
    assert list(world.notes()) == [A.ledger_key], "so that it is built by itself, last, when it is taken up again"


def test_a_partition_that_runs_out_of_memory_is_tried_by_itself(world: World) -> None:
    tries = iter([RuntimeError("Job aborted due to stage failure: java.lang.OutOfMemoryError: Java heap space"), None])

    def short_of_memory() -> None:
        if (error := next(tries)) is not None:
            raise error

    world.does[A] = short_of_memory
    builders, finished = world.job(A, B)
    assert built(finished) == {A, B}
    assert (builders.alone, world.spark.sessions) == ([A], 1)


def test_after_a_job_was_killed_what_it_was_at_comes_last_and_alone(world: World) -> None:
    killed = Begun(world.table, RUN, "job-0")
    killed.begin(A.ledger_key, alone=False)
    killed.begin(C.ledger_key, alone=False)
    builders, finished = world.job(A, B, C, D)
    assert set(world.began[:2]) == {B, D}
    assert world.began[2:] == builders.alone == [A, C]
    assert built(finished) == {A, B, C, D}
    assert world.notes() == {}


def test_a_job_that_was_killed_while_it_built_one_alone_has_shown_which(world: World) -> None:
    Begun(world.table, RUN, "job-0").begin(A.ledger_key, alone=True)
    _, finished = world.job(A, B)
    assert world.began == [B]
    assert isinstance(finished[A].error, PartitionTooHeavyError)
    # set aside by now; taken up again, it has its try
    builders, finished = world.job(A, B, job="job-2")
    assert built(finished) == {A, B}
    assert builders.alone == [A]


def test_those_built_alone_take_no_more_than_twice_a_partitions_time(world: World) -> None:
    suspects = [Partition(f"tenant{number}", "sales", "2026-01-05") for number in range(9)]
    for partition in suspects:
        Begun(world.table, RUN, "job-0").begin(partition.ledger_key, alone=False)
    world.does |= dict.fromkeys(suspects, world.spark.endless)
    _, finished = world.job(*suspects, seconds=0.2)
    assert len(world.began) <= 3
    assert {type(each.error) for each in finished.values()} == {PartitionTooHeavyError}
    assert "no time left" in str(finished[suspects[-1]].error)


def test_where_spark_cannot_be_started_again_all_that_is_left_stays_for_the_next_run(world: World) -> None:
    world.spark.can_start = False
    world.does[A] = world.spark.end
    _, finished = world.job(A, B, C, parallel=1)
    assert built(finished) == set()
    assert {type(each.error) for each in finished.values()} == {SparkLostError}
    assert feeds_own(finished[A].error or Exception()) is None
    assert world.notes()[A.ledger_key]["alone"] is False


def test_what_another_job_began_meanwhile_is_left_to_it(world: World) -> None:
    world.does[A] = lambda: Begun(world.table, RUN, "job-9").begin(B.ledger_key, alone=False)
    _, finished = world.job(A, B, parallel=1)
    assert isinstance(finished[B].error, TakenByAnotherJobError)
    assert world.began == [A]
    assert world.notes()[B.ledger_key]["job"] == "job-9"


def test_a_ledger_that_is_away_fails_that_partition_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("the ledger is away")

    monkeypatch.setattr(Begun, "suspect", refuse)
    world.does[A] = world.spark.endless
    _, finished = world.job(A, B, seconds=0.2)
    assert built(finished) == {B}
    assert isinstance(finished[A].error, OSError)


def test_notes_are_no_files_of_a_run(world: World) -> None:
    """An item with a `run`, a `partition` or `pending` would be one of the indexes' files."""
    Begun(world.table, RUN, "job-0").begin(A.ledger_key, alone=False)
    (note,) = world.notes().values()
    assert {"run", "partition", "pending", "unfinished"}.isdisjoint(note)
    assert note["expires_at"] > 0
