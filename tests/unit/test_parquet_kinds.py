"""Columns of Parquet of kinds that tables do not have: read as what they are, cut where that is said, or refused."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakeferry.feeds import ChecksSpec, ColumnSpec
from tests.unit.inspecting import Result, feed_of, inspected, rejection

NANOS = pa.array([1_700_000_000_123_456_000, None, 1_700_000_000_123_456_789, -1], pa.timestamp("ns"))
WHOLE = datetime(2023, 11, 14, 22, 13, 20, 123_456)
EARLIEST, LATEST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def through(content: bytes, *columns: ColumnSpec) -> Result:
    return inspected(content, feed_of("parquet", checks=ChecksSpec(columns=columns)))


def landed(result: Result) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = pq.read_table(io.BytesIO(result.raw)).to_pydict()
    return found


# -- finer than microseconds


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_nanoseconds_are_a_bad_row_or_are_cut_where_the_feed_says_so(zone: str | None) -> None:
    content = parquet({"t": NANOS.cast(pa.timestamp("ns", zone)), "n": [1, 2, 3, 4]})
    kept = through(content, ColumnSpec("t", "timestamp"))
    assert landed(kept)["n"] == [1, 2]
    assert kept.told == [(3, "t", "type"), (4, "t", "type")]
    assert [row["value"] for row in kept.bad] == ["2023-11-14 22:13:20.123456789", "1969-12-31 23:59:59.999999999"]
    assert kept.bad[0]["detail"] == "is finer than microseconds, unless the feed says beyond_microseconds: cut"

    cut = through(content, ColumnSpec("t", "timestamp", beyond_microseconds="cut"))
    early = datetime(1969, 12, 31, 23, 59, 59, 999_999)
    expected = [WHOLE, None, WHOLE, early]
    assert landed(cut)["t"] == [each and each.replace(tzinfo=UTC if zone else None) for each in expected]
    assert cut.report.notes == ()


def test_what_nobody_declared_is_cut_and_noted() -> None:
    result = through(parquet({"t": NANOS, "whole": NANOS.slice(0, 1).take(pa.array([0, 0, 0, 0]))}))
    assert landed(result)["t"][:3] == [WHOLE, None, WHOLE]
    (note,) = result.report.notes
    assert note.startswith("column 't' has timestamps finer than microseconds, which were cut in 2 rows.")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (pa.list_(pa.timestamp("ns")), [1_000_001], [datetime(1970, 1, 1, 0, 0, 0, 1000)]),
        (pa.large_list(pa.timestamp("ns")), [1_000_001], [datetime(1970, 1, 1, 0, 0, 0, 1000)]),
        (pa.list_(pa.timestamp("ns"), 1), [1_000_001], [datetime(1970, 1, 1, 0, 0, 0, 1000)]),
        (pa.map_(pa.string(), pa.timestamp("ns")), [("a", 1001)], [("a", datetime(1970, 1, 1, 0, 0, 0, 1))]),
        (pa.struct([("a", pa.list_(pa.timestamp("ns")))]), {"a": [1001]}, {"a": [datetime(1970, 1, 1, 0, 0, 0, 1)]}),
    ],
    ids=str,
)
def test_nanoseconds_within_lists_structures_and_maps_are_cut_and_noted(
    kind: pa.DataType, value: Any, expected: Any
) -> None:
    result = through(parquet({"c": pa.array([value, None], kind)}))
    assert landed(result)["c"] == [expected, None]
    assert "ns" not in str(pq.read_schema(io.BytesIO(result.raw)).field("c").type)
    (note,) = result.report.notes
    assert note.startswith("column 'c' has timestamps finer than microseconds, which were cut. ")


# -- INT96, the timestamp of Hive and Impala


def test_int96_has_all_years_and_no_digit_is_lost_in_silence() -> None:
    moments = pa.array([EARLIEST, LATEST, WHOLE, None], pa.timestamp("us"))
    content = parquet({"t": moments, "n": [1, 2, 3, 4]}, use_deprecated_int96_timestamps=True, row_group_size=3)
    assert pq.ParquetFile(io.BytesIO(content)).schema.column(0).physical_type == "INT96"
    result = through(content, ColumnSpec("t", "timestamp"))
    assert landed(result) == {"t": moments.to_pylist(), "n": [1, 2, 3, 4]}
    assert pq.ParquetFile(io.BytesIO(result.raw)).schema.column(0).physical_type == "INT64"

    finer = parquet({"t": NANOS, "n": [1, 2, 3, 4]}, use_deprecated_int96_timestamps=True, row_group_size=2)
    told = through(finer, ColumnSpec("t", "timestamp"))
    assert (landed(told)["n"], told.told) == ([1, 2], [(3, "t", "type"), (4, "t", "type")])
    assert told.bad[0]["value"] == "2023-11-14 22:13:20.123456789"
    (note,) = through(finer).report.notes
    assert "cut in 2 rows" in note


def test_int96_within_a_list_is_noted() -> None:
    content = parquet({"c": pa.array([[LATEST]], pa.list_(pa.timestamp("us")))}, use_deprecated_int96_timestamps=True)
    result = through(content)
    assert landed(result)["c"] == [[LATEST]]
    assert result.report.notes == (
        "column 'c' has timestamps of INT96 within lists or structures: they were cut to microseconds.",
    )


# -- kinds that Spark does not read


def test_uuids_land_as_text() -> None:
    storage = pa.array([bytes(range(16)), None], pa.binary(16))
    result = through(
        parquet({"id": pa.ExtensionArray.from_storage(pa.uuid(), storage)}), ColumnSpec("id", "string", max_length=36)
    )
    assert landed(result)["id"] == ["00010203-0405-0607-0809-0a0b0c0d0e0f", None]


def test_uuids_within_a_structure_land_as_their_bytes() -> None:
    uuids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)], pa.binary(16)))
    result = through(parquet({"s": pa.StructArray.from_arrays([uuids], ["id"])}))
    schema = pq.ParquetFile(io.BytesIO(result.raw)).schema
    assert (landed(result)["s"], schema.column(0).logical_type.type) == ([{"id": bytes(16)}], "NONE")


def test_json_is_text() -> None:
    texts = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a":1}', None]))
    result = through(parquet({"j": texts}), ColumnSpec("j", "string", required=True))
    assert (result.rows, landed(result)["j"]) == ((1, 1), ['{"a":1}'])


@pytest.mark.parametrize("kind", [pa.string_view(), pa.list_(pa.string_view())], ids=str)
def test_rows_with_views_of_arrow_can_be_left_out(kind: pa.DataType) -> None:
    values: list[Any] = ["a", "b"] if pa.types.is_string_view(kind) else [["a"], ["b"]]
    result = through(
        parquet({"c": pa.array(values, kind), "n": ["x", "7"]}), ColumnSpec("n", "string", pattern="[0-9]")
    )
    assert (result.rows, landed(result)["c"]) == ((1, 1), values[1:])


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (pa.array([Decimal("1.5")], pa.decimal256(50, 2)), "has numbers of 50 digits, and tables have 38"),
        (pa.array([[Decimal("1.5")]], pa.list_(pa.decimal256(39, 2))), "has numbers of 39 digits"),
        (pa.array([{"a": 1, "A": 2}]), "has fields that differ by case alone ('a', 'A')"),
    ],
    ids=["decimal", "within a list", "fields"],
)
def test_what_no_table_has_is_refused_by_its_column(array: Any, what: str) -> None:
    message = rejection(parquet({"c": array}), feed_of("parquet"))
    assert f"its column 'c' {what}" in message
    assert "Ask the partner for another type" in message


def test_spans_of_time_are_refused_by_their_column(tmp_path: Path) -> None:
    duckdb.sql("SELECT 1 AS n, INTERVAL 3 DAY AS span").write_parquet(str(tmp_path / "a.parquet"))
    message = rejection((tmp_path / "a.parquet").read_bytes(), feed_of("parquet"))
    assert "its column 'span' has spans of time (INTERVAL)" in message


# -- bad rows with values that Python does not have

_WITHOUT_PANDAS = """
import sys
class NoPandas:
    def find_spec(name, *_):
        if name == "pandas":
            raise ImportError(name)
