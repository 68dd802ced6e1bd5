"""The language of expressions: what it takes, what it refuses and in which words; whatever the text."""

import re
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeferry.errors import FeedInvalidError
from lakeferry.expressions import (
    ALIASES,
    FUNCTIONS,
    ExpressionError,
    Node,
    Scope,
    columns_of,
    compiled,
    condition_of,
    parse,
    render,
)
from lakeferry.expressions.parser import SYNTAX_CALLS
from lakeferry.expressions.types import STRING, decimal
from lakeferry.feeds import parse_feed
from tests.conftest import feed_document
from tests.expressions_drawn import SCOPE, expressions

BEYOND = {
    "(select max(amount) from lake.curated.sales) > 0": "SELECT",
    "lake.curated.sales > 0": "a column is named alone, without a table",
    "amount in (SELECT amount FROM sales)": "SELECT",
    "exists (values 1)": "EXISTS",
    "(values 1) > 0": "VALUES",
    "(table sales) is not null": "TABLE",
    "(from sales select max(amount)) > 0": "FROM",
    "(with t as (from sales) from t) > 0": "WITH",
    "amount > '${env:AWS_SECRET_ACCESS_KEY}'": "environment",
    "amount > ${spark.app.name}": "environment",
    "coalesce(*) is not null": "star",
    "struct(*) is not null": "calls struct",
    "count(sales.*) > 0": "calls count",
    "abs(sales.*) > 0": "a column is named alone",
    "amount > 0 -- and not (": "comment",
    "amount /* 'x */ > (select 1) -- '": "comment",
    "/*+ BROADCAST(t) */ amount > 0": "comment",
    "r'a\\' = region or (select 1) = 'a'": "before a text",
    "r'a' = region or (select 1) = 'a'": "before a text",
    "region = 'open": "quote",
    "amount > 0; drop table sales": "semicolon",
    "`order_id": "backquote",
    'order_id = "x"': "double quote",
    "transform(array(1), x -> x) is null": "calls transform",
    "abs(x -> x) is null": "lambda",
    "transform(amount, 1) is null": "calls transform",
    "round(digits => 1) > 0": "by place",
    "@@session.user = ''": "variables",
    ":name = ''": "parameters",
    "? = ''": "parameters",
    "amount::int > 0": "CAST",
    "amount[0] > 0": "get_json_object",
    "explode(amount) > 0": "calls explode",
    "row_number() over (order by amount) > 1": "calls row_number",
    "abs(amount) over (order by amount) > 1": "windows",
    "rand() < 0.5": "calls rand",
    "now() > '2026-01-01'": "calls now",
    "unix_timestamp() > 0": "calls unix_timestamp",
    "current_timestamp > '2026-01-01'": "column 'current_timestamp', which is not there",
    "current_user() = 'x'": "calls current_user",
    "input_file_name() = ''": "calls input_file_name",
    "monotonically_increasing_id() > 0": "calls monotonically_increasing_id",
    "raise_error('x') is null": "calls raise_error",
    "reflect('java.lang.System', 'exit', 1) is null": "calls reflect",
    "java_method('java.lang.System', 'exit', 1) is null": "calls java_method",
    "repeat('x', 1500000000) = ''": "calls repeat",
    "sequence(1, 1000000000) is null": "calls sequence",
    "order_id rlike '(a+)+$'": "where it should end",
    "regexp_replace(amount, '(a+)+$', '') = ''": "calls regexp_replace",
    "my_udf(amount) > 0": "calls my_udf",
    "lake.db.my_udf(amount) > 0": "a column is named alone",
    "lpad('x', 1500000000, 'y') = ''": "fills up to a length",
    "'x' like '%a%b%c%'": "several places",
    "_run_id = 'x'": "column '_run_id', which is not there",
    "_dropped_by is null": "column '_dropped_by', which is not there",
}


