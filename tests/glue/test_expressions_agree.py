"""The checks and the job compute the same: types, values, and the rows for which there is none."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from casts import sql_type
from expressions import computed
from lakeferry.checks.evaluation import evaluate
from lakeferry.expressions import FUNCTIONS, Expression, ExpressionError, Scope, compiled
from tests.expressions_drawn import SCOPE, edge_rows, expressions

pytestmark = pytest.mark.spark

ROWS = edge_rows(160)


@pytest.fixture(scope="module")
def frame(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    table = ROWS.set_column(
        ROWS.column_names.index("at"), "at", ROWS["at"].cast(pa.timestamp("us", tz="UTC"))
    ).append_column("_row", pa.array(range(len(ROWS))))
    pq.write_table(table, path)
    return spark.read.parquet(str(path)).cache()


def by_spark(frame: DataFrame, found: Sequence[Expression], folder: Path) -> list[list[tuple[Any, bool]]]:
    """Value and error of each row, of each expression."""
    names = {f"v{at}": expression for at, expression in enumerate(found)}
    result = computed(frame, names)
    values = {name: result.values[name] for name in names}
    errors = {f"{name}e": result.errors.get(name, F.lit(False)) for name in names}
    out = result.frame.select("_row", *[column.alias(name) for name, column in {**values, **errors}.items()])
    for name, expression in names.items():
        assert out.schema[name].dataType.simpleString() == sql_type(expression.type)
    out.coalesce(1).write.mode("overwrite").parquet(str(folder))
    table = pq.read_table(folder).sort_by("_row")
    pairs: list[list[tuple[Any, bool]]] = []
    for name in names:
        column = table[name]
        column = column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column
        pairs.append(
            list(zip(column.to_pylist(), [error is True for error in table[name + "e"].to_pylist()], strict=True))
        )
    return pairs


def by_arrow(expression: Expression) -> list[tuple[Any, bool]]:
    columns = {name: ROWS[name].combine_chunks() for name in ROWS.column_names}
    found = evaluate(expression, columns, len(ROWS))
    rows = len(ROWS)
    values = [found.values.as_py()] * rows if isinstance(found.values, pa.Scalar) else found.values.to_pylist()
    error = found.error
    if error is None:
        return [(value, False) for value in values]
    errors = [error.as_py()] * rows if isinstance(error, pa.Scalar) else error.to_pylist()
    return list(zip(values, errors, strict=True))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    return type(one) is type(other) and one == other


def compare(frame: DataFrame, texts: Sequence[str], folder: Path) -> None:
    found: dict[str, Expression] = {}
    for text in texts:
        try:
            found[text] = compiled(text, SCOPE)
        except ExpressionError:
            continue
    for (text, expression), spark_side in zip(
        found.items(), by_spark(frame, list(found.values()), folder), strict=True
    ):
        for row, (theirs, ours) in enumerate(zip(spark_side, by_arrow(expression), strict=True)):
            given_row = {name: ROWS[name][row].as_py() for name in ROWS.column_names}
            assert theirs[1] == ours[1], f"{text}: error: Spark {theirs}, Arrow {ours}, of {given_row}"
            if not theirs[1]:
                assert _same(theirs[0], ours[0]), f"{text}: Spark {theirs[0]!r}, Arrow {ours[0]!r}, of {given_row}"


DRAWN = int(os.environ.get("LAKEFERRY_DRAWN", "0"))
"""Rounds of 30 expressions; by default a few, always the same ones."""


# no shrinking: a round is a job of Spark's, and the message has the one expression
@settings(
    max_examples=DRAWN or 6,
    derandomize=not DRAWN,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(texts=st.lists(expressions(), min_size=30, max_size=30))
def test_drawn_expressions_have_the_same_values_in_checks_and_job(
    frame: DataFrame, tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    compare(frame, texts, tmp_path_factory.mktemp("out"))


JSON = [
    '{"a": 1, "a": 2}',
    '{"a": {"b": [1, 2.50, 1e3, "x", null, true]}}',
    '{"a": "x"} more',
    '{"a": "x"',
    '{"a": "x", }',
    "[1, 2]",
    '"a"',
    "1.10",
    "",
    '  {\n"a":\t1 }',
    '{"a": "tab\there"}',
    '{"a": NaN}',
    '{"a": 123456789012345678901234567890}',
    '{"a": -0}',
    '{"a": -0.0}',
    '{"a": 12345678.5}',
    '{"a": 0.00012}',
    '{"a": "\\ud83d\\ude00é\\n"}',
    '{"a": null}',
    '{"A": 1}',
    '{"a": 100000.0}',
]


@pytest.mark.parametrize("path", ["$", "$.a", "$.a.b", "$.a.b[1]", "$[1]", "$.a.b[3]", "$['a']"])
def test_json_is_taken_apart_alike(spark: SparkSession, path: str) -> None:
    expression = compiled(f"get_json_object(j, '{path.replace(chr(39), chr(39) * 2)}')", Scope({}, is_open=True))
    frame = spark.createDataFrame([(text,) for text in JSON], "j string")
    result = computed(frame, {"v": expression})
    theirs = [row[0] for row in result.frame.select(result.values["v"]).collect()]
    assert evaluate(expression, {"j": pa.array(JSON)}, len(JSON)).values.to_pylist() == theirs


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_gives_what_the_docs_say_in_checks_and_job(spark: SparkSession, name: str) -> None:
    function = FUNCTIONS[name]
    expression = compiled(function.example, Scope({}))
    found = computed(spark.range(1), {"v": expression})
    row = found.frame.select(found.values["v"].cast("string")).first()
    assert row is not None
    assert row[0] == function.result
    value = evaluate(expression, {}, 1).values.as_py()
    text = str(value).lower() if isinstance(value, bool) else str(value)
    assert text == function.result
