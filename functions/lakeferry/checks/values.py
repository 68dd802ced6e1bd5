"""What operations and functions give for one row's values, where Arrow has no kernel that gives the same as SQL."""

import calendar
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

from lakeferry.checks.rowwise import NoValueError
from lakeferry.expressions.types import Type

_EXACT = Context(prec=160, rounding=ROUND_HALF_UP, Emax=999_999, Emin=-999_999)
_BITS = {"int": 31, "int64": 63}


def fitting(value: Any, of: Type) -> Any:  # noqa: ANN401  (a number of any kind)
    """A number as one of a type: decimals are rounded, halves away from zero.

    Raises:
        NoValueError: it is too great.
    """
    if of.kind in _BITS:
        whole = int(value)
        if not -(2 ** _BITS[of.kind]) <= whole < 2 ** _BITS[of.kind]:
            raise NoValueError
        return whole
    if of.kind == "decimal":
        exact = Decimal(value)
        if exact.adjusted() >= _EXACT.prec // 2:
            raise NoValueError
        rounded = exact.quantize(Decimal(1).scaleb(-of.scale), context=_EXACT)
        if rounded.copy_abs() >= Decimal(10).scaleb(of.precision - of.scale - 1):
            raise NoValueError
        return rounded
    return value


def _divided(one: Any, other: Any) -> Any:  # noqa: ANN401
    if other == 0:
        raise NoValueError
    # no quotient of two decimals is near enough to a half to become one by this; Spark, too, cuts before it rounds
    # (since 3.5.1, SPARK-45786)
    return _EXACT.divide(one, other)


def _remainder(one: Any, other: Any) -> Any:  # noqa: ANN401
    if other == 0:
        raise NoValueError
    if isinstance(one, Decimal):
        return _EXACT.remainder(one, other)
    if isinstance(one, int):
        return math.copysign(1, one) * 0 if other == 0 else (abs(one) % abs(other)) * (-1 if one < 0 else 1)
    return math.fmod(one, other) if math.isfinite(one) else math.nan


def _added(one: Any, other: Any) -> Any:  # noqa: ANN401
    return _EXACT.add(one, other) if isinstance(one, Decimal) else one + other


def _subtracted(one: Any, other: Any) -> Any:  # noqa: ANN401
    return _EXACT.subtract(one, other) if isinstance(one, Decimal) else one - other


def _multiplied(one: Any, other: Any) -> Any:  # noqa: ANN401
    return _EXACT.multiply(one, other) if isinstance(one, Decimal) else one * other


ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": _added,
    "-": _subtracted,
    "*": _multiplied,
    "/": _divided,
    "%": _remainder,
}


# -- text


def substring(text: str, start: int, count: int | None = None) -> str:
    first = start - 1 if start > 0 else len(text) + start
    last = len(text) if count is None else first + count
    return text[max(first, 0) : max(last, 0)]


def padded(text: str, length: int, fill: str, *, left: bool) -> str:
    lacking = length - len(text)
    if lacking <= 0:
        return text[:length]
    more = (fill * (lacking // len(fill) + 1))[:lacking]
    return more + text if left else text + more


def split_part(text: str, mark: str, number: int) -> str:
    pieces = text.split(mark)
    return pieces[number - 1] if number <= len(pieces) else ""


def hashed(text: str, bits: int) -> str:
    return (hashlib.sha256 if bits == 256 else hashlib.sha512)(text.encode()).hexdigest()


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


# -- JSON


class _Fraction(str):
    """A number with a point or an exponent, as it is written."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """The keys and values of an object, as they come."""

    __slots__ = ()

    def get(self, key: str) -> Any:  # noqa: ANN401
        return next((value for name, value in self if name == key), None)


def _no_number(text: str) -> Any:  # noqa: ANN401
    raise ValueError(text)


_JSON = json.JSONDecoder(object_pairs_hook=_Object, parse_float=_Fraction, parse_constant=_no_number, strict=False)


def json_value(text: str, steps: list[str | int]) -> str | None:
    """A value within JSON as text; null where it is not there or the text is no JSON.

    As in Spark, what follows the first value is not looked at, and the first of equal keys counts.
    """
    try:
        found = _JSON.raw_decode(text.lstrip(" \t\r\n"))[0]
    except (ValueError, RecursionError):
        return None
    for step in steps:
        if isinstance(step, int):
            is_list = isinstance(found, list) and not isinstance(found, _Object)
            found = found[step] if is_list and step < len(found) else None
        else:
            found = found.get(step) if isinstance(found, _Object) else None
    if found is None:
        return None
    told = found if isinstance(found, str) and not isinstance(found, _Fraction) else _json_text(found)
    # half a character, which JSON can write and UTF-8 cannot
    return None if any("\ud800" <= sign <= "\udfff" for sign in told) else told


def _json_text(value: Any) -> str:  # noqa: ANN401  (any JSON value)
    if isinstance(value, _Fraction):
        return _number_text(value)
    if isinstance(value, _Object):
        return "{" + ",".join(f"{_json_text(key)}:{_json_text(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json_text, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(_ESCAPED.get(sign) or _sign_text(sign) for sign in value) + '"'
    return json.dumps(value)


_ESCAPED = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _sign_text(sign: str) -> str:
    """A character of a text within JSON, as Spark's JSON library writes it."""
    if " " <= sign <= "\uffff":
        return sign
    units = sign.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))


