"""CSV as partners write it, against plain Python: what lands, what does not, and on which line it was."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakeferry.feeds import BadRowsSpec, ChecksSpec, ColumnSpec, ExpressionSpec, Feed, HeaderSpec, TrailerSpec
from lakeferry.formats.csv import reader
from tests.unit.test_checks import Result, check, columns, feed_with, rejection

SIGNS = ',"\n'
ANY = BadRowsSpec(max_ratio=1)
COLUMNS = (
    ColumnSpec("id", "int64", required=True, unique=True),
    ColumnSpec("amount", "decimal(5,2)", min=0),
    ColumnSpec("day", "date"),
    ColumnSpec("note", "string", max_length=4),
)
TYPED = ChecksSpec(
    columns=COLUMNS, expressions=(ExpressionSpec("cheap", "amount < 100 OR note = 'big'"),), bad_rows=ANY
)


def typed_feed(**of_format: Any) -> Feed:
    return feed_with(TYPED, **of_format)


def landed(result: Result) -> list[list[str]]:
    return list(csv.reader(io.StringIO(result.text.decode(), newline="")))


# -- against plain Python


def plainly(text: str, feed: Feed) -> tuple[list[list[str]], dict[int, list[tuple[str | None, str]]]]:
    """The good records, and line → (column, rule) of the bad ones, from Python's csv module and a loop."""
    form = feed.format
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, quotechar=form.quote, strict=True)
    good: list[list[str]] = []
    bad: dict[int, list[tuple[str | None, str]]] = {}
    seen: set[int] = set()
    line = 1
    for number, record in enumerate(reader):
        begun, line = line, reader.line_num + 1
        if not record:
            continue
        if number == 0:
            continue
        problems = list(_problems(record, seen))
        if problems:
            bad[begun] = problems
        else:
            good.append(record)
    return good, bad


def _problems(record: list[str], seen: set[int]) -> Any:
    if len(record) != len(COLUMNS):
        yield None, "fields"
        return
    key, amount, day, note = record
    number = _number(key, int)
    if key and number is None:
        yield "id", "type"
    if not key.strip(" "):
        yield "id", "required"
    if number is not None:
        if number in seen:
            yield "id", "unique"
        seen.add(number)
    value = _number(amount, float)
    if amount and value is None:
        yield "amount", "type"
    if value is not None and value < 0:
        yield "amount", "min"
    if day and _number(day, date.fromisoformat) is None:
        yield "day", "type"
    if len(note) > 4:
        yield "note", "length"
    # SQL's logic: without a value it is not known, and then nobody is to blame
    if value is not None and not value < 100 and note and note != "big":
        yield None, "expression:cheap"


def _number(text: str, convert: Callable[[str], Any]) -> Any:
    try:
        return convert(text)
    except ValueError:
        return None


FIELDS = [
    st.sampled_from(["1", "2", "3", "4", "5", "x", ""]),
    st.sampled_from(["1", "1.5", "-1", "100", "250.25", "1,5", "y", ""]),
    st.sampled_from(["2026-01-05", "2026-02-30", "5.1.2026", ""]),
    st.sampled_from(["", "a", "big", "a\nb", 'q"q', "a,b", "longer", "ä€"]),
]


@st.composite
def typed_files(draw: st.DrawFn) -> str:
    """A file of the four columns, quoted here and there, with records that are too short and blank lines."""
    text = "id,amount,day,note\n"
    for _ in range(draw(st.integers(0, 12))):
        record = [draw(values) for values in FIELDS]
        if draw(st.integers(0, 9)) == 0:
            record = record[: draw(st.integers(1, 3))]
        fields = [
            '"' + value.replace('"', '""') + '"'
            if any(sign in value for sign in SIGNS) or draw(st.booleans())
            else value
            for value in record
        ]
        line = ",".join(fields)
        text += (line or '""') + draw(st.sampled_from(["\n", "\n", "\n\n"]))
    return text