sys.meta_path.insert(0, NoPandas)
from pathlib import Path
from tests.unit.test_parquet_kinds import *
content = Path(sys.argv[1]).read_bytes()
result = through(content, ColumnSpec("n", "int64", min=0))
of_day = through(content, ColumnSpec("day", "date", max="2026-01-01"))
print(json.dumps([result.rows, result.bad + of_day.bad]))
"""


def test_a_bad_row_is_told_whatever_values_it_has(tmp_path: Path) -> None:
    columns = {
        "n": pa.array([1, -1]),
        "ns": pa.array([1, 1], pa.timestamp("ns")),
        "far": pa.array([0, 2**60], pa.timestamp("us")),
        "day": pa.array([0, 2**30], pa.date32()),
        "time": pa.array([1, 1], pa.time64("ns")),
        "within": pa.array([[1], [1]], pa.list_(pa.timestamp("ns"))),
    }
    (tmp_path / "a.parquet").write_bytes(parquet(columns))
    # the function has no pandas, which pyarrow takes for nanoseconds where it is there
    command = [sys.executable, "-c", _WITHOUT_PANDAS, str(tmp_path / "a.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows, bad = json.loads(done.stdout)
    assert (rows, [(row["column"], row["rule"]) for row in bad]) == ([1, 1], [("n", "min"), ("day", "max")])
    raw = json.loads(bad[0]["raw"])
    assert (raw["ns"], raw["time"]) == ("1970-01-01 00:00:00.000000001", "00:00:00.000000001")
    assert "1152921504606846976" in raw["far"]
