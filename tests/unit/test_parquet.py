"""Parquet: read whole, landed as delivered unless it must not be."""

import datetime
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.checks import BadRows
from lakeferry.feeds import ChecksSpec, ColumnSpec, HeaderSpec
from lakeferry.formats import spool
from lakeferry.formats.parquet import reader
from lakeferry.formats.parquet.types import fits
from lakeferry.inspect import inspect
from tests.unit.inspecting import agree, feed_of, inspected, rejection

PARQUET = feed_of("parquet")


def written(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    options = {"row_group_size": 100, "write_page_checksum": True, **options}
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def read(raw: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(raw))


def with_columns(*columns: ColumnSpec, **checks: Any) -> Any:
    return feed_of("parquet", checks=ChecksSpec(columns=columns, **checks))


ROWS = {"id": pa.array(range(1000)), "name": pa.array([f"n{number % 7}" for number in range(1000)])}


def test_a_good_file_lands_to_the_byte() -> None:
    content = written(ROWS)
    result = inspected(content, with_columns(ColumnSpec("ID", "int64", required=True)), name="a.parquet")
    assert (result.name, result.rows, result.report.columns) == ("a.parquet", (1000, 0), ("id", "name"))
    assert result.raw == content


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(-5, 5) | st.none(), max_size=300),
    st.integers(1, 120),
    st.sampled_from(["snappy", "zstd", "none"]),
    st.lists(st.integers(1, 500), min_size=1, max_size=3).map(tuple),
)
def test_bad_rows_are_taken_out_of_any_file_in_any_pieces(
    values: list[int | None], row_group_size: int, compression: str, sizes: tuple[int, ...]
) -> None:
    table = {"n": pa.array(values, pa.int64()), "i": pa.array(range(len(values)))}
    content = written(table, row_group_size=row_group_size, compression=compression)
    feed = with_columns(ColumnSpec("n", "int64", required=True, min=0))
    result = agree(content, feed, sizes, 1000)

    good = [index for index, value in enumerate(values) if value is not None and value >= 0]
    assert result is not None
    assert read(result.raw).column("i").to_pylist() == good
    assert [row["line"] - 1 for row in result.bad] == [index for index in range(len(values)) if index not in good]
    assert result.rows == (len(good), len(values) - len(good))


def test_the_quarantine_has_the_row_as_json() -> None:
    table = {"n": pa.array([1, -1]), "at": pa.array([None, datetime.datetime(2026, 1, 5)]), "t": pa.array(["a", "ü"])}
    result = inspected(written(table), with_columns(ColumnSpec("n", "int64", min=0)))
    assert result.told == [(2, "n", "min")]
    assert result.bad[0]["raw"] == '{"n": -1, "at": "2026-01-05 00:00:00", "t": "ü"}'


def test_types_that_spark_refuses_are_written_as_those_it_reads() -> None:
    moment = datetime.datetime(2026, 1, 5, 6, 7, 8, 9)
    table = {
        "at": pa.array([moment], pa.timestamp("ns")),
        "utc": pa.array([moment], pa.timestamp("ns", "UTC")),
        "clock": pa.array([moment.time()], pa.time64("us")),
        "nested": pa.array([{"at": moment}], pa.struct([("at", pa.timestamp("ns"))])),
        "list": pa.array([[moment]], pa.list_(pa.timestamp("ns"))),
        "small": pa.array([1.5], pa.float16()),
    }
    raw = read(inspected(written(table), with_columns(ColumnSpec("at", "timestamp"))).raw)
    assert {name: str(raw.schema.field(name).type) for name in ("at", "utc", "clock", "small")} == {
        "at": "timestamp[us]",
        "utc": "timestamp[us, tz=UTC]",
        "clock": "string",
        "small": "float",
    }
    found = raw.to_pylist()[0]
    assert (found["at"], found["clock"], found["nested"], found["list"]) == (
        moment,
        "06:07:08.000009",
        {"at": moment},
        [moment],
    )


def test_values_that_readers_of_text_have_in_bytes_are_checked_as_text() -> None:
    table = {"b": pa.array([b"ok", b"too long"]), "d": pa.array(["ok", "no"]).dictionary_encode()}
    columns = (ColumnSpec("b", "string", max_length=3), ColumnSpec("d", "string", values=("ok",)))
    assert inspected(written(table), with_columns(*columns)).told == [(2, "b", "length")]
    assert "has text that is not UTF-8" in rejection(written({"b": pa.array([b"\xff"])}), with_columns(columns[0]))


