"""Random feeds and files: what Arrow takes comes out as Spark's, to the bit, and so do the rows that broke a rule."""

import csv
import io
import json
import os
import random
import re
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from arrowworker import ArrowWorker, NotEqualError
from arrowworker.shape import LAST_LATIN, ZONES, nullable
from lakeferry.checks.casts import TextCast
from lakeferry.expressions import Expression, ExpressionError, compiled
from lakeferry.feeds import (
    ChecksSpec,
    ColumnSpec,
    CurateSpec,
    DeduplicateSpec,
    EnrichSpec,
    Feed,
    FormatSpec,
    RuleSpec,
    TransformSpec,
)
from lakefiles import Lake
from partition import Builder, Built
from plan import plan_of
from profiles import float64_text
from sparkworker import SparkWorker
from tests.expressions_drawn import EDGES, SCOPE, TYPES, expressions
from tests.glue.test_casts_agree import CLOCKS, DAYS, NUMBERS, TIMES, WORDS
from tests.glue.test_checked_rows_are_kept import drawn_column, drawn_text
from tests.unit.inspecting import feed_of
from work import GivenUpError, Work, Worker, Written
from worklist import LandedFile, Partition

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

DRAWN = int(os.environ.get("LAKEFERRY_DRAWN", "0"))
"""Partitions that are drawn; by default a few, always the same ones."""
DAY = Partition("acme", "sales", "2026-01-05")
MUCH = 256 * 1024 * 1024


class Engines:
    """Both engines over one folder."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.folder, self.files = folder, list[LandedFile]()
        self.lake = Lake("lake", boto3.client("s3"), folder)
        self.spark: Worker = SparkWorker(lambda: spark, self.lake, "run-1")
        self.arrow = ArrowWorker(self.lake, "run-1", MUCH, lambda: None)

    def land(self, columns: list[str], rows: list[list[str]], *, text: str | None = None) -> None:
        """A CSV in the raw zone, of which nobody says that it was checked."""
        number = len(self.files)
        key = f"raw/acme_sales/dt=2026-01-05/{number}.csv"
        (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerows([columns, *rows])
            text = out.getvalue()
        (self.folder / key).write_text(text, "utf-8", newline="")
        self._landed(key, columns, len(rows))

    def land_bytes(self, suffix: str, content: bytes, columns: list[str], rows: int) -> None:
        """An object of another raw form."""
        key = f"raw/acme_sales/dt=2026-01-05/{len(self.files)}.{suffix}"
        (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / key).write_bytes(content)
        self._landed(key, columns, rows)

    def land_json(self, records: Sequence[str]) -> None:
        """JSON Lines; their keys are the columns, in the order in which they come."""
        keys = dict.fromkeys(key for record in records for key in json.loads(record))
        self.land_bytes("jsonl", "".join(f"{record}\n" for record in records).encode(), list(keys), len(records))

    def land_parquet(self, table: pa.Table) -> None:
        sink = io.BytesIO()
        pq.write_table(table, sink, row_group_size=50)
        self.land_bytes("parquet", sink.getvalue(), table.column_names, table.num_rows)

    def _landed(self, key: str, columns: list[str], rows: int) -> None:
        number = len(self.files)
        moment = f"2026-01-05T06:00:{number:02d}.123456Z"
        self.files.append(LandedFile("acme/sales", f"{number}", f"/{number}.csv", (key,), tuple(columns), rows, moment))

    def put(self, key: str, text: str) -> None:
        (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / key).write_text(text, "utf-8", newline="")

    def build(self, feed: Feed, worker: Worker) -> Built:
        return Builder(self.lake, "run-1", [worker]).build(feed, DAY, self.files)

    def arrow_alone(self, feed: Feed) -> Built | None:
        """None where the partition is Spark's."""
        built = Builder(self.lake, "run-1", [self.arrow, Refusing()]).build(feed, DAY, self.files)
        return built if built.engine == "arrow" else None

    def compare(self, feed: Feed) -> bool:
        """Whether Arrow took it; then all that it wrote is as Spark's."""
        try:
            ours = self.build(feed, Strict(self.arrow))
        except LeftToSparkError:
            return False
        theirs = self.build(feed, self.spark)
        assert ours.curated.columns == theirs.curated.columns
        assert ours.counts == theirs.counts
        assert ours.has_fallout == theirs.has_fallout
        assert ours.curated.parameters == theirs.curated.parameters
        assert sorted(map(str, ours.profiles)) == sorted(map(str, theirs.profiles))
        self._same(ours.curated.prefix, theirs.curated.prefix)
        if ours.has_fallout:
            self._same(ours.fallout.prefix, theirs.fallout.prefix)
        return True

    def _same(self, ours: str, theirs: str) -> None:
        found = []
        for prefix in (ours, theirs):
            (path,) = (self.folder / prefix).glob("*.parquet")
            file = pq.ParquetFile(path)
            found.append((str(file.schema).split("\n", 2)[2], file.read()))
        assert found[0][0] == found[1][0], "types, order, what may be null"
        one, other = (Counter(tuple(map(bits, row.values())) for row in table.to_pylist()) for _, table in found)
        assert one == other


