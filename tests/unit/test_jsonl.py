"""JSON Lines: what is a record, what is a bad row, what is no JSON Lines at all."""

import io
import json
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakeferry.checks import BadRows
from lakeferry.errors import FeedInvalidError, FileRejectedError
from lakeferry.feeds import ChecksSpec, ColumnSpec, ExpressionSpec, HeaderSpec
from lakeferry.feeds.columns import folded_name
from lakeferry.formats.json.records import text_of
from lakeferry.inspect import Report, inspect
from tests.unit.inspecting import agree, feed_of, inspected, rejection

JSONL = feed_of("jsonl")
SCHEMA = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "price": {"type": "number", "multipleOf": 0.01},
        "day": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


def with_schema(schema: dict[str, Any]) -> Any:
    return feed_of("jsonl", checks=ChecksSpec(json_schema=schema))


# -- against Python's json module ------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.decimals(allow_nan=False, allow_infinity=False, places=9).map(lambda value: float(value)),
    st.text(st.sampled_from('ab"\\/\n\r\té€𝄞\u2028\x85{}[]:,'), max_size=6),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('abé"', max_size=3), inner, max_size=3)
)
RECORDS = st.dictionaries(st.text('abcé "\\', max_size=3), VALUES, max_size=4)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A record as one line, escaped or not, with blanks or without."""
    blanks = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")]))
    return json.dumps(draw(RECORDS), ensure_ascii=draw(st.booleans()), separators=blanks).encode()


def only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def refuse(word: str) -> Any:
    raise ValueError(word)


def plainly(line: bytes) -> dict[str, Any] | None:
    """The reference: Python's json module, made strict; None for a bad row."""
    try:
        found = json.loads(line, object_pairs_hook=only_once, parse_constant=refuse, parse_float=Decimal)
    except (ValueError, AssertionError):
        return None
    return found if isinstance(found, dict) else None


ODD = st.sampled_from(
    [
        *(b'{"a":1,"a":2}', b'{"\\u0061":1,"a":1}', b'{"a":{"b":"","b":""}}', b'{"a":NaN}', b'{"a":-Infinity}'),
        *(b'{"a":01}', b'{"a":1.}', b"{'a':1}", b'{"a":1}{"a":2}', b'{"a":1},', b"[1]", b"7", b'"x"', b"null", b"{"),
        *(
            b'{"a":"\\x"}',
            b'{"a":"\t"}',
            b'{"a":1e5,"b":-0.0}',
            b'{"a":123456789012345678901234567890.10}',
            b"nonsense",
        ),
    ]
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(written(), written(), ODD), min_size=1, max_size=8),
    st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n \t\r\n"]),
    st.booleans(),
    st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple),
    st.integers(1, 64),
)
@example([b'{"a":"\\\\","b":"\\""}', b'{"a":"\\\\\\""}'], b"\n", True, (1,), 1)
def test_any_lines_in_any_pieces_are_read_as_pythons_json_module_reads_them(
    lines: list[bytes], end: bytes, ended: bool, sizes: tuple[int, ...], block_bytes: int
) -> None:
    lines = [b'{"a":0}', *lines, b'{"a":9}']
    keys = {key for line in lines for key in plainly(line) or {}}
    result = agree(end.join(lines) + end * ended, JSONL, sizes, block_bytes)

    if len({folded_name(key) for key in keys}) < len(keys):
        assert result is None
        return
    assert result is not None
    expected = [found for line in lines if (found := plainly(line)) is not None]
    assert [json.loads(line, parse_float=Decimal) for line in result.raw.splitlines()] == expected
    # what lands is what was delivered, to the byte
    assert result.raw.split(b"\n")[:-1] == [line for line in lines if plainly(line) is not None]
    assert [row["raw"] for row in result.bad] == [line.decode() for line in lines if plainly(line) is None]
    assert set(result.report.columns) == keys


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from('{}[]":,a1\\ \n'), max_size=40).map(lambda text: b'{"a":1}\n' + text.encode()),
    st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    st.integers(1, 12),
)
def test_the_verdict_on_anything_does_not_depend_on_how_it_came_in(
    content: bytes, sizes: tuple[int, ...], block_bytes: int
) -> None:
    agree(content, JSONL, sizes, block_bytes)