def _number_text(text: str) -> str:
    """A number as Java writes a double."""
    number = float(text)
    if number == 0 or not math.isfinite(number):
        return ("-" if math.copysign(1, number) < 0 else "") + ("0.0" if number == 0 else "Infinity")
    digits, exponent = Decimal(repr(abs(number))).normalize().as_tuple()[1:]
    assert isinstance(exponent, int)  # noqa: S101  (it is finite)
    figures, point = "".join(map(str, digits)), len(digits) + exponent
    sign = "-" if number < 0 else ""
    if -3 < point <= 7:
        padded_figures = figures.ljust(point, "0") if point > 0 else "0" * (1 - point) + figures
        at = max(point, 1)
        return f"{sign}{padded_figures[:at]}.{padded_figures[at:] or '0'}"
    return f"{sign}{figures[0]}.{figures[1:] or '0'}E{point - 1}"


# -- numbers


def absolute(value: Any) -> Any:  # noqa: ANN401
    # abs() of a decimal rounds to 28 digits
    return value.copy_abs() if isinstance(value, Decimal) else abs(value)


def rounded_down(value: Decimal) -> Decimal:
    return value.to_integral_value(ROUND_FLOOR)


def rounded_up(value: Decimal) -> Decimal:
    return value.to_integral_value(ROUND_CEILING)


def decimal_of(value: float) -> Decimal:
    """The decimal that a float64 is written as.

    Raises:
        NoValueError: it is no number.
    """
    if not math.isfinite(value):
        raise NoValueError
    return Decimal(repr(value))


def whole_of(value: float) -> int:
    """A float64 without its fraction.

    Raises:
        NoValueError: it is no number, or infinite.
    """
    if not math.isfinite(value):
        raise NoValueError
    return int(value)


def _key(value: Any) -> Any:  # noqa: ANN401
    return (math.isnan(value), value) if isinstance(value, float) else (False, value)


def greatest(*values: Any) -> Any:  # noqa: ANN401
    """The greatest; NaN is greater than any number. Of equal ones the first."""
    return max((value for value in values if value is not None), key=_key, default=None)


def least(*values: Any) -> Any:  # noqa: ANN401
    return min((value for value in values if value is not None), key=_key, default=None)


# -- dates


def days_later(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError as error:
        raise NoValueError from error


def months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise NoValueError
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def last_day(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def truncated(day: date, unit: str) -> date | None:
    unit = unit.lower()
    if unit == "week":
        monday = day.toordinal() - day.weekday()
        return date.fromordinal(monday) if monday >= 1 else None
    month = {"year": 1, "quarter": (day.month - 1) // 3 * 3 + 1, "month": day.month}[unit]
    return day.replace(month=month, day=1)


def formatted(when: date | datetime, pattern: str) -> str:
    at = when if isinstance(when, datetime) else datetime(when.year, when.month, when.day)
    parts = {"yyyy": f"{at.year:04}", "MM": f"{at.month:02}", "dd": f"{at.day:02}", "HH": f"{at.hour:02}",
             "mm": f"{at.minute:02}", "ss": f"{at.second:02}"}  # fmt: skip
    for letters, text in parts.items():
        pattern = pattern.replace(letters, text)
    return pattern


def time_text(when: date | datetime) -> str:
    """A date or timestamp as SQL writes it."""
    if not isinstance(when, datetime):
        return when.isoformat()
    text = when.isoformat(" ")
    return text.rstrip("0") if "." in text else text