class LeftToSparkError(Exception):
    """Arrow did not take it."""


class Strict:
    """Arrow, with an error where it leaves a partition to Spark."""

    name = "arrow"

    def __init__(self, worker: ArrowWorker) -> None:
        self._worker = worker

    def refuses(self, work: Any) -> str | None:
        return None

    def write(self, work: Any) -> Any:
        if (why := self._worker.refuses(work)) is not None:
            raise LeftToSparkError(why)
        try:
            return self._worker.write(work)
        except Exception as error:
            raise LeftToSparkError(str(error)) from error


class Refusing:
    name = "nobody"

    def refuses(self, work: Any) -> str | None:
        return None

    def write(self, work: Any) -> Any:
        raise LeftToSparkError


def bits(value: Any) -> Any:
    if isinstance(value, float):
        return "NaN" if value != value else struct.pack(">d", value)
    return (type(value).__name__, str(value))


def feed_with(columns: Sequence[ColumnSpec], transform: TransformSpec) -> Feed:
    return replace(feed_of("csv", checks=ChecksSpec(columns=tuple(columns))), transform=transform)


@pytest.fixture
def engines(spark: SparkSession, tmp_path: Path) -> Engines:
    return Engines(spark, tmp_path)


# -- whole partitions

ODD = [*NUMBERS, *WORDS, *DAYS, *TIMES, *CLOCKS]


def columns_in(node: Expression) -> set[str]:
    """The columns an expression looks at."""
    own = {str(node.value)} if node.op == "column" else set()
    return own.union(*(columns_in(part) for part in node.parts))


def drawn_feed(draw: random.Random, texts: list[str], form: str) -> Feed:
    """Columns of any type, and expressions over those of `tests/expressions_drawn.py`; few, since Spark takes long."""
    found: list[tuple[str, Expression]] = []
    for text in texts:
        try:
            node = compiled(text, SCOPE)
            nullable(node)
        except (ExpressionError, NotEqualError):
            continue
        if "n" not in columns_in(node):  # feeds declare no such type
            found.append((text, node))
    conditions = [text for text, node in found if node.type.kind == "bool"][:1]
    derive = {f"x{at}": text for at, (text, _) in enumerate(found[:2])}
    used = set().union(*(columns_in(node) for text, node in found if text in {*conditions, *derive.values()}))
    named = [ColumnSpec(name, TYPES[name]) for name in sorted({*used, "s"})]
    columns = (*named, *(drawn_column(draw, f"c{number}") for number in range(2)))
    transform = TransformSpec(
        filter=draw.choice([None, "s <> '' OR s IS NULL"]),
        derive=derive,
        rules=tuple(RuleSpec("r", text, draw.choice(["drop", "quarantine"])) for text in conditions),
        compression=draw.choice(["zstd", "snappy", "gzip"]),
        partition_by=tuple(draw.choice([[], [], ["s"]])),
        protect=draw.choice([{}, {"s": "hash"}, {"s": "mask"}, {"c0": "drop"}]),
        rename=draw.choice([{}, {"c1": "number"}]),
    )
    return replace(feed_of(form, checks=ChecksSpec(columns=columns)), transform=transform)


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if type(value).__name__ == "Decimal" else str(value)


