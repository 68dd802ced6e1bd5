"""Computes typed expressions on Arrow columns: the same values as the job's SQL, and the rows that have none.

Where an Arrow kernel gives the same value as SQL it is taken; the rest is computed value by value (`values.py`), each
distinct one once.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.calling import call
from lakeferry.checks.casting import cast, widened
from lakeferry.checks.decimals import divided
from lakeferry.checks.rowwise import Evaluated, arrow_type, either, per_value
from lakeferry.checks.values import ARITHMETIC, fitting
from lakeferry.expressions.tree import Expression
from lakeferry.expressions.types import FLOAT64, Type, arithmetic_type, decimal, has_remainder, type_of

_FEW = 8
"""Values up to which IN is a chain of comparisons."""
_COMPARE = {
    "=": "equal",
    "<>": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}
_CHECKED = {"+": "add", "-": "subtract", "*": "multiply"}


def type_of_arrow(of_type: pa.DataType) -> Type:
    """The type of a checked column, which is one of those that feeds declare."""
    if pa.types.is_decimal(of_type):
        return decimal(of_type.precision, of_type.scale)
    if pa.types.is_timestamp(of_type):
        name = "timestamp"
    else:
        name = {"date32[day]": "date", "double": "float64"}.get(str(of_type), str(of_type))
    found = type_of(name)
    assert found is not None, of_type  # noqa: S101  (a column is converted to a declared type first)
    return found


def evaluate(expression: Expression, columns: Mapping[str, Column], rows: int) -> Evaluated:
    """The values of an expression, an array or a scalar, and where they could not be computed."""
    return _Evaluation(columns, rows).run(expression)


@dataclass(frozen=True, slots=True)
class _Evaluation:
    columns: Mapping[str, Column]
    rows: int

    def run(self, node: Expression) -> Evaluated:
        op = node.op
        if op == "column":
            return Evaluated(self._column(node))
        if op == "literal":
            return Evaluated(pa.scalar(node.value, arrow_type(node.type)))
        if op in {"and", "or"}:
            return self._logic(node)
        if op == "case":
            return self._case(node)
        if op == "call" and node.value == "coalesce":
            return self._coalesce(node)
        parts = [self.run(part) for part in node.parts]
        if op == "try":
            return Evaluated(parts[0].values)
        found = _OPERATIONS[op](node, *[part.values for part in parts])
        return Evaluated(found.values, either(found.error, *[part.error for part in parts]))

    def _column(self, node: Expression) -> Column:
        values = self.columns[str(node.value)]
        wanted = arrow_type(node.type)
        return values if values.type == wanted else values.cast(wanted)

    # what looks at a part only where those before it leave that open

    def _logic(self, node: Expression) -> Evaluated:
        joined = kernels.and_kleene if node.op == "and" else kernels.or_kleene
        decides = node.op == "or"
        found = self.run(node.parts[0])
        for part in node.parts[1:]:
            more = self.run(part)
            error = more.error
            if error is not None:
                is_open = kernels.fill_null(kernels.not_equal(found.values, decides), fill_value=True)
                error = kernels.and_(is_open, error)
            found = Evaluated(joined(found.values, more.values), either(found.error, error))
        return found

    def _case(self, node: Expression) -> Evaluated:
        remaining: Column = pa.scalar(value=True)
        error: Column | None = None
        branches: list[tuple[Column, Column]] = []
        for at in range(0, len(node.parts) - 1, 2):
            when, then = self.run(node.parts[at]), self.run(node.parts[at + 1])
            taken = kernels.fill_null(when.values, fill_value=False)
            now = kernels.and_(remaining, taken)
            error = either(error, _where(remaining, when.error), _where(now, then.error))
            remaining = kernels.and_(remaining, kernels.invert(taken))
            branches.append((taken, then.values))
        rest = self.run(node.parts[-1])
        values = rest.values
        for taken, then_values in reversed(branches):
            values = kernels.if_else(taken, then_values, values)
        return Evaluated(values, either(error, _where(remaining, rest.error)))

    def _coalesce(self, node: Expression) -> Evaluated:
        found = self.run(node.parts[0])
        for part in node.parts[1:]:
            more = self.run(part)
            error = _where(kernels.is_null(found.values), more.error)
            found = Evaluated(kernels.coalesce(found.values, more.values), either(found.error, error))
        return found


def _where(mask: Column, error: Column | None) -> Column | None:
    return None if error is None else kernels.and_(mask, error)


# -- operations


def _arithmetic(node: Expression, one: Column, other: Column) -> Evaluated:
    sign, of = node.op, node.type
    if sign in _CHECKED:
        if of == FLOAT64:
            return Evaluated(getattr(kernels, _CHECKED[sign])(one, other))
        if of.is_integer:
            try:
                return Evaluated(getattr(kernels, _CHECKED[sign] + "_checked")(one, other))
            except pa.ArrowInvalid:
                # a value does not fit: which
                pass
        elif arithmetic_type(sign, node.parts[0].type, node.parts[1].type).precision < 38:
            return Evaluated(getattr(kernels, _CHECKED[sign])(one, other))
    if sign == "/" and of == FLOAT64:
        zero = kernels.equal(other, 0.0)
        nothing = pa.scalar(None, pa.float64())
        error = kernels.and_(kernels.fill_null(zero, fill_value=False), kernels.is_valid(one))
        return Evaluated(kernels.divide(one, kernels.if_else(zero, nothing, other)), error)
    found = divided(one, other, of) if sign == "/" else None
    found = found or per_value(lambda *row: fitting(ARITHMETIC[sign](*row), of), of, one, other)
    if sign == "%" and of.kind == "decimal" and not has_remainder(node.parts[0].type, node.parts[1].type):
        # there is none where there is no quotient
        quotients = Expression("/", arithmetic_type("/", node.parts[0].type, node.parts[1].type), node.parts)
        error = either(found.error, _arithmetic(quotients, one, other).error)
        none = pa.scalar(None, arrow_type(of))
        found = Evaluated(found.values if error is None else kernels.if_else(error, none, found.values), error)
    return found


def _negate(node: Expression, value: Column) -> Evaluated:
    if node.type.is_integer:
        return _arithmetic(Expression("-", node.type), pa.scalar(0, arrow_type(node.type)), value)
    return Evaluated(kernels.negate(value))


def _compare(sign: str, one: Column, other: Column) -> Column:
    found = getattr(kernels, _COMPARE[sign])(one, other)
    if not pa.types.is_floating(one.type):
        return found
    # NaN is a value, greater than any other
    first, second = kernels.is_nan(one), kernels.is_nan(other)
    odd = kernels.or_(first, second)
    both, less = kernels.and_(first, second), kernels.and_(kernels.invert(first), second)
    greater = kernels.and_(first, kernels.invert(second))
    told = {"=": both, "<>": kernels.invert(both), "<": less, "<=": kernels.or_(both, less), ">": greater,
            ">=": kernels.or_(both, greater)}[sign]  # fmt: skip
    return kernels.if_else(odd, told, found)


def _comparison(node: Expression, one: Column, other: Column) -> Evaluated:
    return Evaluated(_compare(node.op, one, other))


def _between(_: Expression, value: Column, low: Column, high: Column) -> Evaluated:
    return Evaluated(kernels.and_kleene(_compare(">=", value, low), _compare("<=", value, high)))


def _in(node: Expression, value: Column, *others: Column) -> Evaluated:
    listed = node.parts[1:]
    is_float = pa.types.is_floating(value.type)
    if not is_float and len(listed) > _FEW and all(part.op == "literal" and part.value is not None for part in listed):
        found = kernels.is_in(value, pa.array([part.value for part in listed], value.type))
        return Evaluated(kernels.if_else(kernels.is_valid(value), found, pa.scalar(None, pa.bool_())))
    found = _compare("=", value, others[0])
    for other in others[1:]:
        found = kernels.or_kleene(found, _compare("=", value, other))
    return Evaluated(found)


def _like(node: Expression, value: Column) -> Evaluated:
    signs = {"%": ".*", "_": "."}
    parts = re.findall(r"\\([\\%_])|(.)", str(node.value), re.DOTALL)
    pattern = "".join(re.escape(escaped) if escaped else signs.get(sign) or re.escape(sign) for escaped, sign in parts)
    return Evaluated(kernels.match_substring_regex(value, rf"(?s)\A{pattern}\z"))


_OPERATIONS: Mapping[str, Callable[..., Evaluated]] = {
    **dict.fromkeys(("+", "-", "*", "/", "%"), _arithmetic),
    **dict.fromkeys(_COMPARE, _comparison),
    "negate": _negate,
    "between": _between,
    "in": _in,
    "like": _like,
    "not": lambda _, value: Evaluated(kernels.invert(value)),
    "is null": lambda _, value: Evaluated(kernels.is_null(value)),
    "cast": cast,
    "widen": widened,
    "call": call,
}
