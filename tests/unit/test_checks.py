import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakeferry.checks import BadRows
from lakeferry.errors import FileRejectedError
from lakeferry.feeds import BadRowsSpec, ChecksSpec, ColumnSpec, Feed, FilesSpec, FormatSpec, RowsSpec, ServerSpec
from lakeferry.inspect import Report, inspect
from tests.unit.inspecting import Pieces

FEED = Feed(
    tenant="acme",
    feed="sales",
    server=ServerSpec(protocol="sftp", host="partner.example", port=22, username="u"),
    files=FilesSpec(directory="/out", pattern="*.csv"),
    format=FormatSpec(),
    dataset="sales",
)
FUSSY = replace(FEED, checks=ChecksSpec(bad_rows=BadRowsSpec(max_ratio=0)))
BLANKS = "".join(map(chr, range(0x21)))


def feed_with(checks: ChecksSpec | None = None, **of_format: Any) -> Feed:
    return replace(FEED, format=FormatSpec(**of_format), checks=checks or ChecksSpec())


def columns(*names: str) -> ChecksSpec:
    return ChecksSpec(columns=tuple(ColumnSpec(name, "string") for name in names))


@dataclass
class Result:
    report: Report
    text: bytes
    fallout: list[dict[str, Any]]

    @property
    def rows(self) -> int:
        return self.report.outputs[0].rows_landed


def check(
    content: bytes,
    feed: Feed = FEED,
    *,
    name: str = "sales.csv",
    sizes: tuple[int, ...] = (1 << 20,),
    block_bytes: int = 1 << 20,
) -> Result:
    written, fallout = io.BytesIO(), io.BytesIO()
    report = inspect(
        feed,
        name,
        Pieces(content, sizes),
        lambda _: written,
        bad_rows=BadRows(name, feed.checks.bad_rows, fallout.write),
        read_bytes=max(sizes),
        block_bytes=block_bytes,
    )
    return Result(report, written.getvalue(), [json.loads(line) for line in fallout.getvalue().splitlines()])


def rejection(content: bytes, feed: Feed = FEED, **options: Any) -> str:
    with pytest.raises(FileRejectedError) as caught:
        check(content, feed, **options)
    return str(caught.value)


# -- against Python's csv module -------------------------------------------------------------------------------------


def read_plainly(text: str, form: FormatSpec) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, quotechar=form.quote, strict=True))


def read_without_blank_lines(text: str, form: FormatSpec) -> list[list[str]]:
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    records = []
    for record in csv.reader(lines(), delimiter=form.delimiter, quotechar=form.quote, strict=True):
        if "".join(taken).strip(BLANKS):
            records.append(record)
        taken.clear()
    return records


VALUES = st.text(st.sampled_from("ab1 \t,;|'\"\n\r\r\néß€𝄞\u2028\x85\x01"), max_size=6)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, FormatSpec]:
    """The text of a file, and its format."""
    delimiter, quote = draw(st.sampled_from(",;|\t")), draw(st.sampled_from("\"'"))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252"]))
    width = draw(st.integers(1, 4))
    header = [f"c{index}" for index in range(width)]
    text = "\ufeff" if encoding == "utf-8" and draw(st.booleans()) else ""
    for record in [header, *draw(st.lists(st.lists(VALUES, min_size=width, max_size=width), max_size=8))]:
        fields = [
            quote + value.replace(quote, quote * 2) + quote
            if any(sign in value for sign in (delimiter, quote, "\n", "\r")) or draw(st.booleans())
            else value
            for value in record
        ]
        text += delimiter.join(fields) + draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\n \t\r\n"]))
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    # without what the encoding does not have
    return text.encode(encoding, "ignore").decode(encoding), FormatSpec("csv", delimiter, quote, encoding=encoding)