def drawn_rows(draw: random.Random, feed: Feed, count: int) -> list[list[str]]:
    def value(column: ColumnSpec) -> str:
        if draw.random() < 0.01:
            return draw.choice(ODD)
        if column.name in SCOPE.columns:
            text = "" if draw.random() < 0.1 else text_of(draw.choice(EDGES[column.name]))
            return text.replace("\r", "")
        text = drawn_text(draw, column, FormatSpec())
        # local times of other ages are Spark's
        return "" if column.timezone != "UTC" and not re.search("(19[789]|20[012])[0-9]", text) else text

    return [[value(column) for column in feed.checks.columns] for _ in range(count)]


def json_of(draw: random.Random, column: ColumnSpec, text: str) -> str:
    """A text as a value of JSON: as it is, or as the number or word it tells."""
    kind = column.type.partition("(")[0]
    is_number = re.fullmatch("-?(0|[1-9][0-9]{0,17})", text) or (
        kind in {"decimal", "float64"} and re.fullmatch(r"-?(0|[1-9][0-9]*)([.][0-9]+)?", text)
    )
    if (is_number or text in {"true", "false"}) and draw.random() < 0.7:
        return text
    return "null" if text == "" and draw.random() < 0.5 else json.dumps(text, ensure_ascii=draw.random() < 0.5)


def cleaned(draw: random.Random, column: ColumnSpec, texts: list[str]) -> list[str]:
    """Mostly without what is not of the column's type: a single one of JSON or Parquet may make it Spark's."""
    cast = TextCast(ColumnSpec(column.name, column.type, format=column.format), FormatSpec())
    bad = cast.convert(pa.array([text or None for text in texts], pa.string())).bad
    if bad is None or draw.random() < 0.05:
        return texts
    return [draw.choice(["", " "]) if wrong else text for text, wrong in zip(texts, bad.to_pylist(), strict=True)]


def parquet_of(draw: random.Random, column: ColumnSpec, texts: list[str]) -> Any:
    """Texts as a column of the declared type, or as text."""
    cast = TextCast(ColumnSpec(column.name, column.type, format=column.format), FormatSpec())
    found = cast.convert(pa.array([text or None for text in texts], pa.string()))
    values: Any = found.values
    if found.bad is not None or column.timezone != "UTC" or draw.random() < 0.2:
        return pa.array([text or draw.choice([None, ""]) for text in texts], pa.string())
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.timestamp("us", draw.choice(["UTC", "Europe/Zurich"])))
    if pa.types.is_string(values.type):
        return draw.choice([values, values.dictionary_encode(), values.cast(pa.large_string())])
    return values


def land_drawn(
    draw: random.Random, engines: Engines, form: str, columns: Sequence[ColumnSpec], rows: list[list[str]]
) -> None:
    """The rows as a file of that raw form."""
    names = [column.name for column in columns]
    if form == "csv":
        engines.land(names, rows)
        return
    texts = [cleaned(draw, column, list(each)) for column, each in zip(columns, zip(*rows, strict=True), strict=True)]
    if form == "jsonl":
        lines = []
        for row in zip(*texts, strict=True):
            values = {column.name: json_of(draw, column, text) for column, text in zip(columns, row, strict=True)}
            kept = {name: value for name, value in values.items() if value != "null" or draw.random() < 0.5}
            lines.append("{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in kept.items()) + "}")
        engines.land_json(lines)
    else:
        arrays = [parquet_of(draw, column, each) for column, each in zip(columns, texts, strict=True)]
        engines.land_parquet(pa.table(arrays, names))


FORMS = ("csv", "jsonl", "parquet")
TAKEN: dict[str, list[bool]] = {form: [] for form in FORMS}


