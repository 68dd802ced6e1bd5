"""The words and signs of an expression."""

import re
from dataclasses import dataclass

from lakeferry.expressions.syntax import ExpressionError

MAX_CHARACTERS = 8000

_TOKEN = re.compile(
    r"\s*(?:(?P<comment>--|/\*|#)|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*')|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|`(?P<quoted>(?:[^`]|``)+)`"
    r"|(?P<sign><=>|<=|>=|<>|!=|\|\||->|=>|::|==|[=<>+\-*/%(),])|(?P<end>\Z))",
    re.DOTALL,
)
WORDS = frozenset(
    {"and", "or", "not", "is", "null", "in", "between", "like", "true", "false", "case", "when", "then", "else", "end"}
)
_ESCAPED = re.compile(r"''|\\(.)", re.DOTALL)
_ESCAPES = {"\\": "\\", "'": "'", "n": "\n", "r": "\r", "t": "\t", "%": "\\%", "_": "\\_"}
_REFUSED = {
    "->": "'->': lambda functions are no part of the language",
    "=>": "'=>': functions take their values by place, not by name",
    "::": "'::': write CAST(value AS type)",
    "==": "'==': write = for 'is equal'",
    "<=>": "'<=>': write (a = b OR (a IS NULL AND b IS NULL))",
    ".": "'.': a column is named alone, without a table; take values out of JSON by get_json_object",
    ";": "a semicolon: an expression is one value, not several statements",
    "'": "a quote that does not end",
    "`": "a backquote that does not end",
    '"': "a double quote: write text in single quotes, and odd names in backquotes",
    "@": "'@': there are no variables",
    ":": "':': there are no parameters",
    "?": "'?': there are no parameters",
    "$": "'$': there are no variables",
    "{": "'{': there are no variables",
    "[": "'[': take values out of JSON by get_json_object",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign.

    Attributes:
        kind: `number`, `text`, `name`, `quoted` (a name in backquotes), `word` (of the language), `sign`, `end`;
            `refused` is what no expression has, its value says why: what stands before it may be wrong already.
        value: Words in small letters; text and names without their quotes.
        at: Where it begins.
    """

    kind: str
    value: str
    at: int


def tokens(text: str) -> list[Token]:
    """Cuts an expression up.

    Raises:
        ExpressionError: it has what no expression has.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"has {len(text):,} characters where {MAX_CHARACTERS:,} are allowed")
    if re.search("[\ud800-\udfff\0]", text):
        raise ExpressionError("has a character that is no text")
    if (at := text.find("${")) >= 0:
        raise ExpressionError("has '${': settings and the environment of the job cannot be read", at)
    found: list[Token] = []
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None:
            at = position + len(text[position:]) - len(text[position:].lstrip())
            found.append(Token("refused", f"has {_REFUSED.get(text[at], repr(text[at]))}", at))
            return found
        kind = match.lastgroup or ""
        token = _token(kind, match[kind], match.start(kind))
        found.append(token)
        if token.kind in {"end", "refused"}:
            return found
        position = match.end()


def _token(kind: str, value: str, at: int) -> Token:
    if kind == "comment":
        raise ExpressionError(f"has a comment ({value})", at)
    if kind == "sign" and value in _REFUSED:
        return Token("refused", f"has {_REFUSED[value]}", at)
    if kind == "name" and value.lower() in WORDS:
        return Token("word", value.lower(), at)
    if kind == "text":
        return Token(kind, _ESCAPED.sub(lambda match: _unescaped(match, at), value[1:-1]), at)
    return Token(kind, value.replace("``", "`") if kind == "quoted" else value, at - (kind == "quoted"))


def _unescaped(match: re.Match[str], at: int) -> str:
    if match[1] is None:
        return "'"
    if match[1] not in _ESCAPES:
        raise ExpressionError(
            rf"has {match[0]!r} in a text: of backslashes there are \\, \', \n, \r, \t, and \% and \_ for LIKE",
            at + 1 + match.start(),
        )
    return _ESCAPES[match[1]]
