"""Text to typed columns, by the rules of the Glue job's casts (`glue/casts.py`): what is a value here is one there.

Most columns are uniform: all dates are `2026-01-05`, all numbers have only digits and a point. Such a column is told
by its bytes, as one block of memory, and then Arrow's own conversion is right about every value of it. Where it is
not uniform, or something does not convert, the column is cut into slices, and only slices that still resist go through
regular expressions, which say exactly what is a value.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.datetimes import DatetimeFormat
from lakeferry.feeds import ColumnSpec, FormatSpec

_YEAR_1 = -719_162
"""0001-01-01 as days since 1970."""
_SLICE = 512
"""Rows of a column that are looked at one by one if Arrow does not take them together."""
_FEW = 20
"""Up to one in so many values may be odd in a column that is uniform otherwise."""
DIGITS = bytes.maketrans(b"123456789", b"000000000")
"""Turns text into its shape: 0 for any digit."""

_NUMBER = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)"
_ISO_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-7]):?[0-5][0-9]|[+-]18:?00)"
_FULL_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?"


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
        self.expected = _expected(column, form)
        self._marks = form.decimal, form.thousands
        kind = column.type.partition("(")[0]
        self._has_marks = self._marks != (".", None) and kind in {"int64", "float64", "decimal"}

    def canonical(self, text: Column) -> Column:
        """The text as the raw zone has it: numbers with a decimal point and no thousands mark."""
        return _without_marks(text, *self._marks) if self._has_marks else text

    def convert(self, text: Column) -> Converted:
        """Converts a `string` column; null is no value."""
        if self._column.type == "string":
            return Converted(text)
        return self._convert(self.canonical(text))

    def _convert(self, text: Column) -> Converted:
        values = self._fast(text)
        if values is not None:
            return Converted(values)
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


Fast = Callable[[Column], Column | None]
Exact = Callable[[Column], Column]
Odd = Callable[[Column], list[int]]
"""Indices of what is not as uniform as `Fast` wants it; empty if that cannot be told, or is all of it."""


def _of_type(column: ColumnSpec) -> tuple[pa.DataType, Fast, Exact, Odd]:
    kind = column.type.partition("(")[0]
    if kind == "int64":
        return pa.int64(), *_plain(pa.int64(), b"-0123456789", _int64)
    if kind == "float64":
        return pa.float64(), *_plain(pa.float64(), b"+-.eE0123456789", _float64)
    if kind == "bool":
        return pa.bool_(), _fast_bool, _bool, _nowhere
    if kind == "decimal":
        precision, scale = (int(number) for number in column.type[8:-1].split(","))
        of_type = pa.decimal128(precision, scale)
        return of_type, *_plain(of_type, b"+-.0123456789", _decimal(of_type), scale)
    if kind == "string":
        return pa.string(), lambda text: text, lambda text: text, _nowhere
    if column.format is not None:
        return _of_format(column)
    if kind == "date":
        return pa.date32(), *_shaped(pa.date32(), _date, b"0000-00-00")
    instant = pa.timestamp("us")
    shapes = (b"0000-00-00 00:00:00", b"0000-00-00T00:00:00", b"0000-00-00")
    return instant, *_shaped(instant, _timestamp, *shapes)


def _of_format(column: ColumnSpec) -> tuple[pa.DataType, Fast, Exact, Odd]:
    assert column.format is not None  # noqa: S101  (the caller looked)
    of_type = pa.date32() if column.type == "date" else pa.timestamp("us")
    form = DatetimeFormat(column.format, of_type)
    if form.iso_shape is not None:
        return of_type, *_shaped(of_type, form.exact, form.iso_shape)
    return of_type, form.fast, form.exact, _nowhere


def _nowhere(_: Column) -> list[int]:
    return []


def _expected(column: ColumnSpec, form: FormatSpec) -> str:
    if column.format is not None:
        return f"is not a {column.type} of the form {column.format}"
    marks = f" with {form.decimal!r} for the decimal mark" if form.decimal != "." else ""
    hint = {"date": " (YYYY-MM-DD)", "timestamp": " (YYYY-MM-DD hh:mm:ss)"}.get(column.type, marks)
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
        return _cast(text, of_type)

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
        converted = _cast(text, of_type)
        return converted if converted is None or not _has_year_0(converted) else None

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
    values = _cast(text, pa.bool_())
    if values is None:
        values = _bool(text)
    return values if values.null_count == text.null_count else None


def _cast(text: Column, of_type: pa.DataType) -> Column | None:
    try:
        return text.cast(of_type)
    except pa.ArrowInvalid:
        return None


# -- columns that are not: what matches is converted, and what does not convert is found


def _matching(text: Column, pattern: str) -> Column:
    return kernels.if_else(kernels.match_substring_regex(text, rf"^(?:{pattern})$"), text, pa.scalar(None, pa.string()))


def cast_each(text: Column, of_type: pa.DataType) -> Column:
    """Arrow's conversion; null where that fails."""
    values = _cast(text, of_type)
    if values is not None:
        return values
    if len(text) == 1:
        return pa.array([None], of_type)
    half = len(text) // 2
    return pa.concat_arrays([cast_each(text.slice(0, half), of_type), cast_each(text.slice(half), of_type)])