@pytest.mark.parametrize("form", FORMS)
@settings(
    max_examples=DRAWN or 3, derandomize=not DRAWN, database=None, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(seed=st.integers(0, 2**32), texts=st.lists(expressions(2), min_size=8, max_size=8))
def test_a_drawn_partition_comes_out_the_same(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, form: str, seed: int, texts: list[str]
) -> None:
    draw, engines = random.Random(seed), Engines(spark, tmp_path_factory.mktemp("lake"))
    feed = drawn_feed(draw, texts, form)
    columns = feed.checks.columns
    land_drawn(draw, engines, form, columns, drawn_rows(draw, feed, 60))
    # a file that lacks a column and has one more
    rows = [[*row[:-1], draw.choice(["", "m", "\n", 'q"q'])] for row in drawn_rows(draw, feed, 20)]
    land_drawn(draw, engines, form, [*columns[:-1], ColumnSpec("more", "string")], rows)
    TAKEN[form].append(engines.compare(feed))


def test_and_most_drawn_partitions_are_taken_by_arrow() -> None:
    assert all(map(any, TAKEN.values())), "else nothing was compared of a form"
    every = [taken for of_form in TAKEN.values() for taken in of_form]
    assert sum(every) * 2 >= len(every), "else little was compared"


# -- one by one


def test_quotes_line_breaks_and_blanks_are_read_alike(engines: Engines) -> None:
    feed = feed_of("csv", checks=ChecksSpec(columns=(ColumnSpec("n", "int64"), ColumnSpec("a", "string"))))
    text = (
        'n,a,b\n1,"x,y","say ""hi"""\n2,"two\nlines",z\n3, blank ," q"\n4,"",\n5,"""",""""""\n\n'
        '6,\t,\u00a0\n7,\\,"\\"\n8,\x0b\x1f,\U0001f600\n"9",last,"'
    )
    engines.land(["n", "a", "b"], [[]] * 9, text=text + 'one"')
    assert engines.compare(feed)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('n,a\n1,x"y\n', "quotes within"),
        ('n,a\n1,"x"y\n', "quotes within"),
        ("n,a\r\n1,x\r\n", "carriage returns"),
        ("n,a\n1,x\0\n", "NUL"),
        ("a,n\n1,x\n", "its header is not the one"),
        ("n,a\n1,x,2\n", "first rows cannot be read"),
        ("n,a\n1\n", "first rows cannot be read"),
        ("n,a\n1,\u0130\n", "capitals beyond Latin"),
        (f"n,a\n1,{'x' * 3000}\n", "too long for a footer"),
        ("n,a\n0,x\n", "RuleViolatedError"),
        ("n,a\n1,x\n\n2,y\n3,z\n", "BalanceError"),
    ],
)
def test_what_was_not_shown_equal_is_given_back_and_nothing_of_it_is_left(
    engines: Engines, text: str, why: str
) -> None:
    columns = (ColumnSpec("n", "int64"), ColumnSpec("a", "string"))
    transform = TransformSpec(derive={"up": "upper(a)"}, rules=(RuleSpec("positive", "n > 0", "fail"),))
    text = text.replace("\u0130", "\u0391") if "capitals" in why else text
    engines.land(["n", "a"], [["1", "x"]], text=text)
    last = Noting()
    feed = feed_with(columns, transform)
    built = Builder(engines.lake, "run-1", [engines.arrow, last]).build(feed, DAY, engines.files)
    assert (built.engine, why in built.given_back) == ("noting", True), built.given_back
    assert "x" not in built.given_back.partition(":")[2].replace("0.csv", "").split(), "no value of a row is told"
    assert not list((engines.folder / "curated").rglob("*"))


class Noting:
    """The last engine, which writes nothing."""

    name = "noting"

    def refuses(self, work: Work) -> None:
        """It takes any."""

    def write(self, work: Work) -> Written:
        return Written((), (), (), 0, 0, {})


