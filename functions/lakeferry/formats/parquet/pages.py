"""What the pages of a row group come to in memory, from their headers: before Arrow reads one of them.

The footer says what a column takes as it is encoded. A dictionary of one long text and 65,536 numbers of it are a few
hundred bytes, and gigabytes once they are rows; a list of nulls has its length as one number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

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
_DATA_PAGE, _DATA_PAGE_V2 = 5, 8
"""Fields of a header that are structures, with the number of values and how those are encoded."""
_OF_DICTIONARIES = (2, 8)
"""Encodings: PLAIN_DICTIONARY, RLE_DICTIONARY."""
_NUMBERS, _BOOLEANS, _BYTE, _DOUBLE, _BINARY, _STRUCT = (4, 5, 6), (1, 2), 3, 7, 8, 12
_MOST_DEPTH = 8


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
        is_folded: All its values are numbers of its dictionary's.
    """

    name: str
    packed: int
    unpacked: int
    values: int
    dictionary: int
    width: int
    is_text: bool
    is_in_list: bool
    is_folded: bool = True


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
            elif page.encoding not in _OF_DICTIONARIES:
                column.is_folded = False
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


class _Page(NamedTuple):
    kind: int
    unpacked: int
    packed: int
    values: int
    encoding: int


def _pages(file: IO[bytes], chunk: Any) -> Iterator[_Page]:  # noqa: ANN401  (pyarrow's stubs lack it)
    """Of a column."""
    # without rows there may be no pages, at no offset
    at = min((offset for offset in (chunk.dictionary_page_offset, chunk.data_page_offset) if offset), default=0)
    end = at + chunk.total_compressed_size
    while at < end:
        try:
            page, length = _header(file, at)
        except (IndexError, ValueError, OSError) as error:
            raise PagesError(f"column {chunk.path_in_schema!r} has a broken page at byte {at}") from error
        yield page
        at += length + page.packed


def _header(file: IO[bytes], at: int) -> tuple[_Page, int]:
    file.seek(at)
    data = file.read(_USUAL_HEADER_BYTES)
    try:
        return _page(data)
    except IndexError:
        # statistics of long texts stand in it
        return _page(data + file.read(_HEADER_BYTES))


def _page(data: bytes) -> tuple[_Page, int]:
    """A page from its header (parquet.thrift: PageHeader, in Thrift's compact protocol), and how long that is.

    It goes straight through, without a call and a dictionary for each structure: a small file has hundreds of pages,
    of which four numbers each are wanted.

    Raises:
        ValueError: it lacks one of them, or has something that no such header has.
        IndexError: it goes on after these bytes.
    """
    numbers: dict[tuple[int, ...], int] = {}
    outer: list[int] = []  # the fields in whose structures this one lies
    field = at = 0
    while True:
        head = data[at]
        at += 1
        if not head:
            if not outer:
                break
            field = outer.pop()
            continue
        if head > 15:
            field += head >> 4
        else:
            field, at = _number(data, at)
        kind = head & 15
        if kind in _NUMBERS:
            number = data[at]
            if number < 128:
                number, at = (number >> 1) ^ -(number & 1), at + 1
            else:
                number, at = _number(data, at)
            if len(outer) < 2:
                numbers[(*outer, field)] = number
        elif kind == _STRUCT:
            if len(outer) == _MOST_DEPTH:
                raise ValueError("nested too deeply")
            outer.append(field)
            field = 0
        else:
            at = _after(data, at, kind)
    find = numbers.get
    values = find((_DATA_PAGE, 1), 0) or find((_DATA_PAGE_V2, 1), 0)
    encoding = find((_DATA_PAGE, 2), find((_DATA_PAGE_V2, 4), 0))
    page = _Page(find((1,), -1), find((2,), -1), find((3,), -1), values, encoding)
    if min(page) < 0:
        raise ValueError("no page")
    return page, at


def _after(data: bytes, at: int, kind: int) -> int:
    """Where a value ends that is neither a number nor a structure, and that nobody wants."""
    if kind in _BOOLEANS:
        return at
    if kind == _BYTE:
        return at + 1
    if kind == _DOUBLE:
        return at + 8
    if kind != _BINARY:
        raise ValueError("a page's header has no lists")
    size, at = _varint(data, at)
    data[at + size]  # what follows is there as well
    return at + size


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