@settings(max_examples=150, deadline=None)
@given(files(), st.lists(st.integers(1, 40), min_size=1, max_size=4).map(tuple), st.integers(4, 64))
def test_any_file_in_any_pieces_is_read_as_pythons_csv_module_reads_it(
    file: tuple[str, FormatSpec], sizes: tuple[int, ...], block_bytes: int
) -> None:
    text, form = file
    content, feed = text.encode(form.encoding), replace(FEED, format=form)
    normal = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    expected = read_without_blank_lines(normal, form)

    small, whole = check(content, feed, sizes=sizes, block_bytes=block_bytes), check(content, feed)

    assert small == whole
    assert whole.report.bytes_in == len(content)
    assert whole.report.columns == tuple(expected[0])
    assert whole.rows == len(expected) - 1
    # the raw zone has no blank line, so readers that drop them and readers that do not agree
    assert read_plainly(whole.text.decode(), form) == expected
    assert not whole.text.startswith("\ufeff".encode())


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(
    st.text(st.sampled_from('a",\n \té'), max_size=24).map(str.encode),
    st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    st.integers(4, 12),
)
@example(b'h1,h2\nx",",\n",y\n', (3,), 5)
@example(b'h1,h2\n5",a\n6",b\n', (1,), 4)
@example(b'h1\n"a"\n""\n', (2,), 4)
def test_the_verdict_on_anything_does_not_depend_on_how_it_came_in(
    content: bytes, sizes: tuple[int, ...], block_bytes: int
) -> None:
    def verdict(**options: Any) -> Result | None:
        try:
            return check(content, **options)
        except FileRejectedError:
            return None

    whole = verdict()

    assert verdict(sizes=sizes, block_bytes=block_bytes) == whole
    assert verdict(sizes=sizes) == whole
    if whole is not None:
        # what is accepted is strict RFC 4180: Python's strict reader takes it, and counts the same
        records = read_plainly(whole.text.decode(), FEED.format)
        assert len(records) == whole.rows + 1
        assert {len(record) for record in records} == {len(whole.report.columns)}


def test_the_same_rejection_is_told_whatever_the_pieces() -> None:
    content = b"a,b\n" + b"1,2\n" * 50 + b"1,2,3\n" + b"1,2\n" * 50

    assert {rejection(content, FUSSY, sizes=(size,)) for size in (1, 2, 3, 7, 100, 1000)} == {rejection(content, FUSSY)}


# -- records ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"1", b"1,2,3", b'"1,2"', b"1;2"])
@pytest.mark.parametrize("good", [0, 1, 5000])
def test_a_record_with_other_fields_than_the_header_is_rejected_with_its_number(line: bytes, good: int) -> None:
    message = rejection(b"a,b\n" + b"1,2\n" * good + line + b"\n3,4\n", FUSSY, block_bytes=1 << 14)

    assert f"The first: line {good + 2} (record {good + 1}) has " in message
    assert "where the header has 2" in message


def test_the_number_of_a_bad_record_counts_multi_line_records_once_and_blank_lines_not_at_all() -> None:
    assert "line 12 (record 4) has 1 field " in rejection(b'a,b\n\n1,"x\n\ny"\n\n \n2,3\n"4\n",5\n\nbad\n')


@pytest.mark.parametrize(
    "line",
    [b'1,5" disk', b'1,"a"b', b'1,"a" ', b'1, "a"', b'5",2', b'1,""a', b'1,a""b', b'1,"a"""b"'],
)
def test_a_quote_where_none_may_be_is_rejected_with_the_text_around_it(line: bytes) -> None:
    message = rejection(b"a,b\n" + b"1,2\n" * 3 + line + b"\n3,4\n")

    assert "in or after record 4 a quote stands inside an unquoted value" in message
    assert "RFC 4180" in message


def test_a_file_that_quotes_nothing_is_read_with_a_quote_it_never_has() -> None:
    assert check(b'a,b\n1,5" disk\n', feed_with(quote="\x01")).rows == 1


@pytest.mark.parametrize("block_bytes", [4, 1 << 20])
def test_a_quote_that_is_never_closed_is_rejected(block_bytes: int) -> None:
    message = rejection(b'a,b\n1,2\n3,"4\n5,6\n', block_bytes=block_bytes)

    assert "the quoted value that begins in record 2 is never closed" in message


def test_a_quote_that_is_never_closed_in_a_big_file_is_found_before_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lakeferry.formats.csv.reader.MAX_RECORD_BYTES", 10_000)

    message = rejection(b'a,b\n1,2\n3,"4\n' + b"5,6\n" * 5000, block_bytes=1000)

    assert "record 2 is longer than 10000 bytes" in message


def test_a_nul_character_is_rejected() -> None:
    assert "NUL" in rejection(b"a,b\n1,2\n\x001,2\n")
    assert "UTF-16" in rejection("a,b\n1,2\n".encode("utf-16-le"))


# -- header ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"\n", b"\n \r\n\t\n", b"\xef\xbb\xbf"])
def test_a_file_without_even_a_header_is_rejected(content: bytes) -> None:
    assert "it is empty: not even a header" in rejection(content)


@pytest.mark.parametrize("content", [b"a,b", b"a,b\n", b"\n\na,b\r\n\r\n"])
def test_a_header_alone_is_a_file_of_no_rows(content: bytes) -> None:
    result = check(content)

    assert (result.rows, result.text, result.report.columns) == (0, b"a,b\n", ("a", "b"))


def test_a_column_named_twice_is_rejected_whatever_its_case() -> None:
    assert "names column 'b' more than once" in rejection(b"a,b,B\n1,2,3\n")


