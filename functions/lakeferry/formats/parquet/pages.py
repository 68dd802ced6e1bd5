"""What the pages of a row group come to in memory, from their headers: before Arrow reads one of them.

The footer says what a column takes as it is encoded. A dictionary of one long text and 65,536 numbers of it are a few
hundred bytes, and gigabytes once they are rows; a list of nulls has its length as one number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Self

import pyarrow.parquet as pq

MAX_PAGE_BYTES = 128 * 1024 * 1024
"""Of one page, unpacked: Arrow unpacks it as a whole. Writers make them of 1 MB."""
FREE_BYTES = 256 * 1024 * 1024
"""Of a row group, or of one column of lists in it, that may come of any number of bytes."""
MAX_RATIO = 250
"""Of a row group beyond that: unpacked, to packed."""
_USUAL_HEADER_BYTES, _HEADER_BYTES = 256, 64 * 1024
_LEVELS = 8
"""Bytes of levels and offsets that a value in lists has beside itself."""
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8, "BYTE_ARRAY": 16}
_DICTIONARY_PAGE = 2
_NUMBERS = (5, 6)
_STRUCT, _LIST, _SET, _MAP, _BINARY, _TRUE, _FALSE, _BYTE, _DOUBLE = 12, 9, 10, 11, 8, 1, 2, 3, 7


class PagesError(Exception):
    """Pages that are broken, or come to more than is read; the message says what."""


@dataclass(slots=True)
class Column:
    """One leaf of a row group.

    Attributes:
        name: Its path, as Arrow has it.
        packed, unpacked: Bytes of its pages.
        values: Nulls, and those of lists, counted.
        dictionary: Bytes of its dictionary, unpacked; 0 without one.
        width: Bytes of a value in memory at least.
    """

    name: str
    packed: int
    unpacked: int
    values: int
    dictionary: int
    width: int
    is_text: bool
    is_in_list: bool


def columns_of(file: IO[bytes], metadata: pq.FileMetaData, group: int) -> list[Column]:
    """Goes through the pages of a row group.

    Raises:
        PagesError: a header is broken, or a page too large.
    """
    found = []
    chunks = metadata.row_group(group)
    for index in range(chunks.num_columns):
        chunk, leaf = chunks.column(index), metadata.schema.column(index)
        kind = chunk.physical_type
        width = _WIDTHS.get(kind) or leaf.length or 1
        column = Column(
            chunk.path_in_schema, 0, 0, 0, 0, width, kind == "BYTE_ARRAY", is_in_list=leaf.max_repetition_level > 0
        )
        for page in _pages(file, chunk):
            if page.unpacked > MAX_PAGE_BYTES:
                raise PagesError(
                    f"column {column.name!r} has a page of {page.unpacked} bytes, and {MAX_PAGE_BYTES} are read"
                )
            column.packed += page.packed
            column.unpacked += page.unpacked
            column.values += page.values
            if page.kind == _DICTIONARY_PAGE:
                column.dictionary = max(column.dictionary, page.unpacked)
        found.append(column)
    return found


def check(columns: list[Column]) -> None:
    """Raises:
    PagesError: few bytes become many.
    """
    packed = sum(column.packed for column in columns)
    unpacked = sum(column.unpacked for column in columns)
    if unpacked > max(FREE_BYTES, MAX_RATIO * packed):
        raise PagesError(f"a row group of {packed} bytes unpacks to {unpacked}: a decompression bomb, or not data")
    for column in columns:
        size = column.values * (column.width + _LEVELS)
        if column.is_in_list and size > max(FREE_BYTES, MAX_RATIO * column.packed):
            raise PagesError(
                f"column {column.name!r} has {column.values} values of lists in {column.packed} bytes: a decompression "
                "bomb, or not data"
            )


@dataclass(frozen=True, slots=True)
class _Page:
    kind: int
    unpacked: int
    packed: int
    values: int

    @classmethod
    def of(cls, header: dict[int, Any]) -> Self:
        """From a header (parquet.thrift: PageHeader).

        Raises:
            ValueError: it lacks something, or has something else.
        """
        kind, unpacked, packed = (header.get(field) for field in (1, 2, 3))
        data = header.get(5) or header.get(8)
        values = data.get(1) if isinstance(data, dict) else 0
        numbers = (kind, unpacked, packed, values)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("no page")
        return cls(*numbers)  # type: ignore[arg-type]  # that is what they are


def _pages(file: IO[bytes], chunk: Any) -> Iterator[_Page]:  # noqa: ANN401  (pyarrow's stubs lack it)
    """Of a column."""
    at = min(offset for offset in (chunk.dictionary_page_offset, chunk.data_page_offset) if offset)
    end = at + chunk.total_compressed_size
    while at < end:
        try:
            header, length = _header(file, at)
            page = _Page.of(header)
        except (IndexError, ValueError, OSError) as error:
            raise PagesError(f"column {chunk.path_in_schema!r} has a broken page at byte {at}") from error
        yield page
        at += length + page.packed


def _header(file: IO[bytes], at: int) -> tuple[dict[int, Any], int]:
    file.seek(at)
    data = file.read(_USUAL_HEADER_BYTES)
    try:
        return _struct(data, 0)
    except IndexError:
        # statistics of long texts stand in it
        return _struct(data + file.read(_HEADER_BYTES), 0)


def _struct(data: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """A structure in Thrift's compact protocol: number of a field → value, and where it ends."""
    if depth > 8:
        raise ValueError("nested too deeply")
    found: dict[int, Any] = {}
    field = 0
    while head := data[at]:
        more, kind = head >> 4, head & 15
        at += 1
        if more:
            field += more
        else:
            field, at = _number(data, at)
        if kind in _NUMBERS and (number := data[at]) < 128:
            # most of a header is numbers of one byte: a call for each would take a twentieth of a file's time
            found[field] = (number >> 1) ^ -(number & 1)
            at += 1
        elif kind == _BINARY and (size := data[at]) < 128:
            data[at + 1 + size]
            found[field], at = None, at + 1 + size
        else:
            found[field], at = _value(data, at, kind, depth)
    return found, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if kind == _BYTE:
        return data[at], at + 1
    if kind == _DOUBLE:
        return None, at + 8
    if kind == _BINARY:
        size, at = _varint(data, at)
        data[at + size]  # what follows is there as well
        return None, at + size
    if kind == _STRUCT:
        return _struct(data, at, depth + 1)
    if kind in (_LIST, _SET, _MAP):
        raise ValueError("a page's header has no lists")
    return _number(data, at)


def _number(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a number without an end")
