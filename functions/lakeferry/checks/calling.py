"""The functions of `lakeferry/expressions/functions.py` on columns."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from lakeferry.checks import values
from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.casting import of_text
from lakeferry.checks.decimals import fitted
from lakeferry.checks.rowwise import Evaluated, arrow_type, per_value
from lakeferry.expressions.calls import json_steps, strptime_format
from lakeferry.expressions.tree import Expression
from lakeferry.expressions.types import STRING

_Call = Callable[..., Evaluated]


def call(node: Expression, *arguments: Column) -> Evaluated:
    """The values of a call."""
    return CALLS[str(node.value)](node, *arguments)


def _kernel(function: Callable[..., Column]) -> _Call:
    return lambda node, *arguments: Evaluated(function(*arguments).cast(arrow_type(node.type)))


def _value(function: Callable[..., Any]) -> _Call:
    """By each value; the result is made to fit its type."""
    return lambda node, *arguments: per_value(
        lambda *row: values.fitting(function(*row), node.type), node.type, *arguments
    )


def _written(node: Expression, at: int, default: Any = None) -> Any:  # noqa: ANN401  (text or a number)
    return node.parts[at].value if at < len(node.parts) else default


def _cased(ascii_kernel: Callable[[Column], Column], function: Callable[[str], str]) -> _Call:
    def run(_: Expression, text: Column) -> Evaluated:
        # beyond ASCII the kernels know no letter that becomes two
        if not isinstance(text, pa.Scalar) and kernels.all(kernels.string_is_ascii(text)).as_py():
            return Evaluated(ascii_kernel(text))
        return per_value(function, STRING, text)

    return run


def _padded(*, left: bool) -> _Call:
    def run(node: Expression, text: Column, *_: Column) -> Evaluated:
        length, fill = _written(node, 1), _written(node, 2, " ")
        return per_value(lambda each: values.padded(each, length, fill, left=left), STRING, text)

    return run


def _replaced(node: Expression, text: Column, *_: Column) -> Evaluated:
    pattern, replacement = _written(node, 1), _written(node, 2, "")
    return Evaluated(kernels.replace_substring(text, pattern=pattern, replacement=replacement))


def _json(node: Expression, text: Column, _: Column) -> Evaluated:
    steps = json_steps(_written(node, 1))
    return per_value(lambda each: values.json_value(each, steps), STRING, text)


def _parsed(node: Expression, text: Column, _: Column) -> Evaluated:
    return of_text(text, node.type, strptime_format(_written(node, 1)))


def _absolute(node: Expression, value: Column) -> Evaluated:
    return per_value(lambda each: values.fitting(values.absolute(each), node.type), node.type, value)


def _rounded(node: Expression, value: Column, *_: Column) -> Evaluated:
    if node.type.is_integer:
        return Evaluated(value)
    found = fitted(value, node.type) if node.type.kind == "decimal" and not pa.types.is_floating(value.type) else None
    return found or per_value(lambda each: values.fitting(each, node.type), node.type, value)


def _nullif(node: Expression, one: Column, other: Column) -> Evaluated:
    return per_value(lambda *row: _unless_equal(*row), node.type, one, other, with_nulls=True)


def _unless_equal(one: Any, other: Any) -> Any:  # noqa: ANN401
    both_nan = isinstance(one, float) and isinstance(other, float) and one != one and other != other
    return None if one == other or both_nan else one


def _chosen(function: Callable[..., Any]) -> _Call:
    return lambda node, *arguments: per_value(function, node.type, *arguments, with_nulls=True)


CALLS: Mapping[str, _Call] = {
    "length": _kernel(kernels.utf8_length),
    "lower": _cased(kernels.ascii_lower, str.lower),
    "upper": _cased(kernels.ascii_upper, str.upper),
    "trim": _kernel(lambda text: kernels.utf8_trim(text, " ")),
    "ltrim": _kernel(lambda text: kernels.utf8_ltrim(text, " ")),
    "rtrim": _kernel(lambda text: kernels.utf8_rtrim(text, " ")),
    "substring": _value(values.substring),
    "left": _value(lambda text, count: text[:count]),
    "right": _value(lambda text, count: text[-count:] if count else ""),
    "replace": _replaced,
    "concat": _kernel(lambda *texts: kernels.binary_join_element_wise(*texts, "")),
    "lpad": _padded(left=True),
    "rpad": _padded(left=False),
    "instr": _value(lambda text, part: text.find(part) + 1),
    "startswith": _value(str.startswith),
    "endswith": _value(str.endswith),
    "contains": _value(lambda text, part: part in text),
    "split_part": _value(values.split_part),
    "get_json_object": _json,
    "md5": _value(values.md5),
    "sha2": _value(values.hashed),
    "abs": _absolute,
    "round": _rounded,
    "floor": _value(values.rounded_down),
    "ceil": _value(values.rounded_up),
    "nullif": _nullif,
    "greatest": _chosen(values.greatest),
    "least": _chosen(values.least),
    "year": _kernel(kernels.year),
    "quarter": _kernel(kernels.quarter),
    "month": _kernel(kernels.month),
    "day": _kernel(kernels.day),
    "hour": _kernel(kernels.hour),
    "minute": _kernel(kernels.minute),
    "second": _kernel(kernels.second),
    "date_add": _value(values.days_later),
    "date_sub": _value(lambda day, days: values.days_later(day, -days)),
    "add_months": _value(values.months_later),
    "datediff": _value(lambda one, other: (one - other).days),
    "last_day": _value(values.last_day),
    "trunc": _value(values.truncated),
    "date_format": _value(values.formatted),
    "to_date": _parsed,
    "to_timestamp": _parsed,
}
"""Name → how it is computed; `coalesce`, which looks at a value only if it must, is in `evaluation.py`."""
