"""Builds and publishes the small partitions of a run, and says how many are left to the Glue job."""

from collections.abc import Callable

from job import Arguments, Job
from lakeferry.settings import Settings
from report import Report
from smallengine import SmallEngine

PARALLEL = 2
"""Partitions at a time: one of 256 MiB takes up to 1.5 GB of memory."""
_MINUTES = 60
"""A partition's: more than the function has, whose own time ends first, and that is no partition's fault."""


def curate_small(run: str, call: str, settings: Settings, left: Callable[[], float]) -> Report:
    """Does what it can in its time.

    Args:
        call: Tells this call from others.
        left: Seconds until the function is ended.
    """
    told = Arguments(
        run, settings.ledger_table, settings.feeds_table, settings.lake_bucket, settings.database, PARALLEL, _MINUTES
    )
    most = settings.small_partition_bytes
    return Job(told, lambda lake: SmallEngine(lake, run, call, most, left), is_last=False).run()


def counts_of(report: Report) -> dict[str, int]:
    """What becomes metrics: partitions that are curated, those left to the job, and those of them that were begun."""
    return {
        "SmallPartitionsCurated": report.partitions,
        "PartitionsLeftToJob": left_of(report),
        "PartitionsGivenBack": report.begun_and_left,
    }


def left_of(report: Report) -> int:
    """Partitions that are still on the work list."""
    # what failed, the job tries as well, and tells why; what a file was left out of, it sets aside
    return len(report.failed) + len(report.leased) + len(report.left)