@pytest.mark.parametrize(
    ("settings_of_feed", "why"),
    [
        ({"curate": CurateSpec("spark")}, "the feed wants Spark"),
        ({"transform": TransformSpec(table_format="iceberg")}, "Iceberg"),
        ({"transform": TransformSpec(deduplicate=DeduplicateSpec(("n",)))}, "which of equal rows"),
        ({"transform": TransformSpec(derive={"x": "get_json_object(a, '$.b')"})}, "get_json_object"),
        ({"transform": TransformSpec(derive={"x": "CAST(f AS decimal(9,2))"})}, "float64 to a decimal"),
        ({"transform": TransformSpec(derive={"x": "coalesce(n, 1) + 1"})}, "optimizer"),
        ({"transform": TransformSpec(filter="n > 0 AND FALSE")}, "always the same"),
        ({"transform": TransformSpec(filter="n = NULL")}, "always the same"),
        ({"transform": TransformSpec(protect={"f": "hash"})}, "its text is Spark's"),
        ({"checks": ChecksSpec(columns=(ColumnSpec("f", "timestamp", timezone="Asia/Kabul"),))}, "timezone"),
        ({"format": FormatSpec(type="jsonl", thousands=",")}, "not plain"),
        ({"format": FormatSpec(delimiter="\u00a7")}, "raw form"),
    ],
)
def test_what_was_not_shown_equal_is_not_begun(engines: Engines, settings_of_feed: dict[str, Any], why: str) -> None:
    columns = (ColumnSpec("n", "int64"), ColumnSpec("a", "string"), ColumnSpec("f", "float64"))
    feed = replace(feed_of("csv", checks=ChecksSpec(columns=columns)), **settings_of_feed)
    engines.land(["n", "a", "f"], [["1", "x", "2"]])
    work = Work(feed, plan_of(feed), DAY, tuple(engines.files), 100, "curated/x/", "fallout/x/")
    assert why in str(engines.arrow.refuses(work))


JSON_COLUMNS = (
    ColumnSpec("n", "int64"),
    ColumnSpec("d", "decimal(12,2)"),
    ColumnSpec("f", "float64"),
    ColumnSpec("b", "bool"),
    ColumnSpec("t", "timestamp"),
    ColumnSpec("s", "string"),
)


def test_values_of_json_are_read_alike(engines: Engines) -> None:
    engines.land_json(
        [
            '{"n": 1, "d": 12345678.50, "f": 1e-7, "b": true, "t": "2026-01-05T06:07:08Z", "s": "a", "u": [{"x": 1}]}',
            '{"n": 1.0, "d": 5, "f": 12345678.5, "b": "no", "t": null, "s": "", "u": {"a": true, "b": null}}',
            '{"n": 1e3, "d": "7.5", "f": -0.0, "b": 0, "s": 17, "u": "\\u00e9\\n\\"\\\\/", "more": "x"}',
            '{"s": true, "n": "  5 ", "d": -0.5, "f": "1e5", "u": -9223372036854775808}',
            '{"n": -0, "d": 1E+3, "f": 4.9e-290, "s": "\\ud83d\\ude00 \\u0000x", "u": "\\u2028"}',
            '{"n": null, "d": "", "f": " ", "b": "", "t": "", "s": null, "u": []}  \r',
        ]
    )
    engines.land_json(['{"more": "1", "s": "x"}', '{"extra": false}'])
    transform = TransformSpec(derive={"len": "length(s)", "twice": "d * 2"}, filter="n IS NULL OR n >= 0")
    assert engines.compare(replace(feed_of("jsonl", checks=ChecksSpec(columns=JSON_COLUMNS)), transform=transform))


def test_small_decimals_of_json_are_numbers_and_no_exponents(engines: Engines) -> None:
    engines.land_json(['{"d": 0.0000000001}', '{"d": 0.0000000000}', '{"d": -12.5}', '{"d": 0}', '{"d": "0.00000002"}'])
    feed = feed_of("jsonl", checks=ChecksSpec(columns=(ColumnSpec("d", "decimal(20,10)"),)))
    assert engines.compare(feed)
    (counts, *_) = engines.build(feed, engines.spark).counts
    assert (counts.curated, counts.dropped) == (5, {})