@pytest.mark.slow(seconds=15)
@settings(max_examples=200, deadline=None)
@given(
    typed_files(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(1, 40), min_size=1, max_size=4).map(tuple),
    st.integers(4, 200),
)
@example("id,amount,day,note\n1,1,,\n1,1,,\n", "utf-8", "\n", (3,), 5)
def test_good_rows_bad_rows_and_their_lines_are_those_plain_python_finds(
    text: str, encoding: str, line_end: str, sizes: tuple[int, ...], block_bytes: int
) -> None:
    feed = typed_feed(encoding=encoding)
    content = text.replace("\n", line_end).encode(encoding)
    good, bad = plainly(text, feed)

    whole = check(content, feed)
    pieces = check(content, feed, sizes=sizes, block_bytes=block_bytes)

    assert pieces == whole
    assert landed(whole)[1:] == good
    found = {
        row["line"]: [(problem["column"], problem["rule"]) for problem in (row, *row.get("more", []))]
        for row in whole.fallout
    }
    assert found == bad
    output = whole.report.outputs[0]
    assert (output.rows_read, output.rows_landed, output.rows_rejected) == (len(good) + len(bad), len(good), len(bad))
    lines = text.split("\n")
    for row in whole.fallout:
        assert row["raw"] == "\n".join(lines[row["line"] - 1 :])[: len(row["raw"])]


ESCAPED = st.text(st.sampled_from('ab,"\\\n \u00e9'), max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(ESCAPED, min_size=2, max_size=2), max_size=6),
    st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    st.integers(4, 40),
)
def test_escaped_text_lands_with_doubled_quotes_and_the_same_values(
    records: list[list[str]], sizes: tuple[int, ...], block_bytes: int
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, escapechar="\\", doublequote=False, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["a", "b"], *records])
    feed = feed_with(escape="\\")

    whole = check(text.getvalue().encode(), feed)

    assert check(text.getvalue().encode(), feed, sizes=sizes, block_bytes=block_bytes) == whole
    assert landed(whole) == [["a", "b"], *records]


# -- what stands around the rows


@pytest.mark.parametrize("block_bytes", [4, 7, 1 << 20])
def test_skipped_lines_and_comments_are_no_rows_and_lines_keep_their_numbers(block_bytes: int) -> None:
    feed = replace(typed_feed(skip_lines=2, comment="#"))
    content = b'Report of "today\nfor you\n# made by x\nid,amount,day,note\n1,1,,\n# don"t\n2,1,,"a\n#b"\n#\nx,1,,\n'
    content += b"\n3,1,,#c\n"

    result = check(content, feed, block_bytes=block_bytes)

    assert landed(result) == [
        ["id", "amount", "day", "note"],
        ["1", "1", "", ""],
        ["2", "1", "", "a\n#b"],
        ["3", "1", "", "#c"],
    ]
    assert [(row["line"], row["record"], row["raw"]) for row in result.fallout] == [(10, 3, "x,1,,")]


def trailing(**spec: Any) -> Feed:
    return feed_with(trailer=TrailerSpec(**{"starts_with": "TRL", "rows_field": 2, **spec}))


@pytest.mark.parametrize("block_bytes", [4, 9, 1 << 20])
@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n \r\n\r\n"])
def test_a_trailer_is_no_row_and_its_count_is_compared(block_bytes: int, ending: bytes) -> None:
    result = check(b'a,b\n1,"TRL\nx"\nTRL,1\n3,4\nTRL,3' + ending, trailing(), block_bytes=block_bytes)

    assert result.text == b'a,b\n1,"TRL\nx"\nTRL,1\n3,4\n'
    assert result.rows == 3
    assert "has 2 rows and its trailer promises 3" in rejection(b"a,b\n1,2\n3,4\nTRL,3\n", trailing())
    assert check(b"a,b\n1,2\nTRL,3\n", trailing(extra_rows=2)).rows == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n1,2\n", "it does not end with a trailer ('TRL' ...) but with '1,2': it is not complete"),
        (b"a,b\n1,2\nTRL,x\n", "field 2 of its trailer is 'x' and no count of rows"),
        (b"a,b\n1,2\nTRL\n", "field 2 of its trailer is '' and no count of rows"),
        (b"", "it does not end with a trailer"),
        (b"a,b\n1,2\nTRL,\xff\n", "it is not utf-8 text (invalid start byte), in or after record 2"),
        (b"a,b\n1,2\n\xff\xfe", "it is not utf-8 text (invalid start byte), in or after record 2"),
        (b"a,b\n1,2\nTRL,1\0\n", "NUL character"),
    ],
)
def test_a_file_without_its_trailer_is_not_complete(content: bytes, told: str) -> None:
    assert told in rejection(content, trailing())


