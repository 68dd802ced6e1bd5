"""Random feeds and files: the Glue job keeps the rows that pass the checks, and no others, with equal values."""

import csv
import io
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from lakeferry.checks.casts import TextCast
from lakeferry.feeds import ChecksSpec, ColumnSpec, FormatSpec
from lakeferry.feeds.number_spellings import Spelling
from lakefiles import Lake
from partition import Builder
from sparkworker import SparkWorker
from tests.glue.test_casts_agree import CLOCKS, DAYS, NUMBERS, TIMES, WORDS, drawn_format, drawn_value
from tests.unit.inspecting import feed_of, inspected
from worklist import LandedFile, Partition

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

ROWS = 40
EXAMPLES = int(os.environ.get("CHECKED_ROWS_EXAMPLES", "5"))
"""Few, because each is a run of Spark; more by hand."""
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"]
ODD = [*NUMBERS, *WORDS, *DAYS, *TIMES, *CLOCKS]


def drawn_column(draw: random.Random, name: str) -> ColumnSpec:
    kind = draw.choice(["int64", "float64", "decimal(12,2)", "decimal(38,10)", "bool", "date", "timestamp", "string"])
    form = None
    if kind in {"date", "timestamp"} and draw.random() < 0.6:
        form = drawn_format(draw)
        if "%a" in form.lower():  # whether it is that day of the week, the checks alone look
            form = None
    zone = draw.choice(ZONES) if kind == "timestamp" else "UTC"
    beyond = draw.choice(["reject", "cut"]) if kind == "timestamp" else "reject"
    return ColumnSpec(name, kind, format=form, timezone=zone, beyond_microseconds=beyond)


def drawn_spelling(draw: random.Random) -> dict[str, Any]:
    """`decimal`, `thousands` and `negative` of the feed; none, as a rule."""
    if draw.random() < 0.4:
        return {}
    decimal, thousands = draw.choice([(".", ","), (",", "."), (".", "'"), (",", "\u202f"), (".", None)])
    return {
        "decimal": decimal,
        "thousands": thousands,
        "negative": draw.choice(["leading", "trailing", "parentheses"]),
    }


def spelled(draw: random.Random, text: str, form: FormatSpec) -> str:
    """A number as the feed spells it."""
    minus = draw.choice("-−") if text.startswith("-") else ""
    whole, point, fraction = text.lstrip("-").partition(".")
    if form.thousands is not None and "e" not in text:
        size = 2 if form.thousands == "," and draw.random() < 0.5 else 3
        groups, rest = [whole[-3:]], whole[:-3]
        while rest:
            groups.insert(0, rest[-size:])
            rest = rest[:-size]
        whole = draw.choice(Spelling(thousands=form.thousands).marks).join(groups)
    digits = f"{whole}{point and form.decimal}{fraction}"
    if not minus or form.negative == "leading" or draw.random() < 0.2:
        return minus + digits
    return digits + minus if form.negative == "trailing" else f"({digits})"


def drawn_text(draw: random.Random, column: ColumnSpec, form: FormatSpec) -> str:
    """A value of the column, as a rule; often with something changed, and now and then one of another type."""
    if draw.random() < 0.1:
        return draw.choice(ODD)
    if column.format is not None:
        return drawn_value(draw, column.format)
    kind = column.type.partition("(")[0]
    moment = datetime(1970, 1, 1) + timedelta(seconds=draw.randrange(80 * 365 * 86_400))
    text = {
        "int64": str(draw.randrange(-(10**12), 10**12)),
        "float64": repr(draw.uniform(-1e6, 1e6)),
        "decimal": f"{draw.randrange(-(10**8), 10**8) / 100:.2f}",
        "bool": draw.choice(["true", "F", "yes", "0"]),
        "date": moment.date().isoformat(),
        "timestamp": moment.isoformat(sep=draw.choice(" T")) + draw.choice(["", "", ".5", ".123456789", "Z", "+02:00"]),
        "string": draw.choice(["", "x", "'", "a b"]),
    }[kind]
    if kind in {"int64", "float64", "decimal"}:
        text = spelled(draw, text, form)
    if draw.random() < 0.2:
        at = draw.randrange(len(text) + 1)
        text = (
            text[:at]
            + draw.choice(["", "0", " ", "-", "−", "+", ".", ",", ")", "’", "e", "x", "\t", "٣"])
            + text[at + 1 :]
        )
    return text


