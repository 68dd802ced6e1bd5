"""Numbers and fractions of seconds as partners spell them: the same values, or bad rows, in every format."""

import hashlib
import json
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.checks.casts import TextCast
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ChecksSpec, ColumnSpec, FormatSpec, parse_feed
from lakeferry.feeds.fingerprint import checked_as
from tests.conftest import feed_document
from tests.unit.inspecting import Result, feed_of, inspected
from tests.unit.test_xlsx import workbook

AMOUNT = ColumnSpec("v", "decimal(12,2)")
COUNT = ColumnSpec("n", "int64")
FORMATS = ["csv", "fixed_width", "xlsx", "json", "jsonl", "xml"]
LANDS_NUMBERS = ["csv", "fixed_width", "xlsx"]
"""Their rows land written anew, so that the raw zone has plain numbers."""
LANDS_TEXTS = ["json", "jsonl", "xml"]
"""Their rows land as they are: the Glue job reads the spelling."""


def delivered(form: str, rows: list[tuple[str, str]], **rest: Any) -> Result:
    """Rows of an amount and a count as texts of a format, through the checks."""
    columns = (AMOUNT, COUNT)
    if form == "csv":
        rest = {"delimiter": ";", **rest}
        content = "".join(f"{v};{n}\n" for v, n in [("v", "n"), *rows]).encode()
    elif form == "fixed_width":
        columns = (ColumnSpec("v", "decimal(12,2)", start=1, length=16), ColumnSpec("n", "int64", start=17, length=12))
        content = "".join(f"{v:16}{n:12}\n" for v, n in rows).encode()
    elif form == "xlsx":
        content = workbook(["v", "n"], *(list(row) for row in rows))
    elif form == "xml":
        rest = {"records": "/r/o", **rest}
        content = f"<r>{''.join(f'<o><v>{v}</v><n>{n}</n></o>' for v, n in rows)}</r>".encode()
    else:
        records = [json.dumps({"v": v, "n": n}, ensure_ascii=False) for v, n in rows]
        content = (f"[{','.join(records)}]" if form == "json" else "\n".join(records)).encode()
    return inspected(content, feed_of(form, checks=ChecksSpec(columns=columns), **rest))


def converted(column: ColumnSpec, *values: str, **form: Any) -> list[Any]:
    """The values; None where one is bad. Each comes to the same alone and among many plain ones."""
    cast = TextCast(column, FormatSpec(**form))
    found: list[Any] = cast.convert(pa.array(values, pa.string())).values.to_pylist()
    alone = [cast.convert(pa.array([value], pa.string())).values[0].as_py() for value in values]
    usual = "2026-01-05" if column.type == "date" else "1"
    among = cast.convert(pa.array([value for each in values for value in (each, *[usual] * 30)], pa.string()))
    assert found == alone == among.values.to_pylist()[::31]
    return found


# -- U+2212


@pytest.mark.parametrize("form", FORMATS)
def test_the_minus_sign_of_unicode_is_a_minus_in_every_format(form: str) -> None:
    result = delivered(form, [("−1234.50", "−5"), ("1−2", "5"), ("−", "5"), ("−-5", "5"), ("5", "5−")])
    assert result.rows == (1, 4)
    assert {row["rule"] for row in result.bad} == {"type"}


@pytest.mark.parametrize("kind", ["int64", "float64", "decimal(6,2)", "decimal(38,0)"])
def test_a_minus_of_unicode_makes_the_number_negative(kind: str) -> None:
    found = converted(ColumnSpec("v", kind), "−7", " −7 ", "-7", "7−", "−−7", "− 7", "+−7", "−")
    assert found == [-7, -7, -7, None, None, None, None, None]


def test_many_of_them_are_converted_with_the_rest() -> None:
    values = [("−" if number % 2 else "") + f"{number}.25" for number in range(3000)]
    cast = TextCast(AMOUNT, FormatSpec()).convert(pa.array(values))
    assert cast.bad is None
    assert cast.values.to_pylist()[-2:] == [Decimal("2998.25"), Decimal("-2999.25")]


# -- with a setting


