"""What a run of the job did, partition by partition."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from faults import feeds_own, reason
from lakeferry.ledger.leases import LeasedError
from partition import Built, LeftOut
from work import GivenBackError, LeftToJobError
from worklist import Partition


@dataclass
class Report:
    """What a run of the job did.

    Attributes:
        failed: Partition → reason.
        own: Of these, those that failed by their feed's own fault, and the error's name: they are set aside.
        unregistered: Feed whose raw partitions the catalog lacks → reason.
        left_out: Partition that was published → the files it was built without.
        alone: Built by themselves, because Spark ended, or time was over, while they were built before.
        engines: Engine → partitions it has built.
        leased: Partition → why it was not built, or not published: another writer has it.
        left: Partition → why it is the Glue job's, of the function that comes before that.
        begun_and_left: How many of these were begun, and given back.
        given_back: Partition → why the engine for small ones, which had begun it, left it to Spark.
    """

    partitions: int = 0
    files: int = 0
    rows_landed: int = 0
    rows_curated: int = 0
    rows_dropped: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    bytes_written: int = 0
    failed: dict[Partition, str] = field(default_factory=dict)
    own: dict[Partition, str] = field(default_factory=dict)
    unregistered: dict[str, str] = field(default_factory=dict)
    alone: list[Partition] = field(default_factory=list)
    left_out: dict[Partition, tuple[LeftOut, ...]] = field(default_factory=dict)
    engines: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    given_back: dict[Partition, str] = field(default_factory=dict)
    leased: dict[Partition, str] = field(default_factory=dict)
    left: dict[Partition, str] = field(default_factory=dict)
    begun_and_left: int = 0
    seconds: float = 0.0

    def add(self, built: Built) -> None:
        """Counts a published partition."""
        self.partitions += 1
        self.engines[built.engine] += 1
        if built.given_back:
            self.given_back[built.partition] = built.given_back
        self.files += len(built.counts)
        self.bytes_written += built.bytes_written
        if built.left_out:
            self.left_out[built.partition] = built.left_out
        for item in built.counts:
            self.rows_landed += item.file.rows_landed
            self.rows_curated += item.curated
            for rule, rows in item.dropped.items():
                self.rows_dropped[rule] += rows

    def fail(self, partition: Partition, error: BaseException) -> None:
        """Notes why a partition was not published, and whose fault it is."""
        if isinstance(error, LeasedError):
            self.leased[partition] = reason(error)
            return
        if isinstance(error, LeftToJobError):
            self.left[partition] = reason(error)
            self.begun_and_left += isinstance(error, GivenBackError)
            return
        self.failed[partition] = reason(error)
        if own := feeds_own(error):
            self.own[partition] = own

    def has(self, partition: Partition) -> bool:
        """Whether it is known that it was not published."""
        return partition in self.failed or partition in self.leased or partition in self.left

    def to_json(self) -> dict[str, Any]:
        by_partition = ("failed", "own", "given_back", "leased", "left")
        named = {name: {str(key): text for key, text in getattr(self, name).items()} for name in by_partition}
        named["left_out"] = {
            str(partition): ", ".join(each.file.path for each in files) for partition, files in self.left_out.items()
        }
        return {**vars(self), **named, "alone": [str(partition) for partition in self.alone]}
