"""An expression with its variables written before it: parsed once, and what it says is what the whole text says."""

import json
from typing import Any

import jsonata
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonata.parser import Parser
from jsonata.utils import Utils

from local.expressions import as_literal, evaluate, split

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text()
FEW = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-3, 3) | st.sampled_from(["", "a", "b"])
EXPRESSIONS = """
$v | $v.a | $v.a.b | $v[0] | $v[-1] | $v[a=1] | $v.* | $v.a[] | $v.($) | $v^($) | $v@$x.($x) | [$v] | {"k": $v}
$type($v) | $exists($v) | $count($v) | $string($v) | $keys($v) | $append($v, $v) | $sort($v) | $distinct($v)
$reverse($v) | $merge([$v]) | $single($v) | $lookup($v, "a") | $spread($v) | $each($v, function($x) {$x})
$map($v, function($x) {$x}) | $filter($v, function($x) {true}) | $reduce($v, function($x, $y) {$x}) | $v ~> $type
$v ? 1 : 2 | $v = $v | $v & "x" | $v.a & "x" | $w := $v; $w.a | $v := 1; $v | $v := $v.a; $v
"""
ASKED = [expression.strip() for expression in EXPRESSIONS.replace("\n", " | ").split(" | ") if expression.strip()]


def _json(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)

    return st.recursive(scalars, grown, max_leaves=8)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _whole(text: str) -> Any:
    return jsonata.Jsonata(text).evaluate(None)


def _shape(value: Any) -> Any:
    """With types, the order of keys, and what marks a list."""
    if isinstance(value, dict):
        return [(key, _shape(item)) for key, item in value.items()]
    if isinstance(value, Utils.JList):
        return value.sequence, value.cons, value.keep_singleton, [_shape(item) for item in value]
    return type(value), value


@given(_json(SCALARS, st.text()))
@settings(max_examples=200, derandomize=True)
def test_a_value_is_what_the_parser_makes_of_it(value: Any) -> None:
    literal = jsonata.Jsonata(f"({_text(value)})")
    literal.set_output_convert_nulls(False)
    assert _shape(as_literal(value)) == _shape(literal.evaluate(None))


@given(_json(FEW, st.sampled_from("abk")), st.sampled_from(ASKED))
@settings(max_examples=400, derandomize=True)
def test_the_result_is_that_of_the_whole_text(value: Any, expression: str) -> None:
    text = f"($v:={_text(value)};{expression})"
    said = []
    for ask in (_whole, lambda text: evaluate(text, {})):
        try:
            said.append(json.dumps(ask(text), default=repr))
        except Exception as error:
            said.append(f"{type(error).__name__} {error}")
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("text", "values", "rest"),
    [
        ('($a:=1;$b:={"c":"){;"};$a + $b)', {"a": 1, "b": {"c": "){;"}}, "($a + $b)"),
        ("$type(($a:=1;$a))", {"a": 1}, "$type(($a))"),
        ("($a:=1 + 2;$a)", {}, "($a:=1 + 2;$a)"),
        ("($a:=1;$b:=$a;$b)", {"a": 1}, "($b:=$a;$b)"),
        ("($a:=NaN;$a)", {}, "($a:=NaN;$a)"),
        ("($a:=1)", {}, "($a:=1)"),
        ("$f($a)", {}, "$f($a)"),
        ("", {}, ""),
    ],
)
def test_what_is_not_json_stays_part_of_the_expression(text: str, values: dict[str, Any], rest: str) -> None:
    assert split(text) == (values, rest)


def test_an_expression_is_parsed_once_and_its_values_are_those_of_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, original = [], Parser.parse

    def parse(self: Parser, text: str, *more: Any) -> Any:
        parsed.append(text)
        return original(self, text, *more)

    monkeypatch.setattr(Parser, "parse", parse)
    calls = [evaluate(f"($n:={number};$double($n) + 0.25)", {"double": lambda n: 2 * n}) for number in range(3)]
    assert calls == [0.25, 2.25, 4.25]
    assert parsed == ["($double($n) + 0.25)"]
    assert evaluate("($double($n) + 0.25)", {"double": lambda n: 7}) == 7.25, "no value is left of a call before"


def test_an_emoji_is_a_character() -> None:
    """The parser makes two of its escaped halves."""
    assert evaluate("($v:={};$length($v))".replace("{}", json.dumps("\U0001f600")), {}) == 1
