"""Gives every node of a tree its type, or says why it has none."""

import re
from decimal import Decimal

from lakeferry.expressions.calls import typed_call
from lakeferry.expressions.coercion import coerce, must, named, time_literal, together
from lakeferry.expressions.functions import nearest
from lakeferry.expressions.syntax import ExpressionError, Node
from lakeferry.expressions.tree import Expression, Scope
from lakeferry.expressions.types import (
    BOOL,
    DATE,
    FLOAT64,
    INT,
    INT64,
    NULL,
    STRING,
    TIMESTAMP,
    Type,
    arithmetic_type,
    as_decimal,
    decimal,
    has_remainder,
    is_exact,
)

_MAX_TEXT_SCALE = 6
"""Digits after the point up to which every engine writes a decimal plainly."""
_CASTS = {
    "int": {"int", "int64", "float64", "decimal", "string", "bool"},
    "int64": {"int", "int64", "float64", "decimal", "string", "bool"},
    "float64": {"int", "int64", "float64", "decimal", "string"},
    "decimal": {"int", "int64", "float64", "decimal", "string"},
    "string": {"int", "int64", "decimal", "string", "bool", "date", "timestamp"},
    "date": {"string", "date", "timestamp"},
    "timestamp": {"string", "date", "timestamp"},
    "bool": {"string", "bool"},
}
"""Type → the types that can be cast to it."""
_ADVICE = {
    ("float64", "string"): "there is more than one text for a float64: cast it to a decimal first",
    ("bool", "int"): "write value <> 0",
    ("bool", "int64"): "write value <> 0",
}


def typed(node: Node, scope: Scope) -> Expression:
    """The typed tree.

    Raises:
        ExpressionError: a column is not there, or types do not go together.
    """
    kind = node.kind
    if kind == "column":
        return _column(node, scope)
    if not node.parts:
        return _literal(node)
    parts = [typed(part, scope) for part in node.parts]
    if kind in {"+", "-", "*", "/", "%"}:
        return _arithmetic(node, *parts)
    if kind == "negate":
        must(node, parts[0].type.is_number, f"takes the negative of {named(parts[0])}")
        return Expression(kind, parts[0].type, tuple(parts), can_fail=parts[0].type.is_integer)
    if kind in {"=", "<>", "<", "<=", ">", ">=", "between", "in"}:
        return _comparison(node, parts)
    if kind in {"and", "or", "not"}:
        return Expression(kind, BOOL, tuple(condition(part, at) for part, at in zip(parts, node.parts, strict=True)))
    if kind == "like":
        return _like(node, *parts)
    if kind == "is null":
        return Expression(kind, BOOL, tuple(parts))
    if kind == "case":
        return _case(node, parts)
    if kind == "cast":
        return _cast(node, parts[0])
    if kind == "try":
        return Expression(kind, parts[0].type, tuple(parts), growth=parts[0].growth)
    if kind == "||":
        return typed_call(node, "concat", parts)
    return typed_call(node, str(node.value), parts)


def condition(expression: Expression, node: Node) -> Expression:
    """The expression as true or false.

    Raises:
        ExpressionError: it is something else.
    """
    if expression.type == NULL:
        return coerce(expression, BOOL)
    must(node, expression.type == BOOL, f"is {named(expression)} where true or false should be")
    return expression


def _column(node: Node, scope: Scope) -> Expression:
    name = str(node.value).lower()
    found = scope.columns.get(name, STRING if scope.is_open else None)
    if found is None:
        known = ", ".join(sorted(scope.columns)[:20]) or "none"
        hint = nearest(name, scope.columns) or f"; there are {known}"
        raise ExpressionError(f"names the column {str(node.value)[:80]!r}, which is not there{hint}", node.at)
    return Expression("column", found, value=name)


def _literal(node: Node) -> Expression:
    kind, value = node.kind, node.value
    if kind == "number":
        return _number(node, str(value))
    if kind == "text":
        return Expression("literal", STRING, value=str(value))
    if kind == "bool":
        return Expression("literal", BOOL, value=bool(value))
    if kind == "null":
        return Expression("literal", NULL)
    return time_literal(node, str(value), DATE if kind == "date" else TIMESTAMP)


def _number(node: Node, text: str) -> Expression:
    if "e" in text.lower():
        value = float(text)
        must(node, value not in {float("inf"), float("-inf")}, f"has {text[:40]}, which no float64 holds")
        return Expression("literal", FLOAT64, value=value)
    exact = Decimal(text.rstrip(".") if text.endswith(".") else text)
    digits, exponent = exact.as_tuple().digits, exact.as_tuple().exponent
    scale = -exponent if isinstance(exponent, int) else 0
    precision = max(len(digits), scale)
    must(node, precision <= 38, f"has {text[:50]}, which has more than 38 digits")
    if "." not in text and -(2**63) <= int(exact) < 2**63:
        return Expression("literal", INT if -(2**31) <= int(exact) < 2**31 else INT64, value=int(exact))
    return Expression("literal", decimal(precision, scale), value=exact)