@pytest.mark.parametrize(
    ("kind", "declared", "fit"),
    [
        (pa.int32(), "int64", True),
        (pa.uint64(), "int64", False),
        (pa.float64(), "int64", False),
        (pa.string(), "int64", False),
        (pa.float32(), "float64", True),
        (pa.large_string(), "string", True),
        (pa.int64(), "string", False),
        (pa.date32(), "date", True),
        (pa.timestamp("ms"), "date", False),
        (pa.timestamp("ns", "UTC"), "timestamp", True),
        (pa.bool_(), "bool", True),
        (pa.decimal128(10, 2), "decimal(12,2)", True),
        (pa.decimal128(10, 3), "decimal(12,2)", False),
        (pa.decimal128(12, 1), "decimal(12,2)", False),
        (pa.int16(), "decimal(7,2)", True),
        (pa.int32(), "decimal(7,2)", False),
        (pa.float64(), "decimal(12,2)", False),
    ],
)
def test_a_type_fits_where_no_value_of_it_is_rounded(kind: pa.DataType, declared: str, fit: bool) -> None:
    assert fits(kind, ColumnSpec("x", declared)) is fit


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        (with_columns(ColumnSpec("id", "string")), "its column 'id' is int64 where the feed declares string"),
        (with_columns(ColumnSpec("price", "int64")), "its header lacks 'price'; it has 'id', 'name'"),
        (with_columns(ColumnSpec("id", "int64"), header=HeaderSpec(extra="reject")), "its header has 'name', which"),
    ],
)
def test_a_schema_that_is_not_the_declared_one_is_rejected(feed: Any, message: str) -> None:
    assert message in rejection(written(ROWS), feed)


def test_columns_that_differ_in_case_only_are_rejected() -> None:
    assert "names column 'id' more than once" in rejection(written({"id": pa.array([1]), "ID": pa.array([1])}), PARQUET)


# -- files that are something else -----------------------------------------------------------------------------------

GOOD = written(ROWS)


@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"PAR", "it is no Parquet file"),
        (b"<html>404</html>", "it is no Parquet file but HTML or XML"),
        (b"a,b\n1,2\n", "it is no Parquet file (it begins with b'a,b"),
        (GOOD[:-1], "it is truncated: a Parquet file ends with PAR1"),
        (GOOD[: len(GOOD) // 2], "it is truncated"),
        (b"PAR1\x09\x00\x00\x00PAR1", "it is a broken Parquet file"),
        (GOOD[:-8] + b"\xff\xff\xff\x7fPAR1", "its footer says it is longer than"),
    ],
    ids=["empty", "short", "page", "csv", "cut", "half", "no footer", "footer's length"],
)
def test_a_file_that_is_no_parquet_is_rejected_with_what_it_is(content: bytes, message: str, size: int) -> None:
    assert message in rejection(content, PARQUET, sizes=(size,))


def test_a_damaged_page_is_found_by_its_checksum_though_no_check_looks_at_the_column() -> None:
    content = written({"id": pa.array(range(1000))}, compression="none", use_dictionary=False, row_group_size=500)
    at = content.index((700).to_bytes(8, "little"))
    damaged = content[:at] + b"\x01" + content[at + 1 :]
    assert "it is a broken Parquet file, after row 500" in rejection(damaged, PARQUET)


def test_a_file_of_no_rows_lands() -> None:
    assert inspected(written({"a": pa.array([], pa.int64())}), PARQUET).rows == (0, 0)


def test_more_than_what_the_disk_takes_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MAX_SPOOL_BYTES", 100)
    assert "it is bigger than 100 bytes; Parquet file is read from its end" in rejection(GOOD, PARQUET)


def test_a_disk_that_is_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakeferry.formats.spool.tempfile.TemporaryFile", lambda **_: open("/dev/full", "r+b"))  # noqa: SIM115
    for content in (GOOD, GOOD[:4] + bytes(1_000_000)):
        assert "cannot be kept on the function's disk ([Errno 28]" in rejection(content, PARQUET)