@pytest.mark.parametrize(("text", "words"), BEYOND.items())
@pytest.mark.parametrize("place", ["filter", "derive", "rules"])
def test_an_expression_that_reaches_beyond_its_row_is_refused(text: str, words: str, place: str) -> None:
    transforms: dict[str, dict[str, Any]] = {
        "filter": {"filter": text},
        "derive": {"derive": {"net": text}},
        "rules": {"rules": [{"name": "known", "expression": text, "action": "drop"}]},
    }
    with pytest.raises(FeedInvalidError, match=rf"\$\.transform\.{place}.*{re.escape(words)}"):
        parse_feed(feed_document(transform=transforms[place]))


@pytest.mark.parametrize("text", [text for text in BEYOND if not text.startswith("_")])
def test_the_conditions_of_checks_are_of_the_same_language(text: str) -> None:
    checks = feed_document()["checks"] | {"expressions": [{"name": "e", "expression": text}]}
    with pytest.raises(FeedInvalidError, match=r"\$\.checks\.expressions\[0\]\.expression: "):
        parse_feed(feed_document(checks=checks))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("amuont > 0", "column 'amuont', which is not there (did you mean 'amount'?) (at character 1, 'amuont > 0')"),
        ("order_id > 0 AND abs(amuont) > 0", "(at character 22, 'amuont) > 0')"),
        ("zzz = 1", "'zzz', which is not there; there are _ingested_at, _source_file, amount, order_id"),
        ("leng('a') > 0", "calls leng, which is none of the functions there are (did you mean 'length'?)"),
        ("amount = 'x'", "puts decimal(12,2) and string together: use values of one type, by CAST if need be"),
        ("amount + 1", "is a decimal(13,2) where true or false should be"),
        ("amount > 0 AND order_id", "is an int64 where true or false should be (at character 16, 'order_id')"),
        ("_ingested_at + 1 > 0", "days are added by date_add"),
        ("_ingested_at > 'yesterday'", "has 'yesterday', which is no timestamp: it is written 2026-11-29 06:07:08"),
        ("length(order_id) > 1", "calls length with int64 where it takes string (at character 8, 'order_id) > 1')"),
        ("abs(order_id, 1) > 1", "calls abs with 2 values where it takes 1"),
        ("CAST(amount AS money) > 1", "casts to 'money', which is no type; there are int, "),
        ("CAST(amount AS date) > 1", "casts a decimal(12,2) to date: there is no such cast"),
        ("amount > ", "has an end where a value should be (at its end)"),
        ("amount >> 1", "has '>' where a value should be (at character 9, '> 1')"),
        ("'a' LIKE _source_file", "has LIKE without a pattern that is written down"),
        ("left(_source_file, order_id) = ''", "left with something else than a whole number that is written down"),
        (r"_source_file = '\d'", r"has '\\d' in a text"),
        ("round(1e0, 2) > 1", "cast it to a decimal first"),
        ("DATE '2026-02-30' > _ingested_at", "has '2026-02-30', which is no date: it is written 2026-11-29"),
        ("to_date(_source_file, 'EEE') IS NULL", "has the format 'EEE': it is written with yyyy, MM, dd"),
        ("get_json_object(_source_file, '$..a') IS NULL", "has the path '$..a': it is written $.key[0]['other key']"),
        ("1" * 39 + " > 0", "has more than 38 digits"),
        ("CASE amount + 1 WHEN 1 THEN TRUE END", "has CASE of something else than a column"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place_and_what_there_is(text: str, message: str) -> None:
    with pytest.raises(FeedInvalidError) as refused:
        parse_feed(feed_document(transform={"filter": text}))
    assert "$.transform.filter: " in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "amount * 2 > 0 and (amount*order_id) < 10",
        "_source_file = 'select * from elsewhere'",
        r"_source_file = 'it''s' or _source_file = 'it\'s (select 1)'",
        "`order_id` is not null and `amount` > 1",
        "cast(amount / 1.2 as decimal(12,2)) between -1 and 1",
        "extract(year from _ingested_at) = 2026 and trim(_source_file) <> ''",
        "CASE order_id WHEN 1 THEN TRUE WHEN 2 THEN FALSE END IS NOT FALSE",
        "_ingested_at >= '2026-01-01' AND _ingested_at < DATE '2027-01-01'",
        "try_cast(_source_file as int64) is null",
        "nvl(amount, 0) > 0 and ifnull(order_id, 0) <> 1",
    ],
)
def test_what_computes_a_value_of_the_row_is_taken(text: str) -> None:
    parse_feed(feed_document(transform={"filter": text}))