def _arithmetic(node: Node, one: Expression, other: Expression) -> Expression:
    sign = node.kind
    both = [coerce(part, INT) if part.type == NULL else part for part in (one, other)]
    for part in both:
        advice = ": days are added by date_add, and counted by datediff" if part.type.is_time else ""
        must(node, part.type.is_number, f"computes {sign} with {named(part)}{advice}")
    zero = sign in {"/", "%"} and not (both[1].op == "literal" and both[1].value)
    types = [part.type for part in both]
    if FLOAT64 in types or (sign == "/" and all(of.is_integer for of in types)):
        one, other = (coerce(part, FLOAT64) for part in both)
        return Expression(sign, FLOAT64, (one, other), can_fail=zero)
    if all(of.is_integer for of in types):
        result = INT if types == [INT, INT] else INT64
        one, other = (coerce(part, result) for part in both)
        return Expression(sign, result, (one, other), can_fail=zero if sign == "%" else True)
    one, other = (_decimal_operand(part) for part in both)
    result = arithmetic_type(sign, one.type, other.type)
    fits = is_exact(sign, one.type, other.type) if sign in {"+", "-", "*"} else result.precision < 38
    fits = fits and (sign != "%" or has_remainder(one.type, other.type))
    return Expression(sign, result, (one, other), can_fail=zero or not fits)


def _decimal_operand(part: Expression) -> Expression:
    if part.op == "literal" and isinstance(part.value, int):
        return Expression("literal", decimal(len(str(abs(part.value))), 0), value=Decimal(part.value))
    return coerce(part, as_decimal(part.type))


def _comparison(node: Node, parts: list[Expression]) -> Expression:
    if any(part.type.kind == "decimal" for part in parts):
        parts = [_decimal_operand(part) if part.op == "literal" and part.type.is_integer else part for part in parts]
    parts = together(node, parts, node.parts)
    if parts[0].type == BOOL:
        must(node, node.kind in {"=", "<>"}, f"compares true and false by {node.kind.upper()}")
    return Expression(node.kind, BOOL, tuple(parts))


def _like(node: Node, value: Expression, pattern: Expression) -> Expression:
    if value.type == NULL:
        value = coerce(value, STRING)
    must(node, value.type == STRING, f"looks by LIKE into {named(value)}")
    text = pattern.value if pattern.op == "literal" else None
    if not isinstance(text, str):
        raise ExpressionError("has LIKE without a pattern that is written down as text", node.at)
    bare = re.sub(r"\\[\\%_]", "x", text)
    must(node, "\\" not in bare, r"has a pattern with a backslash that is before none of %, _ and \ ")
    # each further one would make the search longer by a factor of the value's length
    count = bare.count("%")
    single = count <= 1 or (count == 2 and len(bare) > 1 and bare[0] == bare[-1] == "%")
    must(
        node,
        single,
        f"has the pattern {text[:40]!r} with % in several places: have one, or one at either end, and put several "
        "conditions together by AND",
    )
    return Expression("like", BOOL, (value,), text)


def _case(node: Node, parts: list[Expression]) -> Expression:
    whens = [condition(part, at) for part, at in zip(parts[:-1:2], node.parts[:-1:2], strict=True)]
    places = [*node.parts[1:-1:2], node.parts[-1]]
    values = together(node, [*parts[1:-1:2], parts[-1]], places)
    mixed: list[Expression] = []
    for when, value in zip(whens, values[:-1], strict=True):
        mixed += [when, value]
    return Expression("case", values[0].type, (*mixed, values[-1]), growth=max(value.growth for value in values))


def _cast(node: Node, part: Expression) -> Expression:
    to = node.value
    assert isinstance(to, Type)  # noqa: S101  (the parser puts nothing else there)
    if part.type == NULL:
        return coerce(part, to)
    kind = part.type.kind
    advice = _ADVICE.get((kind, to.kind)) or _ADVICE.get((to.kind, kind)) or "there is no such cast"
    must(node, kind in _CASTS[to.kind], f"casts {named(part)} to {to}: {advice}")
    if part.type == to:
        return part
    if kind == "decimal" and to == STRING:
        must(node, part.type.scale <= _MAX_TEXT_SCALE, f"casts {named(part)} to a string: round it to 6 digits first")
    never = to == STRING or (to.is_time and part.type.is_time) or kind == "bool" or (kind, to.kind) == ("int", "int64")
    never = never or (to == FLOAT64 and kind != "string")
    if kind in {"decimal", "int", "int64"} and to.kind == "decimal":
        has = as_decimal(part.type)
        # rounding may make one digit more
        rounds = int(to.scale < has.scale)
        never = to.precision - to.scale >= has.precision - has.scale + rounds
    if kind == "decimal" and to.is_integer:
        never = part.type.precision - part.type.scale < (10 if to == INT else 19)
    return Expression("cast", to, (part,), can_fail=not never, growth=part.growth)
