"""Values of several types as one type, where that loses nothing."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from lakeferry.expressions.syntax import ExpressionError, Node
from lakeferry.expressions.tree import Expression
from lakeferry.expressions.types import DATE, NULL, STRING, TIMESTAMP, Type, common_type


def coerce(expression: Expression, of: Type) -> Expression:
    """The expression as a type that has all its values; literals become literals of it."""
    if expression.type == of:
        return expression
    if expression.op == "literal" and expression.value is None:
        return Expression("literal", of)
    return Expression("widen", of, (expression,))


def together(node: Node, parts: Sequence[Expression], places: Sequence[Node]) -> list[Expression]:
    """The expressions as one type.

    Raises:
        ExpressionError: there is none that has all values.
    """
    times = [part.type for part in parts if part.type.is_time]
    if times:
        wanted = TIMESTAMP if TIMESTAMP in times else DATE
        parts = [_as_time(part, at, wanted) for part, at in zip(parts, places, strict=True)]
    found: Type = NULL
    for part in parts:
        common = common_type(found, part.type)
        if common is None:
            both = f"{found} and {part.type}"
            if found.is_number and part.type.is_number:
                raise ExpressionError(f"puts {both} together, which takes more than 38 digits: cast one", node.at)
            raise ExpressionError(f"puts {both} together: use values of one type, by CAST if need be", node.at)
        found = common
    if found == NULL:
        found = STRING
    return [coerce(part, found) for part in parts]


def named(expression: Expression) -> str:
    """Its type in a sentence: `a string`."""
    return f"{'an' if str(expression.type)[0] in 'aeiou' else 'a'} {expression.type}"


def must(node: Node, holds: bool, message: str) -> None:
    """Raises ExpressionError, with the node's place, unless it holds."""
    if not holds:
        raise ExpressionError(message, node.at)


def time_literal(node: Node, text: str, of: Type) -> Expression:
    """A date or timestamp that is written down.

    Raises:
        ExpressionError: it is none.
    """
    try:
        if of == DATE and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return Expression("literal", DATE, value=date.fromisoformat(text))
        if of == TIMESTAMP and re.fullmatch(
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{6})?)?)?", text
        ):
            return Expression("literal", TIMESTAMP, value=datetime.fromisoformat(text))
    except ValueError:
        pass
    form = "2026-11-29" if of == DATE else "2026-11-29 06:07:08"
    raise ExpressionError(f"has {text[:40]!r}, which is no {of}: it is written {form}", node.at)


def _as_time(part: Expression, node: Node, of: Type) -> Expression:
    """Text that is written down as the time it says."""
    if part.op == "literal" and isinstance(part.value, str):
        return time_literal(node, part.value, TIMESTAMP if len(part.value) > 10 else of)
    return part
