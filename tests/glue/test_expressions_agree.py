"""The checks and the job compute the same: types, values, and the rows for which there is none."""

import math
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from casts import sql_type
from expressions import computed
from lakeferry.checks.evaluation import evaluate
from lakeferry.checks.rowwise import arrow_type
from lakeferry.expressions import FUNCTIONS, Expression, ExpressionError, Scope, compiled
from tests.expressions_drawn import KINDS, SCOPE, drawn_expression, edge_rows, expressions
from tests.glue.texts import frame_of

pytestmark = pytest.mark.spark

kernels: Any = pyarrow.compute
_arrow: Any = pa

ROWS = edge_rows(160)
DRAWN = int(os.environ.get("LAKEFERRY_DRAWN", "0"))
"""Rounds of 30 expressions; by default a few, always the same ones."""
PAIRS = int(os.environ.get("LAKEFERRY_PAIRS", "0"))
"""Pairs of an expression and a row that the long test compares; without it there is no long test."""
ROUND_ROWS, ROUND_EXPRESSIONS = 2_500, 40
"""Of a round of the long test: one job of Spark's, whose cost is nearly all in compiling the expressions."""


def spark_rows(spark: SparkSession, rows: pa.Table, path: Path) -> DataFrame:
    """These rows in Spark, by way of a file: moments as UTC, and each with its number."""
    at = rows["at"].cast(pa.timestamp("us", tz="UTC"))
    table = rows.set_column(rows.column_names.index("at"), "at", at)
    pq.write_table(table.append_column("_row", pa.array(range(len(rows)))), path)
    return spark.read.parquet(str(path))


