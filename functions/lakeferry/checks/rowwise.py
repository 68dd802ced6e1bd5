"""Values of columns by a function of Python, each distinct one computed once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.expressions.types import Type

_TYPES: Mapping[str, pa.DataType] = {
    "int": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "bool": pa.bool_(),
}
_YEAR_1, _YEAR_10000 = -719_162, 2_932_897
"""Days since 1970 that Python's dates have: from the first on, before the second."""
_DAY = 86_400_000_000


class NoValueError(ArithmeticError):
    """There is no such value: an error of the row."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Values of an expression.

    Attributes:
        values: An array, or a scalar that stands for all rows.
        error: Where there is no value although all that it needs are there; no nulls. None is nowhere.
    """

    values: Column
    error: Column | None = None


def arrow_type(of: Type) -> pa.DataType:
    return pa.decimal128(of.precision, of.scale) if of.kind == "decimal" else _TYPES[of.kind]


def either(*masks: Column | None) -> Column | None:
    """Where one of them is true."""
    found: Column | None = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else kernels.or_(found, mask)
    return found


def per_value(function: Callable[..., Any], of: Type, *values: Column, with_nulls: bool = False) -> Evaluated:
    """Applies a function to each row's values.

    Args:
        function: Raises `NoValueError` where there is none; sees no nulls unless `with_nulls`.
        of: Type of what it gives.
    """
    arrays = [value for value in values if not isinstance(value, pa.Scalar)]
    if not arrays:
        found = _applied(function, of, values, 1, with_nulls=with_nulls)
        return Evaluated(found.values[0], None if found.error is None else found.error[0])
    if len(arrays) > 1:
        return _applied(function, of, values, len(arrays[0]), with_nulls=with_nulls)
    encoded = arrays[0].dictionary_encode(null_encoding="encode")
    distinct = [value if isinstance(value, pa.Scalar) else encoded.dictionary for value in values]
    found = _applied(function, of, distinct, len(encoded.dictionary), with_nulls=with_nulls)
    error = None if found.error is None else found.error.take(encoded.indices)
    return Evaluated(found.values.take(encoded.indices), error)


def _applied(
    function: Callable[..., Any], of: Type, values: Sequence[Column], rows: int, *, with_nulls: bool
) -> Evaluated:
    beyond = either(*[_beyond_python(value) for value in values if not isinstance(value, pa.Scalar)])
    results: list[Any] = []
    failed: list[bool] = []
    for row in zip(*[_listed(value, rows) for value in values], strict=True):
        result, error = None, False
        if with_nulls or None not in row:
            try:
                result = function(*row)
            except NoValueError:
                error = True
        results.append(result)
        failed.append(error)
    errors = pa.array(failed, pa.bool_()) if any(failed) else None
    return Evaluated(pa.array(results, arrow_type(of)), either(beyond, errors))


def _beyond_python(values: Column) -> Column | None:
    """Where a date or time is none of Python's, which ends with year 9999, as those of checked text do."""
    if pa.types.is_date32(values.type):
        days, size = values.view(pa.int32()), 1
    elif pa.types.is_timestamp(values.type):
        days, size = values.view(pa.int64()), _DAY
    else:
        return None
    beyond = kernels.or_(kernels.less(days, _YEAR_1 * size), kernels.greater_equal(days, _YEAR_10000 * size))
    beyond = kernels.fill_null(beyond, fill_value=False)
    return beyond if kernels.any(beyond).as_py() else None


def _listed(values: Column, rows: int) -> list[Any]:
    if isinstance(values, pa.Scalar):
        return [values.as_py()] * rows
    beyond = _beyond_python(values)
    if beyond is not None:
        values = kernels.if_else(beyond, pa.scalar(None, values.type), values)
    found: list[Any] = values.to_pylist()
    return found
