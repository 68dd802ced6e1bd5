"""Spark, and what works with it: made anew together where Spark has ended in the middle of a job."""

import contextlib

from pyspark.sql import SparkSession

from iceberg import IcebergTables
from lakeferry.models import run_id_of
from lakefiles import Lake
from partition import Builder
from sparksession import is_alive, started_anew


class Engine:
    """The session of one job, and the next one.

    Attributes:
        builder: Builds partitions in the session there is.
        iceberg: The Iceberg tables, through that session.
    """

    builder: Builder
    iceberg: IcebergTables

    def __init__(self, spark: SparkSession, lake: Lake, run: str, database: str) -> None:
        self._lake, self._run_id, self._database = lake, run_id_of(run), database
        self._use(spark)

    @property
    def is_alive(self) -> bool:
        """Whether the session can be worked with."""
        return is_alive(self._spark)

    def start_anew(self) -> None:
        """A session in place of one that has ended."""
        self._use(started_anew())

    def name_work(self, group: str, what: str) -> None:
        """What the calling thread has Spark do from now on can be cancelled under that name."""
        self._spark.sparkContext.setJobGroup(group, what, interruptOnCancel=True)

    def cancel(self, group: str) -> None:
        """Has Spark give up all it is doing under that name."""
        # a session that has ended meanwhile is doing nothing any more; else it is asked again
        with contextlib.suppress(Exception):
            self._spark.sparkContext.cancelJobGroup(group)

    def _use(self, spark: SparkSession) -> None:
        self._spark = spark
        self.builder = Builder(spark, self._lake, self._run_id)
        self.iceberg = IcebergTables(spark, self._database, self._lake)
