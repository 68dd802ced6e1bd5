"""Runs the conditions of `checks.expressions` on columns, with Arrow's kernels and SQL's logic of three values."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds.expressions import Node, parse_expression

_ROOM = 36
"""Digits of a sum that still fit into Arrow's 128-bit decimals."""
Value = Any  # an array or a scalar; Arrow's kernels take both

_LITERALS: Mapping[str, pa.DataType] = {
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "string": pa.string(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
}
_LOGIC: Mapping[str, Callable[..., Value]] = {"and": kernels.and_kleene, "or": kernels.or_kleene, "not": kernels.invert}
_CALLS: Mapping[str, Callable[..., Value]] = {
    "length": kernels.utf8_length,
    "lower": kernels.utf8_lower,
    "upper": kernels.utf8_upper,
    "trim": kernels.utf8_trim_whitespace,
    "abs": kernels.abs,
    "coalesce": kernels.coalesce,
}


class Condition:
    """One condition.

    Attributes:
        name, text: As in the feed.
    """

    def __init__(self, name: str, text: str, types: Mapping[str, pa.DataType]) -> None:
        """Args:
            types: Column, as the expression spells it in small letters → its type.

        Raises:
            FeedInvalidError: it names a column that is not there, or its types do not go together.
        """
        self.name, self.text = name, text
        self._node = parse_expression(text)
        try:
            result = self._run(self._node, {column: pa.array([], of_type) for column, of_type in types.items()})
        except KeyError as error:
            raise FeedInvalidError(
                f"checks.expressions: {name}: column {error} is not in the file; it has {', '.join(types)}."
            ) from error
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise FeedInvalidError(
                f"checks.expressions: {name}: {text}: {error}. Compare values of one type."
            ) from error
        if result.type != pa.bool_():
            raise FeedInvalidError(f"checks.expressions: {name}: {text} is {result.type} and not true or false.")

    def failing(self, columns: Mapping[str, Column], rows: int) -> list[int]:
        """Indices of the rows for which it is false; one that is null, for want of a value, is not."""
        result = self._run(self._node, columns)
        if isinstance(result, pa.Scalar):
            return list(range(rows)) if result.as_py() is False else []
        wrong = kernels.invert(result)
        return kernels.indices_nonzero(wrong).to_pylist() if kernels.any(wrong).as_py() else []

    def _run(self, node: Node, columns: Mapping[str, Column]) -> Value:
        kind, *parts = node
        if kind == "column":
            return columns[parts[0].lower()]
        if kind == "literal":
            return _literal(*parts)
        if kind == "call":
            return _CALLS[parts[0]](*[self._run(part, columns) for part in parts[1:]])
        values = [self._run(part, columns) for part in parts]
        if kind in _LOGIC:
            return _LOGIC[kind](*values)
        if kind == "in":
            found = kernels.equal(*_alike(values[0], values[1]))
            for other in values[2:]:
                found = kernels.or_kleene(found, kernels.equal(*_alike(values[0], other)))
            return found
        if kind in {"multiply", "divide"}:
            return _product(kind, *values)
        if kind in {"add", "subtract"}:
            # a sum of integers that overflows must not come out small
            values = [
                value.cast(pa.decimal128(19, 0)) if pa.types.is_integer(value.type) else value for value in values
            ]
        if len(values) == 2:
            values = _alike(*values)
        return getattr(kernels, kind)(*values)


def _literal(value: Any, kind: str) -> Value:  # noqa: ANN401  (what JSON has)
    if value is None:
        return pa.scalar(None, pa.null())
    if kind == "decimal":
        digits = value.partition(".")[2]
        return pa.scalar(value).cast(pa.decimal128(38, len(digits)) if len(digits) < 19 else pa.float64())
    return pa.scalar(value).cast(_LITERALS[kind])


def _alike(one: Value, other: Value) -> list[Value]:
    """Numbers of different kinds as one kind that holds both; the rest as they are."""
    types = (one.type, other.type)
    if any(pa.types.is_floating(of) for of in types) and all(_is_number(of) for of in types):
        return [one.cast(pa.float64()), other.cast(pa.float64())]
    if any(pa.types.is_decimal(of) for of in types) and all(_is_number(of) for of in types):
        scale = max(_digits(of)[1] for of in types)
        whole = max(precision - scale for precision, scale in map(_digits, types))
        # two of the same scale, or a sum that 38 digits hold, are Arrow's own business
        if scale + whole > _ROOM:
            return [value.cast(pa.decimal256(76, scale)) for value in (one, other)]
    return [one, other]


def _digits(of: pa.DataType) -> tuple[int, int]:
    """Precision and scale of a decimal, or of the decimal that holds any 64-bit integer."""
    return (of.precision, of.scale) if pa.types.is_decimal(of) else (19, 0)


def _product(kind: str, one: Value, other: Value) -> Value:
    types = (one.type, other.type)
    if kind == "divide" or any(pa.types.is_floating(of) for of in types):
        # a division by nothing has no value; in SQL neither
        other = other.cast(pa.float64())
        zero = kernels.equal(other, 0.0)
        other = kernels.if_else(zero, pa.scalar(None, pa.float64()), other) if kind == "divide" else other
        return getattr(kernels, kind)(one.cast(pa.float64()), other)
    if all(pa.types.is_integer(of) for of in types):
        return kernels.multiply(one.cast(pa.decimal256(19, 0)), other.cast(pa.decimal256(19, 0)))
    decimals = []
    for value in (one, other):
        of = value.type if pa.types.is_decimal(value.type) else pa.decimal128(19, 0)
        decimals.append(value.cast(pa.decimal256(min(of.precision, 37), of.scale)))
    return kernels.multiply(*decimals)


def _is_number(of: pa.DataType) -> bool:
    return bool(pa.types.is_integer(of) or pa.types.is_floating(of) or pa.types.is_decimal(of))
