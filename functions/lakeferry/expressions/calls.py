"""Types of calls, by the list of functions, and what their written-down arguments must be."""

import re
from collections.abc import Callable, Mapping

from lakeferry.expressions.coercion import coerce, must, together
from lakeferry.expressions.functions import FUNCTIONS, MAX_PADDED, Function
from lakeferry.expressions.syntax import ExpressionError, Node
from lakeferry.expressions.tree import Expression
from lakeferry.expressions.types import BOOL, DATE, INT, NULL, STRING, Type, decimal, type_of

_MAX_GROWTH = 64
_FORMAT = re.compile(r"(?:yyyy|MM|dd|HH|mm|ss|[-/., :_])+")
_LETTERS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_CASES = {"lower", "upper"}
_PATH = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]{1,4}\]|\['[^'\]]+'\])*")


def typed_call(node: Node, name: str, parts: list[Expression]) -> Expression:
    """A call of a function of the list.

    Raises:
        ExpressionError: its arguments are not those it takes.
    """
    function = FUNCTIONS[name]
    parts = [_argument(name, function.kind(at), part, place) for at, (part, place) in
             enumerate(zip(parts, node.parts, strict=True))]  # fmt: skip
    if function.takes[0] == "any":
        parts = _alike(node, name, parts)
    if name in _CHECKS:
        _CHECKS[name](node, parts)
    if name in _CASES and parts[0].op == "call" and parts[0].value in _CASES:
        # engines differ in whether they do both: the outer one alone
        parts = list(parts[0].parts)
    gives = _result(function, parts)
    growth = _growth(name, parts) if gives == STRING else 1
    if growth > _MAX_GROWTH:
        raise ExpressionError(
            f"makes texts of {growth} times the length of its row's: {_MAX_GROWTH} times is allowed", node.at
        )
    return Expression("call", gives, tuple(parts), name, _can_fail(name, function, parts), growth)


def _argument(name: str, kind: str, part: Expression, place: Node) -> Expression:
    if kind in {"…", "1"}:
        wanted = str if kind == "…" else int
        if part.op != "literal" or not isinstance(part.value, wanted) or isinstance(part.value, bool):
            what = "a text" if kind == "…" else "a whole number"
            raise ExpressionError(f"calls {name} with something else than {what} that is written down", place.at)
        return part
    if kind == "any":
        return part
    of = part.type
    if kind == "date" and of == STRING and part.op == "literal":
        return together(place, [part, Expression("literal", DATE)], [place, place])[0]
    fits = {
        "integer": of.is_integer,
        "number": of.is_number,
        "exact": of.is_integer or of.kind == "decimal",
        "decimal": of.kind == "decimal",
        "time": of.is_time,
    }.get(kind, of.kind == kind)
    if of == NULL:
        return coerce(part, {"integer": INT, "number": INT, "exact": INT, "time": DATE, "decimal": decimal(1, 0)}.get(
            kind) or type_of(kind) or STRING)  # fmt: skip
    if kind == "date" and of.kind == "timestamp":
        return Expression("cast", DATE, (part,))
    if not fits:
        hint = ": cast it to a decimal first" if kind in {"exact", "decimal"} and of.is_number else ""
        words = {"exact": "decimal or whole number", "time": "date or timestamp", "integer": "whole number"}
        raise ExpressionError(f"calls {name} with {of} where it takes {words.get(kind, kind)}{hint}", place.at)
    return part


def _alike(node: Node, name: str, parts: list[Expression]) -> list[Expression]:
    parts = together(node, parts, node.parts)
    if name in {"greatest", "least", "nullif"} and parts[0].type == BOOL:
        raise ExpressionError(f"calls {name} with true and false", node.at)
    return parts


def _result(function: Function, parts: list[Expression]) -> Type:
    of = parts[0].type
    if function.gives in {"same", "first"}:
        return of
    if function.gives == "floored":
        if of.scale == 0:
            return of
        return decimal(min(of.precision - of.scale + 1, 38), 0)
    if function.gives == "rounded":
        if of.is_integer:
            return of
        digits = parts[1].value if len(parts) > 1 else 0
        scale = min(of.scale, digits if isinstance(digits, int) else 0)
        return decimal(min(of.precision - of.scale + 1 + scale, 38), scale)
    found = type_of(function.gives)
    assert found is not None  # noqa: S101  (a test walks the list)
    return found


def _can_fail(name: str, function: Function, parts: list[Expression]) -> bool:
    if name == "abs":
        return parts[0].type.is_integer
    if function.gives in {"floored", "rounded"}:
        # one more digit than 38 may be needed
        return parts[0].type.kind == "decimal" and _result(function, parts).precision == 38
    return function.can_fail