def test_rows_of_json_that_are_broken_are_shown_alike(engines: Engines) -> None:
    engines.land_json(
        [
            '{"n": "x", "d": 5, "s": "\\u0001é\\t"}',
            '{"n": true, "s": 5}',
            '{"n": 2, "t": "soon", "u": [1, 2]}',
            '{"n": 3}',
        ]
    )
    assert engines.compare(feed_of("jsonl", checks=ChecksSpec(columns=JSON_COLUMNS)))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"s": 1.5}', "Java's letters"),
        ('{"s": {"a": 1.5}}', "Java's letters"),
        ('{"s": ["\\u001f"]}', "Java's letters"),
        ('{"s": 9223372036854775808}', "beyond 64 bits"),
        ('{"n": 1.5}', "a fraction where"),
        ('{"n": "1.0"}', "a text for a number"),
        ('{"d": 1.005}', "ArrowInvalid"),
        ('{"d": "1,5"}', "may be no decimal"),
        ('{"d": 12345678901.00}', "ArrowInvalid"),
        ('{"f": 1e300}', "may be no float64"),
        ('{"n": 1, "n": 2}', "no records"),
        ('{"n": 1}\n\n{"n": 2}', "empty lines"),
        ("[1]", "no records"),
        ('{"n": 1, "f": 1.5, "t": "soon"}', "for the fallout"),
    ],
)
def test_json_that_spark_may_read_in_another_way_is_given_back(engines: Engines, line: str, why: str) -> None:
    engines.land_bytes("jsonl", f"{line}\n".encode(), [column.name for column in JSON_COLUMNS], 1)
    feed = feed_of("jsonl", checks=ChecksSpec(columns=JSON_COLUMNS))
    built = Builder(engines.lake, "run-1", [engines.arrow, Noting()]).build(feed, DAY, engines.files)
    assert (built.engine, why in built.given_back) == ("noting", True), built.given_back


PARQUET = pa.table(
    {
        "n": pa.array([1, None, 3], pa.int32()),
        "d": pa.array([Decimal("1.50"), None, Decimal("-2.25")], pa.decimal128(9, 2)),
        "f": pa.array([1.5, float("nan"), -0.0], pa.float32()),
        "b": pa.array([True, False, None]),
        "t": pa.array([datetime(2026, 1, 5), datetime(1850, 1, 1), None], pa.timestamp("ms", "UTC")),
        "s": pa.array(["", "é", None]).dictionary_encode(),
        "day": pa.array([date(2026, 1, 5), date(1500, 1, 1), None]),
        "u": pa.array([1, 2, None], pa.int64()),
        "v": pa.array([0.1, None, 3e300]),
        "w": pa.array([datetime(2026, 1, 5), None, None], pa.timestamp("us", "Asia/Tokyo")),
        "x": pa.array([Decimal("0.0000001"), None, None], pa.decimal128(20, 10)),
        "y": pa.array([1, 2, 3], pa.int32()),
        "local": pa.array([datetime(2026, 1, 5, 6, 7, 8, 9), None, None], pa.timestamp("us")),
    }
)


def test_columns_of_parquet_are_read_alike(engines: Engines) -> None:
    engines.land_parquet(PARQUET)
    engines.land_parquet(PARQUET.select(["y", "n", "s"]).append_column("late", pa.array([True, None, False])))
    columns = (
        *JSON_COLUMNS,
        ColumnSpec("day", "timestamp"),
        ColumnSpec("absent", "decimal(5,1)"),
        ColumnSpec("local", "timestamp"),
    )
    transform = TransformSpec(derive={"net": "d * 2", "when": "year(t)"}, rules=(RuleSpec("r", "n <> 3", "drop"),))
    feed = replace(feed_of("parquet", checks=ChecksSpec(columns=columns)), transform=transform)
    assert engines.compare(feed)


def test_rows_of_parquet_that_break_a_rule_are_shown_alike(engines: Engines) -> None:
    engines.land_parquet(PARQUET.select(["n", "b", "s", "day", "u", "y"]))
    transform = TransformSpec(rules=(RuleSpec("r", "n = 1", "quarantine"),))
    feed = replace(feed_of("parquet", checks=ChecksSpec(columns=(ColumnSpec("n", "int64"),))), transform=transform)
    assert engines.compare(feed)