def _int64(text: Column) -> Column:
    plain = kernels.utf8_ltrim(_matching(text, "[+-]?[0-9]+"), "+")
    return cast_each(plain, pa.int64())


def _float64(text: Column) -> Column:
    number = cast_each(_matching(text, rf"{_NUMBER}([eE][+-]?[0-9]+)?|[nN][aA][nN]"), pa.float64())
    words = _matching(text, "[+-]?[iI]nf(inity)?")
    return kernels.coalesce(number, cast_each(kernels.utf8_lower(kernels.utf8_ltrim(words, "+")), pa.float64()))


def _bool(text: Column) -> Column:
    low = kernels.utf8_lower(text)
    yes = kernels.is_in(low, pa.array(["true", "t", "yes", "y", "1"]))
    no = kernels.is_in(low, pa.array(["false", "f", "no", "n", "0"]))
    neither = pa.scalar(None, pa.bool_())
    return kernels.if_else(yes, pa.scalar(value=True), kernels.if_else(no, pa.scalar(value=False), neither))


def _decimal_pattern(scale: int) -> str:
    fraction = rf"[0-9]{{1,{scale}}}0*|0+" if scale else "0+"
    return rf"[+-]?([0-9]+([.]({fraction})?)?|[.]({fraction}))"


def _decimal(of_type: "pa.Decimal128Type[Any, Any]") -> Exact:
    scale = of_type.scale
    pattern = _decimal_pattern(scale)
    zeros = rf"([.][0-9]{{{scale}}})0+$"

    def exact(text: Column) -> Column:
        # zeros beyond the scale are dropped first: Arrow takes 38 digits, and refuses some of them
        plain = kernels.replace_substring_regex(_matching(text, pattern), zeros, r"\1")
        return cast_each(plain, of_type)

    return exact


def _date(text: Column) -> Column:
    return without_year_0(cast_each(_matching(text, _ISO_DAY), pa.date32()))


def _timestamp(text: Column) -> Column:
    instant = pa.timestamp("us")
    # digits beyond microseconds are cut off
    local = _micro(_matching(text, rf"{_ISO_DAY}([T ]{_CLOCK})?"))
    zoned = _micro(_matching(text, rf"{_ISO_DAY}[T ]{_FULL_CLOCK} ?{_OFFSET}"))
    zoned = kernels.replace_substring_regex(zoned, r" ?(Z|[+-][0-9]{2}:?[0-9]{2})$", r"\1")
    zoned = kernels.replace_substring_regex(zoned, r"([+-][0-9]{2}):?([0-9]{2})$", r"\1:\2")
    utc = cast_each(zoned, pa.timestamp("us", "UTC")).cast(instant)
    return without_year_0(kernels.coalesce(cast_each(local, instant), utc))


def _micro(text: Column) -> Column:
    return kernels.replace_substring_regex(text, r"([.][0-9]{6})[0-9]+", r"\1")


def _has_year_0(values: Column) -> bool:
    if len(values) == values.null_count:
        return False
    number, year_1 = (pa.int32(), _YEAR_1) if values.type == pa.date32() else (pa.int64(), _YEAR_1 * 86_400_000_000)
    return bool(kernels.min(values.cast(number)).as_py() < year_1)


def without_year_0(values: Column) -> Column:
    """Null in place of dates before the year 1, which Spark and Python do not take alike."""
    if not _has_year_0(values):
        return values
    return kernels.if_else(kernels.greater_equal(kernels.year(values), 1), values, pa.scalar(None, values.type))


# -- marks in numbers


def _without_marks(text: Column, decimal: str, thousands: str | None) -> Column:
    """Numbers as everybody writes them; what is no number with these marks stays as it is, and is then found bad.

    A thousands mark has to stand where thousands end: `1.5` is not taken for 15.
    """
    mark, point = re.escape(thousands or ""), re.escape(decimal)
    whole = "[0-9]+" if thousands is None else rf"(?:[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+|[0-9]+)"
    fits = kernels.match_substring_regex(
        text, rf"^ *[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)? *$"
    )
    plain = text if thousands is None else kernels.replace_substring(text, thousands, "")
    if decimal != ".":
        plain = kernels.replace_substring(plain, decimal, ".")
        # a point where a comma is the mark must not become a value
        return kernels.if_else(fits, plain, kernels.replace_substring(text, ".", "·"))
    return kernels.if_else(fits, plain, text)