def test_declared_columns_may_come_in_any_order_and_case_but_not_be_missing() -> None:
    feed = feed_with(columns("a", "b"))

    assert check(b"c,B,A\n1,2,3\n", feed).report.columns == ("c", "B", "A")
    assert "its header lacks 'b'; it has 'a', 'c'" in rejection(b"a,c\n1,2\n", feed)
    assert "its header lacks 'a', 'b'; it has 'a;b'" in rejection(b"a;b\n1;2\n", feed)


def test_blanks_around_the_headers_names_go() -> None:
    result = check(b'a ,"b\tb"," c,d"\n1,2,3\n')

    assert result.report.columns == ("a", "b\tb", "c,d")
    assert result.text == b'a,b\tb,"c,d"\n1,2,3\n'


def test_a_header_may_have_line_breaks_in_its_names() -> None:
    assert check(b'"a\r\nx",b\r\n1,2\r\n', block_bytes=4).report.columns == ("a x", "b")


def test_without_a_header_every_record_is_data_and_has_the_declared_columns() -> None:
    feed = feed_with(columns("a", "b"), header=False)

    result = check(b"1,2\n\n3,4", feed)

    assert (result.rows, result.text, result.report.columns) == (2, b"1,2\n3,4\n", ("a", "b"))
    assert "line 2 (record 2) has 3 fields where the feed declares 2" in rejection(b"1,2\n3,4,5\n", feed)
    assert check(b"", feed).report.columns == ("a", "b")
    assert check(b"", feed).rows == 0


def test_equal_columns_have_one_fingerprint_and_others_another() -> None:
    prints = [check(content).report.schema_fingerprint for content in (b"a,b\n1,2\n", b"a,b\n", b"b,a\n", b'"a,b"\n')]

    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


# -- rows ------------------------------------------------------------------------------------------------------------


def test_too_few_and_too_many_rows_are_rejected() -> None:
    feed = feed_with(ChecksSpec(rows=RowsSpec(min=2, max=3)))

    assert "has 1 row; the feed asks for at least 2" in rejection(b"a\n1\n", feed)
    assert [check(b"a\n" + b"1\n" * rows, feed).rows for rows in (2, 3)] == [2, 3]
    assert "has 4 rows; the feed takes at most 3" in rejection(b"a\n" + b"1\n" * 4, feed)


@pytest.mark.parametrize(
    ("content", "delimiter", "rows"),
    [
        (b"a\n1\n\n2\n \n\t\n3\n\n", ",", 3),
        (b'a\n1\n""\n" "\n2\n', ",", 4),
        (b"a\tb\n1\t2\n\t\n3\t\n", "\t", 2),
        (b"a,b\n1,2\n,\n  \n3,\n", ",", 3),
        (b"a\r\r\n1\r\r\n2\r\r\n", ",", 2),
    ],
    ids=["one column", "quoted emptiness is a value", "tabs are blanks", "commas are not", "CR CR LF"],
)
def test_lines_of_blanks_are_no_records_and_do_not_reach_the_raw_zone(
    content: bytes, delimiter: str, rows: int
) -> None:
    result = check(content, feed_with(delimiter=delimiter))

    assert result.rows == rows
    assert result.text.count(b"\n") == rows + 1
    assert all(line.strip(BLANKS.encode()) for line in result.text.splitlines())


# -- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252", "iso2022_jp"]
)
def test_text_of_any_encoding_lands_as_utf_8(encoding: str, size: int) -> None:
    text = "näme,größe\n1,ü\n" if encoding != "iso2022_jp" else "名前,b\n1,値\n"

    assert check(text.encode(encoding), feed_with(encoding=encoding), sizes=(size,)).text == text.encode()


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("a,b\n1,2\n3,ü\n".encode("latin-1"), "utf-8"),
        ("a,b\n1,2\n3,ü\n".encode(), "ascii"),
        (b"a,b\n1,2\n3,\xed\xa0\x80\n", "utf-8"),
        (b"a,b\n1,2\n3,\x81\n", "cp1252"),
        ("a,b\n1,2\n3,4\n".encode("utf-16-le") + b"\x00", "utf-16-le"),
        (b"a,b\n1,2\n3,\xc3", "utf-8"),
    ],
    ids=["latin-1 as utf-8", "utf-8 as ascii", "surrogates", "hole of cp1252", "half a character", "cut off"],
)
def test_bytes_of_another_encoding_are_rejected_with_the_record(content: bytes, encoding: str, size: int) -> None:
    message = rejection(content, feed_with(encoding=encoding), sizes=(size,))

    assert f"it is not {encoding} text" in message
    assert "after record " in message
    assert "format.encoding" in message
