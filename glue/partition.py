"""One partition from raw to Parquet, written aside: read, transform, count, write, balance. Publishes nothing."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import fallout
from columns import DROPPED_BY, FILE_NUMBER, LINEAGE, PARTITION_KEYS
from counting import RowCounter
from finishing import clustered
from footers import ColumnProfile, Footers, read_footers
from lakeferry.errors import BalanceError, LakeferryError
from lakeferry.feeds import Feed
from lakeferry.feeds.fingerprint import checked_as
from lakefiles import Lake
from rawcatalog import about_feed, comments
from rawfiles import read_files
from references import References
from transforms import FAIL_PREFIX, broken_rules, curate, rule_names
from worklist import FileCounts, LandedFile, Partition

_PARQUET_RATIO = 0.15
"""Bytes of zstd Parquet for a byte of CSV, roughly (benchmarks/curated_zone.py); only sizes the files."""


LINEAGE_COMMENTS = {
    "_source_file": "Object of the raw zone the row is of",
    "_ingested_at": "When that became visible in the lake, UTC",
    "_run_id": "Run whose job wrote the row",
}


class RawFileMissingError(LakeferryError):
    """The ledger says a file is in the raw zone, and it is not there."""


class RuleViolatedError(LakeferryError):
    """Rows break a rule whose action is `fail`."""


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

    @property
    def partition(self) -> Partition:
        return self.curated.partition


class Builder:
    """Rebuilds partitions, each from all its raw files, under prefixes of their own."""

    def __init__(self, spark: SparkSession, lake: Lake, run_id: str) -> None:
        self._spark, self._lake, self._run_id = spark, lake, run_id
        self._references = References(spark, lake)

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
        root = f"curated/{feed.dataset}/{keys}/"
        name = _unused_name(self._lake, root, self._run_id)
        prefix = f"{root}{name}/"
        try:
            kept, counts, raw = self._write_balanced(feed, partition, files, prefix, raw_bytes)
            _check_rules(partition, counts)
            columns = tuple((field.name, field.dataType.simpleString()) for field in kept.schema)
            footers, written = self._inspect(partition, prefix, columns, sum(item.curated for item in counts))
            fallout_root = f"fallout/rows/{keys}/"
            expected = fallout.expected_rows(feed, counts)
            if expected:
                frame = curate(raw, feed, self._references.of(feed), with_text=True)
                path = self._lake.spark_path(f"{fallout_root}{name}/")
                fallout.write(frame, feed, partition, path, expected)
        except LakeferryError:
            self._lake.delete(self._lake.sizes(prefix))
            raise
        sources = ", ".join(file.path for file in files[:3]) + (f" and {len(files) - 3} more" if files[3:] else "")
        return Built(
            curated=Generation(
                feed.dataset,
                partition,
                root,
                prefix,
                columns,
                sources,
                comments=tuple(curated_comments(feed).items()),
                description=feed.catalog.description or "",
                parameters=(*about_feed(feed).items(), *self._references.versions(feed).items()),
                compression=feed.transform.compression,
                target_file_mb=feed.transform.target_file_mb,
                partition_by=feed.transform.partition_by,
            ),
            fallout=Generation(
                fallout.TABLE,
                partition,
                fallout_root,
                f"{fallout_root}{name}/",
                fallout.COLUMNS,
                sources,
                description="Rows that broke a rule, as they were delivered",
            ),
            has_fallout=expected > 0,
            counts=counts,
            profiles=footers.profiles,
            bytes_written=written,
            iceberg=feed.transform.table_format == "iceberg",
        )

    def _write_balanced(
        self, feed: Feed, partition: Partition, files: Sequence[LandedFile], prefix: str, raw_bytes: int
    ) -> tuple[DataFrame, tuple[FileCounts, ...], DataFrame]:
        """Writes the kept rows; returns them, the counts of each file, and the raw rows as they were read."""
        problems: list[str] = []
        for raw in self._readings(feed, files):
            frame = curate(raw, feed, self._references.of(feed))
            counter = RowCounter(files, rule_names(feed))
            kept = counter.observe(frame).where(F.col(DROPPED_BY).isNull()).drop(DROPPED_BY, FILE_NUMBER)
            _write(kept, self._lake.spark_path(prefix), feed, raw_bytes)
            counts = counter.counts()
            problems = imbalances(partition, counts) or lost_rows(feed, partition, counts)
            if not problems:
                return kept, counts, raw
        raise BalanceError(problems[0])

    def _inspect(
        self, partition: Partition, prefix: str, columns: Sequence[tuple[str, str]], expected: int
    ) -> tuple[Footers, int]:
        """The footers and bytes of what was written, once more balanced."""
        written = self._lake.sizes(prefix)
        names = [name for name, _ in columns if name not in LINEAGE]
        footers = read_footers(self._spark, [self._lake.spark_path(key) for key in written], names)
        if footers.rows != expected:
            raise BalanceError(
                f"{partition}: {self._lake.uri(prefix)} has {footers.rows} rows where {expected} were counted. Nothing "
                "was published; the next run builds the partition again."
            )
        return footers, sum(written.values())

    def _readings(self, feed: Feed, files: Sequence[LandedFile]) -> Iterator[DataFrame]:
        """The raw rows; and where that did not balance, read slower with line breaks in quoted values allowed for."""
        for multiline in (False, True):
            yield read_files(self._spark, self._lake, feed, files, self._run_id, multiline=multiline)


def curated_comments(feed: Feed) -> dict[str, str]:
    """What people read about the columns of a curated table, by their names there."""
    derived = {name: f"= {text}" for name, text in feed.transform.derive.items()}
    found = derived | comments(feed)
    return LINEAGE_COMMENTS | {feed.transform.rename.get(name, name): text[:255] for name, text in found.items()}


def imbalances(partition: Partition, counts: Sequence[FileCounts]) -> list[str]:
    """What does not add up, a sentence a file."""
    return [
        f"{partition}: {item.file.path}: {item.file.rows_landed} rows landed, Spark read {item.read} "
        f"({item.curated} curated, {item.read - item.curated} dropped). Nothing was published; reprocess the file."
        for item in counts
        if item.read != item.file.rows_landed
    ]


def lost_rows(feed: Feed, partition: Partition, counts: Sequence[FileCounts]) -> list[str]:
    """Rows that passed these very checks and are dropped as broken all the same, a sentence a file.

    Where the checks are others than the file has passed, such as a type that was declared since, the row is dropped by
    name.
    """
    checked, rules = checked_as(feed), broken_rules(feed.checks.columns)
    found = []
    for item in counts:
        lost = {rule: rows for rule, rows in item.dropped.items() if rule in rules}
        if lost and item.file.checked_as == checked:
            named = ", ".join(f"{rows} {rule}" for rule, rows in lost.items())
            found.append(
                f"{partition}: {item.file.path}: rows that passed the checks were dropped by the Glue job ({named}). "
                "Nothing was published. The checks and the job do not read these values alike, which is a bug: report "
                "it. Until it is fixed, declare the column as a string."
            )
    return found


def _check_rules(partition: Partition, counts: Sequence[FileCounts]) -> None:
    for item in counts:
        for rule, rows in item.dropped.items():
            if rule.startswith(FAIL_PREFIX):
                raise RuleViolatedError(
                    f"{partition}: {item.file.path}: {rows} rows break the rule {rule.removeprefix(FAIL_PREFIX)!r}, "
                    "whose action is fail. Nothing was published."
                )


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


def _write(kept: DataFrame, path: str, feed: Feed, raw_bytes: int) -> None:
    outputs = max(1, math.ceil(raw_bytes * _PARQUET_RATIO / (feed.transform.target_file_mb * 1024 * 1024)))
    frame = clustered(kept, feed.transform.partition_by, outputs)
    frame.write.mode("overwrite").option("compression", feed.transform.compression).parquet(path)