def test_more_than_what_memory_takes_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_BATCH_BYTES", 1000)
    assert "a decompression bomb" in rejection(written({"a": pa.array(["x" * 100] * 100)}), PARQUET)


def test_what_goes_wrong_in_writing_is_no_fault_of_the_file() -> None:
    class Full(io.RawIOBase):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    for columns in (ROWS, {"n": pa.array([1, -1])}):
        feed = with_columns(ColumnSpec("n", "int64", min=0), header=HeaderSpec(missing="accept"))
        with pytest.raises(OSError, match="No space"):
            inspect(
                feed,
                "a.parquet",
                io.BytesIO(written(columns)),
                lambda _: Full(),
                bad_rows=BadRows("a.parquet", feed.checks.bad_rows, lambda _: None),
            )


def test_decimals_are_checked_as_they_are() -> None:
    table = {"d": pa.array([Decimal("1.10"), Decimal("99.99")], pa.decimal128(6, 2))}
    assert inspected(written(table), with_columns(ColumnSpec("d", "decimal(6,2)", max=50))).told == [(2, "d", "max")]


# -- rows that the footer promises


def with_another_count(content: bytes, group: int, total: int) -> bytes:
    """The file with a footer that promises other rows; one byte stands for a count up to 63 (zigzag)."""
    footer = int.from_bytes(content[-8:-4], "little")
    start = len(content) - 8 - footer
    head, foot = content[:start], bytearray(content[start:-8])
    # thrift compact: 0x16 is an i64 in the next field; rows of the file, values of its column, rows of its row group
    count = bytes([0x16, 2 * 37])
    assert foot.count(count) == 3
    foot[foot.rindex(count) + 1] = 2 * group
    foot[foot.index(count) + 1] = 2 * total
    return head + bytes(foot) + content[-8:]


@pytest.mark.parametrize(
    ("group", "total", "told"),
    [
        (37, 40, "it has 37 rows, and its footer promises 40"),
        (37, 36, "it has 37 rows, and its footer promises 36"),
        (40, 40, "its row group 1 has 37 rows, and its footer promises 40"),
    ],
)
def test_fewer_or_more_rows_than_the_footer_promises_are_rejected(group: int, total: int, told: str) -> None:
    content = written({"n": pa.array(range(37), pa.int32())}, compression="none", use_dictionary=False)
    assert told in rejection(with_another_count(content, group, total), PARQUET)
    assert inspected(with_another_count(content, 37, 37), PARQUET).rows == (37, 0)


def _of_bytes(*values: bytes) -> pa.Array:  # type: ignore[type-arg]
    """A column of text that nobody has looked at."""
    return pa.array(values, pa.binary()).view(pa.string())


@pytest.mark.parametrize(
    "spec",
    [
        None,
        ColumnSpec("s", "string"),
        ColumnSpec("s", "string", pattern="a"),
        ColumnSpec("s", "string", unique=True),
        ColumnSpec("s", "string", values=("a",)),
    ],
)
@pytest.mark.parametrize(
    "column",
    [
        _of_bytes(b"a", b"\xff", b"b"),
        _of_bytes(b"a", b"\xff", b"b").dictionary_encode(),
        pa.array([b"a", b"\xff", b"b"]),
        pa.ListArray.from_arrays([0, 1, 2, 3], _of_bytes(b"a", b"\xff", b"b")),
    ],
    ids=["text", "dictionary", "binary", "list"],
)
def test_text_that_is_not_utf_8_is_refused_by_its_column_and_never_lands(column: Any, spec: ColumnSpec | None) -> None:
    content = written({"n": [1, 2, 3], "s": column})
    if spec is None and pa.types.is_binary(column.type):
        assert inspected(content, PARQUET).rows == (3, 0), "binary it may be"
        return
    if spec is not None and pa.types.is_list(column.type):
        return  # no text at all
    message = rejection(content, PARQUET if spec is None else with_columns(spec))
    assert "its column 's' has text that is not UTF-8" in message
    assert "in or after row 1" in message


def test_text_of_other_scripts_is_text() -> None:
    content = written({"s": ["é", "商品", None, "", "\U0001f600"] * 50_000})
    assert inspected(content, with_columns(ColumnSpec("s", "string"))).raw == content
