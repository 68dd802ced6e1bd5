"""The engine of a function: Arrow alone. What is not Arrow's, or has no time left, is left to the job."""

from collections.abc import Callable, Sequence

from arrowworker import ArrowWorker
from catalog import Outcome
from lakeferry.models import run_id_of
from lakefiles import Lake
from partition import Builder, Generation
from work import GivenBackError, LeftToJobError, Work, Written

RESERVE_SECONDS = 90
"""Of a function's time: what was built has to be published within it."""


class SmallEngine:
    """Builds small partitions, as long as there is time.

    Attributes:
        builder: Builds one, or raises LeftToJobError.
        is_alive: There is nothing that could end.
    """

    is_alive = True

    def __init__(self, lake: Lake, run: str, call: str, most_bytes: int, left: Callable[[], float]) -> None:
        """
        Args:
            call: Tells this call from others of the same run: no two write generations of one name.
            most_bytes: Raw bytes a partition may have.
            left: Seconds until the function is ended.
        """
        self._left = left
        arrow = ArrowWorker(lake, run_id_of(run), most_bytes, self.go_on)
        self.builder = Builder(lake, f"{run_id_of(run)}-{call}", [arrow, _TheJob(arrow)])

    def go_on(self) -> None:
        """Raises LeftToJobError where time is short."""
        if self._left() < RESERVE_SECONDS:
            raise LeftToJobError("the function's time is over.")

    def start_anew(self) -> None:
        """Never needed."""

    def name_work(self, group: str, what: str) -> None:
        """Nothing is cancelled by name: time is looked at instead."""

    def cancel(self, group: str) -> None:
        """See `name_work`."""

    def publish(self, generations: Sequence[Generation]) -> Outcome:
        """Iceberg tables are the job's."""
        return {each: LeftToJobError(f"{each.partition}: Iceberg tables are the job's.") for each in generations}


class _TheJob:
    """Who builds what Arrow does not."""

    name = "job"

    def __init__(self, arrow: ArrowWorker) -> None:
        self._arrow = arrow

    def refuses(self, work: Work) -> None:
        """It takes any."""

    def write(self, work: Work) -> Written:
        """Raises LeftToJobError, as nothing is built here."""
        why = self._arrow.refuses(work)
        if why is not None:
            raise LeftToJobError(f"{work.partition}: {why}.")
        raise GivenBackError(f"{work.partition}: was begun and given back.")
