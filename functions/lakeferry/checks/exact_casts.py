"""Text to typed columns value by value: what matches is converted, and what does not convert is found."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.feeds.date_formats import fraction_of
from lakeferry.feeds.number_spellings import MINUS, Spelling

_YEAR_1 = -719_162
"""0001-01-01 as days since 1970."""
_NUMBER = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)"
_ISO_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MINUTES = "[0-9]{2}:[0-9]{2}"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-7]):?[0-5][0-9]|[+-]18:?00)"


Exact: TypeAlias = Callable[[Column], Column]
"""Converts a text column; null for what is no value of the type."""


def cast_or_none(text: Column, of_type: pa.DataType) -> Column | None:
    """Arrow's conversion of the whole column; None where it refuses a value."""
    try:
        return text.cast(of_type)
    except pa.ArrowInvalid:
        return None


def _matching(text: Column, pattern: str) -> Column:
    return kernels.if_else(kernels.match_substring_regex(text, rf"^(?:{pattern})$"), text, pa.scalar(None, pa.string()))


def cast_each(text: Column, of_type: pa.DataType) -> Column:
    """Arrow's conversion; null where that fails."""
    values = cast_or_none(text, of_type)
    if values is not None:
        return values
    if len(text) == 1:
        return pa.array([None], of_type)
    half = len(text) // 2
    return pa.concat_arrays([cast_each(text.slice(0, half), of_type), cast_each(text.slice(half), of_type)])


def exact_int64(text: Column) -> Column:
    """Digits with a sign, that fit."""
    plain = kernels.utf8_ltrim(_matching(text, "[+-]?[0-9]+"), "+")
    return cast_each(plain, pa.int64())


def exact_float64(text: Column) -> Column:
    """Numbers with or without an exponent, NaN and the infinities."""
    number = cast_each(_matching(text, rf"{_NUMBER}([eE][+-]?[0-9]+)?|[nN][aA][nN]"), pa.float64())
    words = _matching(text, "[+-]?[iI]nf(inity)?")
    return kernels.coalesce(number, cast_each(kernels.utf8_lower(kernels.utf8_ltrim(words, "+")), pa.float64()))


def exact_bool(text: Column) -> Column:
    """Spark's words for true and false."""
    low = kernels.utf8_lower(text)
    yes = kernels.is_in(low, pa.array(["true", "t", "yes", "y", "1"]))
    no = kernels.is_in(low, pa.array(["false", "f", "no", "n", "0"]))
    neither = pa.scalar(None, pa.bool_())
    return kernels.if_else(yes, pa.scalar(value=True), kernels.if_else(no, pa.scalar(value=False), neither))


def _decimal_pattern(scale: int) -> str:
    fraction = rf"[0-9]{{1,{scale}}}0*|0+" if scale else "0+"
    return rf"[+-]?([0-9]+([.]({fraction})?)?|[.]({fraction}))"


def exact_decimal(of_type: "pa.Decimal128Type[Any, Any]") -> Exact:
    """Numbers that fit into the type without being rounded."""
    scale = of_type.scale
    pattern = _decimal_pattern(scale)
    zeros = rf"([.][0-9]{{{scale}}})0+$"

    def exact(text: Column) -> Column:
        # zeros beyond the scale are dropped first: Arrow takes 38 digits, and refuses some of them
        plain = kernels.replace_substring_regex(_matching(text, pattern), zeros, r"\1")
        if not scale:  # of ".0" the point alone is left, which Arrow takes for no number
            plain = kernels.replace_substring_regex(plain, r"^([+-]?)[.]$", r"\10")
        return cast_each(plain, of_type)

    return exact


def exact_date(text: Column) -> Column:
    """`YYYY-MM-DD`."""
    return without_year_0(cast_each(_matching(text, _ISO_DAY), pa.date32()))


def exact_timestamp(text: Column, *, cut: bool = False) -> Column:
    """A date, or a date and a time; one with an offset becomes UTC.

    Args:
        cut: Digits beyond microseconds are cut off, and not only zeros.
    """
    instant = pa.timestamp("us")
    fraction = f"[.]{fraction_of(cut=cut)}"
    local = _micro(_matching(text, rf"{_ISO_DAY}([T ]{_MINUTES}(:[0-9]{{2}}({fraction})?)?)?"))
    zoned = _micro(_matching(text, rf"{_ISO_DAY}[T ]{_MINUTES}:[0-9]{{2}}({fraction})? ?{_OFFSET}"))
    zoned = kernels.replace_substring_regex(zoned, r" ?(Z|[+-][0-9]{2}:?[0-9]{2})$", r"\1")
    zoned = kernels.replace_substring_regex(zoned, r"([+-][0-9]{2}):?([0-9]{2})$", r"\1:\2")
    utc = cast_each(zoned, pa.timestamp("us", "UTC")).cast(instant)
    return without_year_0(kernels.coalesce(cast_each(local, instant), utc))


def _micro(text: Column) -> Column:
    return kernels.replace_substring_regex(text, r"([.][0-9]{6})[0-9]+", r"\1")


def has_year_0(values: Column) -> bool:
    """Whether some date or timestamp is before the year 1."""
    if len(values) == values.null_count:
        return False
    number, year_1 = (pa.int32(), _YEAR_1) if values.type == pa.date32() else (pa.int64(), _YEAR_1 * 86_400_000_000)
    return bool(kernels.min(values.cast(number)).as_py() < year_1)


def without_year_0(values: Column) -> Column:
    """Null in place of dates before the year 1, which Spark and Python do not take alike."""
    if not has_year_0(values):
        return values
    return kernels.if_else(kernels.greater_equal(kernels.year(values), 1), values, pa.scalar(None, values.type))


# -- other spellings of numbers


def with_plain_minus(text: Column) -> Column:
    """Numbers with `-` where U+2212 stands before them."""
    return kernels.replace_substring_regex(text, rf"^( *){MINUS}([0-9.,])", r"\1-\2")


def plainly_spelled(text: Column, spelling: Spelling) -> Column:
    """Numbers as everybody writes them; what is no number of that spelling stays no number, and is then found bad."""
    text = _with_leading_sign(text, spelling)
    fits = kernels.match_substring_regex(text, rf"^ *[+-]?{spelling.digits}(?:[eE][+-]?[0-9]+)? *$")
    plain = text
    for mark in spelling.marks:
        plain = kernels.replace_substring(plain, mark, "")
    if spelling.decimal != ".":
        plain = kernels.replace_substring(plain, spelling.decimal, ".")
        # a point where a comma is the mark must not become a value
        return kernels.if_else(fits, plain, kernels.replace_substring(text, ".", "·"))
    return kernels.if_else(fits, plain, text)


def _with_leading_sign(text: Column, spelling: Spelling) -> Column:
    """Numbers with the sign before them; a number that has one already gets no second."""
    if kernels.any(kernels.match_substring(text, MINUS)).as_py():
        text = with_plain_minus(text)
        if spelling.negative == "trailing":
            text = kernels.replace_substring_regex(text, rf"{MINUS}( *)$", r"-\1")
    if spelling.negative == "parentheses":
        return kernels.replace_substring_regex(text, rf"^ *\( *({spelling.digits}) *\) *$", r"-\1")
    if spelling.negative == "trailing":
        text = kernels.replace_substring_regex(text, rf"^ *({spelling.digits})- *$", r"-\1")
        return kernels.replace_substring_regex(text, rf"^ *({spelling.digits})[+] *$", r"\1")
    return text
