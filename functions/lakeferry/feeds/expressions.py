"""The language of `checks.expressions`: conditions on the values of one row, as in SQL's WHERE.

    amount >= 0 AND (discount IS NULL OR discount <= amount)
    status IN ('new', 'paid') OR shipped_on BETWEEN ordered_on AND DATE '2030-01-01'

Columns (plain or in backquotes), numbers, 'text', DATE and TIMESTAMP '...', TRUE, FALSE, NULL; + - * /, = <> != < <=
> >=, IS [NOT] NULL, [NOT] IN (...), [NOT] BETWEEN, NOT, AND, OR; length, lower, upper, trim, abs, coalesce. Nothing
else, and nothing is ever evaluated as Python: this module only parses, into tuples that `checks/expressions.py` runs.
"""

import re
from collections.abc import Iterator
from typing import Any

Node = tuple[Any, ...]
"""An operator's name, and what it works on: `("column", name)`, `("literal", value)`, `("and", node, node)` ..."""

FUNCTIONS = {"length": 1, "lower": 1, "upper": 1, "trim": 1, "abs": 1, "coalesce": None}
"""Name → how many arguments; None is one or more."""
_MAX_DEPTH = 50

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?|\.\d+)|(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_]\w*)|`(?P<quoted>[^`]+)`"
    r"|(?P<sign><=|>=|<>|!=|[=<>+\-*/(),]))"
)
_WORDS = {"and", "or", "not", "is", "null", "in", "between", "true", "false", "date", "timestamp"}
_COMPARED = {
    "=": "equal",
    "<>": "not_equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}
_SUMS = {"+": "add", "-": "subtract"}
_PRODUCTS = {"*": "multiply", "/": "divide"}


def parse_expression(text: str) -> Node:
    """Parses a condition.

    Raises:
        ValueError: it is not one; the message says what was found where.
    """
    parser = _Parser(text)
    node = parser.condition()
    parser.end()
    return node


def columns_of(node: Node) -> Iterator[str]:
    """The names of the columns it looks at."""
    if node[0] == "column":
        yield node[1]
    for part in node[1:]:
        if isinstance(part, tuple):
            yield from columns_of(part)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._at = self._depth = 0
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(f"cannot be read from {text[position : position + 20]!r} on")
            kind = match.lastgroup or ""
            value = match[kind]
            if kind == "name" and value.lower() in _WORDS:
                kind, value = "word", value.lower()
            self._tokens.append((kind, value))
            position = match.end()

    # -- tokens

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ("end", "the end")

    def _take(self, *wanted: str) -> str | None:
        kind, value = self._peek()
        if kind in {"word", "sign"} and value in wanted:
            self._at += 1
            return value
        return None

    def _expect(self, wanted: str) -> None:
        if self._take(wanted) is None:
            raise ValueError(f"has {self._peek()[1]!r} where {wanted.upper()!r} should be")

    def end(self) -> None:
        if self._peek()[0] != "end":
            raise ValueError(f"goes on with {self._peek()[1]!r} where it should end")

    # -- grammar, from what binds least to what binds most

    def condition(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ValueError(f"is nested more than {_MAX_DEPTH} deep")
        node = self._conjunction()
        while self._take("or"):
            node = ("or", node, self._conjunction())
        self._depth -= 1
        return node

    def _conjunction(self) -> Node:
        node = self._negation()
        while self._take("and"):
            node = ("and", node, self._negation())
        return node

    def _negation(self) -> Node:
        nots = 0
        while self._take("not"):
            nots += 1
        node = self._comparison()
        return ("not", node) if nots % 2 else node

    def _comparison(self) -> Node:
        node = self._sum()
        if sign := self._take(*_COMPARED):
            return (_COMPARED[sign], node, self._sum())
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            return ("is_valid" if negated else "is_null", node)
        negated = "not" if self._peek(1)[1] in {"in", "between"} and self._take("not") else None
        if self._take("in"):
            self._expect("(")
            node = ("in", node, *self._list())
        elif self._take("between"):
            low = self._sum()
            self._expect("and")
            node = ("and", ("greater_equal", node, low), ("less_equal", node, self._sum()))
        return ("not", node) if negated else node

    def _sum(self) -> Node:
        node = self._product()
        while sign := self._take(*_SUMS):
            node = (_SUMS[sign], node, self._product())
        return node

    def _product(self) -> Node:
        node = self._value()
        while sign := self._take(*_PRODUCTS):
            node = (_PRODUCTS[sign], node, self._value())
        return node

    def _value(self) -> Node:
        if self._take("("):
            node = self.condition()
            self._expect(")")
            return node
        if self._take("-"):
            return ("negate", self._value())
        kind, value = self._peek()
        self._at += 1
        if kind == "number":
            return ("literal", value if "." in value else int(value), "decimal" if "." in value else "int64")
        if kind == "text":
            return ("literal", value[1:-1].replace("''", "'"), "string")
        if kind == "word" and value in {"date", "timestamp"} and self._peek()[0] == "text":
            self._at += 1
            return ("literal", self._tokens[self._at - 1][1][1:-1], value)
        if kind == "word" and value in {"true", "false", "null"}:
            return ("literal", {"true": True, "false": False, "null": None}[value], "bool")
        if kind == "name" and self._take("("):
            return self._call(value.lower())
        if kind in {"name", "quoted"}:
            return ("column", value)
        raise ValueError(f"has {value!r} where a value should be")

    def _call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise ValueError(f"calls {name}, which is not one of {', '.join(sorted(FUNCTIONS))}")
        arguments = self._list()
        wanted = FUNCTIONS[name]
        if wanted is not None and len(arguments) != wanted:
            raise ValueError(f"calls {name} with {len(arguments)} values where it takes {wanted}")
        return ("call", name, *arguments)

    def _list(self) -> list[Node]:
        items = [self.condition()]
        while self._take(","):
            items.append(self.condition())
        self._expect(")")
        return items
