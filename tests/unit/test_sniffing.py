"""Files that are something else than text are refused for what they are, whichever format of text the feed has."""

import bz2
import gzip
import io
import lzma
import zipfile
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakeferry.decode.contents import NOT_READ, RARELY_SEEN, known_content
from lakeferry.errors import FileRejectedError
from lakeferry.feeds import ChecksSpec, ColumnSpec, Feed
from lakeferry.formats.sniffing import Sniffer
from tests.unit import test_xlsx_parts as workbooks
from tests.unit.inspecting import feed_of, inspected, rejection

WORKBOOK = workbooks.zipped(workbooks.book(workbooks.ONE))
TWO = (ColumnSpec("a", "string"), ColumnSpec("b", "string"))

CSV = feed_of("csv")
PLACES = ChecksSpec(columns=(ColumnSpec("a", "string", start=1, length=3),))
OF_TEXT = {
    "csv": CSV,
    "jsonl": feed_of("jsonl"),
    "json": feed_of("json"),
    "xml": feed_of("xml", records="/a/b"),
    "fixed_width": feed_of("fixed_width", checks=PLACES),
}


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.csv", "a,b")
    return sink.getvalue()


OTHERS = [
    (zipped(), "a ZIP archive, or a document of Office"),
    (gzip.compress(b"a,b"), "gzip"),
    (bz2.compress(b"a,b"), "bzip2"),
    (lzma.compress(b"a,b"), "xz"),
    (b"\x28\xb5\x2f\xfd\x04\x00", "zstd"),
    (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive"),
    (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
    (b"\x1f\x9d\x90", "packed with compress (.Z)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "an old Office document, such as .xls"),
    (b"ARROW1\0\0\xff\xff", "Arrow (Feather)"),
    (b"a.csv" + b"\0" * 252 + b"ustar\x0000" + b"\0" * 250, "a tar archive"),
    (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
    (b"PAR1\x15\x04", "Parquet"),
]


@pytest.mark.parametrize("feed", OF_TEXT.values(), ids=OF_TEXT)
@pytest.mark.parametrize(("content", "what"), OTHERS, ids=[what for _, what in OTHERS])
@pytest.mark.parametrize("size", [1, 4096])
def test_what_is_packed_or_binary_is_named(content: bytes, what: str, feed: Feed, size: int) -> None:
    # an archive under another name is opened all the same, unless the feed says that there is nothing to open
    assert f"but {what}" in rejection(content, replace(feed, decode=()), sizes=(size,))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_wide_text_is_told_with_the_encoding_to_set(encoding: str) -> None:
    content = "id,name\n1,a\n".encode(encoding)
    message = rejection(content, CSV)
    assert message.endswith(f"Set format.encoding to {encoding}.")
    assert inspected(content, feed_of("csv", encoding=encoding)).lines == ["id,name", "1,a"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<!DOCTYPE html>\n<html><body>503</body></html>", "an HTML page"),
        (b"<!-- proxy -->\n<div class='error'>\n503</div>\n", "an HTML page"),
        (b"<meta http-equiv=refresh content=0>\n", "an HTML page"),
        (b"<table>\n<tr><td>id</td></tr></table>", "an HTML page"),
        (b"<h1>\nService Unavailable</h1>\n", "an HTML page"),
        (b"\xef\xbb\xbf \n<!-- x --><HTML lang='de'>\n", "an HTML page"),
        (b"<?xml version='1.0'?>\n<a/>\n", "XML"),
        (b"<Error><Code>AccessDenied</Code></Error>\n", "XML"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "fixed_width"])
def test_a_page_is_no_table(content: bytes, what: str, form: str) -> None:
    assert f"it is no text of a table but {what}" in rejection(content, OF_TEXT[form])


@pytest.mark.parametrize(("magic", "what", "advice"), [*NOT_READ, *RARELY_SEEN], ids=lambda each: str(each)[:12])
def test_what_nothing_unpacks_is_told_alike_under_any_name(magic: bytes, what: str, advice: str) -> None:
    content = magic + b"and more\n" * 200
    as_text = rejection(content, CSV)
    assert what in as_text
    assert advice in as_text
    assert (what, advice) == known_content(content)


def test_a_page_in_ebcdic_is_one_as_well() -> None:
    page = "<html><body>".encode("cp037")
    assert "an HTML page" in rejection(page, feed_of("csv", encoding="cp037"))


@pytest.mark.parametrize(
    "header",
    [
        "<TICKER>,<PER>,<DATE>",
        "<b>,a",
        "<title>,<link>",
        "<meta>;x",
        "<base>|<form>",
        "PK,BZ,Rar!",
        "sep,x",
        "a<html>,b",
        "%PD,F",
    ],
)
def test_a_header_with_odd_names_is_a_header(header: str) -> None:
    row = ",".join("1" for _ in header.split(","))
    assert inspected(f"{header}\n{row}\n".encode(), CSV).lines == [header, row]


@given(st.binary(max_size=40), st.lists(st.integers(1, 7), min_size=1, max_size=3))
@example(b"\xff\xfe\x00\x00a\x00\x00\x00", [1])
def test_the_verdict_does_not_depend_on_the_pieces(content: bytes, sizes: list[int]) -> None:
    def verdict(pieces: list[bytes]) -> str | None:
        sniffer = Sniffer("a", "utf-8")
        try:
            for piece in pieces:
                sniffer.take(piece)
            sniffer.take(b"", final=True)
        except FileRejectedError as error:
            return str(error)
        return None

    at = 0
    pieces: list[bytes] = []
    while at < len(content):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(content[at : at + size])
        at += size
    assert verdict(pieces) == verdict([content])


# -- the line that tells Excel the delimiter


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;"])
@pytest.mark.parametrize("sizes", [(1,), (4096,)])
def test_a_line_for_excel_is_no_header(line: str, sizes: tuple[int, ...]) -> None:
    feed = feed_of("csv", delimiter=";", checks=ChecksSpec(columns=(ColumnSpec("id", "int64"),)))
    result = inspected(f"\ufeff{line}\r\nid;name\r\n1;a\r\nx;b\r\n".encode(), feed, sizes=sizes, block_bytes=4)
    assert result.lines == ["id;name", "1;a"]
    assert result.told == [(4, "id", "type")]


def test_a_line_for_excel_with_another_delimiter_is_told() -> None:
    message = rejection(b"sep=;\nid;name\n1;a\n", CSV)
    assert "its first line says that its delimiter is ';', and format.delimiter is ','" in message
    assert "Set format.delimiter to ';'" in message
    assert "it is empty" in rejection(b"sep=,", CSV)


# -- the wrong delimiter


@pytest.mark.parametrize("sizes", [(1,), (4096,)])
def test_a_file_of_one_column_that_another_delimiter_splits_is_told(sizes: tuple[int, ...]) -> None:
    (note,) = inspected(b"id;name\n1;a\n2;b\n", CSV, sizes=sizes, block_bytes=sizes[0]).report.notes
    assert note.startswith("it has one column, and ';' would split each line into 2: set format.delimiter")


@pytest.mark.parametrize("sign", ["\t", "|", "~", "^", "\x01", "\x1f"])
def test_the_delimiters_of_hive_and_of_unix_are_known_as_well(sign: str) -> None:
    (note,) = inspected(f"id{sign}a{sign}b\n1{sign}2{sign}3\n".encode(), CSV).report.notes
    assert note.startswith(f"it has one column, and {sign!r} would split each line into 3")


@pytest.mark.parametrize(
    ("content", "feed"),
    [
        (b"id\n1\n", CSV),
        (b"id;name\n1;a\n2\n", CSV),
        (b"id;name\n1;a;b\n", CSV),
        (b"id;name\n", CSV),
        (b"id,a;name\n1,2;a\n", CSV),
        (b"id;n\n1;2\n", feed_of("csv", checks=ChecksSpec(columns=(ColumnSpec("id;n", "string"),)))),
    ],
)
def test_other_files_are_not(content: bytes, feed: Feed) -> None:
    assert inspected(content, feed).report.notes == ()


@pytest.mark.parametrize(
    ("form", "content", "what", "remedy"),
    [
        ("csv", b'{"a":1,"b":2}\n{"a":3,"b":4}\n', "but JSON", "set format.type to jsonl"),
        ("csv", b'[\n  {\n "a":1,"b":2}\n]\n', "but JSON", "set format.type to json."),
        ("csv", b"{\\rtf1\\ansi a,b}\n", "but a text of Word (RTF)", "plain text"),
        ("csv", b"Obj\x01\x04\x14avro.codec", "but Avro", "Avro is not read"),
        ("csv", b"\x89PNG\r\n\x1a\n", "but an image", "plain text"),
        (
            "csv",
            WORKBOOK,
            "but a document of Office, such as a workbook",
            "set format.type to xlsx",
        ),
        ("xml", b'\xef\xbb\xbf [{"a":1}]', "but JSON", "set format.type to json or jsonl"),
        ("xlsx", b"a,b\n1,2\n", "which is text, such as CSV", "Ask the partner for .xlsx"),
        ("xlsx", b"PAR1" + b"\0" * 40, "but Parquet", "Set format.type to parquet"),
        (
            "parquet",
            WORKBOOK,
            "but a document of Office, such as a workbook",
            "set format.type to xlsx",
        ),
        ("parquet", b'{"a":1}', "which seems to be JSON", "set format to what the file is"),
        ("parquet", b"a;b\n1;2\n", "which is text, such as CSV", "set format to what the file is"),
    ],
)
def test_a_file_of_another_format_is_told_by_its_name(form: str, content: bytes, what: str, remedy: str) -> None:
    message = rejection(content, feed_of(form, records="a/b" if form == "xml" else None))
    assert what in message
    assert remedy in message


def test_json_may_be_a_value_where_the_quote_is_another_sign() -> None:
    feed = feed_of("csv", quote="\x01", delimiter="\t", header=False, checks=ChecksSpec(columns=TWO))
    assert inspected(b'{"a":1}\t5\n', feed).rows == (1, 0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n3,\0\n", "line 3, in or after record 1, has a NUL character"),
        (b"a,b\n1,\x00\x12\x3c\n", "binary data, such as packed decimals of a mainframe, and not UTF-16"),
        (b"a,b\n1,2\n" + b"\0" * 512, "Nothing but zeros stands there"),
        (b"a,b\n" + "1,2\n3,4\n".encode("utf-16-le"), "Part of it looks like UTF-16: ask the partner for one encoding"),
        (b"a,b\n" + "1,2\n3,4\n".encode("utf-16-be"), "Part of it looks like UTF-16: ask the partner for one encoding"),
    ],
)
def test_a_nul_is_told_with_its_line_and_for_what_it_is(content: bytes, said: str) -> None:
    assert said in rejection(content, feed_of("csv"))
