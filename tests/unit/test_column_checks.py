"""Each rule of a column, on Arrow batches; expressions; unique."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.checks.casts import TextCast
from lakeferry.checks.columns import ColumnChecks
from lakeferry.checks.unique import Unique
from lakeferry.errors import FeedInvalidError
from lakeferry.expressions import parse
from lakeferry.feeds import ColumnSpec, Feed, FormatSpec, parse_feed
from tests.conftest import feed_document


def feed_of(*columns: dict[str, Any], expressions: tuple[str, ...] = (), **form: Any) -> Feed:
    named = [{"name": f"e{index}", "expression": text} for index, text in enumerate(expressions)]
    return parse_feed(
        feed_document(format={"type": "csv", **form}, checks={"columns": list(columns), "expressions": named})
    )


def text(*values: str | None) -> "pa.Array[Any]":
    return pa.array(values, pa.string())


def wrong(column: dict[str, Any], *values: str | None, **form: Any) -> dict[int, str]:
    """Row → rule, for one text column."""
    checks = ColumnChecks(feed_of({"name": "v", **column}, **form), ["V"])
    return {problem.row: problem.rule for problem in checks.check({"V": text(*values)}, len(values))}


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ({"type": "string", "required": True}, ["a", None, " "], {1: "required"}),
        ({"type": "int64", "required": True}, ["1", None, " ", "x"], {1: "required", 2: "required", 3: "type"}),
        ({"type": "int64", "min": 0, "max": 9}, ["0", "9", "-1", "10", None], {2: "min", 3: "max"}),
        ({"type": "decimal(6,2)", "min": "0.01"}, ["0.01", "0.00", "1.005"], {1: "min", 2: "type"}),
        ({"type": "float64", "max": 0.5}, ["0.5", "0.51", "nan"], {1: "max"}),
        ({"type": "date", "min": "2026-01-01"}, ["2026-01-01", "2025-12-31"], {1: "min"}),
        (
            {"type": "date", "format": "%d.%m.%Y", "max": "2026-01-31"},
            ["31.01.2026", "1.2.2026", "x"],
            {1: "max", 2: "type"},
        ),
        (
            {"type": "timestamp", "max": "2026-01-01 12:00:00"},
            ["2026-01-01 12:00:00", "2026-01-01 12:00:01"],
            {1: "max"},
        ),
        (
            {"type": "string", "min_length": 2, "max_length": 3},
            ["ab", "äöü", "a", "abcd", None],
            {2: "length", 3: "length"},
        ),
        (
            {"type": "string", "pattern": "A[0-9]{2}"},
            ["A12", "A1", "xA12", "A12\n", None],
            {1: "pattern", 2: "pattern", 3: "pattern"},
        ),
        ({"type": "string", "pattern": "a|bc"}, ["a", "bc", "ac", "abc"], {2: "pattern", 3: "pattern"}),
        ({"type": "string", "pattern": "A0[0-9]"}, ["A01", "A11"], {1: "pattern"}),
        ({"type": "string", "values": ["new", "paid"]}, ["new", "New", "", None], {1: "values", 2: "values"}),
        ({"type": "int64", "values": ["1", "2"]}, ["01", "2", "3", "x"], {2: "values", 3: "type"}),
        ({"type": "int64", "unique": True}, ["1", "2", "1", None, None, "01"], {2: "unique", 5: "unique"}),
        ({"type": "bool"}, ["true", "N", "maybe"], {2: "type"}),
    ],
)
def test_a_value_that_breaks_a_rule_is_found(
    column: dict[str, Any], values: list[str], expected: dict[int, str]
) -> None:
    assert wrong(column, *values) == expected


def test_several_problems_of_a_row_are_all_told_in_the_files_order() -> None:
    feed = feed_of({"name": "b", "type": "int64", "min": 0}, {"name": "a", "type": "int64"}, expressions=("a < b",))
    checks = ColumnChecks(feed, ["A", "other", "B"])

    assert checks.needed == ("A", "B")
    found = checks.check({"A": text("1", "x", "9"), "B": text("2", "-1", "3")}, 3)
    assert [(problem.row, problem.column, problem.rule) for problem in found] == [
        (1, "A", "type"),
        (1, "B", "min"),
        (2, None, "expression:e0"),
    ]
    assert (found[0].value, found[0].detail) == ("x", "is not an int64")


def test_a_column_that_may_be_any_text_is_not_even_read() -> None:
    assert ColumnChecks(feed_of({"name": "a", "type": "string"}), ["a", "b"]).needed == ()


def test_typed_columns_are_checked_as_they_are() -> None:
    feed = feed_of({"name": "a", "type": "int64", "max": 5}, {"name": "d", "type": "decimal(4,1)"})
    checks = ColumnChecks(feed, ["a", "d"])
    columns = {"a": pa.array([1, 9, None], pa.int32()), "d": pa.array([1.5, 2.25, None])}

    found = checks.check(columns, 3)

    first = found[0]
    assert (first.row, first.column, first.rule, first.value) == (1, "a", "max", "9")


def test_a_bound_or_value_that_is_none_of_the_type_is_the_feeds_fault() -> None:
    for column in ({"type": "date", "min": "yesterday"}, {"type": "int64", "values": ["one"]}):
        with pytest.raises(FeedInvalidError, match=r"checks\.columns: v: "):
            wrong(column, "1")


# -- casts


ODD = st.sampled_from(
    ["1", "-7", "+7", " 7", "x", "", "1.5", "1e3", "0x1F", "9223372036854775808", "007", "99999999999999999999"]
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(ODD, st.integers(0, 900))),
    st.sampled_from(["int64", "decimal(6,2)", "float64", "date", "timestamp"]),
)
def test_what_a_value_is_does_not_depend_on_its_neighbours(odd: list[tuple[str, int]], kind: str) -> None:
    usual = {"date": "2026-01-05", "timestamp": "2026-01-05 06:07:08"}.get(kind, "42")
    values: list[str | None] = [usual] * 1000
    for value, index in odd:
        values[index] = value or None
    cast = TextCast(ColumnSpec("v", kind), FormatSpec())

    together = cast.convert(text(*values))
    bad = [False] * 1000 if together.bad is None else together.bad.to_pylist()

    for value in {value for value, _ in odd if value}:
        alone = cast.convert(text(value))
        at = values.index(value) if value in values else None
        if at is not None:
            assert bad[at] == (alone.bad is not None)
            assert str(together.values[at].as_py()) == str(alone.values[0].as_py())
    assert sum(bad) == sum(cast.convert(text(value)).bad is not None for value in values if value not in {None, usual})


@pytest.mark.parametrize(
    ("form", "values", "expected"),
    [
        (
            {"decimal": ","},
            ["1,5", "1", "-0,25", "1.5", "1.000,5"],
            [Decimal("1.50"), Decimal(1), Decimal("-0.25"), None, None],
        ),
        (
            {"decimal": ",", "thousands": "."},
            ["1.234,5", "1234,5", "1.23,5", "12.5"],
            [Decimal("1234.50"), Decimal("1234.50"), None, None],
        ),
        (
            {"thousands": ","},
            ["1,234.5", "1,234,567", "12,34", "1234"],
            [Decimal("1234.50"), Decimal(1234567), None, Decimal(1234)],
        ),
        ({"thousands": "'"}, ["1'234.50", "1''234"], [Decimal("1234.50"), None]),
    ],
)
def test_marks_in_numbers(form: dict[str, str], values: list[str], expected: list[Decimal | None]) -> None:
    converted = TextCast(ColumnSpec("v", "decimal(12,2)"), FormatSpec(**form)).convert(text(*values))  # type: ignore[arg-type]

    assert converted.values.to_pylist() == expected


@pytest.mark.parametrize(
    ("kind", "form", "value", "expected"),
    [
        ("date", "%d.%m.%y", "05.01.99", date(2099, 1, 5)),
        ("timestamp", "%m/%d/%Y %I:%M %p", "01/05/2026 06:30 PM", datetime(2026, 1, 5, 18, 30)),
        ("timestamp", "%Y-%m-%dT%H:%M:%S.%f%z", "2026-01-05T06:00:00.25+01:00", datetime(2026, 1, 5, 5, 0, 0, 250_000)),
        ("timestamp", "%d.%m.%Y %H:%M:%S.%f", "5.1.2026 6:7:8.5", datetime(2026, 1, 5, 6, 7, 8, 500_000)),
    ],
)
def test_formats_of_dates_and_times(kind: str, form: str, value: str, expected: Any) -> None:
    converted = TextCast(ColumnSpec("v", kind, format=form), FormatSpec()).convert(text(value, "x"))

    assert converted.values.to_pylist() == [expected, None]


# -- unique


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=8), max_size=6), st.booleans())
def test_repeated_values_are_those_a_set_finds(batches: list[list[int | None]], ascending: bool) -> None:
    unique, seen = Unique("v"), set[int]()
    for number, batch in enumerate(batches):
        values: list[int | None] = list(batch)
        if ascending:
            values = [*sorted(value + 31 * number for value in batch if value is not None)]
        expected = []
        for index, value in enumerate(values):
            if value in seen:
                expected.append(index)
            elif value is not None:
                seen.add(value)

        assert unique.repeated(pa.array(values, pa.int64())) == expected
    assert unique.note is None


def test_beyond_the_limit_that_is_told_and_ascending_keys_still_cost_nothing() -> None:
    unique = Unique("v", limit=10)
    for start in range(0, 100, 10):
        assert unique.repeated(pa.array(range(start, start + 10))) == []
    assert unique.note is None

    assert unique.repeated(pa.array([5, 99, 200, 200])) == [0, 3]
    assert unique.note == "unique of column v was checked against the first 10 values only"


# -- expressions


ROW = {"a": pa.array([1], pa.int64()), "b": pa.array([Decimal("2.50")], pa.decimal128(12, 2)), "f": pa.array([0.5]),
       "s": text("new"), "n": pa.array([None], pa.int64()), "d": pa.array([date(2026, 1, 5)])}  # fmt: skip
TYPES = {"a": "int64", "b": "decimal(12,2)", "f": "float64", "s": "string", "n": "int64", "d": "date"}


def holds(expression: str) -> bool:
    columns = [{"name": name, "type": kind} for name, kind in TYPES.items()]
    checks = ColumnChecks(feed_of(*columns, expressions=(expression,)), list(TYPES))
    return checks.check({name: column for name, column in ROW.items() if name in checks.needed}, 1) == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a = 1", True),
        ("a <> 1 OR b > 2.4", True),
        ("NOT a = 1", False),
        ("a + 1 = 2 AND b * 2 = 5", True),
        ("b / a > 2.4 and try_divide(b, 0) > 1", True),
        ("a - 2 = -1", True),
        ("b = 2.5", True),
        ("f < b", True),
        ("s IN ('new', 'paid')", True),
        ("s NOT IN ('new', 'paid')", False),
        ("length(s) = 3 AND upper(s) = 'NEW'", True),
        ("d BETWEEN DATE '2026-01-01' AND DATE '2026-01-31'", True),
        ("d NOT BETWEEN DATE '2026-01-01' AND DATE '2026-01-31'", False),
        ("n > 5", True),
        ("n IS NULL", True),
        ("n IS NOT NULL", False),
        ("coalesce(n, 0) > 5", False),
        ("n > 5 AND a = 2", False),
        ("`a` = 1 and (s = 'it''s' or s = 'new')", True),
        ("9223372036854775807.0 + a > 0", True),
        ("3037000500.0 * 3037000500 > a", True),
        ("try_add(9223372036854775807, a) > 0", True),
        ("a = 2 AND 9223372036854775807 + a > 0", False),
        ("a = 1 OR 9223372036854775807 + a > 0", True),
    ],
)
def test_conditions_are_those_of_sql(expression: str, expected: bool) -> None:
    assert holds(expression) == expected


@pytest.mark.parametrize(
    "expression", ["9223372036854775807 + a > 0", "3037000500 * 3037000500 > a", "b / 0 > 1", "CAST(s AS int64) > 0"]
)
def test_a_row_for_which_a_condition_cannot_be_computed_is_bad_and_told_so(expression: str) -> None:
    columns = [{"name": name, "type": kind} for name, kind in TYPES.items()]
    checks = ColumnChecks(feed_of(*columns, expressions=(expression,)), list(TYPES))
    (problem,) = checks.check({name: column for name, column in ROW.items() if name in checks.needed}, 1)
    assert (problem.row, problem.rule) == (0, "expression:e0")
    assert problem.detail == f"cannot be computed, as a value is not in range: {expression}"


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "a =",
        "a = 1 b",
        "a == 1",
        "__import__('os')",
        "a.b = 1",
        "exec('x')",
        "a = 'x",
        "(a = 1",
        "a = 1; a",
        "abs(a, a) = 1",
        "(" * 99,
    ],
)
def test_what_is_no_condition_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(expression)


@pytest.mark.parametrize("expression", ["a + 1", "s = 1", "d > 5", "missing = 1"])
def test_a_condition_that_does_not_fit_the_columns_is_the_feeds_fault(expression: str) -> None:
    with pytest.raises(FeedInvalidError, match=r"\$\.checks\.expressions\[0\]\.expression: "):
        holds(expression)


def test_a_condition_whose_column_a_file_lacks_is_told_with_that_file() -> None:
    with pytest.raises(FeedInvalidError, match=r"checks\.expressions: e0: names the column 'a'"):
        ColumnChecks(feed_of({"name": "a", "type": "int64"}, expressions=("a = 1",)), ["b"])
