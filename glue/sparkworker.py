"""Partitions by Spark: whatever a feed may ask for, of any size."""

from collections.abc import Callable, Iterator, Sequence

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from balance import check_rules, check_written, fallout_rows, imbalances, lost_rows
from columns import DROPPED_BY, FILE_NUMBER, LINEAGE, ROW
from counting import RowCounter, observed
from finishing import clustered
from footers import Footers, read_footers
from lakeferry.errors import BalanceError
from lakefiles import Lake
from rawfiles import read_files
from sparkreferences import References
from transforms import curate
from work import Work, Written
from worklist import FileCounts, Partition


class SparkWorker:
    """The engine that takes any partition; its session is asked for when there is one."""

    name = "spark"

    def __init__(self, session: Callable[[], SparkSession], lake: Lake, run_id: str) -> None:
        self._session, self._lake, self._run_id = session, lake, run_id
        self._references = References(session, lake)

    def refuses(self, work: Work) -> None:
        """It takes any."""

    def write(self, work: Work) -> Written:
        """Writes the partition aside, as `Builder.build` says."""
        spark = self._session()
        kept, counts, raw = self._write_balanced(spark, work)
        check_rules(work.partition, counts)
        columns = tuple((field.name, field.dataType.simpleString()) for field in kept.schema)
        footers, written = self._inspect(spark, work, columns, counts)
        expected = fallout_rows(work.plan, counts)
        if expected:
            frame = curate(raw, work.plan, self._references.of(work.feed), with_text=True)
            _write_fallout(frame, work, self._lake.spark_path(work.fallout_prefix), expected)
        return Written(columns, counts, footers.profiles, expected, written, self._references.versions(work.feed))

    def _write_balanced(self, spark: SparkSession, work: Work) -> tuple[DataFrame, tuple[FileCounts, ...], DataFrame]:
        """Writes the kept rows; returns them, the counts of each file, and the raw rows as they were read."""
        problems: list[str] = []
        for raw in self._readings(spark, work):
            frame = curate(raw, work.plan, self._references.of(work.feed))
            counter = RowCounter(work.files, work.plan.reasons)
            kept = counter.observe(frame).where(F.col(DROPPED_BY).isNull()).drop(DROPPED_BY, FILE_NUMBER)
            spread = clustered(kept, work.plan.partition_by, work.outputs)
            path = self._lake.spark_path(work.prefix)
            spread.write.mode("overwrite").option("compression", work.plan.compression).parquet(path)
            counts = counter.counts()
            problems = imbalances(work.partition, counts) or lost_rows(work.feed, work.partition, counts)
            if not problems:
                return kept, counts, raw
        raise BalanceError(problems[0])

    def _inspect(
        self, spark: SparkSession, work: Work, columns: Sequence[tuple[str, str]], counts: Sequence[FileCounts]
    ) -> tuple[Footers, int]:
        """The footers and bytes of what was written, once more balanced."""
        written = self._lake.sizes(work.prefix)
        names = [name for name, _ in columns if name not in LINEAGE]
        footers = read_footers(spark, [self._lake.spark_path(key) for key in written], names)
        check_written(work.partition, self._lake.uri(work.prefix), footers.rows, counts)
        return footers, sum(written.values())

    def _readings(self, spark: SparkSession, work: Work) -> Iterator[DataFrame]:
        """The raw rows; and where that did not balance, read slower with line breaks in quoted values allowed for."""
        for multiline in (False, True):
            yield read_files(spark, self._lake, work.feed, work.files, self._run_id, multiline=multiline)


def _write_fallout(frame: DataFrame, work: Work, path: str, expected: int) -> None:
    """Writes the rows of a frame made with `with_text`; they are few, and read a second time.

    Raises:
        BalanceError: these are not as many as were counted.
    """
    written = Observation()
    (
        frame.where(F.col(DROPPED_BY).isin(list(work.plan.fallout)))
        .select(
            F.lit(work.feed.dataset).alias("dataset"),
            F.col(DROPPED_BY).alias("rule"),
            F.col(ROW).alias("row"),
            *LINEAGE,
        )
        .coalesce(1)
        .observe(written, F.count(F.lit(1)).alias("rows"))
        .write.mode("overwrite")
        .option("compression", "zstd")
        .parquet(path)
    )
    rows = observed(written, "rows")
    if rows != expected:
        raise BalanceError(_changed(work.partition, expected, rows))


def _changed(partition: Partition, expected: int, found: int) -> str:
    return (
        f"{partition}: {expected} rows broke a rule, but {found} when they were read again for the "
        "fallout. A file was replaced meanwhile; the next run builds the partition again."
    )
