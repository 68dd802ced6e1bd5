"""Quotients and casts of decimals, a column at a time: the values of `values.py`, digit by digit.

Arrow divides decimals as whole numbers and cuts what is left over. One digit more than is wanted therefore tells
where a half begins, and halves are rounded away from zero afterwards.

Its division is not to be trusted with divisors beyond 32 bits: where the leading words of both are equal, the quotient
may be one too small in some word (pyarrow 26.0.1; 4294967295.99999999965640261631 is cut to 4294967294, and a table of
tests/unit/test_decimals.py has more). So what is cut is cut in steps of nine digits, and a quotient is multiplied back.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.rowwise import Evaluated, arrow_type, either
from lakeferry.expressions.types import Type

_DIGITS, _WIDE_DIGITS = 38, 76
"""Of Arrow's decimals of 128 and of 256 bits."""
_EXACT_DIGITS = 15
"""Of whole numbers that a float64 is, and of the power of ten that goes with them."""
_LEAST_SCALE = 4
"""Of a quotient in Arrow, whose other digits follow SQL's rule."""
_SAFE_DIGITS = 9
"""Of divisors, and powers of ten, of 32 bits."""


def divided(one: Column, other: Column, of: Type) -> Evaluated | None:
    """A quotient of decimals; None where it has to be computed value by value."""
    (whole, scale), (divisor, divisor_scale) = (
        (each.type.precision, each.type.scale) if pa.types.is_decimal128(each.type) else (0, 0) for each in (one, other)
    )
    if not whole or not divisor or (isinstance(one, pa.Scalar) and isinstance(other, pa.Scalar)):
        return None
    more = max(0, of.scale + divisor_scale - scale - divisor)
    digits = whole - scale + divisor_scale + max(_LEAST_SCALE, scale + more + divisor - divisor_scale + 1)
    made = _of_width(max(digits, whole + more))
    if made is None:
        return None
    zero = kernels.equal(other, pa.scalar(Decimal(0), other.type))
    error = kernels.and_(kernels.fill_null(zero, fill_value=False), kernels.is_valid(one))
    divisors = kernels.if_else(zero, pa.scalar(None, other.type), other)
    quotient = kernels.divide(one.cast(made(whole + more, scale + more)), divisors.cast(made(divisor, divisor_scale)))
    if divisor > _SAFE_DIGITS and not _is_quotient(quotient, one, divisors):
        return None
    found = fitted(quotient, of)
    return None if found is None else Evaluated(found.values, either(error, found.error))


def _is_quotient(quotient: Column, one: Column, other: Column) -> bool:
    """Whether what is left over has the dividend's sign and is less than the divisor, everywhere."""
    unit = pa.scalar(
        Decimal(1).scaleb(-quotient.type.scale), pa.decimal256(quotient.type.scale + 1, quotient.type.scale)
    )
    try:
        product = kernels.multiply(quotient.cast(_wide(quotient.type)), other.cast(_wide(other.type)))
        rest = kernels.subtract(one.cast(_wide(one.type)), product)
        least = kernels.multiply(kernels.abs(other.cast(_wide(other.type))), unit)
        is_less = kernels.less(kernels.abs(rest), least)
    except pa.ArrowInvalid:  # more digits than there are
        return False
    zero, nothing = pa.scalar(Decimal(0), rest.type), pa.scalar(Decimal(0), one.type)
    is_like = kernels.or_(
        kernels.equal(rest, zero), kernels.equal(kernels.less(rest, zero), kernels.less(one, nothing))
    )
    return bool(kernels.all(kernels.and_(is_less, is_like)).as_py() is not False)


def fitted(values: Column, of: Type) -> Evaluated | None:
    """Decimals or whole numbers as decimals of another type, rounded; None where that is to be done value by value."""
    if isinstance(values, pa.Scalar):
        return None
    if pa.types.is_integer(values.type):
        values = values.cast(pa.decimal128(19, 0))
    precision, scale = values.type.precision, values.type.scale
    # 9.99 has one digit more when it is rounded, 1 more when it gets a fraction
    made = _of_width(max(precision + 1, precision - scale + 1 + max(scale, of.scale)))
    if made is None:
        return None
    values = values.cast(made(precision + 1, scale))
    while scale > of.scale:
        # one digit behind the last decides; what is cut before that does not
        fewer = min(scale - of.scale - 1, _SAFE_DIGITS)
        if not fewer:
            values = kernels.round(values, ndigits=of.scale, round_mode="half_towards_infinity")
            break
        scale -= fewer
        values = values.cast(made(values.type.precision - fewer, scale), safe=False)
    error = None
    if values.type.precision - values.type.scale > of.precision - of.scale:
        limit = pa.scalar(Decimal(10) ** (of.precision - of.scale), values.type)
        error = kernels.fill_null(kernels.greater_equal(kernels.abs(values), limit), fill_value=False)
        values = kernels.if_else(error, pa.scalar(None, values.type), values)
    return Evaluated(values.cast(arrow_type(of)), error)


def _wide(of: Any) -> pa.DataType:  # noqa: ANN401  (a decimal of either width)
    return pa.decimal256(of.precision, of.scale)


def as_float64(values: Column) -> Evaluated | None:
    """The nearest float64 of each; None where that is to be found value by value."""
    if isinstance(values, pa.Scalar):
        return None
    precision, scale = values.type.precision, values.type.scale
    if precision > _EXACT_DIGITS or scale > _SAFE_DIGITS:
        return None
    # both are float64 without loss, and a quotient of two is the nearest to the true one (IEEE 754)
    whole = kernels.multiply(values, pa.scalar(10**scale, pa.decimal128(scale + 1, 0)))
    return Evaluated(kernels.divide(whole.cast(pa.int64()).cast(pa.float64()), 10.0**scale))


def _of_width(digits: int) -> Callable[[int, int], pa.DataType] | None:
    """The narrowest of Arrow's decimals with so many digits."""
    if digits <= _DIGITS:
        return pa.decimal128
    return pa.decimal256 if digits <= _WIDE_DIGITS else None
