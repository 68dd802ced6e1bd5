"""One partition from raw to Parquet, written aside by one of the engines, and balanced. Publishes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import fallout
from columns import PARTITION_KEYS
from lakeferry.errors import LakeferryError
from lakeferry.feeds import Feed
from lakefiles import Lake
from plan import plan_of
from profiles import ColumnProfile
from rawcatalog import about_feed, comments
from work import GivenUpError, Work, Worker, Written
from worklist import FileCounts, LandedFile, Partition

LINEAGE_COMMENTS = {
    "_source_file": "Object of the raw zone the row is of",
    "_ingested_at": "When that became visible in the lake, UTC",
    "_run_id": "Run whose job wrote the row",
}


class RawFileMissingError(LakeferryError):
    """The ledger says a file is in the raw zone, and it is not there."""


@dataclass(frozen=True, slots=True)
class Generation:
    """Files that were written aside for one partition of one table.

    Attributes:
        root: Key prefix of the partition, which holds its generations.
        prefix: Key prefix of this one, below `root`.
        columns: Name and Spark type of each column.
        sources: Remote files the rows are of, as text for messages.
        comments: Column and what people read about it.
        description: What people read about the table.
        parameters: Of the partition in the catalog, besides its own.
        compression: Codec of the Parquet.
        target_file_mb: MiB a file should have.
        partition_by: Columns an Iceberg table is partitioned by, besides the partition's keys.
    """

    table: str
    partition: Partition
    root: str
    prefix: str
    columns: tuple[tuple[str, str], ...]
    sources: str
    comments: tuple[tuple[str, str], ...] = ()
    description: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    compression: str = "zstd"
    target_file_mb: int = 256
    partition_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that a partition was built without, since it fails by itself."""

    file: LandedFile
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A rebuilt partition, balanced, not yet visible.

    Attributes:
        fallout: Rows that broke rules; its prefix has no objects where there are none.
        bytes_written: Bytes of Parquet.
        engine: Who wrote it.
        given_back: Why an engine that comes before it did not, if it had begun.
        iceberg: It is to be committed to an Iceberg table.
        left_out: Files of the partition that it was built without.
    """

    curated: Generation
    fallout: Generation
    has_fallout: bool
    counts: tuple[FileCounts, ...]
    profiles: tuple[ColumnProfile, ...]
    bytes_written: int
    iceberg: bool = False
    left_out: tuple[LeftOut, ...] = ()
    engine: str = "spark"
    given_back: str = ""

    @property
    def partition(self) -> Partition:
        return self.curated.partition


class Builder:
    """Rebuilds partitions, each from all its raw files, under prefixes of their own."""

    def __init__(self, lake: Lake, run_id: str, workers: Sequence[Worker]) -> None:
        """
        Args:
            workers: The engines. The first that takes a partition builds it; the last one takes any.
        """
        self._lake, self._run_id, self._workers = lake, run_id, workers

    def build(self, feed: Feed, partition: Partition, files: Sequence[LandedFile]) -> Built:
        """Rebuilds one partition.

        Raises:
            RawFileMissingError: a raw object is not there.
            BalanceError: rows landed, read, curated and dropped do not add up for a file, or rows that passed the
                checks are not of their type here.
            RuleViolatedError: a rule with the action `fail` is broken.
            ReferenceUnusableError: a reference table is not there or has a key twice.
            FeedInvalidError: the feed's columns or formats do not work out.
        """
        sizes = self._lake.sizes(f"raw/{partition.tenant}_{partition.feed}/dt={partition.dt}/")
        _check_present(self._lake, partition, files, sizes)
        raw_bytes = sum(sizes[key] for file in files for key in file.raw_keys)
        keys = "/".join(f"{key}={value}" for key, value in zip(PARTITION_KEYS, partition.values, strict=True))
        root, fallout_root = f"curated/{feed.dataset}/{keys}/", f"fallout/rows/{keys}/"
        name = _unused_name(self._lake, root, self._run_id)
        work = Work(feed, plan_of(feed), partition, tuple(files), raw_bytes, f"{root}{name}/", f"{fallout_root}{name}/")
        worker, written, given_back = self._written(work)
        sources = ", ".join(file.path for file in files[:3]) + (f" and {len(files) - 3} more" if files[3:] else "")
        return Built(
            curated=Generation(
                feed.dataset,
                partition,
                root,
                work.prefix,
                written.columns,
                sources,
                comments=tuple(curated_comments(feed).items()),
                description=feed.catalog.description or "",
                parameters=(*about_feed(feed).items(), *written.references.items()),
                compression=work.plan.compression,
                target_file_mb=work.plan.target_file_mb,
                partition_by=work.plan.partition_by,
            ),
            fallout=Generation(
                fallout.TABLE,
                partition,
                fallout_root,
                work.fallout_prefix,
                fallout.COLUMNS,
                sources,
                description=fallout.DESCRIPTION,
            ),
            has_fallout=written.fallout_rows > 0,
            counts=written.counts,
            profiles=written.profiles,
            bytes_written=written.bytes,
            iceberg=feed.transform.table_format == "iceberg",
            engine=worker.name,
            given_back=given_back,
        )

    def _written(self, work: Work) -> tuple[Worker, Written, str]:
        """Who wrote it, what, and why one before that could not."""
        given_back = ""
        for worker in self._workers[:-1]:
            if worker.refuses(work) is not None:
                continue
            try:
                return worker, worker.write(work), given_back
            except GivenUpError:
                raise
            except Exception as error:  # whatever it is: the next one decides what is told of it
                given_back = f"{worker.name}: {_told(error)}"
                self._lake.delete([*self._lake.sizes(work.prefix), *self._lake.sizes(work.fallout_prefix)])
        last = self._workers[-1]
        try:
            return last, last.write(work), given_back
        except LakeferryError:
            self._lake.delete(self._lake.sizes(work.prefix))
            raise


def _told(error: Exception) -> str:
    """What may be said of an error: values of rows may be in the text of others' errors."""
    return f"{type(error).__name__}: {error}" if isinstance(error, LakeferryError) else type(error).__name__


def curated_comments(feed: Feed) -> dict[str, str]:
    """What people read about the columns of a curated table, by their names there."""
    derived = {name: f"= {text}" for name, text in feed.transform.derive.items()}
    found = derived | comments(feed)
    return LINEAGE_COMMENTS | {feed.transform.rename.get(name, name): text[:255] for name, text in found.items()}


def _check_present(lake: Lake, partition: Partition, files: Sequence[LandedFile], sizes: Mapping[str, int]) -> None:
    for file in files:
        for key in file.raw_keys:
            if key not in sizes:
                raise RawFileMissingError(
                    f"{partition}: {file.path} is in the ledger but {lake.uri(key)} is not there. Nothing was "
                    "published; reprocess the file."
                )


def _unused_name(lake: Lake, root: str, run_id: str) -> str:
    """A generation nothing was ever written as: not by a job that died, nor the one readers see now."""
    used = {key[len(root) :].split("/", 1)[0] for key in lake.sizes(root)}
    name, attempt = run_id, 1
    while name in used:
        attempt += 1
        name = f"{run_id}-{attempt}"
    return name