# -- bad rows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "rule", "detail"),
    [
        (b'{"a":1,"a":2}', "repeated_key", "has a key twice in one object"),
        (b'{"x":[{"a":1,"b":{"c":1,"c":1}}]}', "repeated_key", "has a key twice"),
        (b'{"a":NaN}', "json", "is not JSON"),
        (b"[1,2]", "json", "is not an object"),
        (b'{"a":1} {"b":2}', "json", "trailing characters"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "nesting", "more than 64 levels"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nesting", "more than 64 levels"),
        (b'{"a":' + b"1" * 5000 + b"}", "json", "out of range"),
        (b'{"a":"\\ud800"}', "json", "is not JSON"),
    ],
    ids=["key twice", "key twice within", "NaN", "array", "two objects", "deep", "very deep", "5000 digits", "half"],
)
def test_a_line_that_readers_disagree_on_is_a_bad_row(line: bytes, rule: str, detail: str) -> None:
    result = inspected(b'{"a":0}\n\n' + line + b'\n{"a":2}\n', JSONL)

    assert result.rows == (2, 1)
    assert result.lines == ['{"a":0}', '{"a":2}']
    assert result.told == [(3, None, rule)]
    assert result.bad[0]["record"] == 2
    assert detail in result.bad[0]["detail"]
    assert result.bad[0]["raw"] == line.decode()


def test_nesting_to_the_limit_is_fine() -> None:
    assert inspected(b'{"a":' + b"[" * 63 + b"]" * 63 + b"}\n", JSONL).rows == (1, 0)


def test_brackets_in_text_are_no_nesting() -> None:
    assert inspected(b'{"a":"' + b"[{" * 500 + b'"}\n', JSONL).rows == (1, 0)


def test_digits_are_not_lost_on_the_way_to_the_raw_zone() -> None:
    line = b'{"a": 123456789012345678901234567890, "b": 0.10, "c": 1E400, "d": 12345678901234567890.123456789}'
    assert inspected(line, JSONL).raw == line + b"\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (None, None),
        (True, "true"),
        (10**30, "1" + "0" * 30),
        (Decimal("0.10"), "0.10"),
        (Decimal("1E+2"), "100"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("1E+999999"), "1E+999999"),
        ({"b": [1, Decimal("1.50")]}, '{"b":[1,1.50]}'),
    ],
)
def test_values_are_checked_as_the_text_that_a_csv_file_would_have(value: Any, text: str | None) -> None:
    assert text_of(value) == text


# -- JSON Schema -----------------------------------------------------------------------------------------------------


def test_records_that_break_the_schema_are_bad_rows_with_the_path_of_the_value() -> None:
    lines = [
        '{"id":1,"price":12.10,"day":"2026-01-05","tags":["x"]}',
        '{"price":1}',
        '{"id":"2"}',
        '{"id":3,"price":1.005}',
        '{"id":4,"day":"2026-02-30"}',
        '{"id":5,"tags":["x",7]}',
        '{"id":6.0}',
        '{"id":"7","price":"x"}',
    ]
    result = inspected("\n".join(lines).encode(), with_schema(SCHEMA))

    assert result.lines == [lines[0], lines[6]]
    assert result.told == [
        (2, None, "schema"),
        *((n, p, "schema") for n, p in [(3, "id"), (4, "price"), (5, "day")]),
        (6, "tags.[]", "schema"),
        (8, "id", "schema"),
    ]
    assert [row["value"] for row in result.bad] == [None, "2", "1.005", "2026-02-30", "7", "7"]
    assert '"id" is a required property' in result.bad[0]["detail"]
    assert [problem["column"] for problem in result.bad[-1]["more"]] == ["price"]


def test_a_schema_may_refer_to_its_own_parts_only() -> None:
    inside = {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}
    assert inspected(b'{"a":1}\n{"a":"x"}\n', with_schema(inside)).rows == (1, 1)
    with pytest.raises(FeedInvalidError, match=r"acme/sales.*\$\.checks\.json_schema.*another document"):
        inspected(b"{}\n", with_schema({"$ref": "https://schemas.example/order.json"}))


def test_a_schema_that_is_none_is_told_as_the_feeds_fault() -> None:
    with pytest.raises(FeedInvalidError, match=r"\$\.checks\.json_schema"):
        inspected(b"{}\n", with_schema({"pattern": "("}))


