"""Texts of Parquet: whether they are UTF-8, and what those that are kept as numbers of a dictionary come to as rows.

A column whose texts repeat has each of them once, in its dictionary. It is read as that: what is long or is not UTF-8
is found there, without the rows, and a text that nobody checks never becomes rows.
"""

from typing import NamedTuple

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels


class Size(NamedTuple):
    """What the texts of a column come to as rows: all of them, and the longest that is in the dictionary."""

    total: int
    longest: int


NOTHING = Size(0, 0)


def size_of(column: Column) -> Size:
    """Of a column of numbers of a dictionary's texts; `NOTHING` of any other.

    Raises:
        pyarrow.ArrowIndexError: it has numbers that its dictionary has not.
    """
    kind = column.type
    if not pa.types.is_dictionary(kind):
        return NOTHING
    indices = column.indices
    if not is_text(kind.value_type):
        kernels.take(pa.nulls(len(column.dictionary)), indices)
        return NOTHING
    lengths = kernels.binary_length(column.dictionary)
    total = kernels.sum(kernels.take(lengths, indices)).as_py() or 0
    return Size(total, kernels.max(lengths).as_py() or 0)


def check(column: Column, *, must_be_text: bool = False) -> None:
    """Looks whether text is UTF-8.

    Args:
        column: Of any type. The numbers of a dictionary are those that `size_of` looked at.
        must_be_text: Bytes without a type are text, too.

    Raises:
        pyarrow.ArrowInvalid: it is not, or is broken.
    """
    kind = column.type
    if pa.types.is_primitive(kind):
        return
    if pa.types.is_dictionary(kind):
        try:
            check(column.dictionary, must_be_text=must_be_text)
            return
        except pa.ArrowInvalid:
            # it may be a text that no row has
            column = kernels.cast(column, kind.value_type)
    if is_ascii(column):
        return
    column.validate(full=True)
    if must_be_text and pa.types.is_binary(column.type):
        kernels.cast(column, pa.string())


def is_ascii(column: Column) -> bool:
    """Whether it is text, and plainly so: its bytes as small numbers, of which none is negative.

    That is a tenth of the time that it takes to look whether each value is UTF-8.
    """
    if not pa.types.is_string(column.type):
        return False
    _, offsets, data = column.buffers()
    if data is None or offsets is None or not len(column):
        return True
    places = memoryview(offsets).cast("i")
    begin, end = places[column.offset], places[column.offset + len(column)]
    signed = pa.Array.from_buffers(pa.int8(), end - begin, [None, data.slice(begin, end - begin)])
    return begin == end or bool(kernels.min(signed).as_py() >= 0)


def longest_in(column: Column) -> int:
    """Bytes of the longest text in a column's dictionaries, those within lists and structures too."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return kernels.max(kernels.binary_length(column.dictionary)).as_py() or 0
    if pa.types.is_struct(kind):
        return max((longest_in(column.field(index)) for index in range(kind.num_fields)), default=0)
    if pa.types.is_map(kind):
        return max(longest_in(column.keys), longest_in(column.items))
    if hasattr(column, "values"):
        return longest_in(column.values)
    if is_text(kind):
        return kernels.max(kernels.binary_length(column)).as_py() or 0
    return 0


def is_text(kind: pa.DataType) -> bool:
    """Text, or bytes that may be some."""
    return pa.types.is_string(kind) or pa.types.is_binary(kind)
