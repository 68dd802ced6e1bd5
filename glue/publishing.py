"""Makes rebuilt partitions visible, many at a time: a call of the Data Catalog takes a hundred of them.

What is ready is gathered while others are built. Each partition is switched by one entry of one call, whatever else is
in that call, and succeeds or fails alone; its files become CURATED after that and never before.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, TypeVar

import fallout
import quality
from catalog import Catalog, Outcome
from lakeferry.aws.tables import utc_now
from lakeferry.catalog.standing import QUALITY
from lakeferry.catalog.tables import BATCH
from lakeferry.ledger.leases import LeasedError, Leases
from lakeferry.models import run_id_of
from lakefiles import Lake
from partition import Built, Generation
from report import Report
from worklist import JOB, Partition, mark_curated, mark_pending

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

GATHER_SECONDS = 15
"""What is ready waits so long for others that will share its calls; where nothing is being built, not at all."""
_SIDE_BY_SIDE = 4
"""Tables, and afterwards partitions, at work at a time: the Data Catalog allows an account few calls a second."""

_Given = TypeVar("_Given")


class Tables(Protocol):
    """What a generation is published by."""

    def publish(self, generations: Sequence[Generation]) -> Outcome:
        """What went wrong for each; None for one that readers see from now on."""


class Gathered:
    """Rebuilt partitions that are not published yet; a hundred at most, for some seconds."""

    def __init__(self, seconds: float = GATHER_SECONDS) -> None:
        self._seconds, self._since = seconds, 0.0
        self._ready: list[Built] = []

    def add(self, built: Built) -> None:
        if not self._ready:
            self._since = time.monotonic()
        self._ready.append(built)

    @property
    def is_due(self) -> bool:
        """Whether they have waited long enough, or fill a call."""
        if not self._ready:
            return False
        return len(self._ready) >= BATCH or time.monotonic() - self._since >= self._seconds

    def take(self) -> list[Built]:
        """Takes them all out."""
        taken, self._ready = self._ready, []
        return taken


class Publisher:
    """Publishes what a run of the job has built; called by one thread."""

    def __init__(
        self,
        lake: Lake,
        catalog: Catalog,
        ledger_table: "Table",
        run: str,
        opened: Callable[[str], None],
        leases: Leases,
        state: str = JOB,
    ) -> None:
        """
        Args:
            opened: Is told of each dataset that rows were published of.
            leases: Has those of the partitions that are built.
            state: Of the machine, which publishes.
        """
        self._lake, self._catalog, self._table, self._run, self._opened = lake, catalog, ledger_table, run, opened
        self._leases, self._state = leases, state

    def publish(self, ready: Sequence[Built], iceberg: Tables, report: Report) -> None:
        """Makes partitions visible: first what is beside the tables, then the switches, then the ledger."""
        try:
            with self._leases.catalog():
                self._publish(self._committed(ready, report), iceberg, report)
        except Exception as error:  # others wrote to the catalog all the time, or the ledger is away
            for built in ready:
                if not report.has(built.partition):
                    report.fail(built.partition, error)

    def _committed(self, ready: Sequence[Built], report: Report) -> list[Built]:
        """Those whose lease nobody has taken over; what was built of the others is taken away."""

        def commit(partitions: list[Built]) -> None:
            (built,) = partitions
            try:
                self._leases.commit(built.partition.ledger_key, built.curated.prefix)
            except LeasedError:
                for generation in (built.curated, built.fallout):
                    self._lake.delete(self._lake.sizes(generation.prefix))
                raise

        self._each([[built] for built in ready], commit, report)
        return [built for built in ready if not report.has(built.partition)]

    def _publish(self, ready: Sequence[Built], iceberg: Tables, report: Report) -> None:
        by_table: dict[str, list[Built]] = defaultdict(list)
        committed: list[Built] = []
        for built in self._with_fallout(ready, report):
            (committed if built.iceberg else by_table[built.curated.table]).append(built)
        before: dict[Partition, str] = {}

        def switch(partitions: list[Built]) -> None:
            found = self._catalog.prefixes(partitions[0].curated.table, [built.partition for built in partitions])
            before.update(found)
            self._judge(partitions, self._catalog.publish([built.curated for built in partitions], found), report)

        self._each(list(by_table.values()), switch, report)

        def commit(partitions: list[Built]) -> None:
            refused = self._refused([built.curated for built in partitions])
            rest = [built.curated for built in partitions if built.curated not in refused]
            self._judge(partitions, {**refused, **iceberg.publish(rest)}, report)

        if committed:  # Spark's, and one at a time
            self._each([committed], commit, report)
        visible = [built for built in ready if not report.has(built.partition)]
        for dataset in {built.curated.table for built in visible}:
            of_dataset = [built for built in visible if built.curated.table == dataset]
            self._each([of_dataset], lambda built: self._opened(built[0].curated.table), report)
        visible = [built for built in visible if not report.has(built.partition)]
        self._each([visible] if visible else [], self._note_quality, report)
        # where the facts could not be noted, the files stay on the work list, and the next run notes them
        visible = [built for built in visible if not report.has(built.partition)]
        self._each([[built] for built in visible], lambda one: self._finish(one[0], before), report)
        for built in visible:
            if not report.has(built.partition):
                report.add(built)

    def _each(self, groups: Sequence[list[Built]], work: Callable[[list[Built]], None], report: Report) -> None:
        """Works on groups side by side; the trouble of one is that of its partitions alone."""

        def one(partitions: list[Built]) -> None:
            try:
                work(partitions)
            except Exception as error:
                for built in partitions:
                    if not report.has(built.partition):
                        report.fail(built.partition, error)

        side_by_side(one, groups)

    def _with_fallout(self, ready: Sequence[Built], report: Report) -> list[Built]:
        """Publishes the rows that broke rules, and takes away what a rebuild found no such rows for any more.

        Returns:
            The partitions for which that is done.
        """

        def publish(partitions: list[Built]) -> None:
            before = self._catalog.prefixes(fallout.TABLE, [built.partition for built in partitions])
            fallouts = [built.fallout for built in partitions if built.has_fallout or built.partition in before]
            if not fallouts:
                return
            for generation, refused in self._catalog.publish(fallouts, before).items():
                if refused is None:
                    self._remove_old(generation, before)
                else:  # rows that nobody would find
                    report.fail(generation.partition, refused)

        self._each([list(ready)], publish, report)
        return [built for built in ready if not report.has(built.partition)]

    def _refused(self, generations: Sequence[Generation]) -> Outcome:
        """Those whose table the Data Catalog has already, and not as an Iceberg table of the job's."""
        by_table: dict[str, list[Generation]] = defaultdict(list)
        for generation in generations:
            by_table[generation.table].append(generation)
        found: Outcome = {}
        for of_table in by_table.values():
            found |= self._catalog.refused(of_table, iceberg=True)
        return found

    def _judge(self, partitions: Sequence[Built], outcome: Outcome, report: Report) -> None:
        for built in partitions:
            error = outcome[built.curated]
            if error is not None:
                report.fail(built.partition, error)

    def _finish(self, built: Built, before: dict[Partition, str]) -> None:
        try:
            self._leases.check(built.partition.ledger_key)
        except LeasedError:
            # the switch came after another writer's: whatever is seen now is built again from all files
            mark_pending(self._table, built.counts)
            raise
        if built.iceberg:  # the table has files of its own
            self._lake.delete(self._lake.sizes(built.curated.root))
        else:
            self._remove_old(built.curated, before)
        mark_curated(self._table, self._run, built.counts, built.engine, self._state)

    def _note_quality(self, partitions: list[Built]) -> None:
        now, run_id = utc_now(), run_id_of(self._run)
        rows = [
            row
            for built in partitions
            for row in quality.facts(built.partition, built.curated.table, run_id, now, built.counts, built.profiles)
        ]
        day, moment = now[:10], re.sub(r"\D", "", now)
        (key,) = QUALITY.keys
        self._lake.put(f"{QUALITY.prefix}{key}={day}/{run_id}-{moment}.json", quality.to_lines(rows))
        self._catalog.add_json_partition(QUALITY, day)

    def _remove_old(self, generation: Generation, before: dict[Partition, str]) -> None:
        """Deletes all generations but three: the new one, the previous one, which readers may be at work on, and the
        one that was committed to last, whose writer may be about to publish it, although it was taken over.
        """
        committed = self._leases.found(generation.partition.ledger_key)
        others = committed and f"{generation.root}{committed.rstrip('/').rpartition('/')[2]}/"
        keep = tuple(filter(None, (generation.prefix, before.get(generation.partition), others)))
        self._lake.delete(key for key in self._lake.sizes(generation.root) if not key.startswith(keep))


def side_by_side(work: Callable[[_Given], None], given: Sequence[_Given]) -> None:
    """Does it for each, some at the same time."""
    if len(given) < 2:
        for each in given:
            work(each)
        return
    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE, thread_name_prefix="publish") as pool:
        list(pool.map(work, given))
