"""One partition from raw to Parquet, written aside: read, transform, count, balance, write. Publishes nothing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.storagelevel import StorageLevel

from lakeferry.errors import BalanceError, LakeferryError
from lakeferry.feeds import Feed
from lakefiles import Lake
from rawfiles import read_files
from transforms import DROPPED_BY, FAIL_PREFIX, PARTITION_KEYS, curate
from worklist import FileCounts, LandedFile, Partition

TARGET_FILE_BYTES = 256 * 1024 * 1024
_PARQUET_RATIO = 0.3
"""Bytes of zstd Parquet for a byte of CSV, roughly; only sizes the files."""


class RawFileMissingError(LakeferryError):
    """The ledger says a file is in the raw zone, and it is not there."""


class RuleViolatedError(LakeferryError):
    """Rows break a rule whose action is `fail`."""


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A rebuilt partition, written aside and balanced, not yet visible.

    Attributes:
        root: Key prefix of the partition, which holds its generations.
        generation: Key prefix of this rebuild below `root`; has no objects where no row is left.
        columns: Name and Spark type of each column.
        bytes_written: Bytes of Parquet.
    """

    partition: Partition
    dataset: str
    root: str
    generation: str
    columns: tuple[tuple[str, str], ...]
    counts: tuple[FileCounts, ...]
    bytes_written: int


def build(
    spark: SparkSession, lake: Lake, feed: Feed, partition: Partition, files: Sequence[LandedFile], run_id: str
) -> Built:
    """Rebuilds one partition from all its raw files under a prefix of its own.

    Raises:
        RawFileMissingError: a raw object is not there.
        BalanceError: rows landed, read, curated and dropped do not add up for a file.
        RuleViolatedError: a rule with the action `fail` is broken.
        FeedInvalidError: the feed's columns or formats do not work out.
    """
    sizes = lake.sizes(f"raw/{partition.tenant}_{partition.feed}/dt={partition.dt}/")
    _check_present(lake, partition, files, sizes)
    keys = "/".join(f"{key}={value}" for key, value in zip(PARTITION_KEYS, partition.values, strict=True))
    root = f"curated/{feed.dataset}/{keys}/"
    generation = _unused_generation(lake, root, run_id)
    for multiline in (False, True):
        frame = curate(read_files(spark, lake, feed, files, run_id, multiline=multiline), feed)
        # counted and written from one reading: a second look at the raw files might see others
        frame = frame.persist(StorageLevel.MEMORY_AND_DISK)
        try:
            counts = count_by_file(frame, files)
            problems = imbalances(partition, counts)
            if problems and not multiline:
                continue  # line breaks within quoted values look like this: read again, slower and right
            if problems:
                raise BalanceError(problems[0])
            _check_rules(partition, counts)
            raw_bytes = sum(sizes[key] for file in files for key in file.raw_keys)
            _write(frame, lake, feed, generation, counts, raw_bytes)
            break
        finally:
            frame.unpersist()
    columns = tuple((field.name, field.dataType.simpleString()) for field in frame.schema if field.name != DROPPED_BY)
    written = sum(lake.sizes(generation).values())
    return Built(partition, feed.dataset, root, generation, columns, counts, written)


def count_by_file(frame: DataFrame, files: Sequence[LandedFile]) -> tuple[FileCounts, ...]:
    """Kept and dropped rows of each file, in one Spark job for all."""
    owner = {key: file for file in files for key in file.raw_keys}
    curated: dict[LandedFile, int] = dict.fromkeys(files, 0)
    dropped: dict[LandedFile, dict[str, int]] = {file: {} for file in files}
    for key, rule, rows in frame.groupBy("_source_file", DROPPED_BY).agg(F.count(F.lit(1))).collect():
        file = owner[key]
        if rule is None:
            curated[file] += rows
        else:
            dropped[file][rule] = dropped[file].get(rule, 0) + rows
    return tuple(FileCounts(file, curated[file], dict(sorted(dropped[file].items()))) for file in files)


def imbalances(partition: Partition, counts: Sequence[FileCounts]) -> list[str]:
    """What does not add up, a sentence a file."""
    return [
        f"{partition}: {item.file.path}: {item.file.rows_landed} rows landed, Spark read {item.read} "
        f"({item.curated} curated, {item.read - item.curated} dropped). Nothing was published; reprocess the file."
        for item in counts
        if item.read != item.file.rows_landed
    ]


def _check_present(lake: Lake, partition: Partition, files: Sequence[LandedFile], sizes: Mapping[str, int]) -> None:
    for file in files:
        for key in file.raw_keys:
            if key not in sizes:
                raise RawFileMissingError(
                    f"{partition}: {file.path} is in the ledger but {lake.uri(key)} is not there. Nothing was "
                    "published; reprocess the file."
                )


def _check_rules(partition: Partition, counts: Sequence[FileCounts]) -> None:
    for item in counts:
        for rule, rows in item.dropped.items():
            if rule.startswith(FAIL_PREFIX):
                raise RuleViolatedError(
                    f"{partition}: {item.file.path}: {rows} rows break the rule {rule.removeprefix(FAIL_PREFIX)!r}, "
                    "whose action is fail. Nothing was published."
                )


def _unused_generation(lake: Lake, root: str, run_id: str) -> str:
    """A prefix nothing was ever written under: not by a job that died, not by the one readers see now."""
    used = {key[len(root) :].split("/", 1)[0] for key in lake.sizes(root)}
    name, attempt = run_id, 1
    while name in used:
        attempt += 1
        name = f"{run_id}-{attempt}"
    return f"{root}{name}/"


def _write(
    frame: DataFrame, lake: Lake, feed: Feed, generation: str, counts: Sequence[FileCounts], raw_bytes: int
) -> None:
    expected = sum(item.curated for item in counts)
    if expected == 0:
        return
    written = Observation()
    kept = frame.where(F.col(DROPPED_BY).isNull()).drop(DROPPED_BY)
    outputs = max(1, math.ceil(raw_bytes * _PARQUET_RATIO / TARGET_FILE_BYTES))
    (
        kept.coalesce(outputs)
        .observe(written, F.count(F.lit(1)).alias("rows"))
        .write.mode("overwrite")
        .option("compression", feed.transform.compression)
        .parquet(lake.spark_path(generation))
    )
    if written.get["rows"] != expected:
        raise BalanceError(
            f"{lake.uri(generation)}: {expected} rows were to be written and {written.get['rows']} were. "
            "Nothing was published; the next run builds the partition again."
        )
