"""Parquet columns of another type than the declared one: checks and job agree about every value, and none is lost."""

import datetime
import io
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from lakeferry.checks.casts import TextCast
from lakeferry.errors import BalanceError
from lakeferry.feeds import ChecksSpec, ColumnSpec, Feed
from lakeferry.feeds.fingerprint import checked_as
from lakefiles import Lake
from partition import Builder, Built
from sparkworker import SparkWorker
from tests.glue.test_checked_rows_are_kept import read
from tests.unit.inspecting import feed_of, inspected, verdict
from worklist import LandedFile, Partition

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

WINTER, ANCIENT = datetime.datetime(2026, 1, 5, 6, 7, 8, 123_456), datetime.datetime(1, 1, 1)
ZURICH = ColumnSpec("", "timestamp", timezone="Europe/Zurich")


def parquet(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def built(spark: SparkSession, folder: Path, feed: Feed, rows: int, *contents: bytes, checked: str = "") -> Built:
    """Builds the partition of files that landed so."""
    files = []
    for number, content in enumerate(contents):
        key = f"raw/acme_sales/dt=2026-01-05/{number}.parquet"
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(content)
        files.append(LandedFile(feed.feed_id, str(number), f"/{number}", (key,), (), rows, "2026-01-05", checked))
    lake = Lake("lake", boto3.client("s3"), folder)
    return Builder(lake, "run-1", [SparkWorker(lambda: spark, lake, "run-1")]).build(
        feed, Partition("acme", "sales", "2026-01-05"), files
    )


FITTING: list[tuple[pa.Array, ColumnSpec]] = [  # type: ignore[type-arg]
    (pa.array([1, -128, None], pa.int8()), ColumnSpec("", "int64")),
    (pa.array([0, 2**32 - 1, None], pa.uint32()), ColumnSpec("", "int64")),
    (pa.array([1, 2**53, None], pa.int64()), ColumnSpec("", "float64")),
    (pa.array([0, 2**64 - 1, None], pa.uint64()), ColumnSpec("", "decimal(22,1)")),
    (pa.array([1.5, float("inf"), None], pa.float32()), ColumnSpec("", "float64")),
    (pa.array([1.5, 65504.0, None]).cast(pa.float16()), ColumnSpec("", "float64")),
    (pa.array([127, -99, None], pa.int8()), ColumnSpec("", "decimal(5,2)")),
    (pa.array([Decimal("1.5"), Decimal("-9.9"), None]), ColumnSpec("", "decimal(38,10)")),
    (pa.array([b"a", "é".encode(), None]), ColumnSpec("", "string")),
    (pa.array(["a", "b", None]).dictionary_encode(), ColumnSpec("", "string")),
    (pa.array(["a", "", None], pa.large_string()), ColumnSpec("", "string")),
    (pa.array([datetime.date(1, 1, 1), datetime.date(9999, 12, 31), None], pa.date64()), ColumnSpec("", "date")),
    (pa.array([WINTER, ANCIENT, None], pa.timestamp("us")), ColumnSpec("", "timestamp")),
    (pa.array([WINTER, ANCIENT, None], pa.timestamp("us", "UTC")), ColumnSpec("", "timestamp")),
    (pa.array([WINTER, WINTER, None], pa.timestamp("ns")), ColumnSpec("", "timestamp")),
    (pa.array([0, 1, None], pa.timestamp("ms")), ColumnSpec("", "timestamp")),
    (pa.array([WINTER, WINTER, None], pa.timestamp("us")), ZURICH),
]


def test_values_that_the_checks_pass_are_the_same_in_the_curated_table(spark: SparkSession, tmp_path: Path) -> None:
    columns = [replace(spec, name=f"c{number}") for number, (_, spec) in enumerate(FITTING)]
    content = parquet({spec.name: array for spec, (array, _) in zip(columns, FITTING, strict=True)})
    feed = feed_of("parquet", checks=ChecksSpec(columns=tuple(columns)))
    passed = inspected(content, feed)
    assert passed.rows == (3, 0)
    kept = read(tmp_path, built(spark, tmp_path, feed, 3, passed.raw, checked=checked_as(feed)).curated.prefix)
    for spec, (array, _) in zip(columns, FITTING, strict=True):
        of_type = TextCast(spec, feed.format).type
        plain = array.cast(of_type) if not pa.types.is_timestamp(of_type) else array.cast(of_type, safe=False)
        expected: list[Any] = plain.to_pylist()  # type: ignore[misc]
        if spec.timezone != "UTC":
            expected = [value and value - datetime.timedelta(hours=1) for value in expected]
        assert [row[spec.name] for row in kept] == expected, (spec, array.type)


LOST = object()
DAY = datetime.date(2026, 1, 5)
DECLARED_ANEW: list[tuple[pa.Array, str, list[Any]]] = [  # type: ignore[type-arg]
    (pa.array(["1", " 2 ", "x", "1.5", "", None]), "int64", [1, 2, LOST, LOST, None, None]),
    (pa.array(["2026-01-05", "05.01.2026"]), "date", [DAY, LOST]),
    (pa.array([1.0, 1.5, 1e300, float("nan"), None]), "int64", [1, LOST, LOST, LOST, None]),
    # a double has no such number; to the checks it is a bad row
    (pa.array([1, 2**53 + 1], pa.int64()), "float64", [1.0, LOST]),
    (pa.array([Decimal("1.5000"), Decimal("1.2345"), Decimal("99999.0000")]), "decimal(5,2)", [1.5, LOST, LOST]),
    (pa.array([datetime.datetime(2026, 1, 5), WINTER], pa.timestamp("us")), "date", [DAY, LOST]),
    (pa.array([DAY]), "timestamp", [datetime.datetime(2026, 1, 5)]),
    (pa.array([1, 2], pa.int64()), "bool", [True, LOST]),
    (pa.array([True, None]), "string", ["true", None]),
    # Spark makes null of the one and seconds of the other
    (pa.array([DAY, None]), "int64", [LOST, None]),
    (pa.array([WINTER, None], pa.timestamp("us", "UTC")), "int64", [LOST, None]),
    (pa.array([True, None]), "date", [LOST, None]),
    (pa.array([b"1", None]), "int64", [LOST, None]),
    (pa.array([[1], None]), "int64", [LOST, None]),
]


def test_a_value_that_is_none_of_a_type_declared_since_is_dropped_by_name(spark: SparkSession, tmp_path: Path) -> None:
    """All columns of one file, each row with a value in one of them."""
    columns = [ColumnSpec(f"c{number}", declared) for number, (_, declared, _) in enumerate(DECLARED_ANEW)]
    rows = sum(len(array) for array, _, _ in DECLARED_ANEW)
    table, at = {"n": pa.array(range(rows))}, 0
    expected: dict[int, Any] = {}
    lost: Counter[str] = Counter()
    for spec, (array, _, values) in zip(columns, DECLARED_ANEW, strict=True):
        after = pa.nulls(rows - at - len(array), array.type)
        table[spec.name] = pa.concat_arrays([pa.nulls(at, array.type), array, after])
        expected |= {at + index: (spec.name, value) for index, value in enumerate(values) if value is not LOST}
        lost[f"type:{spec.name}"] += values.count(LOST)
        at += len(array)
    feed = feed_of("parquet", checks=ChecksSpec(columns=(ColumnSpec("n", "int64"), *columns)))
    found = built(spark, tmp_path, feed, rows, parquet(table))
    (counts,) = found.counts
    assert counts.dropped == {rule: count for rule, count in lost.items() if count}
    kept = {row["n"]: row for row in read(tmp_path, found.curated.prefix)}
    assert {n: (name, kept[n][name]) for n, (name, _) in expected.items() if n in kept} == expected
    assert kept.keys() == expected.keys()


def test_such_a_value_that_has_passed_these_very_checks_lets_nothing_be_published(
    spark: SparkSession, tmp_path: Path
) -> None:
    feed = feed_of("parquet", checks=ChecksSpec(columns=(ColumnSpec("c", "int64"),)))
    with pytest.raises(BalanceError, match=re.escape("dropped by the Glue job (1 type:c)")):
        built(spark, tmp_path, feed, 2, parquet({"c": pa.array([1.0, 1.5])}), checked=checked_as(feed))


def test_files_of_both_types_are_read_together(spark: SparkSession, tmp_path: Path) -> None:
    feed = feed_of("parquet", checks=ChecksSpec(columns=(ColumnSpec("c", "int64"),)))
    texts, numbers = parquet({"c": pa.array(["1", "x"])}), parquet({"c": pa.array([2, 3])})
    found = built(spark, tmp_path, feed, 2, texts, numbers)
    assert [dict(counts.dropped) for counts in found.counts] == [{"type:c": 1}, {}]
    assert sorted(row["c"] for row in read(tmp_path, found.curated.prefix)) == [1, 2, 3]


def test_the_checks_take_no_file_whose_type_does_not_fit() -> None:
    for array, declared, values in DECLARED_ANEW:
        feed = feed_of("parquet", checks=ChecksSpec(columns=(ColumnSpec("c", declared),)))
        found = verdict(parquet({"c": array}), feed)
        assert found is None or found.rows[1] == values.count(LOST), (array.type, declared)
