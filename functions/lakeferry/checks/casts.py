"""Text to typed columns, by the rules of the Glue job's casts (`glue/casts.py`): what is a value here is one there.

Most columns are uniform: all dates are `2026-01-05`, all numbers have only digits and a point. Such a column is told
by its bytes, as one block of memory, and then Arrow's own conversion is right about every value of it. Where it is
not uniform, or something does not convert, the column is cut into slices, and only slices that still resist go through
regular expressions, which say exactly what is a value.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.datetimes import DatetimeFormat
from lakeferry.checks.exact_casts import (
    Exact,
    cast_or_none,
    exact_bool,
    exact_date,
    exact_decimal,
    exact_float64,
    exact_int64,
    exact_timestamp,
    has_year_0,
    plainly_spelled,
    with_plain_minus,
)
from lakeferry.feeds import ColumnSpec, FormatSpec
from lakeferry.feeds.number_spellings import MINUS, Spelling

_SLICE = 512
"""Rows of a column that are looked at one by one if Arrow does not take them together."""
_FEW = 20
"""Up to one in so many values may be odd in a column that is uniform otherwise."""
_MINUS = MINUS.encode()
DIGITS = bytes.maketrans(b"123456789", b"000000000")
"""Turns text into its shape: 0 for any digit."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A column of its declared type.

    Attributes:
        values: Null where there was no value, or none of that type.
        bad: True where there was a value that is not of the type; None if that is nowhere.
    """

    values: Column
    bad: Column | None = None


class TextCast:
    """Converts text columns of one declared type.

    Attributes:
        type: Arrow's type of the result.
        expected: What a value must be, for messages.
    """

    def __init__(self, column: ColumnSpec, form: FormatSpec) -> None:
        self._column = column
        self.type, self._fast, self._exact, self._odd = _of_type(column)
        # a conversion of distinct values tells the bad ones as well
        self._by_value = column.type == "bool" or (column.format is not None and self._odd is _nowhere)
        self._is_number = column.type.partition("(")[0] in {"int64", "float64", "decimal"}
        spelling = Spelling(form.decimal, form.thousands, form.negative)
        # what is no text in the file is spelled by us
        is_own = self._is_number and column.stored is None and not spelling.is_plain
        self._spelling = spelling if is_own else None
        self._other_spellings = spelling.other_negatives if self._is_number else _finer(column)
        self.expected = _expected(column, spelling)

    def canonical(self, text: Column) -> Column:
        """The text as the raw zone has it: numbers with a decimal point, no thousands mark and the sign before them."""
        return text if self._spelling is None else plainly_spelled(text, self._spelling)

    def convert(self, text: Column) -> Converted:
        """Converts a `string` column; null is no value."""
        if self._column.type == "string":
            return Converted(text)
        return self._convert(self.canonical(text))

    def reasons(self, text: Column, bad: Column) -> Iterator[tuple[list[int], str]]:
        """Why values are none of the type: indices, and what was expected, with the setting that would read them.

        Args:
            bad: Of `convert`.
        """
        rows: list[int] = kernels.indices_nonzero(bad).to_pylist()
        for setting, look in self._other_spellings.items():
            fits = kernels.match_substring_regex(text.take(pa.array(rows, pa.int64())), f"{look}$").to_pylist()
            if found := [row for row, is_read in zip(rows, fits, strict=True) if is_read]:
                yield found, f"{self.expected}, unless the feed says {setting}"
                rows = [row for row, is_read in zip(rows, fits, strict=True) if not is_read]
        if rows:
            yield rows, self.expected

    def _convert(self, text: Column) -> Converted:
        values = self._fast(text)
        if values is not None:
            return Converted(values)
        if self._is_number and _MINUS in text_bytes(text):
            text = with_plain_minus(text)
            values = self._fast(text)
        return self._closely(text) if values is None else Converted(values)

    def _closely(self, text: Column) -> Converted:
        if self._by_value:
            return self._one_by_one(text)
        odd = self._odd(text)
        if odd and len(odd) <= len(text) // _FEW:
            # most of the column is uniform: only the rest is looked at closely
            values = self._fast(_spread(text, odd, pa.nulls(len(odd), pa.string())))
            if values is not None:
                found = self._one_by_one(text.take(pa.array(odd)))
                bad = None
                if found.bad is not None:
                    nowhere = pa.repeat(pa.scalar(value=False), len(text))
                    bad = _spread(nowhere, odd, found.bad)
                return Converted(_spread(values, odd, found.values), bad)
        return self._in_slices(text)

    def _in_slices(self, text: Column) -> Converted:
        pieces: list[Converted] = []
        for start in range(0, len(text), _SLICE):
            piece = text.slice(start, _SLICE)
            values = self._fast(piece)
            pieces.append(Converted(values) if values is not None else self._one_by_one(piece))
        joined = pa.concat_arrays([piece.values for piece in pieces])
        if all(piece.bad is None for piece in pieces):
            return Converted(joined)
        none = pa.scalar(value=False)
        bad = [pa.repeat(none, len(piece.values)) if piece.bad is None else piece.bad for piece in pieces]
        return Converted(joined, pa.concat_arrays(bad))

    def _one_by_one(self, text: Column) -> Converted:
        # blanks alone are no value, as the Glue job has it
        text = kernels.utf8_trim(text, " ")
        text = kernels.if_else(kernels.equal(text, ""), pa.scalar(None, pa.string()), text)
        values = self._exact(text)
        bad = kernels.and_(kernels.is_valid(text), kernels.is_null(values))
        return Converted(values, bad if kernels.any(bad).as_py() else None)


def text_bytes(text: Column) -> bytes:
    """All values of a `string` column in one."""
    data = text.buffers()[2]
    if data is None or not len(text):
        return b""
    offsets = _offsets(text)
    return memoryview(data)[offsets[0] : offsets[-1]].tobytes()


def _offsets(text: Column) -> memoryview:
    """Where each value begins, and the last one ends, in the column's memory."""
    return memoryview(text.buffers()[1]).cast("i")[text.offset : text.offset + len(text) + 1]


