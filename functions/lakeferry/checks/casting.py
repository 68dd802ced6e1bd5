"""Casts of expressions on columns. What text is a value of a type is what `casts.py` and the job's casts say."""

from decimal import Decimal

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.casts import TextCast
from lakeferry.checks.decimals import as_float64, fitted
from lakeferry.checks.rowwise import Evaluated, arrow_type, either, per_value
from lakeferry.checks.values import decimal_of, fitting, time_text, whole_of
from lakeferry.expressions.tree import Expression
from lakeferry.expressions.types import INT64, Type
from lakeferry.feeds import ColumnSpec, FormatSpec


def widened(node: Expression, values: Column) -> Evaluated:
    """Values as a type that has them all."""
    of, given = node.type, node.parts[0].type
    if of.kind == "float64" and given.kind == "decimal":
        return as_float64(values) or per_value(float, of, values)
    # a whole number beyond 2^53 becomes the nearest float64
    return Evaluated(values.cast(arrow_type(of), safe=False))


def cast(node: Expression, values: Column) -> Evaluated:
    """Values as another type, rounded if need be; where there is none, an error."""
    of, given = node.type, node.parts[0].type
    if given.kind == "string":
        return of_text(values, of)
    if of.kind == "string":
        return _as_text(values, given)
    if of.kind == "float64" or of.is_time or (given.kind, of.kind) == ("int", "int64"):
        return widened(node, values)
    if given.kind == "float64":
        of_float = decimal_of if of.kind == "decimal" else whole_of
        return per_value(lambda value: fitting(of_float(value), of), of, values)
    found = fitted(values, of) if of.kind == "decimal" else None
    return found or per_value(lambda value: fitting(Decimal(value) if of.kind == "decimal" else value, of), of, values)


def of_text(values: Column, of: Type, form: str | None = None) -> Evaluated:
    """Text as a type, by the rules for columns; blanks are null.

    Args:
        form: strptime format of dates and timestamps.
    """
    if isinstance(values, pa.Scalar):
        found = of_text(pa.array([values.as_py()], pa.string()), of, form)
        return Evaluated(found.values[0], None if found.error is None else found.error[0])
    if of.kind == "int":
        whole = of_text(values, INT64)
        narrow = per_value(lambda value: fitting(value, of), of, whole.values)
        return Evaluated(narrow.values, either(whole.error, narrow.error))
    converted = TextCast(ColumnSpec("", str(of), format=form), FormatSpec()).convert(values)
    bad = None if converted.bad is None else kernels.fill_null(converted.bad, fill_value=False)
    return Evaluated(converted.values, bad)


def _as_text(values: Column, given: Type) -> Evaluated:
    of = Type("string")
    if given.is_time:
        return per_value(time_text, of, values)
    if given.kind == "decimal":
        return per_value(lambda value: f"{value:f}", of, values)
    return Evaluated(values.cast(pa.string()))