def _growth(name: str, parts: list[Expression]) -> int:
    texts = [part.growth for part in parts if part.type == STRING]
    if name == "concat":
        return sum(texts)
    if name == "replace":
        new = len(_written(parts[2]).encode()) if len(parts) > 2 else 0
        return parts[0].growth * max(1, -(-new // len(_written(parts[1]).encode())))
    return max(texts, default=1)


# -- what is written down


def _written(part: Expression) -> str:
    return str(part.value)


def _whole(part: Expression) -> int:
    return part.value if isinstance(part.value, int) else 0


def _check_round(node: Node, parts: list[Expression]) -> None:
    if len(parts) > 1:
        must(node, 0 <= _whole(parts[1]) <= 38, "calls round with digits other than 0 to 38")


def _check_left(node: Node, parts: list[Expression]) -> None:
    must(node, 0 <= _whole(parts[1]) <= 1_000_000, "takes a number of characters below 0 or above 1,000,000")


def _check_substring(node: Node, parts: list[Expression]) -> None:
    must(node, 0 < abs(_whole(parts[1])) <= 1_000_000, "calls substring from character 0 or beyond 1,000,000")
    if len(parts) > 2:
        must(node, 0 <= _whole(parts[2]) <= 1_000_000, "calls substring for a length below 0 or above 1,000,000")


def _check_pad(node: Node, parts: list[Expression]) -> None:
    must(node, 0 <= _whole(parts[1]) <= MAX_PADDED, f"fills up to a length other than 0 to {MAX_PADDED:,}")
    must(node, len(parts) < 3 or _written(parts[2]) != "", "fills up with nothing")


def _check_replace(node: Node, parts: list[Expression]) -> None:
    must(node, _written(parts[1]) != "", "replaces nothing: the second text is empty")


def _check_split(node: Node, parts: list[Expression]) -> None:
    must(node, _written(parts[1]) != "", "splits at nothing: the second text is empty")
    must(node, 1 <= _whole(parts[2]) <= 10_000, "takes a piece other than 1 to 10,000")


def _check_sha2(node: Node, parts: list[Expression]) -> None:
    must(node, _whole(parts[1]) in {256, 512}, "calls sha2 with a number other than 256 or 512")


def _check_json(node: Node, parts: list[Expression]) -> None:
    path = _written(parts[1])
    must(node, bool(_PATH.fullmatch(path)), f"has the path {path[:40]!r}: it is written $.key[0]['other key']")


def _check_trunc(node: Node, parts: list[Expression]) -> None:
    units = ("year", "quarter", "month", "week")
    must(node, _written(parts[1]).lower() in units, f"truncates to something else than {', '.join(units)}")


def _check_format(node: Node, parts: list[Expression]) -> None:
    form = _written(parts[1])
    letters = "yyyy, MM, dd, HH, mm, ss and - / . , : _ or blanks"
    must(node, bool(_FORMAT.fullmatch(form)), f"has the format {form[:40]!r}: it is written with {letters}")


def _check_parsed(node: Node, parts: list[Expression]) -> None:
    _check_format(node, parts)
    given = re.findall("yyyy|MM|dd|HH|mm|ss", _written(parts[1]))
    must(node, len(set(given)) == len(given) and {"yyyy", "MM", "dd"} <= set(given),
            "has a format without yyyy, MM and dd, or with one of its parts twice")  # fmt: skip
    clock = [part for part in ("HH", "mm", "ss") if part in given]
    must(node, clock == ["HH", "mm", "ss"][: len(clock)], "has a format with minutes but no hours, or the like")


_CHECKS: Mapping[str, Callable[[Node, list[Expression]], None]] = {
    "round": _check_round,
    "left": _check_left,
    "right": _check_left,
    "substring": _check_substring,
    "lpad": _check_pad,
    "rpad": _check_pad,
    "replace": _check_replace,
    "split_part": _check_split,
    "sha2": _check_sha2,
    "get_json_object": _check_json,
    "trunc": _check_trunc,
    "date_format": _check_format,
    "to_date": _check_parsed,
    "to_timestamp": _check_parsed,
}


def strptime_format(pattern: str) -> str:
    """A format of `to_date` as feeds declare formats of columns."""
    return re.sub("yyyy|MM|dd|HH|mm|ss", lambda match: _LETTERS[match[0]], pattern)


def json_steps(path: str) -> list[str | int]:
    """The keys and positions of a path."""
    found = re.findall(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]|\['([^'\]]+)'\]", path)
    return [int(position) if position else key or quoted for key, position, quoted in found]
