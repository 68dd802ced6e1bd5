"""Parquet: what pages come to is known before they are read, and honest files of any shape land."""

import io
import re
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakeferry.feeds import ChecksSpec, ColumnSpec
from lakeferry.formats.parquet import pages, reader
from tests.unit.inspecting import feed_of, inspected, rejection

TEXT = feed_of("parquet", checks=ChecksSpec(columns=(ColumnSpec("a", "string", required=True),)))
ANY = feed_of("parquet")


def written(array: Any, **settings: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": array}), sink, store_schema=False, **settings)
    return sink.getvalue()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
@pytest.mark.parametrize("checksums", [False, True])
def test_the_pages_of_any_writer_are_counted(version: str, compression: str, checksums: bool) -> None:
    texts = pa.array([f"text {number % 300} " * 40 for number in range(20_000)])
    content = written(
        texts, data_page_version=version, compression=compression, write_page_checksum=checksums, data_page_size=5000
    )
    file = io.BytesIO(content)
    (column,) = pages.columns_of(file, pq.ParquetFile(file).metadata, 0)
    assert column.values == len(texts)
    assert column.dictionary > 300 * 300
    assert inspected(content, TEXT).rows == (20_000, 0)


def test_a_large_dictionary_of_ordinary_texts_is_no_bomb() -> None:
    texts = pa.array([f"{number:08d}" * 12 for number in range(60_000)] * 3)
    content = written(texts, compression="zstd", dictionary_pagesize_limit=2**30)
    assert inspected(content, TEXT).rows == (180_000, 0)


@pytest.mark.parametrize("rows", [[1000], [300, 700]])
def test_few_long_texts_of_a_dictionary_land_in_small_batches(rows: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TEXTS_BYTES", 1_000_000)
    monkeypatch.setattr(reader, "MAX_BATCH_BYTES", 1_100_000)
    texts = pa.array(["x" * 100_000 if number % 100 == 0 else "y" for number in range(1000)])
    content = written(texts, row_group_size=max(rows), compression="zstd", dictionary_pagesize_limit=2**30)
    assert inspected(content, TEXT).rows == (1000, 0)


def test_texts_in_lists_count_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TEXTS_BYTES", 1_000_000)
    lists = pa.array([["x" * 1000, "y"] * 5, [], None] * 2000)
    content = written(lists, compression="zstd")
    assert inspected(content, ANY).rows == (6000, 0)


def test_vectors_and_maps_are_no_bombs() -> None:
    vectors = pa.array([[number / 7 + at for at in range(300)] for number in range(3000)], pa.list_(pa.float32()))
    assert inspected(written(vectors), ANY).rows == (3000, 0)
    maps = pa.array([[("k", "v" * 50)]] * 3000, pa.map_(pa.string(), pa.string()))
    assert inspected(written(maps), ANY).rows == (3000, 0)


@pytest.mark.parametrize(
    ("limits", "array", "message"),
    [
        ({"pages.MAX_PAGE_BYTES": 1000}, pa.array(["x" * 5000]), "has a page of 50"),
        ({"pages.FREE_BYTES": 10_000}, pa.array(["x" * 900] * 5000), "unpacks to"),
        ({"pages.FREE_BYTES": 40_000}, pa.array([[None] * 90_000], pa.list_(pa.int32())), "has 90000 values of lists"),
        ({"reader.FREE_DECODED_BYTES": 9000, "reader.MAX_DECODED_RATIO": 1}, pa.array(["x" * 900] * 5000), "in memory"),
    ],
)
def test_few_bytes_that_become_many_are_refused(
    limits: dict[str, int], array: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, limit in limits.items():
        monkeypatch.setattr(f"lakeferry.formats.parquet.{name}", limit)
    is_plain = message in {"has a page of 50", "unpacks to"}
    found = rejection(written(array, compression="zstd", use_dictionary=not is_plain), ANY)
    assert message in found
    assert "Ask the partner for Parquet with smaller values" in found


def test_a_broken_header_of_a_page_is_told() -> None:
    content = written(pa.array(["some text"] * 100), compression="none")
    at = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(0).dictionary_page_offset or 0
    for junk in (b"\xff" * 8, b"\x19\x19\x19\x19", b"\x15\x01\x15\x01\x15\x01\x00"):
        broken = content[:at] + junk + content[at + len(junk) :]
        assert re.search("has a broken page at byte 4|a broken Parquet file", rejection(broken, ANY))


def test_a_column_of_no_rows_may_have_no_pages() -> None:
    assert inspected(written(pa.array([], pa.null())), ANY).rows == (0, 0)
    content = written(pa.array([], pa.null()), use_dictionary=False)
    assert pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(0).data_page_offset == 0


def test_a_name_within_the_footer_that_is_not_utf_8_is_a_broken_file() -> None:
    content = written(pa.array([1, 2, 3])).replace(b"\x18\x01a", b"\x18\x01\xff")
    assert "it is a broken Parquet file" in rejection(content, ANY)
    path = b"\x19\x18\x01a"  # of the column's chunk alone
    content = written(pa.array([1, 2, 3]))
    assert content.count(path) == 1
    assert "it is a broken Parquet file" in rejection(content.replace(path, path[:3] + b"\xff"), ANY)