def test_words_of_queries_may_be_names_of_columns() -> None:
    scope = Scope({name: decimal(5, 0) for name in ("values", "table", "date", "from", "select", "selected")})
    condition_of("values > 1 AND table < 2 AND date = 3 AND selected IS NULL AND from IN (1) AND `select` > 1", scope)


def test_each_step_sees_its_own_columns() -> None:
    transform = {
        "flatten": [{"name": "city", "path": "customer.city"}],
        "enrich": [{"reference": "stores", "on": "order_id", "columns": ["region"]}],
        "derive": {"net": "amount / 1.2", "where": "concat(city, region)"},
        "rules": [{"name": "r", "expression": "net > 0 AND length(where) > 0", "action": "drop"}],
    }
    parse_feed(feed_document(transform=transform))
    with pytest.raises(FeedInvalidError, match=r"\$\.transform\.filter: names the column 'region'"):
        parse_feed(feed_document(transform=transform | {"filter": "region <> ''"}))
    with pytest.raises(FeedInvalidError, match=r"\$\.transform\.derive\.twice: names the column 'net'"):
        parse_feed(feed_document(transform=transform | {"derive": {"net": "amount / 1.2", "twice": "net * 2"}}))


def test_columns_have_the_names_of_the_curated_table_in_transform_and_those_of_the_file_in_checks() -> None:
    columns = [{"name": "Order ID", "type": "int64"}, {"name": "dt", "type": "date"}]
    document = feed_document(
        checks={
            "columns": columns,
            "expressions": [{"name": "e", "expression": "`order id` > 0 AND dt > '2026-01-01'"}],
        },
        transform={"filter": "Order_ID > 0 AND source_dt > '2026-01-01'"},
    )
    parse_feed(document)


def test_where_no_column_is_declared_all_are_text() -> None:
    parse_feed(feed_document(checks={}, transform={"filter": "anything <> ''", "derive": {"n": "length(other)"}}))
    with pytest.raises(FeedInvalidError, match=r"puts string and int together"):
        parse_feed(feed_document(checks={}, transform={"filter": "anything > 0"}))


# -- limits


def test_texts_grow_by_a_bounded_factor() -> None:
    text = "_source_file"
    for _ in range(2):
        text = f"replace({text}, 'a', 'aaaaaaaa')"
    compiled(text, SCOPE_OF_FILES)
    with pytest.raises(ExpressionError, match="512 times the length"):
        compiled(f"replace({text}, 'a', 'aaaaaaaa')", SCOPE_OF_FILES)
    with pytest.raises(ExpressionError, match="65 times the length"):
        compiled(" || ".join(["_source_file"] * 65), SCOPE_OF_FILES)


SCOPE_OF_FILES = Scope({"_source_file": STRING})
MOST = {
    "(" * 4000: "nested more than 40 deep",
    "abs(" * 1500: "nested more than 40 deep",
    "CASE WHEN " * 700: "nested more than 40 deep",
    "NOT " * 1500 + "(" * 1000: "nested more than 40 deep",
    "- " * 3900 + "1": "signs in a row",
    "1" + " + 1" * 1900: "nested more than 100 deep",
    "i || " * 1500 + "'a'": "more than 1,000",
    "i IN (" + "1," * 3000 + "1)": "more than 1,000",
    "i = 1 OR " * 800 + "b": "more than 1,000",
    "i" * 8001: "8,001 characters where 8,000 are allowed",
    "'" * 7999: "quote",
    "`" * 7999: "backquote",
    "\\" * 8000: "has",
    "i = '\ud800'": "no text",
    "i = '\0'": "no text",
    "\t\n" * 4000: "has an end",
}


