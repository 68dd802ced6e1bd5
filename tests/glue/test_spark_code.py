"""What Spark makes of a plan: nothing by the row that nobody asks for, and no code that Java would interpret."""

import re
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakeferry.feeds import parse_feed
from lakefiles import Lake
from plan import plan_of
from rawfiles import read_files
from tests.conftest import feed_document
from transforms import curate
from worklist import LandedFile

pytestmark = pytest.mark.spark

MOST_COMPILED = 8000
"""Bytes of a method that HotSpot still compiles (`HugeMethodLimit` in its globals.hpp)."""


def partition(
    spark: SparkSession, folder: Path, *, objects: int, columns: int, form: str = "csv", day: str = "2026-01-05"
) -> DataFrame:
    """The plan on a day of so many objects, with so many decimals in a row, that landed on the day."""
    names = [f"amount{number}" for number in range(columns)]
    kinds = [{"name": name, "type": "decimal(12,2)"} for name in names]
    feed = parse_feed(feed_document(format={"type": form}, checks={"columns": kinds}, transform={}))
    files = []
    for number in range(objects):
        key = f"raw/acme_daily_sales/dt={day}/{number}.{form}"
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        record = "{" + ", ".join(f'"{name}": 1.5' for name in names) + "}\n"
        lines = {"csv": f"{','.join(names)}\n{','.join(['1.5'] * columns)}\n", "jsonl": record}
        (folder / key).write_text(lines[form])
        files.append(LandedFile(feed.feed_id, key, key, (key,), tuple(names), 1, f"{day}T06:00:00Z"))
    s3: Any = None  # objects are files here
    raw = read_files(spark, Lake("lake", s3, folder), feed, files, "run", multiline=False)
    return curate(raw, plan_of(feed))


def explained(frame: DataFrame, how: str) -> str:
    return str(frame.sparkSession._jvm.PythonSQLUtils.explainString(frame._jdf.queryExecution(), how))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(("objects", "is_asked"), [(1, False), (2, True)])
def test_only_a_day_of_several_objects_asks_which_one_a_row_is_of(
    spark: SparkSession, tmp_path: Path, form: str, objects: int, *, is_asked: bool
) -> None:
    frame = partition(spark, tmp_path, objects=objects, columns=1, form=form)
    scanned = re.search(r"FileScan \w+ \[.*\bfile_name#", explained(frame, "simple"))
    assert (scanned is not None) is is_asked
    found = {row["_source_file"].rsplit("/", 1)[-1]: row["amount0"] for row in frame.collect()}
    assert found == dict.fromkeys((f"{number}.{form}" for number in range(objects)), found[f"0.{form}"])
    assert str(found[f"0.{form}"]) == "1.50"


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_next_day_of_a_feed_has_no_code_of_its_own(spark: SparkSession, tmp_path: Path, form: str) -> None:
    compiled = spark._jvm.org.apache.spark.metrics.source.CodegenMetrics.METRIC_COMPILATION_TIME()
    moments, counts = [], []
    for day in ("2026-01-05", "2026-01-06"):
        frame = partition(spark, tmp_path, objects=1, columns=3, form=form, day=day)
        assert not frame.schema["_ingested_at"].nullable
        moments += [row["moment"] for row in frame.selectExpr("*", "CAST(_ingested_at AS STRING) AS moment").collect()]
        counts.append(compiled.getCount())
    assert moments == ["2026-01-05 06:00:00", "2026-01-06 06:00:00"]
    assert counts[1] == counts[0]


def test_a_row_of_many_columns_is_no_single_method_that_java_would_interpret(
    spark: SparkSession, tmp_path: Path
) -> None:
    frame = partition(spark, tmp_path, objects=1, columns=14)
    sizes = [int(size) for size in re.findall(r"maxMethodCodeSize:(\d+)", explained(frame, "codegen"))]
    assert max(sizes) > MOST_COMPILED, "a setting that is not needed: Spark has cut the code itself"
    # where a method is longer, Spark computes each step of the plan by code that is cut into short methods
    assert spark.conf.get("spark.sql.codegen.hugeMethodLimit") == str(MOST_COMPILED)
    assert [row["amount13"] for row in frame.collect()] == [row["amount0"] for row in frame.collect()]