# -- declared columns ------------------------------------------------------------------------------------------------

DECLARED = (
    ColumnSpec("ID", "int64", required=True, unique=True),
    ColumnSpec("price", "decimal(20,2)", min=0),
    ColumnSpec("ok", "bool"),
    ColumnSpec("name", "string", max_length=3),
)


def test_declared_columns_are_checked_as_the_text_that_a_csv_file_would_have() -> None:
    lines = [
        '{"id":1,"price":12345678901234567.10,"ok":true,"name":"é€𝄞"}',
        '{"price":1}',
        '{"id":"3","price":"1.50","ok":null,"name":""}',
        '{"id":4,"price":1.005}',
        '{"id":5,"price":-0.01,"name":"long"}',
        '{"id":1.0E0,"price":1e2}',
        '{"id":7,"ok":"maybe"}',
        '{"id":8,"price":{"eur":1}}',
    ]
    checks = ChecksSpec(columns=DECLARED, expressions=(ExpressionSpec("cheap", "id < 8 or price < 1"),))
    result = inspected("\n".join(lines).encode(), feed_of("jsonl", checks=checks))

    assert result.told == [
        (2, "ID", "required"),
        (4, "price", "type"),
        (5, "price", "min"),
        (6, "ID", "unique"),
        (7, "ok", "type"),
        (8, "price", "type"),
    ]
    assert result.lines == [lines[0], lines[2]]
    assert [problem["rule"] for problem in result.bad[2]["more"]] == ["length"]
    assert result.bad[5]["value"] == '{"eur":1}'


def test_a_record_that_breaks_schema_and_column_is_one_bad_row_with_both() -> None:
    checks = ChecksSpec(columns=DECLARED[:1], json_schema={"required": ["id"]})
    result = inspected(b'{"id":1}\n{}\n', feed_of("jsonl", checks=checks))
    assert result.rows == (1, 1)
    assert [problem["rule"] for problem in (result.bad[0], *result.bad[0]["more"])] == ["schema", "required"]


# -- keys ------------------------------------------------------------------------------------------------------------


def test_the_columns_are_all_keys_the_declared_ones_first() -> None:
    for lines in (b'{"b":1}\n{"a":1,"b":2}\n{}\n{"c":null}\n', b'{"c":0,"a":1}\n{"b":2}\n'):
        assert inspected(lines, JSONL).report.columns == ("a", "b", "c")
        declared = feed_of("jsonl", checks=ChecksSpec(columns=(ColumnSpec("C", "string"), ColumnSpec("x", "string"))))
        assert inspected(lines, declared).report.columns == ("c", "a", "b")


def zipped(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.jsonl", content)
    return sink.getvalue()


def test_members_of_an_archive_may_have_other_keys_but_not_other_cases() -> None:
    feed = JSONL
    raw: dict[str, io.BytesIO] = {}

    def passed(content: bytes) -> Report:
        bad_rows = BadRows("a.zip", feed.checks.bad_rows, lambda _: None)
        return inspect(
            feed, "a.zip", io.BytesIO(content), lambda name: raw.setdefault(name, io.BytesIO()), bad_rows=bad_rows
        )

    report = passed(zipped(one=b'{"b":1}\n', two=b'{"a":1}\n{"b":2}\n'))
    assert report.columns == ("a", "b")
    assert [output.rows_landed for output in report.outputs] == [1, 2]
    assert [name.endswith(".jsonl") for name in raw] == [True, True]
    with pytest.raises(FileRejectedError, match="Members of one archive must be alike"):
        passed(zipped(one=b'{"b":1}\n', two=b'{"B":1}\n'))


def test_keys_that_differ_only_in_case_are_one_column_to_readers_and_rejected() -> None:
    assert "both 'ID' and 'id'" in rejection(b'{"ID":1}\n{"id":2}\n', JSONL)


def test_data_in_keys_is_rejected() -> None:
    lines = "".join(f'{{"k{number}":1}}\n' for number in range(2001))
    assert "more than 2000 different keys" in rejection(lines.encode(), JSONL)
    assert "longer than 65536 bytes in all" in rejection(b'{"' + b"k" * 70_000 + b'":1}\n', JSONL)


def test_keys_that_are_not_declared_are_rejected_if_the_feed_says_so() -> None:
    feed = feed_of("jsonl", checks=ChecksSpec(header=HeaderSpec(extra="reject")))
    assert "does not declare: 'a'" in rejection(b'{"a":1}\n', feed)


# -- files that are something else -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (b'{"a":1}\n{"a":2', "it is truncated: line 2, the last, has no line end"),
        (b'[{"a":1}]', "it begins with an array: '[{\"a\":1}]'. Set format.type to json."),
        (b"<!DOCTYPE html>\n<html>", "it is no JSON but HTML or XML"),
        (b"a,b\n1,2\n", "its first line is 'a,b'"),
        (b'{"a":1}\n{"a":"\xfc"}\n', "it is not utf-8 text (invalid start byte), in line 2"),
        ('{"a":1}\n'.encode("utf-16"), "it is no JSON but UTF-16, by its mark"),
        (b"PAR1\x00\x01", "it is no JSON but Parquet"),
    ],
    ids=["empty", "blank", "truncated", "array", "page", "csv", "latin-1", "utf-16", "parquet"],
)
def test_a_file_that_is_no_json_lines_is_rejected_with_what_it_is(content: bytes, message: str, size: int) -> None:
    assert message in rejection(content, JSONL, sizes=(size,))


