"""Text to tree: the grammar of expressions, from what binds least to what binds most.

Total: any text gives a tree or an `ExpressionError`, in time that grows with its length.
"""

from functools import lru_cache

from lakeferry.expressions.functions import ALIASES, FUNCTIONS, nearest
from lakeferry.expressions.lexer import Token, tokens
from lakeferry.expressions.syntax import ExpressionError, Node, Value
from lakeferry.expressions.types import TYPE_NAMES, type_of

MAX_NODES, MAX_DEPTH, _MAX_NESTED = 1000, 100, 40

_COMPARED = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TRIED = {"try_add": "+", "try_subtract": "-", "try_multiply": "*", "try_divide": "/"}
_FIELDS = ("year", "quarter", "month", "day", "hour", "minute", "second")
_QUERIES = {"select", "from", "table", "values", "with", "exists", "lateral", "union"}
_NO_TABLES = "an expression reads the values of its own row, no tables"
SYNTAX_CALLS = ("cast", "try_cast", "try", "if", "extract", "date", "timestamp", *_TRIED)
"""What is written like a function and is part of the grammar."""


@lru_cache(maxsize=256)
def parse(text: str) -> Node:
    """Parses an expression.

    Raises:
        ExpressionError: it is none; it says what was found where.
    """
    parser = _Parser(tokens(text))
    try:
        node = parser.condition()
        parser.end()
    except RecursionError as error:  # pragma: no cover  (the limits are lower; a caller may have used up the stack)
        raise ExpressionError("is nested too deep") from error
    return node


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = self._nested = self._nodes = 0

    # -- tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *wanted: str) -> Token | None:
        token = self._next
        if token.kind in {"word", "sign"} and token.value in wanted:
            self._at += 1
            return token
        return None

    def _take_name(self, name: str) -> bool:
        """A word that is one only in its place: AS, FROM."""
        token = self._next
        if token.kind == "name" and token.value.lower() == name:
            self._at += 1
            return True
        return False

    def _follows(self, *wanted: str) -> bool:
        token = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        return token.kind in {"word", "sign"} and token.value in wanted

    def _expect(self, wanted: str) -> None:
        if self._take(wanted) is None:
            raise self._odd(f"where {wanted.upper()!r} should be")

    def _odd(self, where: str) -> ExpressionError:
        token = self._next
        if token.kind == "refused":
            return ExpressionError(token.value, token.at)
        word = token.value.upper() if token.kind == "name" else ""
        if word.lower() in _QUERIES:
            return ExpressionError(f"has {word}: {_NO_TABLES}", token.at)
        if word == "OVER":
            return ExpressionError("has OVER: windows look at other rows, and an expression reads its own", token.at)
        if token.value == "*" and token.kind == "sign" and "value" in where:
            return ExpressionError("has a star in place of names: name the columns", token.at)
        what = "an end" if token.kind == "end" else repr(token.value[:40])
        return ExpressionError(f"has {what} {where}", token.at)

    def end(self) -> None:
        if self._next.kind != "end":
            raise self._odd("where it should end")

    # -- nodes

    def _node(self, kind: str, at: int, *parts: Node, value: Value = None) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ExpressionError(f"has more than {MAX_NODES:,} values and operations", at)
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > MAX_DEPTH:
            raise ExpressionError(f"is nested more than {MAX_DEPTH} deep", at)
        return Node(kind, value, parts, at, depth)

    # -- grammar

    def condition(self) -> Node:
        self._nested += 1
        if self._nested > _MAX_NESTED:
            raise ExpressionError(f"is nested more than {_MAX_NESTED} deep", self._next.at)
        node = self._joined("or")
        self._nested -= 1
        return node

    def _joined(self, word: str) -> Node:
        at, parts = self._next.at, []
        while True:
            parts.append(self._joined("and") if word == "or" else self._negation())
            if not self._take(word):
                return parts[0] if len(parts) == 1 else self._node(word, at, *parts)

    def _negation(self) -> Node:
        at, nots = self._next.at, 0
        while self._take("not"):
            nots += 1
        node = self._comparison()
        return self._node("not", at, node) if nots % 2 else node

    def _comparison(self) -> Node:
        at, node = self._next.at, self._sum()
        while True:
            if sign := self._take(*_COMPARED):
                return self._node(_COMPARED[sign.value], at, node, self._sum())
            if self._take("is"):
                negated = self._take("not")
                if word := self._take("true", "false"):
                    # unknown is neither
                    node = self._node("call", at, node, self._node("bool", at, value=word.value == "false"),
                                      value="coalesce")  # fmt: skip
                    negated = word if bool(negated) != (word.value == "false") else None
                else:
                    self._expect("null")
                    node = self._node("is null", at, node)
            else:
                negated = self._take("not") if self._follows("in", "between", "like") else None
                if self._take("in"):
                    node = self._in(at, node)
                elif self._take("between"):
                    low = self._sum()
                    self._expect("and")
                    node = self._node("between", at, node, low, self._sum())
                elif self._take("like"):
                    node = self._node("like", at, node, self._sum())
                else:
                    return node
            node = self._node("not", at, node) if negated else node

    def _in(self, at: int, node: Node) -> Node:
        self._expect("(")
        return self._node("in", at, node, *self._list())

    def _sum(self) -> Node:
        at, node = self._next.at, self._product()
        while sign := self._take("+", "-", "||"):
            right = self._product()
            if sign.value == "||" and node.kind == "||" and node.at == at:
                self._nodes -= 1
                node = self._node("||", at, *node.parts, right)
            else:
                node = self._node(sign.value, at, node, right)
        return node

    def _product(self) -> Node:
        at, node = self._next.at, self._signed()
        while sign := self._take("*", "/", "%"):
            node = self._node(sign.value, at, node, self._signed())
        return node

    def _signed(self) -> Node:
        at, signs = self._next.at, 0
        while sign := self._take("-", "+"):
            signs += sign.value == "-"
            if signs > _MAX_NESTED:
                raise ExpressionError(f"has more than {_MAX_NESTED} signs in a row", at)
        if signs and self._next.kind == "number":
            node = self._node("number", at, value="-" + self._next.value)
            self._at, signs = self._at + 1, signs - 1
        else:
            node = self._value()
        for _ in range(signs):
            node = self._node("negate", at, node)
        return node

    def _value(self) -> Node:
        token = self._next
        if self._take("("):
            node = self.condition()
            self._expect(")")
            return node
        if self._take("case"):
            return self._case(token.at)
        if self._take("true", "false"):
            return self._node("bool", token.at, value=token.value == "true")
        if self._take("null"):
            return self._node("null", token.at)
        if token.kind in {"number", "text"}:
            self._at += 1
            return self._node(token.kind, token.at, value=token.value)
        if token.kind == "quoted":
            self._at += 1
            return self._node("column", token.at, value=token.value)
        if token.kind != "name" or (token.value.lower() in _QUERIES and not self._is_column()):
            raise self._odd("where a value should be")
        self._at += 1
        if self._next.kind == "text" and token.value.lower() in {"date", "timestamp"}:
            self._at += 1
            return self._node(token.value.lower(), token.at, value=self._tokens[self._at - 1].value)
        if self._next.kind == "text":
            raise ExpressionError(f"has {token.value!r} before a text, which is no kind of text here", token.at)
        if self._take("("):
            return self._call(token.value.lower(), token.at)
        return self._node("column", token.at, value=token.value)

    def _is_column(self) -> bool:
        """Whether a word of SQL queries is a column's name here: `values > 1`."""
        after = self._tokens[self._at + 1]
        return after.kind in {"word", "end"} or (after.kind == "sign" and after.value not in {"(", "*"})

    def _case(self, at: int) -> Node:
        subject = None
        if not (self._next.kind == "word" and self._next.value == "when"):
            subject = self.condition()
            if subject.kind != "column":
                raise ExpressionError("has CASE of something else than a column: write CASE WHEN condition", subject.at)
        parts: list[Node] = []
        while self._take("when"):
            when = self.condition()
            parts.append(when if subject is None else self._node("=", when.at, subject, when))
            self._expect("then")
            parts.append(self.condition())
        if not parts:
            raise self._odd("where 'WHEN' should be")
        parts.append(self.condition() if self._take("else") else self._node("null", at))
        self._expect("end")
        return self._node("case", at, *parts)

    def _call(self, name: str, at: int) -> Node:
        if name in {"cast", "try_cast"}:
            node = self._cast(at)
            return node if name == "cast" else self._node("try", at, node)
        if name == "extract":
            return self._extract(at)
        if name in {"exists", *_QUERIES}:
            raise ExpressionError(f"has {name.upper()}: {_NO_TABLES}", at)
        name = ALIASES.get(name, name)
        if name not in FUNCTIONS and name not in SYNTAX_CALLS:
            hint = nearest(name, [*FUNCTIONS, *ALIASES, *SYNTAX_CALLS])
            raise ExpressionError(f"calls {name}, which is none of the functions there are{hint}", at)
        parts = self._list()
        if name in FUNCTIONS:
            if not FUNCTIONS[name].takes_count(len(parts)):
                count = FUNCTIONS[name].count_words
                raise ExpressionError(f"calls {name} with {len(parts)} values where it takes {count}", at)
            return self._node("call", at, *parts, value=name)
        if name in _TRIED and len(parts) == 2:
            return self._node("try", at, self._node(_TRIED[name], at, *parts))
        if name == "try" and len(parts) == 1:
            return self._node("try", at, *parts)
        if name == "if" and len(parts) == 3:
            return self._node("case", at, *parts)
        if name in {"date", "timestamp"} and len(parts) == 1:
            return self._node("cast", at, *parts, value=type_of(name))
        wanted = {"if": 3, "try": 1, "date": 1, "timestamp": 1}.get(name, 2)
        raise ExpressionError(f"calls {name} with {len(parts)} values where it takes {wanted}", at)

    def _cast(self, at: int) -> Node:
        node = self.condition()
        if not self._take_name("as"):
            raise self._odd("where 'AS' should be")
        start = self._next
        if start.kind != "name":
            raise self._odd("where a type should be")
        self._at += 1
        name = start.value
        if self._take("("):
            while self._next.kind == "number" or self._next.value == ",":
                name += ("(" if "(" not in name else "") + self._next.value
                self._at += 1
            self._expect(")")
            name += ")"
        self._expect(")")
        kind = type_of(name)
        if kind is None:
            known = ", ".join((*TYPE_NAMES, "decimal(p,s)"))
            raise ExpressionError(f"casts to {name[:40]!r}, which is no type; there are {known}", start.at)
        return self._node("cast", at, node, value=kind)

    def _extract(self, at: int) -> Node:
        word = self._next
        if word.kind != "name" or word.value.lower() not in _FIELDS:
            raise self._odd(f"where one of {', '.join(_FIELDS)} should be")
        self._at += 1
        if not self._take_name("from"):
            raise self._odd("where 'FROM' should be")
        node = self.condition()
        self._expect(")")
        return self._node("call", at, node, value=word.value.lower())

    def _list(self) -> list[Node]:
        items = [self.condition()]
        while self._take(","):
            items.append(self.condition())
        self._expect(")")
        return items
