"""Rows are counted exactly, however many files, rules and tasks there are."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from counting import RowCounter
from worklist import LandedFile

pytestmark = pytest.mark.spark

RULES = ["type:a", "filter", "it's odd"]


def landed(number: int) -> LandedFile:
    return LandedFile("acme/x", f"f{number}", f"/f{number}", (f"raw/f{number}",), ("a",), 0, "2026-01-05T06:00:00Z")


@pytest.mark.parametrize(("files", "tasks"), [(1, 1), (7, 16), (400, 12)])
def test_every_row_is_counted_once_by_its_file_and_rule(spark: SparkSession, files: int, tasks: int) -> None:
    names = ", ".join(f'"{rule}"' for rule in RULES)
    frame = spark.range(0, 50_000, 1, tasks).select(
        (F.xxhash64("id") % files + files).cast("int").alias("n"), F.xxhash64("id", F.lit(1)).alias("h")
    )
    frame = frame.selectExpr(f"n % {files} AS _file_number", f"array({names}, NULL)[pmod(h, 4)] AS _dropped_by")
    counter = RowCounter([landed(number) for number in range(files)], RULES)
    counter.observe(frame).write.format("noop").mode("overwrite").save()
    expected = {
        (row[0], row[1]): row[2]
        for row in frame.groupBy("_file_number", "_dropped_by").agg(F.count(F.lit(1))).collect()
    }
    found = {
        (number, rule): rows
        for number, item in enumerate(counter.counts())
        for rule, rows in [(None, item.curated), *item.dropped.items()]
        if rows
    }
    assert found == expected


def test_no_rows_are_no_counts(spark: SparkSession) -> None:
    frame = spark.range(0).selectExpr("CAST(id AS INT) AS _file_number", "CAST(NULL AS STRING) AS _dropped_by")
    counter = RowCounter([landed(0)], RULES)
    counter.observe(frame).write.format("noop").mode("overwrite").save()
    assert [(item.curated, item.dropped) for item in counter.counts()] == [(0, {})]


def test_a_name_that_is_no_rule_fails_instead_of_counting_as_kept(spark: SparkSession) -> None:
    frame = spark.range(3).selectExpr("CAST(0 AS INT) AS _file_number", "'other' AS _dropped_by")
    counter = RowCounter([landed(0)], RULES)
    with pytest.raises(Exception, match="other"):
        counter.observe(frame).write.format("noop").mode("overwrite").save()