@pytest.mark.parametrize("form", LANDS_NUMBERS)
def test_a_trailing_sign_is_read_where_the_feed_says_so_and_lands_before_the_number(form: str) -> None:
    rows = [("12.50-", "5-"), ("12.50+", "5"), ("-12.50", "−5"), ("12.50−", "5"), ("-12.50-", "5"), ("12-50", "5")]
    result = delivered(form, rows, negative="trailing")
    assert [line.replace(";", ",") for line in result.lines] == ["v,n", "-12.50,-5", "12.50,5", "-12.50,-5", "-12.50,5"]
    assert result.rows == (4, 2)
    assert delivered(form, [("12.50-", "5")]).rows == (0, 1)


@pytest.mark.parametrize("form", LANDS_NUMBERS)
def test_parentheses_are_a_minus_where_the_feed_says_so(form: str) -> None:
    rows = [
        ("(12.50)", "(5)"),
        ("( 12.50 )", "5"),
        ("-12.50", "5"),
        ("(-12.50)", "5"),
        ("(12.50", "5"),
        ("12.50-", "5"),
    ]
    result = delivered(form, rows, negative="parentheses")
    assert [line.replace(";", ",") for line in result.lines] == ["v,n", "-12.50,-5", "-12.50,5", "-12.50,5"]
    assert result.rows == (3, 3)
    assert delivered(form, [("(12.50)", "5")]).rows == (0, 1)


@pytest.mark.parametrize("form", FORMATS)
def test_a_bad_row_names_the_setting_that_would_read_it(form: str) -> None:
    result = delivered(form, [("12.50-", "5"), ("(12.50)", "5"), ("x", "5"), ("7", "(5)")])
    assert [(row["column"], row["detail"]) for row in result.bad] == [
        ("v", "is not a decimal(12,2), unless the feed says format.negative: trailing"),
        ("v", "is not a decimal(12,2), unless the feed says format.negative: parentheses"),
        ("v", "is not a decimal(12,2)"),
        ("n", "is not an int64, unless the feed says format.negative: parentheses"),
    ]
    other = delivered(form, [("12.50-", "5"), ("(12.50)", "5")], negative="trailing")
    assert "format.negative: parentheses" in other.bad[0]["detail"]


@pytest.mark.parametrize("form", LANDS_NUMBERS)
def test_apostrophes_and_blanks_of_any_width_are_thousands_marks(form: str) -> None:
    swiss = delivered(form, [("1’234.50", "1'234’567")], thousands="'")
    french = delivered(form, [("1\u202f234.50", "1\u00a0234\u2009567"), ("1 23.50", "5")], thousands="\u00a0")
    assert swiss.lines[1:] == french.lines[1:]
    assert swiss.lines[1].replace(";", ",") == "1234.50,1234567"
    assert (swiss.rows, french.rows) == ((1, 0), (1, 1))


@pytest.mark.parametrize("form", LANDS_TEXTS)
@pytest.mark.parametrize(
    ("setting", "good", "bad"),
    [
        ({"negative": "trailing"}, ("12.50-", "5-"), ("(12.50)", "5")),
        ({"negative": "parentheses"}, ("(12.50)", "( 5 )"), ("12.50-", "5")),
        ({"thousands": "'"}, ("1’234.50", "1'234"), ("1’23.50", "5")),
        ({"thousands": ","}, ("12,34,567.89", "1,234"), ("1,23", "5")),
    ],
)
def test_json_and_xml_take_them_as_well_and_land_as_delivered(
    form: str, setting: dict[str, str], good: tuple[str, str], bad: tuple[str, str]
) -> None:
    result = delivered(form, [good, bad], **setting)
    assert result.rows == (1, 1)
    assert json.loads(result.lines[0]) == dict(zip(["v", "n"], good, strict=True))
    assert delivered(form, [good]).rows == (0, 1)


def test_numbers_of_json_are_numbers_whatever_the_spelling_of_texts() -> None:
    feed = feed_of("jsonl", checks=ChecksSpec(columns=(AMOUNT, COUNT)), thousands=",", negative="parentheses")
    assert inspected(b'{"v": -1234.5, "n": 1e3}\n{"v": "(1,234.50)", "n": "1,000"}', feed).rows == (2, 0)


def test_indias_groups_are_read_with_a_comma() -> None:
    values = ["12,34,567.89", "1,00,000", "99,99,99,999.00", "1,234.50", "12,34", "12,34,56", "123,45,678", "1,2,345"]
    expected = ["1234567.89", "100000", "999999999", "1234.50", None, None, None, None]
    numbers = [None if each is None else Decimal(each) for each in expected]
    assert converted(AMOUNT, *values, thousands=",") == numbers
    assert converted(AMOUNT, "12.34.567", "1.234.567", decimal=",", thousands=".") == [None, Decimal(1234567)]


