"""Texts of Parquet that repeat are read as numbers of their dictionary, and nothing else about them is different."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.feeds import ChecksSpec, ColumnSpec
from lakeferry.formats.parquet import pages, reader
from lakeferry.formats.parquet.types import checkable
from tests.unit.inspecting import agree, feed_of, inspected, rejection

ANY = feed_of("parquet")
CHECKED = feed_of(
    "parquet",
    checks=ChecksSpec(columns=(ColumnSpec("s", "string", required=True, max_length=3, pattern="[a-zé€]*"),)),
)


def written(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, store_schema=False, **{"compression": "none", **options})
    return sink.getvalue()


def texts(*values: bytes) -> Any:
    """Text of any bytes."""
    data = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), data.buffers())


def leaves(content: bytes) -> list[pages.Column]:
    file = io.BytesIO(content)
    return pages.columns_of(file, pq.ParquetFile(file).metadata, 0)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["a", "bé", "€€", "", "long text", "UP"]) | st.none(), max_size=400),
    st.integers(1, 150),
    st.lists(st.integers(1, 500), min_size=1, max_size=3).map(tuple),
)
def test_a_dictionary_changes_no_verdict_and_no_row(
    values: list[str | None], row_group_size: int, sizes: tuple[int, ...]
) -> None:
    columns = {"n": pa.array(range(len(values))), "s": pa.array(values, pa.string()), "free": pa.array(values)}
    found = [
        agree(written(columns, row_group_size=row_group_size, use_dictionary=use), CHECKED, sizes, 1000)
        for use in (True, False)
    ]
    folded, plain = found
    assert folded is not None
    assert plain is not None
    assert (folded.rows, folded.bad) == (plain.rows, plain.bad)
    assert pq.read_table(io.BytesIO(folded.raw)).equals(pq.read_table(io.BytesIO(plain.raw)))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_dictionary_that_was_given_up_on_the_way_is_no_dictionary(version: str) -> None:
    few = [f"v{number % 10}" for number in range(3000)]
    many = [f"value {number}" for number in range(3000)]
    columns = {"few": few, "all": few[::-1], "plain": many}
    content = written(
        columns,
        data_page_version=version,
        use_dictionary=["few", "all"],
        dictionary_pagesize_limit=2000,
        data_page_size=500,
        write_batch_size=100,
    )
    assert [leaf.is_folded for leaf in leaves(content)] == [True, True, False]
    content = written(
        {"many": few + many},
        data_page_version=version,
        dictionary_pagesize_limit=2000,
        data_page_size=500,
        write_batch_size=100,
    )
    (leaf,) = leaves(content)
    assert (leaf.dictionary > 0, leaf.is_folded) == (True, False)
    assert inspected(content, ANY).rows == (6000, 0)


def test_text_that_no_row_has_need_not_be_utf_8() -> None:
    dictionary = texts(b"a", b"\xff")
    unused = pa.DictionaryArray.from_arrays(pa.array([0, 0, 0]), dictionary)
    used = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), dictionary)
    assert inspected(written({"s": unused}), CHECKED).rows == (3, 0)
    assert "its column 's' has text that is not UTF-8" in rejection(written({"s": used}), CHECKED)
    assert "its column 's' has text that is not UTF-8" in rejection(written({"s": used}), ANY)


@pytest.mark.parametrize("kind", [pa.string(), pa.binary()])
@pytest.mark.parametrize("feed", [ANY, CHECKED])
def test_numbers_that_a_dictionary_has_not_are_refused(kind: pa.DataType, feed: Any) -> None:
    content = written({"s": pa.array(["a", "b", "c"] + ["c"] * 96).cast(kind)}, data_page_version="1.0")
    # after eight numbers, packed: 91 times the last of three texts, as one run. 3 is none of them
    run = bytes([0x80 | (91 << 1 & 0x7F), 91 >> 6, 2])
    assert content.count(run) == 1
    message = rejection(content.replace(run, run[:2] + b"\x03"), feed)
    assert "it is a broken Parquet file" in message


def test_rows_of_long_texts_are_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TEXTS_BYTES", 50_000)
    seen: list[int] = []

    def seeing(column: Any) -> Any:
        seen.append(len(column))
        return checkable(column)

    monkeypatch.setattr("lakeferry.formats.parquet.reader.checkable", seeing)
    values = ["x" * 10_000, *["y"] * 200]
    feed = feed_of("parquet", checks=ChecksSpec(columns=(ColumnSpec("s", "string", required=True),)))
    assert inspected(written({"s": values}), feed).rows == (201, 0)
    assert max(seen) <= 50_000 // 10_000
    assert sum(seen) == 201


def test_uuids_beside_texts_that_repeat_are_written_as_text() -> None:
    uuid = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)] * 50, pa.binary(16)))
    content = written({"u": uuid, "s": ["a", "b"] * 25})
    found = pq.read_table(io.BytesIO(inspected(content, ANY).raw))
    assert found["u"].to_pylist() == ["00000000-0000-0000-0000-000000000000"] * 50
    assert found["s"].to_pylist() == ["a", "b"] * 25
