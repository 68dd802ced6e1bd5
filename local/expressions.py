"""JSONata as moto asks for it: the values of variables are written before the expression, as declarations.

    ($states:={"input":{"files":3}};$limit:=2;$states.input.files > $limit)

Most of such a text are values, different each time, and jsonata-python's parser takes longer for them than all else
takes. So the declarations are read as the JSON they are, and an expression is parsed once.
"""

import copy
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NoReturn

import jsonata
from jsonata.utils import Utils

MOST_KEPT = 4096
"""A machine has some hundred expressions; beyond are those of tests."""
OPENING = re.compile(r"(?:\$\w+\()?\(")
"""moto asks of a result's type by `$type((…))`."""
DECLARED = re.compile(r"\$(\w+):=")


def _no_json(name: str) -> NoReturn:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_no_json)


def split(expression: str) -> tuple[dict[str, Any], str]:
    """The variables whose values are declared first, and the expression without them.

    What is not JSON stays part of the expression.
    """
    values: dict[str, Any] = {}
    opening = OPENING.match(expression)
    if opening is None:
        return values, expression
    at = opening.end()
    while (declared := DECLARED.match(expression, at)) is not None:
        try:
            value, end = _decoder.raw_decode(expression, declared.end())
        except ValueError:
            break
        if expression[end : end + 1] != ";":
            break
        values[declared[1]] = as_literal(value)
        at = end + 1
    return values, f"{opening[0]}{expression[at:]}"


def as_literal(value: Any) -> Any:
    """What jsonata-python makes of a JSON value that is written in an expression."""
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, list):
        return Utils.JList(as_literal(item) for item in value)
    if isinstance(value, dict):
        return {key: as_literal(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


@lru_cache(MOST_KEPT)
def _parsed(expression: str) -> jsonata.Jsonata:
    return jsonata.Jsonata(expression)


def evaluate(expression: str, functions: Mapping[str, Callable[..., Any]]) -> Any:
    """The result, as jsonata-python gives it.

    Raises:
        Exception: it cannot be parsed or evaluated.
    """
    values, rest = split(expression)
    asked = copy.copy(_parsed(rest))  # the tree is shared, and stays as it is
    asked.environment = asked.create_frame(jsonata.Jsonata.static_frame)
    jsonata.Jsonata.CURRENT.jsonata = asked  # as its constructor does
    for name, function in functions.items():
        asked.register_lambda(name, function)
    for name, value in values.items():
        asked.assign(name, value)
    return asked.evaluate(None)