def _spread(column: Column, indices: list[int], values: Column) -> Column:
    """The column with other values at the indices, which ascend."""
    pieces, start = [], 0
    for at, index in enumerate(indices):
        pieces += [column.slice(start, index - start), values.slice(at, 1)]
        start = index + 1
    return pa.concat_arrays([*pieces, column.slice(start)])


BEYOND_MICROSECONDS = "beyond_microseconds: cut"
"""The setting that takes what is finer than a timestamp."""
Fast = Callable[[Column], Column | None]
Odd = Callable[[Column], list[int]]
"""Indices of what is not as uniform as `Fast` wants it; empty if that cannot be told, or is all of it."""


def _of_type(column: ColumnSpec) -> tuple[pa.DataType, Fast, Exact, Odd]:
    kind = column.type.partition("(")[0]
    if kind == "int64":
        return pa.int64(), *_plain(pa.int64(), b"-0123456789", exact_int64)
    if kind == "float64":
        return pa.float64(), *_plain(pa.float64(), b"+-.eE0123456789", exact_float64)
    if kind == "bool":
        return pa.bool_(), _fast_bool, exact_bool, _nowhere
    if kind == "decimal":
        precision, scale = (int(number) for number in column.type[8:-1].split(","))
        of_type = pa.decimal128(precision, scale)
        return of_type, *_plain(of_type, b"+-.0123456789", exact_decimal(of_type), scale)
    if kind == "string":
        return pa.string(), lambda text: text, lambda text: text, _nowhere
    if column.format is not None:
        return _of_format(column)
    if kind == "date":
        return pa.date32(), *_shaped(pa.date32(), exact_date, b"0000-00-00")
    instant = pa.timestamp("us")
    shapes = (b"0000-00-00 00:00:00", b"0000-00-00T00:00:00", b"0000-00-00")
    exact = partial(exact_timestamp, cut=column.beyond_microseconds == "cut")
    return instant, *_shaped(instant, exact, *shapes)