@pytest.mark.parametrize(
    ("column", "declared", "why"),
    [
        (pa.array([[1]]), None, "is Spark's"),
        (pa.array([1], pa.uint8()), None, "is Spark's"),
        (pa.array([1.5], pa.float32()), None, "is Spark's"),
        (pa.array([datetime(2026, 1, 5)], pa.timestamp("us")), None, "is Spark's"),
        (pa.array([datetime(2026, 1, 5)], pa.timestamp("us", "UTC")), "date", "is Spark's"),
        (pa.array([b"x"]), "string", "is Spark's"),
        (pa.array([2**60]), "float64", "is Spark's"),
        (pa.array([2**60]), "decimal(5,2)", "is not of its type"),
        (pa.array([Decimal("1.005")], pa.decimal128(9, 3)), "decimal(9,2)", "is not of its type"),
        (pa.array([1.5]), "int64", "is Spark's"),
        (pa.array(["x"]), "int64", "is not of its type"),
    ],
)
def test_parquet_that_spark_may_read_in_another_way_is_given_back(
    engines: Engines, column: Any, declared: str | None, why: str
) -> None:
    engines.land_parquet(pa.table({"c": column}))
    columns = () if declared is None else (ColumnSpec("c", declared),)
    feed = feed_of("parquet", checks=ChecksSpec(columns=columns))
    built = Builder(engines.lake, "run-1", [engines.arrow, Noting()]).build(feed, DAY, engines.files)
    assert (built.engine, why in built.given_back) == ("noting", True), built.given_back


def test_what_is_not_small_is_sparks(engines: Engines) -> None:
    engines.land(["n", "a"], [["1", "x"]])
    feed = feed_of("csv")
    work = Work(feed, plan_of(feed), DAY, tuple(engines.files), MUCH + 1, "curated/x/", "fallout/x/")
    assert engines.arrow.refuses(work) == "it is not small"
    assert engines.arrow.refuses(replace(work, raw_bytes=MUCH)) is None


def test_a_partition_whose_time_is_over_is_given_up_and_not_begun_again(engines: Engines) -> None:
    def go_on() -> None:
        raise GivenUpError("acme/sales: was given up.")

    engines.land(["n", "a"], [["1", "x"]])
    arrow = ArrowWorker(engines.lake, "run-1", MUCH, go_on)
    with pytest.raises(GivenUpError):
        Builder(engines.lake, "run-1", [arrow, Noting()]).build(feed_of("csv"), DAY, engines.files)


def test_reference_tables_are_joined_alike(engines: Engines) -> None:
    columns = (ColumnSpec("store", "int64"), ColumnSpec("code", "string"), ColumnSpec("v", "string"))
    engines.put("reference/acme/stores/1/a.csv", 'id,region,zone\n1,north,"a ""b"""\n3,,c\n-7,south,\n')
    engines.put("reference/acme/codes/1/a.csv", "code,text\nx,ex\n,none\nÄ,ae\n")
    engines.land(
        ["store", "code", "v"], [["1", "x", "a"], ["2", "Ä", "b"], ["", "", "c"], ["-7", "y", "d"], ["+3", "x", "e"]]
    )
    transform = TransformSpec(
        enrich=(
            EnrichSpec("stores", "store", ("region", "zone"), key="id", missing="drop"),
            EnrichSpec("codes", "code", ("text",), missing="quarantine"),
        ),
        derive={"both": "region || text"},
    )
    assert engines.compare(feed_with(columns, transform))


ZONES_TRIED = sorted(ZONES)


def test_local_times_of_all_zones_are_alike_around_each_clock_change(engines: Engines) -> None:
    moments = set[datetime]()
    for name in ZONES_TRIED:
        zone, day = ZoneInfo(name), datetime(1970, 1, 3)
        while day < datetime(2036, 12, 30):
            after = day + timedelta(days=1)
            if zone.utcoffset(day) != zone.utcoffset(after):
                moments |= {day + timedelta(minutes=minutes) for minutes in range(0, 1440, 30)}
            day = after
    # a time of its own is tried in each zone; those of one zone are some of the others' usual ones
    texts = [str(moment) for moment in random.Random(1).sample(sorted(moments), min(len(moments), 1_500))]
    columns = [ColumnSpec(f"c{at}", "timestamp", timezone=name) for at, name in enumerate(ZONES_TRIED)]
    names = [column.name for column in columns]
    engines.land(names, [[text] * len(names) for text in texts])
    assert engines.compare(feed_of("csv", checks=ChecksSpec(columns=tuple(columns))))


