"""Expressions drawn from the grammar, as text, and columns of values from the edges of their types."""

import random
import struct
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

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


_ALPHABET = "abcXYZ019 -+./:\t\n'\"\\%_éßÄøΩİ٣漢😀"


def _drawn_decimal(chance: random.Random, precision: int, scale: int) -> Decimal:
    digits = chance.randrange(1, precision + 1)
    return Decimal(chance.choice((1, -1)) * chance.randrange(10**digits)).scaleb(-scale)


def _drawn_float(chance: random.Random) -> float:
    if chance.random() < 0.5:
        return round(chance.uniform(-1e6, 1e6), chance.randrange(5))
    found: float = struct.unpack("<d", chance.randbytes(8))[0]
    return found


def _drawn_text(chance: random.Random) -> str:
    kind = chance.randrange(4)
    if kind == 0:
        return str(_drawn_decimal(chance, 22, chance.randrange(5)))
    if kind == 1:
        return f"{chance.randrange(1, 10_000):04}-{chance.randrange(0, 14):02}-{chance.randrange(0, 33):02}"
    if kind == 2:
        return f"{chance.randrange(1, 32):02}.{chance.randrange(1, 13):02}.{chance.randrange(1900, 2100)}"
    return "".join(chance.choice(_ALPHABET) for _ in range(chance.randrange(9)))


_DRAWN: dict[str, Callable[[random.Random], Any]] = {
    "i": lambda chance: chance.randrange(-(2**63), 2**63) >> chance.randrange(64),
    "n": lambda chance: chance.randrange(-(2**31), 2**31) >> chance.randrange(32),
    "d": lambda chance: _drawn_decimal(chance, 12, 2),
    "e": lambda chance: _drawn_decimal(chance, 38, 10),
    "h": lambda chance: _drawn_decimal(chance, 20, 18),
    "f": _drawn_float,
    "s": _drawn_text,
    "day": lambda chance: date.fromordinal(chance.randrange(1, date.max.toordinal() + 1)),
    "at": lambda chance: datetime(1, 1, 1) + timedelta(microseconds=chance.randrange(9998 * 365 * 86_400 * 10**6)),
}
_DRAWN |= {name: _DRAWN[other] for name, other in {"j": "i", "g": "f", "t": "s", "due": "day"}.items()}


def edge_rows(rows: int, seed: int = 1, *, drawn: float = 0.0) -> pa.Table:
    """Rows of values from the edges, one in eight of them null.

    Args:
        drawn: Part of the values that is from anywhere between the edges.
    """
    chance = random.Random(seed)
    columns = {}
    for name, kind in SCOPE.columns.items():
        between = _DRAWN.get(name)
        values = [
            None
            if chance.random() < 0.125
            else between(chance)
            if drawn and between and chance.random() < drawn
            else chance.choice(EDGES[name])
            for _ in range(rows)
        ]
        columns[name] = pa.array(values, arrow_type(kind))
    return pa.table(columns)


# -- drawing


class Chance(Protocol):
    """What decides: `random.Random`, or Hypothesis."""

    def randrange(self, stop: int, /) -> int: ...

    def choice(self, of: list[str], /) -> str: ...


class _Hypothesis:
    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def randrange(self, stop: int, /) -> int:
        return int(self._draw(st.integers(0, stop - 1)))

    def choice(self, of: list[str], /) -> str:
        return str(self._draw(st.sampled_from(of)))


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
KINDS = list(_OF)
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
        "round({whole})",
        "quarter({time})",
        "year({time})",
        "day({time})",
        "month({date})",
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
        "round({decimal}, 3)",
        "round({decimal}, 0)",
        "round({decimal}, 12)",
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
        "substring({text}, 1)",
        "substring({text}, -3, 2)",
        "left({text}, 0)",
        "replace({text}, 'a')",
        "replace({text}, ' ', '')",
        "lpad({text}, 3)",
        "split_part({text}, '.', 1)",
        "split_part({text}, 'b', 3)",
        "sha2({text}, 512)",
        "date_format({time}, 'yyyyMMdd')",
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
        "trunc({date}, 'year')",
        "to_date({text}, 'yyyyMMdd')",
    ],
    "time": ["to_timestamp({text}, 'yyyy-MM-dd HH:mm:ss')", "to_timestamp({text}, 'dd.MM.yyyy')"],
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


def drawn_expression(chance: Chance, kind: str, depth: int) -> str:
    """An expression of a kind; some do not fit together."""
    if depth == 0 or chance.randrange(5) == 0:
        return chance.choice(_OF[kind] * 3 + _LITERALS[kind])
    way = chance.randrange(10)
    if way == 0:
        other, name = chance.choice(KINDS), chance.choice(["CAST", "TRY_CAST"])
        return f"{name}({drawn_expression(chance, other, depth - 1)} AS {chance.choice(_TO[kind])})"
    shape = chance.choice(_ANY if way < 3 else _SHAPES[kind])
    for each in (*KINDS, "0"):
        while f"{{{each}}}" in shape:
            inner = drawn_expression(chance, kind if each == "0" else each, depth - 1)
            shape = shape.replace(f"{{{each}}}", inner.replace("{", "\0"), 1)
    return shape.replace("\0", "{")


@st.composite
def expressions(draw: Callable[[st.SearchStrategy[Any]], Any], depth: int = 3) -> str:
    """An expression of any type; some do not fit together."""
    chance = _Hypothesis(draw)
    return drawn_expression(chance, chance.choice(KINDS), depth)
