"""Quotients and casts of decimals, a column at a time: the values of `values.py`, where no digit can come out another.

Arrow divides decimals as whole numbers and cuts what is left over. One digit more than is wanted therefore tells
where a half begins, and halves are rounded away from zero afterwards.
"""

from collections.abc import Callable
from decimal import Decimal

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


def divided(one: Column, other: Column, of: Type) -> Evaluated | None:
    """A quotient of decimals; None where it has to be computed value by value."""
    (whole, scale), (divisor, divisor_scale) = (
        (each.type.precision, each.type.scale) if pa.types.is_decimal128(each.type) else (0, 0) for each in (one, other)
    )
    # Spark rounds to 38 digits after the point first. That makes no other value of it as long as no quotient of such
    # a divisor is that near to a half without being one
    is_rounded_once = divisor + of.scale <= _DIGITS and of.scale + divisor_scale >= scale
    is_one_value = isinstance(one, pa.Scalar) and isinstance(other, pa.Scalar)
    if not whole or not divisor or not is_rounded_once or is_one_value:
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
    found = fitted(quotient, of)
    return None if found is None else Evaluated(found.values, either(error, found.error))


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
    if scale > of.scale:
        values = kernels.round(values, ndigits=of.scale, round_mode="half_towards_infinity")
    error = None
    if precision + 1 - scale > of.precision - of.scale:
        limit = pa.scalar(Decimal(10) ** (of.precision - of.scale), values.type)
        error = kernels.fill_null(kernels.greater_equal(kernels.abs(values), limit), fill_value=False)
        values = kernels.if_else(error, pa.scalar(None, values.type), values)
    return Evaluated(values.cast(arrow_type(of)), error)


def as_float64(values: Column) -> Evaluated | None:
    """The nearest float64 of each; None where that is to be found value by value."""
    if isinstance(values, pa.Scalar):
        return None
    precision, scale = values.type.precision, values.type.scale
    if precision > _EXACT_DIGITS:
        return None
    # both are float64 without loss, and a quotient of two is the nearest to the true one (IEEE 754)
    whole = kernels.multiply(values, pa.scalar(10**scale, pa.decimal128(scale + 1, 0)))
    return Evaluated(kernels.divide(whole.cast(pa.int64()).cast(pa.float64()), 10.0**scale))


def _of_width(digits: int) -> Callable[[int, int], pa.DataType] | None:
    """The narrowest of Arrow's decimals with so many digits."""
    if digits <= _DIGITS:
        return pa.decimal128
    return pa.decimal256 if digits <= _WIDE_DIGITS else None