def test_capitals_are_alike_up_to_the_last_latin_letter(engines: Engines) -> None:
    letters = [chr(code) for code in range(0x20, ord(LAST_LATIN) + 1) if chr(code) not in '"' and chr(code) != "\x85"]
    texts = [letter + more for letter in letters for more in ("", "a", "\u00df", "\u0130")]
    engines.land(["n", "a"], [[str(at), text] for at, text in enumerate(texts)])
    columns = (ColumnSpec("n", "int64"), ColumnSpec("a", "string"))
    transform = TransformSpec(derive={"up": "upper(a)", "low": "lower(a)"})
    assert engines.compare(feed_with(columns, transform))


def test_numbers_and_fractions_of_other_spellings_are_read_alike(engines: Engines) -> None:
    form = "%d-%b-%y %I.%M.%S.%f %p"
    columns = (
        ColumnSpec("n", "int64"),
        ColumnSpec("v", "decimal(8,2)"),
        ColumnSpec("f", "float64"),
        ColumnSpec("exact", "timestamp", format=form),
        ColumnSpec("cut", "timestamp", format=form, beyond_microseconds="cut"),
    )
    moments = [f"05-JAN-26 06.07.08.{fraction} AM" for fraction in ("123456000", "123456789", "5")]
    rows = [["\u22125", "\u221212.50", "\u22121e3", moments[0], moments[1]], ["5", "1", "1", moments[1], moments[1]]]
    rows += [["\u2212", "1", "1", moments[2], moments[2]], ["7", "12.50-", "1", moments[2], moments[2]]]
    engines.land([column.name for column in columns], rows)
    feed = feed_of("csv", checks=ChecksSpec(columns=columns))
    assert engines.compare(feed)
    built = engines.build(feed, Strict(engines.arrow))
    (path,) = (engines.folder / built.curated.prefix).glob("*.parquet")
    assert pq.read_table(path).num_rows == 1


def test_decimals_are_divided_alike(engines: Engines) -> None:
    draw = random.Random(7)

    def number(digits: int) -> str:
        return f"{draw.randrange(-(10 ** draw.randrange(1, digits)), 10 ** draw.randrange(1, digits)) / 100:.2f}"

    rows = [[number(10), number(7)] for _ in range(DRAWN * 1000 or 20_000)]
    engines.land(["a", "b"], rows)
    columns = (ColumnSpec("a", "decimal(12,2)"), ColumnSpec("b", "decimal(9,2)"))
    transform = TransformSpec(
        derive={
            "net": "CAST(a / 1.2 AS decimal(12,2))",
            "ratio": "TRY(a / b)",
            "third": "CAST(a / 3 AS decimal(38,20))",
        }
    )
    assert engines.compare(feed_with(columns, transform))


def test_a_partition_without_rows_has_a_file_with_its_columns(engines: Engines) -> None:
    engines.land(["n", "a"], [["0", "x"]])
    columns = (ColumnSpec("n", "int64"), ColumnSpec("a", "string"))
    assert engines.compare(feed_with(columns, TransformSpec(filter="n > 0")))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001, "0.001"), (0.00099, "9.9E-4"), (1e7, "1.0E7"), (9999999.5, "9999999.5"), (-0.0, "-0.0"), (100.0, "100.0"),
     (1.5e300, "1.5E300"), (5e-324, "5.0E-324"), (float("-inf"), "-Infinity"), (123456.789, "123456.789")],
)  # fmt: skip
def test_a_float64_is_told_as_java_has_it(value: float, text: str) -> None:
    assert float64_text(value) == ("4.9E-324" if value == 5e-324 else text) or value == 5e-324
