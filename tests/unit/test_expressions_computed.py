"""Expressions on Arrow columns: values, and the rows that have none. tests/glue compares them with Spark's."""

import time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from lakeferry.checks.evaluation import evaluate
from lakeferry.expressions import Scope, compiled, type_of

KINDS = {"i": "int64", "d": "decimal(12,2)", "f": "float64", "s": "string", "day": "date", "b": "bool"}
SCOPE = Scope({name: found for name, kind in KINDS.items() if (found := type_of(kind)) is not None})
GREATEST = 2**63 - 1


def computed(text: str, **columns: "pa.Array[Any]") -> list[Any]:
    """Each row's value, or `error`."""
    rows = len(next(iter(columns.values()))) if columns else 1
    found = evaluate(compiled(text, SCOPE), columns, rows)
    values = [found.values.as_py()] * rows if isinstance(found.values, pa.Scalar) else found.values.to_pylist()
    if found.error is None:
        return values
    errors = [found.error.as_py()] * rows if isinstance(found.error, pa.Scalar) else found.error.to_pylist()
    return ["error" if error else value for error, value in zip(errors, values, strict=True)]


NUMBERS = pa.array([1, GREATEST, None, 0], pa.int64())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i * 10", [10, "error", None, 0]),
        ("TRY(i * 10)", [10, None, None, 0]),
        ("try_add(i, 1)", [2, None, None, 1]),
        ("i + 1 > 0", [True, "error", None, True]),
        ("i < 5 AND i + 1 > 0", [True, False, None, True]),
        ("i > 5 OR i + 1 > 0", [True, True, None, True]),
        ("i + 1 > 0 AND i < 5", [True, "error", None, True]),
        ("CASE WHEN i < 5 THEN i + 1 END", [2, None, None, 1]),
        ("CASE WHEN i + 1 > 0 THEN 1 ELSE 0 END", [1, "error", 0, 1]),
        ("coalesce(i, i + 1)", [1, GREATEST, None, 0]),
        ("coalesce(nullif(i, 0), 1 % i)", [1, GREATEST, None, "error"]),
        ("10 % i", [0, 10, None, "error"]),
        ("1 / i", [1.0, 1 / GREATEST, None, "error"]),
        ("-i", [-1, -GREATEST, None, 0]),
        ("CAST(i AS int)", [1, "error", None, 0]),
        ("CAST(i AS decimal(3,2))", [Decimal("1.00"), "error", None, Decimal("0.00")]),
        ("date_add(DATE '9999-12-31', i) IS NULL", ["error", "error", True, False]),
        ("add_months(DATE '9999-12-31', i) IS NULL", ["error", "error", True, False]),
        ("i IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)", [True, False, None, True]),
        ("NULL IN (i)", [None, None, None, None]),
    ],
)
def test_an_error_is_of_its_row_and_counts_where_it_is_reached(text: str, expected: list[Any]) -> None:
    found = computed(text, i=NUMBERS)
    assert [type(value) for value in found] == [type(value) for value in expected]
    assert found == expected


def test_text_that_is_no_value_is_an_error_and_blanks_are_null() -> None:
    texts = pa.array(["12", "x", " ", None, "9223372036854775808", "12\n"])
    assert computed("CAST(s AS int64)", s=texts) == [12, "error", None, None, "error", "error"]
    assert computed("TRY_CAST(s AS int64)", s=texts) == [12, None, None, None, None, None]


def test_nan_is_equal_to_itself_and_greater_than_any_number() -> None:
    floats = pa.array([float("nan"), float("inf"), -0.0, None])
    assert computed("f = f", f=floats) == [True, True, True, None]
    assert computed("f > 1e300", f=floats) == [True, True, False, None]
    assert computed("f = 0e0", f=floats) == [False, False, True, None]
    assert computed("CAST(f AS decimal(12,2))", f=floats) == ["error", "error", Decimal("0.00"), None]


def test_dates_beyond_year_9999_are_errors_where_they_are_computed_with() -> None:
    days = pa.array([0, 3_000_000, -800_000, None], pa.int32()).cast(pa.date32())
    assert computed("last_day(day) IS NULL", day=days) == [False, "error", "error", True]


def test_a_pattern_costs_time_in_proportion_to_the_value() -> None:
    long = pa.array(["a" * 2_000_000])
    begun = time.process_time()
    for pattern in ("%aab%", "a%b", "%ab", "_____%", "%a_b%"):
        assert computed(f"s LIKE '{pattern}'", s=long) == [pattern == "_____%"]
    assert time.process_time() - begun < 5


def test_json_is_taken_apart_or_null() -> None:
    texts = pa.array(['{"a": [1, {"b c": true}], "n": 1.10, "big": 12345678.5}', "[" * 100_000, '{"a"', "1", None])
    assert computed("get_json_object(s, '$.a[1]')", s=texts) == ['{"b c":true}', None, None, None, None]
    assert computed("get_json_object(s, '$.a[1][''b c'']')", s=texts) == ["true", None, None, None, None]
    assert computed("get_json_object(s, '$.n')", s=texts) == ["1.1", None, None, None, None]
    assert computed("get_json_object(s, '$.big')", s=texts) == ["1.23456785E7", None, None, None, None]