@pytest.mark.parametrize(("text", "words"), MOST.items(), ids=range(len(MOST)))
def test_size_and_depth_are_limited_and_refused_in_no_time(text: str, words: str) -> None:
    begun = time.process_time()
    with pytest.raises(ExpressionError, match=words):
        compiled(text, SCOPE)
    assert time.process_time() - begun < 1


# -- drawn


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=expressions(depth=4))
def test_the_text_of_a_tree_is_that_tree(text: str) -> None:
    tree = parse(text)
    assert parse(render(tree)) == tree
    assert list(columns_of(parse(render(tree)))) == list(columns_of(tree))


def _nodes() -> st.SearchStrategy[Node]:
    """Trees as the parser makes them, of kinds that bind differently, put together at random."""
    leaves = st.sampled_from([Node("column", "a b"), Node("number", "1"), Node("number", "-1"), Node("text", "\\'\n%")])

    def grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        two = st.tuples(st.sampled_from(["+", "-", "*", "/", "%", "=", "<", "like"]), st.tuples(inner, inner))
        one = st.tuples(st.sampled_from(["negate", "not", "is null", "try"]), st.tuples(inner))
        three = st.tuples(st.sampled_from(["between", "in", "case"]), st.tuples(inner, inner, inner))
        return st.one_of(two, one, three).map(lambda made: Node(made[0], None, made[1]))

    return st.recursive(leaves, grown, max_leaves=12)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(tree=_nodes())
def test_brackets_are_set_where_they_are_needed(tree: Node) -> None:
    # a sign before a number is part of it, and NOT twice is nothing
    expected = parse(render(tree))
    assert parse(render(expected)) == expected
    if "not" not in render(tree).lower() and "-" not in render(tree):
        assert expected == tree


_PIECES = [
    "select",
    "(",
    ")",
    "'",
    "`",
    "\\",
    ",",
    "case",
    "when",
    "end",
    "cast",
    "as",
    "1",
    "a",
    ".",
    "*",
    "-",
    "||",
    "like",
    "%",
    "null",
    "not",
    "in",
    "between",
    "and",
    "é",
    "😀",
    "�",
    "${",
    "/*",
    "decimal",
    "(38,2)",
    "1e999",
    "try",
    "date",
    "is",
    "<",
    "=",
    "00000000000000000000000000000000000000000000000",
    "trunc",
    "round",
    "i",
    "s",
]


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(text=st.one_of(st.text(max_size=200), st.lists(st.sampled_from(_PIECES), max_size=40).map(" ".join)))
def test_any_text_is_an_expression_or_refused_by_our_error_alone(text: str) -> None:
    begun = time.process_time()
    with suppress(ExpressionError):
        compiled(text, SCOPE)
    assert time.process_time() - begun < 1


# -- the list


def test_the_list_is_complete_and_its_names_are_distinct() -> None:
    names = [*FUNCTIONS, *ALIASES, *SYNTAX_CALLS]
    assert len(set(names)) == len(names)
    assert set(ALIASES.values()) <= set(FUNCTIONS)
    for name, function in FUNCTIONS.items():
        assert compiled(function.example, Scope({})).type, name


def test_reading_feeds_costs_no_library() -> None:
    """Every function reads feed documents; what they need for expressions must not be slow to import."""
    program = (
        "import lakeferry.expressions, sys; print([m for m in ('sqlglot', 'pyarrow', 'pyspark') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