def grouped(digits: str, mark: str, *, indian: bool) -> str:
    head, last = digits[:-3], digits[-3:]
    groups: list[str] = []
    while head:
        size = 2 if indian else 3
        head, group = head[:-size], head[-size:]
        groups.insert(0, group)
    return mark.join([*groups, last])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.decimals(-(10**9), 10**9, places=2),
    st.sampled_from([(".", None), (",", None), (".", ","), (",", "."), (".", "'"), (",", " "), (",", "\u202f")]),
    st.sampled_from(["leading", "trailing", "parentheses"]),
    st.booleans(),
    st.sampled_from(["-", "−"]),
)
def test_a_number_is_the_same_in_every_spelling(
    number: Decimal, marks: tuple[str, str | None], negative: str, indian: bool, minus: str
) -> None:
    decimal, thousands = marks
    whole, _, fraction = f"{abs(number):.2f}".partition(".")
    if thousands:
        whole = grouped(whole, thousands, indian=indian and thousands == ",")
    text = f"{whole}{decimal}{fraction}"
    spelled = {"leading": f"{minus}{text}", "trailing": f"{text}{minus}", "parentheses": f"({text})"}[negative]
    form: dict[str, Any] = {"decimal": decimal, "thousands": thousands, "negative": negative}
    assert converted(AMOUNT, spelled if number < 0 else text, **form) == [number]


@pytest.mark.parametrize("kind", ["string", "bool", "date"])
def test_other_types_keep_their_text(kind: str) -> None:
    cast = TextCast(ColumnSpec("v", kind), FormatSpec(decimal=",", thousands=".", negative="parentheses"))
    given = pa.array(["(1)", "−1", "1.234"])
    assert cast.canonical(given).equals(given)


def test_a_plain_column_takes_no_pass_for_other_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakeferry.checks.casts.with_plain_minus", None)
    monkeypatch.setattr("lakeferry.checks.casts.plainly_spelled", None)
    assert converted(AMOUNT, "-12.50", "x", "1e5", "+7") == [Decimal("-12.50"), None, None, Decimal(7)]


# -- fractions of seconds

ORACLE = "%d-%b-%y %I.%M.%S.%f %p"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (ORACLE, "05-JAN-26 06.07.08.{} AM"),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-01-05 06:07:08.{}"),
        ("%Y%m%d%H%M%S%f", "20260105060708{}"),
        ("%Y-%m-%dT%H:%M:%S.%f%z", "2026-01-05T06:07:08.{}Z"),
    ],
)
def test_digits_beyond_microseconds_are_taken_as_zeros_and_cut_where_the_feed_says_so(form: str, text: str) -> None:
    fractions = ["123456000", "1234560", "5", "500000000", "123456789", "1234567", "1234560000", ""]
    values = [text.format(fraction) for fraction in fractions]
    micros = [123456, 123456, 500000, 500000, 123456, 123456, None, None]
    moments = [None if each is None else datetime(2026, 1, 5, 6, 7, 8, each) for each in micros]
    column = ColumnSpec("t", "timestamp", format=form)
    cut = ColumnSpec("t", "timestamp", format=form, beyond_microseconds="cut")

    found = TextCast(column, FormatSpec()).convert(pa.array(values)).values.to_pylist()
    assert found == [*moments[:4], None, None, None, None]
    assert TextCast(cut, FormatSpec()).convert(pa.array(values)).values.to_pylist() == moments


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05 06:07:08.{}", datetime(2026, 1, 5, 6, 7, 8)),
        ("2026-01-05T06:07:08.{}", datetime(2026, 1, 5, 6, 7, 8)),
        ("2026-01-05T06:07:08.{}Z", datetime(2026, 1, 5, 6, 7, 8)),
        ("2026-01-05 06:07:08.{} -0530", datetime(2026, 1, 5, 11, 37, 8)),
    ],
)
def test_without_a_format_it_is_the_same(text: str, moment: datetime) -> None:
    fractions = ["123456000", "1234560", "5", "500000000", "123456789", "1234567", "1234560000", ""]
    values = pa.array([text.format(fraction) for fraction in fractions])
    micros = [123456, 123456, 500000, 500000, 123456, 123456, None, None]
    moments = [None if each is None else moment.replace(microsecond=each) for each in micros]
    found = TextCast(ColumnSpec("t", "timestamp"), FormatSpec()).convert(values).values.to_pylist()
    assert found == [*moments[:4], None, None, None, None]
    cut = ColumnSpec("t", "timestamp", beyond_microseconds="cut")
    assert TextCast(cut, FormatSpec()).convert(values).values.to_pylist() == moments


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("csv", "t\n2026-01-05 06:07:08.1234567\nyesterday\n"),
        ("jsonl", '{"t":"2026-01-05T06:07:08.1234567Z"}\n{"t":"yesterday"}\n'),
        ("json", '[{"t":"2026-01-05T06:07:08.1234567+02:00"},\n{"t":"yesterday"}]'),
        ("xml", "<a><b><t>2026-01-05T06:07:08.123456789</t></b>\n<b><t>yesterday</t></b></a>"),
    ],
)
def test_every_format_tells_a_time_that_is_too_fine_with_the_setting(form: str, content: str) -> None:
    settings = {"records": "/a/b"} if form == "xml" else {}
    column = ColumnSpec("t", "timestamp")
    result = inspected(content.encode(), feed_of(form, checks=ChecksSpec(columns=(column,)), **settings))
    assert [row["detail"] for row in result.bad] == [
        "is not a timestamp (YYYY-MM-DD hh:mm:ss), unless the feed says beyond_microseconds: cut",
        "is not a timestamp (YYYY-MM-DD hh:mm:ss)",
    ]
    taken = replace(column, beyond_microseconds="cut")
    assert inspected(content.encode(), feed_of(form, checks=ChecksSpec(columns=(taken,)), **settings)).rows == (1, 1)


