"""Small partitions without Spark: by Arrow, with the very code that checks rows before they land.

A text is cast by `lakeferry.checks.casts`, and an expression is computed by `lakeferry.checks.evaluation`; that both
come to what Spark does is what tests/glue shows (test_casts_agree.py, test_expressions_agree.py, and
test_engines_agree.py for whole partitions). What was not shown equal is refused before it is begun (`shape.py`), or
given up in the middle (`NotEqualError`), and then it is Spark's.
"""

from collections.abc import Callable, Iterator

from arrowworker.equal import NotEqualError
from arrowworker.raw import Delivered, open_raw, types_of
from arrowworker.references import ReferenceTables
from arrowworker.rows import Rows
from arrowworker.shape import Shape, refusal, shape_of
from arrowworker.writing import PartitionFile, write_fallout
from balance import check_rules, check_written, fallout_rows, imbalances, lost_rows
from lakeferry.errors import BalanceError
from lakefiles import Lake
from work import Work, Written
from worklist import FileCounts, LandedFile

__all__ = ["ArrowWorker", "NotEqualError"]


class ArrowWorker:
    """The engine for small partitions whose rows come out as Spark's."""

    name = "arrow"

    def __init__(self, lake: Lake, run_id: str, most_bytes: int, go_on: Callable[[], None]) -> None:
        """
        Args:
            most_bytes: Raw bytes a partition may have; 0: this engine is not used.
            go_on: Raises where the partition's time is over.
        """
        self._lake, self._run_id, self._most_bytes, self._go_on = lake, run_id, most_bytes, go_on

    def refuses(self, work: Work) -> str | None:
        """Why the partition is Spark's."""
        return refusal(work, self._most_bytes)

    def write(self, work: Work) -> Written:
        """Writes the partition aside.

        Raises:
            NotEqualError: Spark might make something else of a value.
            BalanceError: rows landed, read, curated and dropped do not add up.
            RuleViolatedError: a rule with the action `fail` is broken.
        """
        shape = shape_of(work, types_of(self._lake, work.feed, work.files))
        references = ReferenceTables(self._lake, work)
        rows = Rows(work, shape, references)
        file = PartitionFile(work, shape, self._run_id)
        counts = tuple(self._count(work, shape, rows, file, landed) for landed in work.files)
        problems = imbalances(work.partition, counts) or lost_rows(work.feed, work.partition, counts)
        if problems:
            raise BalanceError(problems[0])
        check_rules(work.partition, counts)
        written = file.close()
        check_written(work.partition, self._lake.uri(work.prefix), written.rows, counts)
        expected = fallout_rows(work.plan, counts)
        if expected != len(file.fallout):
            raise BalanceError(f"{work.partition}: {len(file.fallout)} rows are kept for the fallout of {expected}.")
        self._go_on()
        self._lake.put(f"{work.prefix}{written.name}", written.data)
        if expected:
            self._lake.put(f"{work.fallout_prefix}{written.name}", write_fallout(file.fallout, work, self._run_id))
        return Written(shape.written, counts, written.profiles, expected, len(written.data), references.versions)

    def _count(self, work: Work, shape: Shape, rows: Rows, file: PartitionFile, landed: LandedFile) -> FileCounts:
        """Writes the rows of one landed file; how many became what."""
        curated, dropped = 0, dict[str, int]()
        for key in landed.raw_keys:
            for delivered in self._batches(work, landed, key):
                self._go_on()
                batch = rows.made(delivered, landed, key)
                for reason, count in batch.reasons():
                    if reason is None:
                        curated += count
                    else:
                        dropped[reason] = dropped.get(reason, 0) + count
                file.add(batch, landed, key)
        return FileCounts(landed, curated, dict(sorted(dropped.items())))

    def _batches(self, work: Work, landed: LandedFile, key: str) -> Iterator[Delivered]:
        with open_raw(self._lake, key, work.feed, landed) as raw:
            yield from raw.batches()