def test_other_encodings_land_as_utf_8() -> None:
    text = '{"näme":"ü€"}\n'
    for encoding in ("utf-16", "cp1252", "utf-8-sig"):
        assert inspected(text.encode(encoding), feed_of("jsonl", encoding=encoding)).raw == text.encode()


def test_a_line_without_an_end_is_rejected_before_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakeferry.formats.json.lines.MAX_RECORD_BYTES", 1000)
    message = rejection(b'{"a":1}\n{"a":"' + b"x" * 5000, JSONL, block_bytes=100)
    assert "line 2 is longer than 1000 bytes" in message


def test_the_raw_name_says_what_it_became() -> None:
    names = ["a.jsonl", "a.ndjson", "a.json", "orders.txt", "orders", "a.b"]
    found = [inspected(b"{}\n", JSONL, name=name).name for name in names]
    assert found == ["a.jsonl", "a.jsonl", "a.jsonl", "orders.jsonl", "orders.jsonl", "a.b.jsonl"]


def test_an_exponent_that_no_number_has_is_a_bad_row() -> None:
    result = inspected(b'{"v":1}\n{"v":12e34567890123456789012}\n{"v":1e999999}\n', feed_of("jsonl"))
    assert result.lines == ['{"v":1}', '{"v":1e999999}']
    assert result.told == [(2, None, "json")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"a":1,}', "is not JSON: it has a comma before a closing bracket, at byte 7"),
        (b'{"a":[1,]}', "is not JSON"),
        (b'{"a":1},', "is not JSON: it has trailing characters: a comma, as in an array, at byte 7"),
        (b'{"a":1}{"a":2}', "is not JSON: it has trailing characters: a second object, at byte 7"),
        (b'{"a":1} x', "is not JSON: it has trailing characters, at byte"),
        (b"{'a':1}", "is not JSON: it has single quotes, where JSON has double ones, at byte 1"),
        (b"{a:1}", "is not JSON: it has a key without quotes, at byte 1"),
        (b'{"a":NaN}', "is not JSON: it has NaN, which JSON has not: it writes null, at byte 5"),
        (b'{"a":Infinity}', "is not JSON: it has Infinity"),
        (b'{"a":True}', "is not JSON: it has True, as Python writes it: JSON writes true, at byte 5"),
        (b'{"a":"\0"}', "is not JSON: it has a NUL character, which no text has, at byte 6"),
        (b'{"a":"\x01"}', "is not JSON: it has the control character 0x01, at byte 6"),
        (b'\xef\xbb\xbf{"a":1}', "is not JSON: it has a byte order mark in the middle of the file, at byte 0"),
        (b'{"a":"\\ud800"}', "is not JSON: it has half of a character"),
        (b'{"a":{', "is not JSON: it ends before its last bracket"),
        (b'{"a" 1}', "is not JSON ("),
    ],
)
def test_what_is_wrong_with_a_line_is_told_in_words(line: bytes, said: str) -> None:
    (row,) = inspected(b'{"a":0}\n' + line + b"\n", feed_of("jsonl")).bad
    assert row["line"] == 2
    assert row["detail"].startswith(said)
