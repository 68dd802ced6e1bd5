"""JSON documents with an array of records: found wherever they are, cut out exactly, the rest known to be JSON."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakeferry.feeds.columns import folded_name
from lakeferry.formats.json import array
from tests.unit.inspecting import agree, feed_of, inspected, rejection, verdict
from tests.unit.test_jsonl import RECORDS, VALUES

ARRAY = feed_of("json")
NESTED = feed_of("json", records="data.items")


@st.composite
def documents(draw: st.DrawFn) -> tuple[list[Any], bytes, bool]:
    """Records, a document that has them, and whether they are within it."""
    records: list[Any] = draw(st.lists(RECORDS, max_size=6))
    nested = draw(st.booleans())
    more = st.dictionaries(st.text("xyz{[", min_size=1, max_size=3), VALUES, max_size=3)
    document: Any = records
    if nested:
        items = {**draw(more), "items": records, **draw(more)}
        document = {**draw(more), "data": items, **draw(more)}
    text = json.dumps(
        document,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 0, 2, "\t"])),
        separators=draw(st.sampled_from([(",", ":"), (" , ", ": ")])),
    )
    end = draw(st.sampled_from(["", "\n", " \r\n"]))
    return records, (text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))) + end).encode(), nested


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(documents(), st.lists(st.integers(1, 30), min_size=1, max_size=3).map(tuple), st.integers(1, 40))
def test_the_records_of_any_document_in_any_pieces_are_those_that_pythons_json_module_finds(
    document: tuple[list[Any], bytes, bool], sizes: tuple[int, ...], block_bytes: int
) -> None:
    records, text, nested = document
    lowered = {folded_name(key) for record in records for key in record}
    result = agree(text, NESTED if nested else ARRAY, sizes, block_bytes)

    if len(lowered) < len({key for record in records for key in record}):
        assert result is None
        return
    assert result is not None
    assert result.rows == (len(records), 0)
    assert [json.loads(line) for line in result.raw.split(b"\n")[:-1]] == records


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(
    st.text(st.sampled_from('{}[]":,a1\\ \n'), max_size=30).map(str.encode),
    st.sampled_from([b"", b'[{"a":1},', b'[{"a":1}', b'{"data":{"items":[', b'{"data":{"items":[]', b'{"data":']),
    st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    st.integers(1, 12),
)
@example(b"]", b'[{"a":1},', (1,), 1)
@example(b"1]", b'[{"a":1},', (1,), 1)
@example(b"12 ]", b'[{"a":1},', (2,), 3)
@example(b"]}}1", b'{"data":{"items":[', (1,), 1)
def test_what_is_accepted_is_json_whatever_the_pieces(
    end: bytes, start: bytes, sizes: tuple[int, ...], block_bytes: int
) -> None:
    content = start + end
    for feed in (ARRAY, NESTED):
        result = agree(content, feed, sizes, block_bytes)
        if result is not None and not result.bad:
            found = json.loads(content)
            records = found if feed is ARRAY else found["data"]["items"]
            assert [json.loads(line) for line in result.raw.split(b"\n")[:-1]] == records


def test_a_record_in_many_lines_lands_as_one() -> None:
    result = inspected(b'[\n  {\n    "a": 1.10,\n    "b": "x\\ny"\n  }\n]\n', ARRAY, name="a.json")
    assert (result.name, result.raw) == ("a.jsonl", b'{"a": 1.10,"b": "x\\ny"}\n')


def test_bad_records_are_set_apart_by_their_number() -> None:
    result = inspected(b'[{"a":1}, 7, {"a":x}, {"a":1,"a":2}, null, "s", [1], {"a":2}]', ARRAY)
    assert result.lines == ['{"a":1}', '{"a":2}']
    assert result.told == [
        (n, None, rule) for n, rule in zip(range(2, 8), ["json"] * 2 + ["repeated_key"] + ["json"] * 3, strict=True)
    ]
    assert [row["raw"] for row in result.bad][:2] == ["7", '{"a":x}']


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b'[{"a":1},{"a":', "it is truncated: it ends after record 1"),
        (b'[{"a":1},{"a":2}', "it is truncated: it ends after record 2"),
        (b'{"data"', "it is truncated: it ends before the first record"),
        (b'{"items":[{"a":1}]}', "it has no array at its top"),
        (b'{"a":1}\n{"a":2}\n', "in line 2 another document begins, after record 0. If it is one object a line, set"),
        (b'[{"a":1}] x', "what is around its records is not JSON"),
        (b'[{"a":1}][{"a":2}]', "it has a second array at its top"),
        (b'[{"a":1} {"a":2}]', "after record 1 there is"),
        (b'[{"a":1},]', "after record 1 there is a comma before the end of the array, in line 1"),
        (b'[{"a":1},\n{"a":2},\n]\n', "after record 2 there is a comma before the end of the array, in line 3"),
        (b'[{"a":1},\n,{"a":2}]', "after record 1 there are two commas in a row, in line 2"),
        (b'[{"a":1},\n// x\n{"a":2}]', "which begins no JSON value (JSON has no comments), in line 2"),
        (b'[{"a":1},\n\xef\xbb\xbf{"a":2}]', "which begins no JSON value, in line 2"),
        (b'[,{"a":1}]', "after record 0 there is"),
        (b"<html><body>404</body></html>", "it is no JSON but HTML or XML"),
        (b"a,b\n1,2\n", "it is no JSON: it begins with 'a,b"),
        (b"// all of it\n[]", "it is no JSON: it begins with '// all of it"),
        (b'[{"a":"\xfc"}]', "it is not utf-8 text (invalid start byte), after record 0, in or after line 1"),
        (b"]", "a bracket is closed that was never opened"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested more than 64 levels"),
    ],
)
def test_a_file_that_is_no_such_document_is_rejected_with_what_it_is(content: bytes, message: str, size: int) -> None:
    assert message in rejection(content, ARRAY, sizes=(size,))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"data":{"rows":[]}}', "it has no array at 'data.items'"),
        (b'{"data":{"items":{}}}', "it has no array at 'data.items'"),
        (b'{"other":{"items":[]}}', "it has no array at 'data.items'"),
        (b'{"data":{"items":[],"items":[]}}', "it has a second array at 'data.items'"),
        (b'{"data":{"items":[{"a":1}]}', "it is truncated: it ends after record 1"),
        (b"[1]", "it has no array at 'data.items'"),
    ],
)
def test_records_are_at_the_path_and_nowhere_else(content: bytes, message: str) -> None:
    assert message in rejection(content, NESTED)


def test_what_comes_before_and_after_the_records_does_not_matter() -> None:
    content = b'{"n":[{"items":[9]}],"data":{"x":"]}","items":[{"a":1}],"y":{"items":[8]}},"items":[7]}'
    assert inspected(content, NESTED).lines == ['{"a":1}']


def test_an_array_of_no_records_is_a_file_of_no_rows() -> None:
    result = verdict(b"[ ]", ARRAY)
    assert result is not None
    assert (result.rows, result.raw, result.report.columns) == ((0, 0), b"", ())


def test_a_record_that_never_ends_is_rejected_before_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array, "MAX_RECORD_BYTES", 1000)
    for content in (b'[{"a":1},{"b":"' + b"x" * 5000, b'[{"a":1},{"b":[' + b"[]," * 5000, b'[{"a":1},' + b"1" * 5000):
        assert "record 2 is longer than 1000 bytes" in rejection(content, ARRAY, block_bytes=100)


def test_what_is_around_the_records_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array, "MAX_ENVELOPE_BYTES", 1000)
    content = b'{"data":{"x":[' + b"1," * 5000
    assert "more than 1000 bytes that are not records, and no array at 'data.items' so far" in rejection(
        content, NESTED
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        # a text or a number is never put together of what stood in two lines
        (b'[{"a":"x\ny"},{"a":"z"}]', "has a line break within a value"),
        (b'[{"a":1\n2},{"a":"z"}]', "is not JSON"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_line_break_within_a_value_makes_a_bad_row_and_never_another_value(
    content: bytes, said: str, size: int
) -> None:
    found = inspected(content, ARRAY, sizes=(size,))
    assert found.raw == b'{"a":"z"}\n'
    (row,) = found.bad
    assert said in row["detail"]
    assert "\n" in row["raw"]
    assert "\r" not in row["raw"]