def expected(column: ColumnSpec, form: FormatSpec, texts: list[str]) -> list[Any]:
    """Values of texts that passed the checks, as the curated table has them: timestamps in UTC."""
    values = TextCast(column, form).convert(pa.array([text or None for text in texts], pa.string())).values
    found: list[Any] = values.to_pylist()
    if column.type == "timestamp" and column.timezone != "UTC":
        local = [
            text.rstrip(" ").endswith("Z") or any(sign in text[10:] for sign in "+-")
            if column.format is None
            else "%z" in column.format
            for text in texts
        ]
        zone = ZoneInfo(column.timezone)
        found = [
            value if value is None or has_offset else value.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
            for value, has_offset in zip(found, local, strict=True)
        ]
    return found


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other)
    return bool(one == other)


@settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_the_job_keeps_the_rows_that_pass_the_checks_and_no_others_with_equal_values(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    draw = random.Random(seed)
    columns = [ColumnSpec("n", "int64"), *(drawn_column(draw, f"c{number}") for number in range(4))]
    spelling = drawn_spelling(draw)
    form = FormatSpec(**spelling)
    rows = [[str(number), *(drawn_text(draw, column, form) for column in columns[1:])] for number in range(ROWS)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[column.name for column in columns], *rows])
    feed = feed_of("csv", checks=ChecksSpec(columns=tuple(columns)), **spelling)
    passed = inspected(text.getvalue().encode(), feed)
    landed = {int(line.partition(",")[0]) for line in passed.lines[1:]}

    folder = tmp_path_factory.mktemp("lake")
    key = "raw/acme_sales/dt=2026-01-05/a.csv"
    # all that was delivered, not only what landed, unless the feed's spelling has it written anew; and no word that it
    # was checked, so that rows are dropped by name
    raw, count = (passed.raw.decode(), len(landed)) if spelling else (text.getvalue(), ROWS)
    put(folder, key, raw)
    file = LandedFile(feed.feed_id, "a", "/a.csv", (key,), tuple(spec.name for spec in columns), count, "2026-01-05")
    lake = Lake("lake", boto3.client("s3"), folder)
    built = Builder(lake, "run-1", [SparkWorker(lambda: spark, lake, "run-1")]).build(
        feed, Partition("acme", "sales", "2026-01-05"), [file]
    )
    kept = read(folder, built.curated.prefix)

    about = f"{columns} {spelling} {seed}"
    assert {row["n"] for row in kept} == landed, (about, [rows[n] for n in {row["n"] for row in kept} ^ landed])
    for column in columns:
        values = expected(column, form, [rows[row["n"]][columns.index(column)] for row in kept])
        wrong = [
            (rows[row["n"]][columns.index(column)], row[column.name], value)
            for row, value in zip(kept, values, strict=True)
            if not same(row[column.name], value)
        ]
        assert wrong == [], (column, seed)


def put(folder: Path, key: str, text: str) -> None:
    path = folder / key
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8", newline="")


def read(folder: Path, prefix: str) -> list[dict[str, Any]]:
    """The curated rows, timestamps as naive UTC."""
    found = [row for file in (folder / prefix).glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    return [
        {
            name: value.astimezone(UTC).replace(tzinfo=None)
            if isinstance(value, datetime) and value.tzinfo is not None
            else value
            for name, value in row.items()
        }
        for row in found
    ]
