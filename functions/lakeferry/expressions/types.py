"""The types of an expression: those a feed declares, and `int`, which is what counts, years and small numbers are.

The rules for decimals are Spark's (`DecimalPrecision`, precision loss allowed), because the columns that exist have
types by them.
"""

import re
from dataclasses import dataclass

_MOST = 38
_KEPT = 6
"""Digits after the point that are kept where a result would need more than 38 digits."""


@dataclass(frozen=True, slots=True)
class Type:
    """One type.

    Attributes:
        kind: `int` (32 bits), `int64`, `float64`, `decimal`, `string`, `date`, `timestamp`, `bool`; `null` is NULL's,
            before its place gives it another.
        precision, scale: Of decimals.
    """

    kind: str
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.kind == "decimal" else self.kind

    @property
    def is_number(self) -> bool:
        return self.kind in {"int", "int64", "float64", "decimal"}

    @property
    def is_integer(self) -> bool:
        return self.kind in {"int", "int64"}

    @property
    def is_time(self) -> bool:
        return self.kind in {"date", "timestamp"}


INT, INT64, FLOAT64 = Type("int"), Type("int64"), Type("float64")
STRING, DATE, TIMESTAMP, BOOL, NULL = Type("string"), Type("date"), Type("timestamp"), Type("bool"), Type("null")

_NAMES = {
    "int": INT, "integer": INT, "int64": INT64, "bigint": INT64, "long": INT64, "float64": FLOAT64, "double": FLOAT64,
    "string": STRING, "text": STRING, "date": DATE, "timestamp": TIMESTAMP, "bool": BOOL, "boolean": BOOL,
}  # fmt: skip
"""What CAST takes, in small letters, besides `decimal(p,s)`."""
TYPE_NAMES = tuple(_NAMES)


def decimal(precision: int, scale: int) -> Type:
    return Type("decimal", precision, scale)


def type_of(name: str) -> Type | None:
    """The type a feed or CAST calls so; None if there is none."""
    name = name.lower().replace(" ", "")
    if name in _NAMES:
        return _NAMES[name]
    match = re.fullmatch(r"(?:decimal|numeric)(?:\(([0-9]{1,2})(?:,([0-9]{1,2}))?\))?", name)
    if match is None:
        return None
    precision, scale = int(match[1] or 10), int(match[2] or 0)
    return decimal(precision, scale) if 1 <= precision <= _MOST and scale <= precision else None


def as_decimal(of: Type) -> Type:
    """The decimal that holds any value of an integer type; a decimal as it is."""
    return of if of.kind == "decimal" else decimal(10 if of.kind == "int" else 20, 0)


def _adjusted(precision: int, scale: int) -> Type:
    if precision <= _MOST:
        return decimal(precision, scale)
    return decimal(_MOST, max(_MOST - (precision - scale), min(scale, _KEPT)))


def arithmetic_type(sign: str, one: Type, other: Type) -> Type:
    """What `one sign other` of two decimals is."""
    (p1, s1), (p2, s2) = (one.precision, one.scale), (other.precision, other.scale)
    scale = max(s1, s2)
    if sign in {"+", "-"}:
        return _adjusted(max(p1 - s1, p2 - s2) + scale + 1, scale)
    if sign == "*":
        return _adjusted(p1 + p2 + 1, s1 + s2)
    if sign == "%":
        return _adjusted(min(p1 - s1, p2 - s2) + scale, scale)
    scale = max(_KEPT, s1 + p2 + 1)
    return _adjusted(p1 - s1 + s2 + scale, scale)


def is_exact(sign: str, one: Type, other: Type) -> bool:
    """Whether a sum, difference or product of two decimals always fits its type."""
    whole = max(one.precision - one.scale, other.precision - other.scale) + max(one.scale, other.scale) + 1
    return (whole if sign in {"+", "-"} else one.precision + other.precision + 1) <= _MOST


def has_remainder(one: Type, other: Type) -> bool:
    """Whether two decimals always have a remainder: quotients of more than 38 digits before the point have none.

    Spark fails a whole job over one (`Division impossible`, from 39 digits on).
    """
    return one.precision - one.scale + other.scale <= _MOST


def common_type(one: Type, other: Type) -> Type | None:
    """The type that holds the values of both without loss; None if there is none."""
    if one == other or other == NULL:
        return one
    if one == NULL:
        return other
    if one.is_number and other.is_number:
        if FLOAT64 in (one, other):
            return FLOAT64
        if one.is_integer and other.is_integer:
            return INT64
        one, other = as_decimal(one), as_decimal(other)
        scale = max(one.scale, other.scale)
        precision = max(one.precision - one.scale, other.precision - other.scale) + scale
        return decimal(precision, scale) if precision <= _MOST else None
    return TIMESTAMP if one.is_time and other.is_time else None
