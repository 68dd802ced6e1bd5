"""Partitions are built side by side: in turns, each within its time, and Spark may end in the middle of it.

Nobody can tell which of several partitions ended Spark. So all that were being built are built once more when the
others are done, each by itself; one that ends Spark again is what it was. The notes in the ledger (`Begun`) tell that
to the next job as well, where this one does not live to do so.
"""

import time
import uuid
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol

from faults import ends_spark, reason
from lakeferry.errors import LakeferryError, PartitionTooHeavyError
from lakeferry.ledger.begun import Begun
from partition import Builder, Built
from turns import Turns
from worklist import Partition

WATCH_SECONDS = 1.0
"""How often time is looked at."""
OVERRUNS = 2
"""Days of one feed that may take too long in one run of the job; its others are not begun after that."""
ALONE_BUDGETS = 2
"""Partitions' times after which none of those that are built by themselves is begun any more."""


class BuildingEngine(Protocol):
    """What of the engines `Builders` sees."""

    @property
    def builder(self) -> Builder:
        """Builds partitions by the first engine that takes them."""

    @property
    def is_alive(self) -> bool:
        """Whether it can be worked with."""

    def start_anew(self) -> None:
        """Makes one that has ended anew."""

    def name_work(self, group: str, what: str) -> None:
        """What the calling thread does from now on can be cancelled under that name."""

    def cancel(self, group: str) -> None:
        """Has all be given up that is done under that name."""


class SparkLostError(LakeferryError):
    """Spark ended and could not be started again; what was not built is built by the next run."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A partition with what was built, or why it was not."""

    partition: Partition
    built: Built | None = None
    error: BaseException | None = None


@dataclass(slots=True, eq=False)
class _Work:
    """One partition in the hands of a thread.

    Attributes:
        group: Its work's name in Spark.
        alone: Nothing else is being built.
        started: When it was begun; 0 before that.
        overran: Its time is over, and Spark was told to give it up.
        crashed: Spark ended, or ran out of memory, in the middle of it.
    """

    partition: Partition
    alone: bool
    group: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: float = 0.0
    overran: bool = False
    crashed: bool = False


