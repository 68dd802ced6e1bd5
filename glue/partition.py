"""One partition from raw to Parquet, written aside: read, transform, count, balance, write. Publishes nothing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from counting import RowCounter
from lakeferry.errors import BalanceError, LakeferryError
from lakeferry.feeds import Feed
from lakefiles import Lake
from rawfiles import read_files
from transforms import DROPPED_BY, FAIL_PREFIX, FILE_NUMBER, PARTITION_KEYS, curate, rule_names
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
    raw_bytes = sum(sizes[key] for file in files for key in file.raw_keys)
    for multiline in (False, True):
        frame = curate(read_files(spark, lake, feed, files, run_id, multiline=multiline), feed)
        counter = RowCounter(files, rule_names(feed))
        kept = counter.observe(frame).where(F.col(DROPPED_BY).isNull()).drop(DROPPED_BY, FILE_NUMBER)
        _write(kept, lake.spark_path(generation), feed, raw_bytes)
        counts = counter.counts()
        problems = imbalances(partition, counts)
        if not problems:
            break
        # line breaks within quoted values look like this: it is read again, slower and right
        lake.delete(lake.sizes(generation))
    else:
        raise BalanceError(problems[0])
    _check_rules(lake, generation, partition, counts)
    columns = tuple((field.name, field.dataType.simpleString()) for field in kept.schema)
    written = sum(lake.sizes(generation).values())
    return Built(partition, feed.dataset, root, generation, columns, counts, written)


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


def _check_rules(lake: Lake, generation: str, partition: Partition, counts: Sequence[FileCounts]) -> None:
    for item in counts:
        for rule, rows in item.dropped.items():
            if rule.startswith(FAIL_PREFIX):
                lake.delete(lake.sizes(generation))
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


def _write(kept: DataFrame, path: str, feed: Feed, raw_bytes: int) -> None:
    outputs = max(1, math.ceil(raw_bytes * _PARQUET_RATIO / TARGET_FILE_BYTES))
    kept.coalesce(outputs).write.mode("overwrite").option("compression", feed.transform.compression).parquet(path)
