"""What an expression says, as a tree that knows no types, and the text of such a tree."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lakeferry.expressions.types import Type

Value = str | int | bool | Type | None


class ExpressionError(ValueError):
    """An expression that is none of the language, or whose types do not go together.

    Attributes:
        at: Where, from 0, in its text; None where the whole is meant.
    """

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        kind: `column`, `number`, `text`, `date`, `timestamp`, `bool`, `null`; a sign of arithmetic or comparison;
            `negate`, `not`, `and`, `or`, `in`, `between`, `like`, `is null`, `case`, `cast`, `try`, `call`.
        value: A column's or function's name, a literal as it is written, the type of a cast.
        parts: What it works on. Of `case`: condition, value, condition, value ..., and the rest's value.
        at: Where it begins in the text; two trees are equal wherever they stand.
        depth: Nodes on the longest way down.
    """

    kind: str
    value: Value = None
    parts: tuple["Node", ...] = ()
    at: int = field(default=0, compare=False)
    depth: int = field(default=1, compare=False)


def placed(error: ExpressionError, text: str) -> ExpressionError:
    """The error with its place in the text, for a person."""
    if error.at is None:
        return error
    rest = text[error.at : error.at + 30]
    where = f"at character {error.at + 1}, {rest!r}" if rest.strip() else "at its end"
    return ExpressionError(f"{error} ({where})", error.at)


def columns_of(node: Node) -> Iterator[str]:
    """The names of the columns it looks at, as they are spelt."""
    if node.kind == "column":
        yield str(node.value)
    for part in node.parts:
        yield from columns_of(part)


_RANK = {"or": 1, "and": 2, "not": 3, "+": 5, "-": 5, "||": 5, "*": 6, "/": 6, "%": 6, "negate": 7}
_RANK |= dict.fromkeys(("=", "<>", "<", "<=", ">", ">=", "in", "between", "like", "is null"), 4)
_LEAF = 9
_ESCAPES = {"\\": "\\\\", "'": "''", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def render(node: Node) -> str:
    """The text of a tree: `parse(render(tree)) == tree`."""
    return _text(node, 0)


def quoted_text(value: str) -> str:
    """A literal of text in this language."""
    return "'" + "".join(_ESCAPES.get(sign, sign) for sign in value) + "'"


def _text(node: Node, rank: int) -> str:
    own = _RANK.get(node.kind, _LEAF)
    if node.kind == "number" and str(node.value).startswith("-"):
        own = _RANK["negate"]
    text = _bare(node, own)
    return f"({text})" if own < rank else text


def _bare(node: Node, own: int) -> str:
    kind, parts = node.kind, node.parts
    if kind in {"and", "or", "||"}:
        return f" {kind.upper()} ".join(_text(part, own + 1) for part in parts)
    if kind in _RANK and own in {5, 6}:
        return f"{_text(parts[0], own)} {kind} {_text(parts[1], own + 1)}"
    if kind in {"=", "<>", "<", "<=", ">", ">="}:
        return f"{_text(parts[0], 5)} {kind} {_text(parts[1], 5)}"
    if kind == "not":
        return f"NOT {_text(parts[0], own + 1)}"
    if kind == "negate":
        # a number would take the sign as its own
        return f"-{_text(parts[0], _LEAF + (parts[0].kind == 'number'))}"
    if kind == "in":
        return f"{_text(parts[0], 5)} IN ({', '.join(_text(part, 0) for part in parts[1:])})"
    if kind == "between":
        return f"{_text(parts[0], 5)} BETWEEN {_text(parts[1], 5)} AND {_text(parts[2], 5)}"
    if kind == "like":
        return f"{_text(parts[0], 5)} LIKE {_text(parts[1], 5)}"
    if kind == "is null":
        return f"{_text(parts[0], 5)} IS NULL"
    if kind == "case":
        whens = zip(parts[:-1:2], parts[1:-1:2], strict=True)
        told = "".join(f" WHEN {_text(when, 0)} THEN {_text(then, 0)}" for when, then in whens)
        return f"CASE{told} ELSE {_text(parts[-1], 0)} END"
    if kind == "cast":
        return f"CAST({_text(parts[0], 0)} AS {node.value})"
    if kind in {"try", "call"}:
        return f"{'TRY' if kind == 'try' else node.value}({', '.join(_text(part, 0) for part in parts)})"
    return _leaf(node)


def _leaf(node: Node) -> str:
    if node.kind == "column":
        return "`" + str(node.value).replace("`", "``") + "`"
    if node.kind == "text":
        return quoted_text(str(node.value))
    if node.kind in {"date", "timestamp"}:
        return f"{node.kind.upper()} {quoted_text(str(node.value))}"
    if node.kind == "bool":
        return "TRUE" if node.value else "FALSE"
    return "NULL" if node.kind == "null" else str(node.value)