def test_other_spellings_of_nothing_and_marks_in_numbers_land_as_everybody_reads_them() -> None:
    feed = typed_feed(delimiter=";", decimal=",", thousands=".", null_values=("NULL", "-"))
    content = b'id;amount;day;note\n1;1,5;NULL;-\n2;-;2026-01-05;"a;b"\n3;1.5;;x\n'

    result = check(content, feed)

    assert result.text == b'id;amount;day;note\n1;1.5;;\n2;;2026-01-05;"a;b"\n'
    assert [(row["line"], row["column"], row["value"]) for row in result.fallout] == [(4, "amount", "1.5")]


def test_a_row_of_nothing_does_not_become_a_blank_line() -> None:
    assert check(b"a\nNULL\nx\n", feed_with(null_values=("NULL",))).text == b'a\n""\nx\n'


# -- header


def headed(**policy: str) -> Feed:
    return feed_with(replace(columns("a", "b"), header=HeaderSpec(**policy)))


def test_what_a_header_may_differ_in_is_the_feeds_choice() -> None:
    assert check(b"b\n1\n", headed(missing="accept")).rows == 1
    assert "its header has 'c', which the feed does not declare" in rejection(b"a,b,c\n1,2,3\n", headed(extra="reject"))
    assert "in another order" in rejection(b"b,a\n1,2\n", headed(order="exact"))
    assert check(b"a,x,b\n1,2,3\n", headed(order="exact")).rows == 1


def test_a_required_column_may_never_be_missing() -> None:
    checks = ChecksSpec(columns=(ColumnSpec("a", "string", required=True),), header=HeaderSpec(missing="accept"))

    assert "its header lacks 'a'" in rejection(b"b\n1\n", feed_with(checks))


def test_a_column_of_a_condition_may_never_be_missing() -> None:
    checks = replace(TYPED, header=HeaderSpec(missing="accept"))

    assert "its header lacks 'amount'" in rejection(b"id,note\n1,a\n", feed_with(checks))


def test_types_follow_the_names_and_not_the_places() -> None:
    result = check(
        b"NOTE,extra,amount,ID\na,1,5,7\nb,2,x,8\n", feed_with(replace(TYPED, header=HeaderSpec(missing="accept")))
    )

    assert [(row["line"], row["column"]) for row in result.fallout] == [(3, "amount")]


# -- limits


def test_bad_rows_of_a_long_file_are_found_wherever_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{number},1.5,2026-01-05,abc" for number in range(20_000)]
    for index in (0, 1, 777, 778, 9_999, 19_999):
        rows[index] = rows[index].replace("2026-01-05", "2026-13-05")
    content = ("id,amount,day,note\n" + "\n".join(rows) + "\n").encode()

    result = check(content, typed_feed(), block_bytes=1 << 16)

    assert [row["line"] for row in result.fallout] == [2, 3, 779, 780, 10_001, 20_001]
    assert result.rows == 19_994
    assert [row["raw"] for row in result.fallout] == [rows[index] for index in (0, 1, 777, 778, 9_999, 19_999)]
    assert reader.MAX_RECORD_BYTES > 1 << 20
