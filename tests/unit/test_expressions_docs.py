"""docs/expressions.md says what the language is: its list of functions is the one that is computed."""

import re

import pytest

from lakeferry.checks.calling import CALLS
from lakeferry.expressions import ALIASES, FUNCTIONS, Function, Scope, compiled
from lakeferry.expressions.lexer import MAX_CHARACTERS
from lakeferry.expressions.parser import MAX_DEPTH, MAX_NODES, SYNTAX_CALLS
from lakeferry.expressions.types import TYPE_NAMES
from tests.conftest import ROOT

DOCS = (ROOT / "docs" / "expressions.md").read_text("utf-8")
_WORDS = {
    **{"…": "'text'", "1": "n", "time": "date or timestamp", "exact": "decimal or whole number"},
    **{"integer": "whole number", "any": "value"},
}


def row_of(name: str, function: Function) -> str:
    """A function's line of the table."""
    takes = [_WORDS.get(kind, kind) for kind in function.takes]
    takes = [f"[{word}]" if at >= function.least else word for at, word in enumerate(takes)]
    others = "".join(f", `{alias}`" for alias, same in sorted(ALIASES.items()) if same == name)
    call = f"`{name}({', '.join(takes)}{', …' if function.many else ''})`{others}"
    return f"| {call} | {function.says} | `{function.example}` → `{function.result}` |"


def test_the_table_of_functions_is_the_list() -> None:
    listed = re.findall(r"^\| `[a-z0-9_]+\(.*$", DOCS.partition("## Functions")[2].partition("\n## ")[0], re.MULTILINE)
    assert listed == [row_of(name, function) for name, function in FUNCTIONS.items()]


def test_each_function_is_computed_by_the_checks() -> None:
    assert CALLS.keys() | {"coalesce"} == FUNCTIONS.keys()


@pytest.mark.parametrize("word", [*SYNTAX_CALLS, *TYPE_NAMES])
def test_what_is_part_of_the_grammar_is_in_the_docs(word: str) -> None:
    assert re.search(rf"`[^`]*\b{word}\b[^`]*`", DOCS, re.IGNORECASE)


def test_the_limits_are_those_that_hold() -> None:
    for limit in (MAX_CHARACTERS, MAX_NODES, MAX_DEPTH):
        assert f"{limit:,}" in DOCS


def test_the_examples_of_the_docs_are_expressions() -> None:
    scope = Scope({}, is_open=True)
    examples = re.search(r"```sql\n(.*?)```", DOCS, re.DOTALL)
    assert examples is not None
    columns = {"amount": "CAST(amount AS decimal(12,2))", "sold_on": "CAST(sold_on AS date)"}
    for line in examples[1].strip().splitlines():
        text = re.sub(r"\b(amount|sold_on)\b", lambda match: columns[match[0]], line)
        assert compiled(text, scope).type, line