def test_rows_checked_before_such_times_were_refused_count_as_checked_otherwise() -> None:
    plain, other = ColumnSpec("t", "timestamp"), ColumnSpec("t", "timestamp", format="%Y-%m-%d %H:%M:%S.%f")
    assert checked_as(feed_of("csv", checks=ChecksSpec(columns=(plain,)))) != _before(plain)
    assert checked_as(feed_of("csv", checks=ChecksSpec(columns=(other,)))) == _before(other)


def _before(each: ColumnSpec) -> str:
    """`checked_as` as it was."""
    form = asdict(feed_of("csv").format)
    kinds = [(each.name, each.type, each.format, each.timezone, each.beyond_microseconds, each.nonexistent)]
    text = json.dumps([form, kinds], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def test_a_bad_row_says_that_it_is_too_fine() -> None:
    feed = feed_of("csv", checks=ChecksSpec(columns=(ColumnSpec("t", "timestamp", format=ORACLE),)))
    result = inspected(b"t\n05-JAN-26 06.07.08.123456789 AM\n", feed)
    assert "finer than microseconds (checks.columns: beyond_microseconds)" in result.bad[0]["detail"]


# -- feeds check


@pytest.mark.parametrize(
    ("form", "column", "problem"),
    [
        ({"negative": "brackets"}, {}, '`format.negative` is one of leading, trailing, parentheses, not "brackets"'),
        ({"type": "parquet", "negative": "trailing"}, {}, "$.format.negative: is for csv"),
        ({"thousands": "."}, {}, "$.format.thousands: is the same mark as decimal"),
        ({"thousands": "'", "quote": "'"}, {}, "$.format.thousands: is the same mark as quote"),
        ({"thousands": "\u2019", "quote": "'"}, {}, "$.format.thousands: is the same mark as quote"),
        ({}, {"type": "timestamp", "format": "%H:%M", "beyond_microseconds": "cut"}, "is for a format with %f"),
        ({}, {"type": "int64", "beyond_microseconds": "cut"}, "beyond_microseconds: is for timestamp, not for int64"),
    ],
)
def test_what_contradicts_itself_is_refused(form: dict[str, Any], column: dict[str, Any], problem: str) -> None:
    columns = [{"name": "t", "type": "string", **column}]
    with pytest.raises(FeedInvalidError) as caught:
        parse_feed(feed_document(format={"type": "csv", **form}, checks={"columns": columns}, transform={}))
    assert problem in str(caught.value)
