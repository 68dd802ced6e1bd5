"""Expressions drawn from the grammar, as text, and columns of values from the edges of their types."""

import random
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from lakeferry.checks.rowwise import arrow_type
from lakeferry.expressions import Scope, type_of

TYPES = {
    "i": "int64",
    "j": "int64",
    "n": "int",
    "d": "decimal(12,2)",
    "e": "decimal(38,10)",
    "h": "decimal(20,18)",
    "f": "float64",
    "g": "float64",
    "s": "string",
    "t": "string",
    "day": "date",
    "due": "date",
    "at": "timestamp",
    "b": "bool",
}


def _typed_scope() -> Scope:
    found = {name: type_of(kind) for name, kind in TYPES.items()}
    return Scope({name: kind for name, kind in found.items() if kind is not None})


SCOPE = _typed_scope()

_INT64 = [0, 1, -1, 7, -7, 10, 2**31 - 1, -(2**31), 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
_TEXT = [
    "",
    " ",
    "a",
    "abc",
    "a/b/c",
    " x ",
    "\t1\t",
    "12",
    "-7",
    "+7",
    "1.5",
    "1e3",
    "007",
    "9223372036854775808",
    "true",
    "N",
    "2026-01-05",
    "2026-02-30",
    "2026-01-05 06:07:08",
    "05.01.2026",
    "Zürich",
    "straße",
    "ÀÉ",
    "😀x",
    "it's",
    "a\\b",
    "50%",
    "a_c",
    "line\nbreak",
    "ΑΣ",
    "İ",
    "ﬁ",
    '{"a": [1, {"b": "x"}], "n": 1.10}',
    "NaN",
    "aXbXc",
]
EDGES: dict[str, list[Any]] = {
    "i": _INT64,
    "j": _INT64,
    "n": [0, 1, -1, 12, 2**31 - 1, -(2**31)],
    "d": [Decimal(x) for x in ("0.00", "0.01", "-0.01", "1.20", "2.50", "9999999999.99", "-9999999999.99", "0.05")],
    "e": [Decimal(x).quantize(Decimal("1e-10")) for x in ("0", "1", "-0.0000000001", "9" * 14, "0.5", "-2.5")]
    + [Decimal("9" * 28 + "." + "9" * 10)],
    "h": [
        Decimal(x).quantize(Decimal("1e-18")) for x in ("0", "0.000000000000000001", "99", "-99.5", "0.333333333333")
    ],
    "f": [
        0.0,
        -0.0,
        1.5,
        -2.5,
        0.1,
        1e300,
        -1e300,
        5e-324,
        2.0**63,
        float("nan"),
        float("inf"),
        float("-inf"),
        1e15,
        0.125,
    ],
    "g": [0.0, 1.0, -3.0, 2.5, 1e-7, 123456789.125, float("nan"), 9007199254740993.0],
    "s": _TEXT,
    "t": _TEXT,
    "day": [
        date(2026, 1, 5),
        date(2024, 2, 29),
        date(1, 1, 1),
        date(9999, 12, 31),
        date(1582, 10, 10),
        date(1969, 12, 31),
    ],
    "due": [date(2026, 1, 31), date(1970, 1, 1), date(1900, 3, 1), date(9999, 1, 1)],
    "at": [
        datetime(2026, 1, 5, 6, 7, 8),
        datetime(1969, 12, 31, 23, 59, 59, 999999),
        datetime(1, 1, 1),
        datetime(1899, 1, 1, 0, 0, 1),
        datetime(2026, 3, 29, 2, 30),
        datetime(9999, 12, 31, 23, 59, 59, 500000),
    ],
    "b": [True, False],
}


def edge_rows(rows: int, seed: int = 1) -> pa.Table:
    """Rows of values from the edges, one in eight of them null."""
    chance = random.Random(seed)
    columns = {}
    for name, kind in SCOPE.columns.items():
        values = [None if chance.random() < 0.125 else chance.choice(EDGES[name]) for _ in range(rows)]
        columns[name] = pa.array(values, arrow_type(kind))
    return pa.table(columns)


# -- drawing

_Draw = Callable[[st.SearchStrategy[Any]], Any]
_OF = {
    "whole": ["i", "j", "n"],
    "decimal": ["d", "e", "h"],
    "float": ["f", "g"],
    "text": ["s", "t"],
    "date": ["day", "due"],
    "time": ["at"],
    "bool": ["b"],
}
_LITERALS = {
    "whole": ["0", "1", "-3", "10", "2147483648", "9223372036854775807"],
    "decimal": ["0.5", "1.2", "-0.05", "100.00", "12345678901234567890.5"],
    "float": ["1e0", "-2.5e3", "1e-7"],
    "text": ["''", "'a'", "'ab'", "'it''s'", "'Ä'", "'\\\\'", "'12'", "'2026-01-05'"],
    "date": ["DATE '2026-01-05'", "DATE '0001-01-01'"],
    "time": ["TIMESTAMP '2026-01-05 06:07:08'"],
    "bool": ["TRUE", "FALSE"],
}
_KINDS = list(_OF)
_NUMBERS = ["whole", "decimal", "float"]
_TO = {
    "whole": ["int64", "int"],
    "decimal": ["decimal(12,2)", "decimal(38,10)", "decimal(5,0)", "decimal(20,18)"],
    "float": ["float64"],
    "text": ["string"],
    "date": ["date"],
    "time": ["timestamp"],
    "bool": ["bool"],
}
_SHAPES: dict[str, list[str]] = {
    "whole": [
        "({whole} + {whole})",
        "({whole} - {whole})",
        "({whole} * {whole})",
        "({whole} % {whole})",
        "-({whole})",
        "abs({whole})",
        "length({text})",
        "instr({text}, {text})",
        "year({date})",
        "month({time})",
        "day({date})",
        "quarter({date})",
        "hour({time})",
        "minute({time})",
        "second({time})",
        "datediff({date}, {date})",
        "round({whole}, 1)",
    ],
    "decimal": [
        "({decimal} + {decimal})",
        "({decimal} - {whole})",
        "({decimal} * {decimal})",
        "({decimal} / {decimal})",
        "({decimal} % {decimal})",
        "-({decimal})",
        "abs({decimal})",
        "round({decimal}, 1)",
        "round({decimal})",
        "floor({decimal})",
        "ceil({decimal})",
        "({decimal} / {whole})",
        "({decimal} * {whole})",
    ],
    "float": [
        "({float} + {float})",
        "({float} - {decimal})",
        "({float} * {float})",
        "({float} / {float})",
        "({whole} / {whole})",
        "({float} % {float})",
        "-({float})",
        "abs({float})",
    ],
    "text": [
        "lower({text})",
        "upper({text})",
        "trim({text})",
        "ltrim({text})",
        "rtrim({text})",
        "substring({text}, 2, 3)",
        "substring({text}, -2)",
        "left({text}, 2)",
        "right({text}, 2)",
        "replace({text}, 'a', 'XY')",
        "({text} || {text})",
        "concat({text}, {text}, 'z')",
        "lpad({text}, 5, '0')",
        "rpad({text}, 4, 'ab')",
        "split_part({text}, '/', 2)",
        "get_json_object({text}, '$.a[1].b')",
        "get_json_object({text}, '$.a')",
        "md5({text})",
        "sha2({text}, 256)",
        "date_format({date}, 'yyyy-MM')",
        "date_format({time}, 'dd.MM.yyyy HH:mm:ss')",
    ],
    "date": [
        "date_add({date}, {whole})",
        "date_sub({date}, {whole})",
        "add_months({date}, {whole})",
        "last_day({date})",
        "trunc({date}, 'month')",
        "trunc({date}, 'quarter')",
        "trunc({date}, 'week')",
        "to_date({text}, 'dd.MM.yyyy')",
        "to_date({text}, 'yyyy-MM-dd')",
    ],
    "time": ["to_timestamp({text}, 'yyyy-MM-dd HH:mm:ss')"],
    "bool": [
        "({bool} AND {bool})",
        "({bool} OR {bool} OR {bool})",
        "(NOT {bool})",
        "({whole} < {decimal})",
        "({whole} = {whole})",
        "({decimal} >= {decimal})",
        "({float} = {float})",
        "({float} < {float})",
        "({float} >= {decimal})",
        "({text} = {text})",
        "({text} > {text})",
        "({date} <= {date})",
        "({date} < {time})",
        "({bool} <> {bool})",
        "({text} LIKE 'a%')",
        "({text} LIKE '%a%')",
        "({text} LIKE 'a_c')",
        "({text} LIKE '_%')",
        "({text} LIKE '50\\%')",
        "({whole} IN (1, 2, {whole}))",
        "({text} NOT IN ('a', 'abc', NULL))",
        "({float} IN (0.5e0, {float}))",
        "({decimal} BETWEEN {decimal} AND {whole})",
        "startswith({text}, {text})",
        "endswith({text}, {text})",
        "contains({text}, {text})",
        "({text} IS NULL)",
        "({whole} IS NOT NULL)",
        "({bool} IS NOT TRUE)",
    ],
}
_ANY = [
    "coalesce({0}, {0})",
    "nullif({0}, {0})",
    "CASE WHEN {bool} THEN {0} WHEN {bool} THEN {0} ELSE {0} END",
    "if({bool}, {0}, NULL)",
    "TRY({0})",
    "greatest({0}, {0})",
    "least({0}, {0}, NULL)",
]


def _expression(draw: _Draw, kind: str, depth: int) -> str:
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return str(draw(st.sampled_from(_OF[kind] * 3 + _LITERALS[kind])))
    way = draw(st.integers(0, 9))
    if way == 0:
        other = draw(st.sampled_from(_KINDS))
        name = draw(st.sampled_from(["CAST", "TRY_CAST"]))
        return f"{name}({_expression(draw, other, depth - 1)} AS {draw(st.sampled_from(_TO[kind]))})"
    shape = str(draw(st.sampled_from(_ANY if way < 3 else _SHAPES[kind])))
    for each in (*_KINDS, "0"):
        while f"{{{each}}}" in shape:
            inner = _expression(draw, kind if each == "0" else each, depth - 1)
            shape = shape.replace(f"{{{each}}}", inner.replace("{", "\0"), 1)
    return shape.replace("\0", "{")


@st.composite
def expressions(draw: _Draw, depth: int = 3) -> str:
    """An expression of any type; some do not fit together."""
    return _expression(draw, str(draw(st.sampled_from(_KINDS))), depth)
