"""The engines of one job: Arrow for small partitions, and Spark, which is started when the first one needs it.

Where Spark has ended in the middle of a job, it is made anew, and what works with it.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence

from pyspark.sql import SparkSession

from catalog import Outcome
from iceberg import IcebergTables
from lakeferry.models import run_id_of
from lakefiles import Lake
from partition import Builder, Generation
from sparksession import is_alive, started_anew
from sparkworker import SparkWorker
from work import GivenUpError, Worker


class Engine:
    """The engines of one job."""

    def __init__(
        self, start: Callable[[], SparkSession], lake: Lake, run: str, database: str, small_bytes: int = 0
    ) -> None:
        """
        Args:
            start: Starts Spark.
            small_bytes: Raw bytes up to which a partition is Arrow's, if it can be shown to come out the same.
        """
        self._start, self._lake, self._run_id, self._database = start, lake, run_id_of(run), database
        self._small_bytes = small_bytes
        self._spark: SparkSession | None = None
        self._iceberg: IcebergTables | None = None
        self._starting = threading.Lock()
        self._of_thread = threading.local()
        self._cancelled: set[str] = set()
        self._make_builder()

    @property
    def builder(self) -> Builder:
        """Builds partitions, in the Spark session there is where it is Spark's turn."""
        return self._builder

    @property
    def is_alive(self) -> bool:
        """Whether the session can be worked with, or can still be started."""
        return self._spark is None or is_alive(self._spark)

    def session(self) -> SparkSession:
        """Spark, started if it was not yet; what the calling thread has it do can be cancelled by its group's name."""
        with self._starting:
            if self._spark is None:
                self._spark = self._start()
            spark = self._spark
        if (named := getattr(self._of_thread, "work", None)) is not None:
            spark.sparkContext.setJobGroup(*named, interruptOnCancel=True)
        return spark

    def start_anew(self) -> None:
        """A session in place of one that has ended."""
        with self._starting:
            self._spark, self._iceberg = started_anew(), None
            self._make_builder()

    def name_work(self, group: str, what: str) -> None:
        """What the calling thread does from now on can be cancelled under that name."""
        self._of_thread.work = group, what

    def cancel(self, group: str) -> None:
        """Has all be given up that is done under that name."""
        self._cancelled.add(group)
        # a session that has ended meanwhile is doing nothing any more; else it is asked again
        with contextlib.suppress(Exception):
            if self._spark is not None:
                self._spark.sparkContext.cancelJobGroup(group)

    def publish(self, generations: Sequence[Generation]) -> Outcome:
        """Commits partitions to Iceberg tables."""
        if self._iceberg is None:
            self._iceberg = IcebergTables(self.session(), self._database, self._lake)
        return self._iceberg.publish(generations)

    def go_on(self) -> None:
        """Raises GivenUpError where the calling thread's work was cancelled."""
        group, what = getattr(self._of_thread, "work", ("", ""))
        if group in self._cancelled:
            raise GivenUpError(f"{what}: was given up.")

    def _make_builder(self) -> None:
        workers: list[Worker] = [SparkWorker(self.session, self._lake, self._run_id)]
        if self._small_bytes:
            # where all is Spark's, as in Glue by default, the job needs no pyarrow: Glue's is another version
            from arrowworker import ArrowWorker

            workers.insert(0, ArrowWorker(self._lake, self._run_id, self._small_bytes, self.go_on))
        self._builder = Builder(self._lake, self._run_id, workers)