class Builders:
    """The threads of one run of the job.

    Attributes:
        alone: Partitions that were built by themselves.
    """

    def __init__(
        self,
        engine: BuildingEngine,
        begun: Begun,
        build: Callable[[Builder, Partition], Built],
        *,
        parallel: int,
        seconds: float,
    ) -> None:
        """
        Args:
            parallel: Partitions built at the same time.
            seconds: That one may take.
        """
        self._engine, self._begun, self._work = engine, begun, build
        self._parallel, self._seconds = parallel, seconds
        self.alone: list[Partition] = []
        self._suspects: dict[Partition, bool] = {}
        self._overruns: dict[tuple[str, str], int] = {}
        self._lost: SparkLostError | None = None

    def finished(self, partitions: Collection[Partition]) -> Iterator[list[Finished]]:
        """Builds them all; gives what is ready as it comes, and at least every second, if only to tell that time."""
        left = self._begun.suspects()
        given_up = []
        for partition in partitions:
            if (note := left.get(partition.ledger_key)) is None:
                continue
            if note.alone:
                self._begun.suspect(partition.ledger_key)
                given_up.append(Finished(partition, error=_crashed(partition)))
            else:
                self._suspects[partition] = note.overran
        if given_up:
            yield given_up
        rest = set(partitions) - self._suspects.keys() - {each.partition for each in given_up}
        yield from self._rounds(Turns(rest), self._parallel, alone=False)
        # what took too long before comes after what was only beside a partition that ended Spark
        until = time.monotonic() + ALONE_BUDGETS * self._seconds
        for overran in (False, True):
            suspects = [partition for partition, before in self._suspects.items() if before is overran]
            yield from self._rounds(Turns(suspects), 1, alone=True, until=until)

    def _rounds(
        self, turns: Turns, parallel: int, *, alone: bool, until: float | None = None
    ) -> Iterator[list[Finished]]:
        building: dict[Future[Built], _Work] = {}
        with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="partition") as pool:
            while True:
                yield self._not_begun(turns, until)
                while len(building) < parallel and (partition := turns.take()) is not None:
                    work = _Work(partition, alone)
                    building[pool.submit(self._build, work)] = work
                if not building:
                    return
                done, _ = wait(building, timeout=WATCH_SECONDS, return_when=FIRST_COMPLETED)
                if any(building[future].crashed for future in done) and not self._engine.is_alive:
                    # those beside it have lost their session, too
                    done, _ = wait(building)
                    self._start_anew()
                finished = []
                for future in done:
                    work = building.pop(future)
                    turns.done(work.partition)
                    try:
                        finished += self._judged(work, future)
                    except Exception as trouble:  # the ledger's; it stays on the work list
                        finished.append(Finished(work.partition, error=trouble))
                yield finished
                self._give_up_what_overran(building.values())

    def _build(self, work: _Work) -> Built:
        """In a thread of its own."""
        key = work.partition.ledger_key
        self._begun.begin(key, alone=work.alone)
        if work.alone:
            self.alone.append(work.partition)
        try:
            self._engine.name_work(work.group, str(work.partition))
            work.started = time.monotonic()
            built = self._work(self._engine.builder, work.partition)
        except Exception as error:
            work.crashed = not work.overran and (ends_spark(error) or not self._engine.is_alive)
            if not work.crashed and not work.overran:
                self._begun.end(key)
            raise
        if not built.iceberg:  # Spark commits that one
            self._begun.end(key)
        return built

    def _judged(self, work: _Work, future: "Future[Built]") -> list[Finished]:
        """What is known of a partition now; nothing where it is built once more."""
        partition, error = work.partition, future.exception()
        if error is None:
            return [Finished(partition, built=future.result())]
        if work.overran:
            self._overruns[partition.tenant, partition.feed] = (
                self._overruns.get((partition.tenant, partition.feed), 0) + 1
            )
            self._begun.suspect(partition.ledger_key, overran=True)
            error = _chained(_overran(partition, self._seconds), error)
        elif work.crashed and work.alone:
            self._begun.suspect(partition.ledger_key)
            error = _chained(_crashed(partition), error)
        elif work.crashed:
            self._suspects[partition] = False
            return []
        return [Finished(partition, error=error)]

    def _not_begun(self, turns: Turns, until: float | None) -> list[Finished]:
        """What waits and will not be begun, with the reason."""
        if self._lost is not None:
            return [Finished(partition, error=self._lost) for partition in turns.drop_all()]
        found = []
        for (tenant, feed), overruns in self._overruns.items():
            if overruns >= OVERRUNS:
                found += [
                    Finished(partition, error=_like_others(partition, self._seconds))
                    for partition in turns.drop(tenant, feed)
                ]
        if until is not None and time.monotonic() >= until:
            found += [Finished(partition, error=_no_time(partition)) for partition in turns.drop_all()]
        return found

    def _give_up_what_overran(self, at_work: Collection[_Work]) -> None:
        """Spark is told each time: what it is at is a step, and the partition's thread might begin the next one."""
        now = time.monotonic()
        for work in at_work:
            if work.started and now - work.started > self._seconds:
                work.overran = True
                self._engine.cancel(work.group)

    def _start_anew(self) -> None:
        try:
            self._engine.start_anew()
        except Exception as error:
            self._lost = SparkLostError(f"Spark ended and could not be started again: {reason(error)}")


def _overran(partition: Partition, seconds: float) -> PartitionTooHeavyError:
    return PartitionTooHeavyError(f"{partition}: was not built in {seconds / 60:g} minutes. Nothing was published.")


def _like_others(partition: Partition, seconds: float) -> PartitionTooHeavyError:
    return PartitionTooHeavyError(
        f"{partition}: was not begun, because {OVERRUNS} other days of this feed were not built in {seconds / 60:g} "
        "minutes each. Nothing was published."
    )


def _crashed(partition: Partition) -> PartitionTooHeavyError:
    return PartitionTooHeavyError(
        f"{partition}: Spark ended, or ran out of memory, while it was built, and once more while it was built by "
        "itself. Nothing was published."
    )


def _no_time(partition: Partition) -> PartitionTooHeavyError:
    return PartitionTooHeavyError(
        f"{partition}: Spark ended, or time was over, when it was last built, and there was no time left to build it "
        "by itself. Nothing was published."
    )


def _chained(error: PartitionTooHeavyError, cause: BaseException) -> PartitionTooHeavyError:
    error.__cause__ = cause
    return error
