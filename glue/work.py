"""One partition's work as an engine gets it, and what it says when it is done."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lakeferry.errors import LakeferryError
from lakeferry.feeds import Feed
from plan import Plan
from profiles import ColumnProfile
from worklist import FileCounts, LandedFile, Partition

_PARQUET_RATIO = 0.15
"""Bytes of zstd Parquet for a byte of CSV, roughly (benchmarks/curated_zone.py); only sizes the files."""


class GivenUpError(LakeferryError):
    """The partition's time is over, and whoever builds it was told to give it up."""


class LeftToJobError(GivenUpError):
    """It is for the Glue job, which comes after whoever was to build it."""


class GivenBackError(LeftToJobError):
    """It was begun; a value, or the time it takes, makes it the job's."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What is to be done.

    Attributes:
        raw_bytes: Of all raw objects.
        prefix: Key prefix for the Parquet.
        fallout_prefix: Key prefix for the rows that broke rules; nothing is put there where there are none.
    """

    feed: Feed
    plan: Plan
    partition: Partition
    files: tuple[LandedFile, ...]
    raw_bytes: int
    prefix: str
    fallout_prefix: str

    @property
    def outputs(self) -> int:
        """How many Parquet files it is to become."""
        return max(1, math.ceil(self.raw_bytes * _PARQUET_RATIO / (self.plan.target_file_mb * 1024 * 1024)))


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What was done, balanced.

    Attributes:
        columns: Name and Spark type of each column.
        fallout_rows: Rows that were written beside the table.
        bytes: Of the table's Parquet.
        references: Parameters that tell which versions of reference tables were used.
    """

    columns: tuple[tuple[str, str], ...]
    counts: tuple[FileCounts, ...]
    profiles: tuple[ColumnProfile, ...]
    fallout_rows: int
    bytes: int
    references: Mapping[str, str]


class Worker(Protocol):
    """An engine."""

    @property
    def name(self) -> str:
        """What the ledger calls it."""

    def refuses(self, work: Work) -> str | None:
        """Why it does not even begin; None: it does."""

    def write(self, work: Work) -> Written:
        """Writes the partition aside.

        Raises:
            Exception: it could not, or it does not add up; what it has written until then is the caller's to delete.
        """
