"""Columns of texts, and what SQL makes of them: many in one DataFrame, since each query of Spark's has its price."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

AT_ONCE = 4
"""Expressions in one query; a day's columns are as many, and so they are compiled as the job's are."""


def frame_of(spark: SparkSession, folder: Path, columns: Sequence[Sequence[str]]) -> DataFrame:
    """The texts as columns `v0`, `v1`, … beside each other; `i` is the row. Shorter ones end in nulls.

    By way of a file: for rows out of Python, Spark starts a process of Python's with each query.
    """
    rows = list(zip_longest(*columns))
    texts = {f"v{at}": pa.array([row[at] for row in rows], pa.string()) for at in range(len(columns))}
    pq.write_table(pa.table({"i": pa.array(range(len(rows)), pa.int32()), **texts}), folder / "texts.parquet")
    return spark.read.parquet(str(folder / "texts.parquet"))


def answers(frame: DataFrame, expressions: Sequence[str], at_once: int = AT_ONCE) -> list[list[Any]]:
    """The values of each expression in the order of the rows."""
    found: list[list[Any]] = []
    for first in range(0, len(expressions), at_once):
        asked = [F.expr(text).alias(f"x{at}") for at, text in enumerate(expressions[first : first + at_once])]
        rows = sorted(frame.select("i", *asked).collect(), key=lambda row: int(row["i"]))
        found += [[row[at] for row in rows] for at in range(1, len(asked) + 1)]
    return found