@pytest.fixture(scope="module")
def frame(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    return spark_rows(spark, ROWS, tmp_path_factory.mktemp("rows") / "rows.parquet").cache()


Column = Any
"""pyarrow's; its stubs have no kernels."""


def by_spark(frame: DataFrame, found: Sequence[Expression], folder: Path) -> list[tuple[Column, Column]]:
    """Values and errors of each expression, row by row."""
    names = {f"v{at}": expression for at, expression in enumerate(found)}
    result = computed(frame, names)
    values = {name: result.values[name] for name in names}
    errors = {f"{name}e": result.errors.get(name, F.lit(False)) for name in names}
    out = result.frame.select("_row", *[column.alias(name) for name, column in {**values, **errors}.items()])
    for name, expression in names.items():
        assert out.schema[name].dataType.simpleString() == sql_type(expression.type)
    out.coalesce(1).write.mode("overwrite").parquet(str(folder))
    table = pq.read_table(folder).sort_by("_row").combine_chunks()
    pairs = []
    for name in names:
        column = table[name].combine_chunks()
        column = column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column
        pairs.append((column, kernels.fill_null(table[name + "e"].combine_chunks(), fill_value=False)))
    return pairs


def by_arrow(rows: pa.Table, expression: Expression) -> tuple[Column, Column]:
    """The same by the code of the checks."""
    found = evaluate(expression, {name: rows[name].combine_chunks() for name in rows.column_names}, len(rows))
    error = pa.scalar(False) if found.error is None else found.error

    def whole(values: Column) -> Column:
        values = _arrow.repeat(values, len(rows)) if isinstance(values, pa.Scalar) else values
        return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values

    return whole(found.values), kernels.fill_null(whole(error), fill_value=False)


def differing(theirs: tuple[Column, Column], ours: tuple[Column, Column]) -> list[int]:
    """Rows where one has an error and the other has not, or both a value, and not the same bits."""
    values = [theirs[0], ours[0].cast(theirs[0].type)]
    if pa.types.is_floating(values[0].type):
        values = [kernels.if_else(kernels.is_nan(each), math.nan, each).view(pa.int64()) for each in values]
    nulls = kernels.not_equal(kernels.is_null(values[0]), kernels.is_null(values[1]))
    unlike = kernels.or_(kernels.fill_null(kernels.not_equal(*values), fill_value=False), nulls)
    wrong = kernels.or_(kernels.not_equal(theirs[1], ours[1]), kernels.and_not(unlike, theirs[1]))
    return [] if not kernels.any(wrong).as_py() else list(kernels.indices_nonzero(wrong).to_pylist())


def differences(frame: DataFrame, rows: pa.Table, texts: Sequence[str], folder: Path) -> tuple[int, list[str]]:
    """How many expressions fit the columns, and the first difference of each that has one."""
    found: dict[str, Expression] = {}
    for text in texts:
        try:
            found[text] = compiled(text, SCOPE)
        except ExpressionError:
            continue
    problems = []
    for (text, expression), theirs in zip(found.items(), by_spark(frame, list(found.values()), folder), strict=True):
        ours = by_arrow(rows, expression)
        assert ours[0].type == arrow_type(expression.type), text
        if wrong := differing(theirs, ours):
            at = wrong[0]
            given_row = {name: rows[name][at].as_py() for name in rows.column_names}
            one, other = ([each[at].as_py() for each in side] for side in (theirs, ours))
            problems.append(f"{text}: value and error: Spark {one}, Arrow {other}, of {given_row}; {len(wrong)} rows")
    return len(found), problems


def compare(frame: DataFrame, texts: Sequence[str], folder: Path) -> None:
    assert differences(frame, ROWS, texts, folder)[1] == []


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


FOUND = [
    "-((least(h, h, NULL) / j))",
    "(h / (length('a') + 2147483648))",
    "(-(e) / (CAST(f AS decimal(12,2)) + floor(d)))",
    "(e % h)",
    "TRY((1 - e) % h)",
]
"""By the long test: quotients rounded once too often, one that Arrow gets wrong, remainders that end Spark's job."""


def test_what_the_long_test_once_found_is_the_same_now(spark: SparkSession, tmp_path: Path) -> None:
    rows = edge_rows(ROUND_ROWS, 3280387012, drawn=0.5)
    frame = spark_rows(spark, rows, tmp_path / "rows.parquet")
    assert differences(frame, rows, FOUND, tmp_path / "out") == (len(FOUND), [])


@pytest.mark.skipif(not PAIRS, reason="LAKEFERRY_PAIRS=10000000 compares ten million")
@pytest.mark.timeout(0)
def test_millions_of_pairs_of_expression_and_row_have_the_same_values(spark: SparkSession, tmp_path: Path) -> None:
    seed = int(os.environ.get("LAKEFERRY_SEED", "1"))
    chance, pairs, problems = random.Random(seed), 0, list[str]()
    while pairs < PAIRS:
        rows = edge_rows(ROUND_ROWS, chance.randrange(2**32), drawn=0.5)
        frame = spark_rows(spark, rows, tmp_path / "rows.parquet")
        texts: dict[str, None] = {}
        while len(texts) < ROUND_EXPRESSIONS:
            text = drawn_expression(chance, chance.choice(KINDS), 3)
            if fits(text):
                texts[text] = None
        expressions_found, wrong = differences(frame, rows, list(texts), tmp_path / "out")
        pairs += expressions_found * len(rows)
        problems += wrong
        print(f"{pairs} pairs, {len(problems)} differ", *wrong, sep="\n", flush=True)
    assert problems == []


def fits(text: str) -> bool:
    """Whether it is an expression of these columns that both are to compute alike."""
    try:
        return not _is_javas(compiled(text, SCOPE))
    except ExpressionError:
        return False


def _is_javas(node: Expression) -> bool:
    """Whether a float64 becomes a decimal somewhere: by Java's text of it, whose 17th digit is not always the nearest.

    Arrow takes no partition that has such an expression (glue/arrowworker/shape.py).
    """
    kinds = (node.parts[0].type.kind if node.parts else "", node.type.kind)
    return (node.op == "cast" and kinds == ("float64", "decimal")) or any(_is_javas(part) for part in node.parts)


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


PATHS = ["$", "$.a", "$.a.b", "$.a.b[1]", "$[1]", "$.a.b[3]", "$['a']"]


def at_path(path: str) -> Expression:
    return compiled(f"get_json_object(j, '{path.replace(chr(39), chr(39) * 2)}')", Scope({}, is_open=True))


@pytest.fixture(scope="module")
def taken_apart(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str | None]]:
    """By Spark: path → what is there of each of `JSON`."""
    frame = frame_of(spark, tmp_path_factory.mktemp("json"), [JSON]).withColumnRenamed("v0", "j")
    result = computed(frame, {f"v{at}": at_path(path) for at, path in enumerate(PATHS)})
    rows = result.frame.select(*[result.values[f"v{at}"] for at in range(len(PATHS))]).collect()
    return {path: [row[at] for row in rows] for at, path in enumerate(PATHS)}


@pytest.mark.parametrize("path", PATHS)
def test_json_is_taken_apart_alike(taken_apart: dict[str, list[str | None]], path: str) -> None:
    assert evaluate(at_path(path), {"j": pa.array(JSON)}, len(JSON)).values.to_pylist() == taken_apart[path]


@pytest.fixture(scope="module")
def documented(spark: SparkSession) -> dict[str, str]:
    """By Spark: function → the value of its example, as text."""
    examples = {f"v{at}": compiled(function.example, Scope({})) for at, function in enumerate(FUNCTIONS.values())}
    found = computed(spark.range(1), examples)
    row = found.frame.select(*[found.values[name].cast("string") for name in examples]).first()
    assert row is not None
    return dict(zip(FUNCTIONS, row, strict=True))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_gives_what_the_docs_say_in_checks_and_job(documented: dict[str, str], name: str) -> None:
    function = FUNCTIONS[name]
    assert documented[name] == function.result
    value = evaluate(compiled(function.example, Scope({})), {}, 1).values.as_py()
    text = str(value).lower() if isinstance(value, bool) else str(value)
    assert text == function.result