def _of_format(column: ColumnSpec) -> tuple[pa.DataType, Fast, Exact, Odd]:
    assert column.format is not None  # noqa: S101  (the caller looked)
    of_type = pa.date32() if column.type == "date" else pa.timestamp("us")
    form = DatetimeFormat(column.format, of_type, cut=column.beyond_microseconds == "cut")
    if form.iso_shape is not None:
        return of_type, *_shaped(of_type, form.exact, form.iso_shape)
    return of_type, form.fast, form.exact, _nowhere


def _finer(column: ColumnSpec) -> dict[str, str]:
    """What a timestamp looks like that its column takes only with a setting: setting → regular expression."""
    if column.type != "timestamp" or column.format is not None or column.beyond_microseconds == "cut":
        return {}
    return {BEYOND_MICROSECONDS: r"^[0-9 T:-]+[.][0-9]{7,9}( ?(Z|[+-][0-9:]+))? *"}


def _nowhere(_: Column) -> list[int]:
    return []


def _expected(column: ColumnSpec, spelling: Spelling) -> str:
    if column.format is not None:
        finer = "%f" in column.format and column.beyond_microseconds == "reject"
        limit = ", or is finer than microseconds (checks.columns: beyond_microseconds)" if finer else ""
        return f"is not a {column.type} of the form {column.format}{limit}"
    hint = {"date": " (YYYY-MM-DD)", "timestamp": " (YYYY-MM-DD hh:mm:ss)"}.get(column.type, spelling.hint)
    return f"is not {'an' if column.type == 'int64' else 'a'} {column.type}{hint}"


# -- columns that are uniform


def _plain(of_type: pa.DataType, alphabet: bytes, exact: Exact, scale: int | None = None) -> tuple[Fast, Exact, Odd]:
    """Arrow's conversion, if no value has any other character: no hexadecimal numbers, no exponents in decimals.

    Args:
        scale: Digits after the point; with more of them a value is odd, too.
    """
    others = bytes(byte not in alphabet for byte in range(256))

    def fast(text: Column) -> Column | None:
        if text_bytes(text).translate(None, alphabet):
            return None
        return cast_or_none(text, of_type)

    def odd(text: Column) -> list[int]:
        marked = text_bytes(text).translate(others)
        offsets = _offsets(text)
        found: list[int] = []
        at = marked.find(1)
        while at >= 0:
            index = bisect_right(offsets, at + offsets[0]) - 1
            found.append(index)
            at = marked.find(1, offsets[index + 1] - offsets[0])
        if not found and scale is not None:
            point = kernels.find_substring(text, ".")
            digits = kernels.subtract(kernels.binary_length(text), point)
            wrong = kernels.and_(kernels.greater(digits, scale + 1), kernels.greater_equal(point, 0))
            found = kernels.indices_nonzero(wrong).to_pylist()
        return found

    return fast, exact, odd


def _shaped(of_type: pa.DataType, exact: Exact, *shapes: bytes) -> tuple[Fast, Exact, Odd]:
    """Arrow's conversion, if every value has the same shape; 0 stands for any digit."""

    def fast(text: Column) -> Column | None:
        data = text_bytes(text).translate(DIGITS)
        values = len(text) - text.null_count
        if not any(len(data) == len(shape) * values and data == shape * values for shape in shapes):
            return None
        converted = cast_or_none(text, of_type)
        return converted if converted is None or not has_year_0(converted) else None

    def odd(text: Column) -> list[int]:
        lengths = kernels.binary_length(text)
        for shape in shapes:
            wrong: list[int] = kernels.indices_nonzero(kernels.not_equal(lengths, len(shape))).to_pylist()
            if len(wrong) <= len(text) // _FEW:
                return wrong
        return []

    return fast, exact, odd


def _fast_bool(text: Column) -> Column | None:
    # Arrow knows true, false, 1, 0; the other words are looked up
    values = cast_or_none(text, pa.bool_())
    if values is None:
        values = exact_bool(text)
    return values if values.null_count == text.null_count else None
