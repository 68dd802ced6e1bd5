"""XLSX: one sheet as CSV; workbooks are made with openpyxl, broken ones by hand."""

import csv
import datetime
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from lakeferry.feeds import ChecksSpec, ColumnSpec
from lakeferry.formats import spool
from lakeferry.formats.xlsx import package, reader
from tests.unit.inspecting import agree, feed_of, inspected, rejection

XLSX = feed_of("xlsx")
SHEET = "xl/worksheets/sheet1.xml"
DAY = datetime.datetime(2026, 1, 5)
MOMENT = datetime.datetime(2026, 1, 5, 6, 7, 8)


def workbook(*rows: list[Any], change: Callable[[Any], None] | None = None) -> bytes:
    """A workbook with one sheet."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            sheet.cell(number, column, value)
    if change:
        change(book)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def with_part(content: bytes, name: str, text: Callable[[str], str]) -> bytes:
    """The workbook with one of its parts changed."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            data = old.read(part)
            new.writestr(part.filename, text(data.decode()).encode() if part.filename == name else data)
    return sink.getvalue()


def with_shared_texts(content: bytes) -> bytes:
    """The workbook as Excel writes it: texts in a part of their own, cells with numbers of texts."""
    texts: list[str] = []

    def share(match: re.Match[str]) -> str:
        texts.append(match[1])
        return f't="s"><v>{len(texts) - 1}</v>'

    main = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{main}" /></Types>'
    content = with_part(content, SHEET, lambda text: re.sub(r't="inlineStr"><is>(.*?)</is>', share, text))
    content = with_part(content, "[Content_Types].xml", lambda text: text.replace("</Types>", override))
    items = "".join(f"<si>{text}</si>" for text in texts)
    sink = io.BytesIO(content)
    with zipfile.ZipFile(sink, "a") as archive:
        space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{space}">{items}</sst>')
    return sink.getvalue()


def with_columns(*columns: ColumnSpec, **settings: Any) -> Any:
    return feed_of("xlsx", checks=ChecksSpec(columns=columns), **settings)


# -- values ----------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.sampled_from('ab1 ,"\né€_x'), max_size=6).filter(lambda text: not ILLEGAL_CHARACTERS_RE.search(text))
CELLS = st.one_of(
    st.none(),
    TEXTS.filter(lambda text: text == text.strip() and not text.startswith("=")),
    st.integers(-(10**12), 10**12),
    st.booleans(),
    st.decimals(-1000, 1000, places=3).map(float),
    st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2100, 1, 1)).map(
        lambda moment: moment.replace(microsecond=0)
    ),
)


def plainly(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime.datetime):
        return str(value.date() if value.time() == datetime.time() else value)
    return str(value)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=6),
    st.lists(st.integers(1, 3000), min_size=1, max_size=3).map(tuple),
)
def test_the_cells_of_any_sheet_in_any_pieces_are_those_that_were_put_in(
    rows: list[list[Any]], sizes: tuple[int, ...]
) -> None:
    result = agree(workbook(["a", "b", "c"], *rows), XLSX, sizes, 1000)

    assert result is not None
    found = list(csv.reader(io.StringIO(result.raw.decode(), newline=""), strict=True))
    expected = [list(map(plainly, row)) for row in rows]
    assert found == [["a", "b", "c"], *(row for row in expected if any(row))]


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (1.0, ColumnSpec("a", "int64"), "1"),
        (0.1, ColumnSpec("a", "decimal(6,2)"), "0.1"),
        (1e22, ColumnSpec("a", "float64"), "10000000000000000000000"),
        (1e-7, ColumnSpec("a", "float64"), "0.0000001"),
        (DAY, ColumnSpec("a", "date"), "2026-01-05"),
        (DAY, ColumnSpec("a", "timestamp"), "2026-01-05 00:00:00"),
        (DAY, ColumnSpec("a", "string"), "2026-01-05"),
        (MOMENT, ColumnSpec("a", "timestamp"), "2026-01-05 06:07:08"),
        (MOMENT, ColumnSpec("a", "timestamp", format="%d.%m.%Y %H:%M:%S"), "05.01.2026 06:07:08"),
        (DAY, ColumnSpec("a", "date", format="%d.%m.%Y"), "05.01.2026"),
        ("05.01.2026", ColumnSpec("a", "date", format="%d.%m.%Y"), "05.01.2026"),
        (datetime.time(6, 7), ColumnSpec("a", "string"), "06:07:00"),
        (datetime.timedelta(hours=30, minutes=1), ColumnSpec("a", "string"), "30:01:00"),
        (True, ColumnSpec("a", "bool"), "true"),
        ("00123", ColumnSpec("a", "string"), "00123"),
        ("a\r\nb", ColumnSpec("a", "string"), '"a\nb"'),
        ("a_x000D_\nb", ColumnSpec("a", "string"), '"a\nb"'),
        ("_x005F_x000D_ _x0041_", ColumnSpec("a", "string"), "_x000D_ _x0041_"),
    ],
)
def test_a_cell_becomes_the_text_that_its_column_asks_for(value: Any, column: ColumnSpec, text: str) -> None:
    assert inspected(workbook(["a"], [value]), with_columns(column)).raw.decode() == f"a\n{text}\n"


def test_formulas_give_the_value_that_was_saved_with_them() -> None:
    content = with_part(
        workbook(["a"], ["=1+1"]),
        SHEET,
        lambda text: text.replace("<f>1+1</f><v></v>", "<f>1+1</f><v>2</v>").replace(
            "<f>1+1</f><v />", "<f>1+1</f><v>2</v>"
        ),
    )
    assert inspected(content, XLSX).lines == ["a", "2"]


# -- rows ------------------------------------------------------------------------------------------------------------


def test_bad_rows_have_the_number_that_excel_shows() -> None:
    content = workbook(["id", "n"], [1, 2], [None, None], ["x", 3], [4, "#N/A"], [5, 6, "more"], [None, 7])
    feed = with_columns(ColumnSpec("id", "int64", required=True), ColumnSpec("n", "int64"))
    result = inspected(content, feed, name="a.xlsx")
    assert (result.name, result.lines) == ("a.csv", ["id,n", "1,2"])
    assert result.told == [(4, "id", "type"), (5, "n", "cell_error"), (6, None, "fields"), (7, "id", "required")]
    assert [row["record"] for row in result.bad] == [2, 3, 4, 5]
    assert result.bad[0]["raw"] == "x,3"
    assert "from C6 on" in result.bad[2]["detail"]


def test_hidden_rows_count_and_merged_cells_have_their_value_once() -> None:
    def change(book: Any) -> None:
        book.active.row_dimensions[2].hidden = True
        book.active.merge_cells("A3:A4")

    result = inspected(workbook(["a", "b"], [1, 1], [2, 2], [2, 3], change=change), XLSX)
    assert result.lines == ["a,b", "1,1", "2,2", ",3"]


def test_the_size_that_a_sheet_says_it_has_is_not_believed() -> None:
    content = with_part(
        workbook(["a", "b"], [1, 2], [3, 4]),
        SHEET,
        lambda text: text.replace('<dimension ref="A1:B3"', '<dimension ref="A1:A1"'),
    )
    assert inspected(content, XLSX).lines == ["a,b", "1,2", "3,4"]


def test_a_cell_in_the_far_corner_takes_no_memory() -> None:
    content = workbook(["a"], [1], change=lambda book: book.active.cell(1_048_576, 16_384, "far"))
    result = inspected(content, XLSX)
    assert result.lines == ["a", "1"]
    assert result.told == [(1_048_576, None, "fields")]


# -- sheet and header ------------------------------------------------------------------------------------------------


def test_the_first_sheet_is_read_or_the_named_one() -> None:
    content = workbook(["a"], [1], change=lambda book: book.create_sheet("Zwei").append(["b"]))
    assert inspected(content, XLSX).lines == ["a", "1"]
    assert inspected(content, feed_of("xlsx", sheet="Zwei")).lines == ["b"]
    assert "it has no sheet 'Drei'; it has 'Sheet', 'Zwei'" in rejection(content, feed_of("xlsx", sheet="Drei"))


def test_rows_above_the_header_are_skipped() -> None:
    content = workbook(["Sales report"], [None], [None], [" id ", "n"], [1, 2])
    assert inspected(content, XLSX).lines[:1] == ["Sales report"]
    assert inspected(content, feed_of("xlsx", skip_lines=1)).lines == ["id,n", "1,2"]


def test_without_a_header_the_declared_columns_are_the_files() -> None:
    feed = with_columns(ColumnSpec("x", "int64"), ColumnSpec("y", "int64"), header=False)
    assert inspected(workbook([1, 2], [3]), feed).lines == ["x,y", "1,2", "3,"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "its sheet is empty: not even a header"),
        ([["a", None, "c"]], "its header, row 1, has no name in column B"),
        ([["a", "A"]], "its header names column 'a' more than once"),
        ([["a"]], "its header lacks 'id'; it has 'a'"),
    ],
)
def test_a_header_that_is_none_is_rejected(rows: list[list[Any]], message: str) -> None:
    feed = with_columns(ColumnSpec("id", "int64")) if "lacks" in message else XLSX
    assert message in rejection(workbook(*rows), feed)


# -- files that are something else -----------------------------------------------------------------------------------

GOOD = workbook(["a", "b"], *[[number, f"text {number}"] for number in range(500)])
LAUGH = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'


def zipped(**parts: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return sink.getvalue()


@pytest.mark.parametrize("size", [7, 100_000])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"PK", "it is no XLSX workbook"),
        (b"<html>404</html>", "it is no XLSX workbook but HTML or XML"),
        (b"id,n\n1,2\n", "it is no XLSX workbook (it begins with b'id,n"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "but an old .xls, or has a password"),
        (zipped(**{"a.csv": "a,b\n"}), "it is a ZIP archive and no XLSX workbook"),
        (zipped(**{"[Content_Types].xml": "<Types/>"}), "it is a document of Office and no XLSX workbook"),
        (GOOD[:-30], "a broken or truncated one (BadZipFile"),
        (GOOD[: len(GOOD) // 2], "a broken or truncated one (BadZipFile"),
        (
            with_part(GOOD, SHEET, lambda text: text[: len(text) // 2]),
            "sheet1.xml is not well-formed: no element found in line 1",
        ),
        (
            with_part(GOOD, SHEET, lambda text: text.replace("<worksheet", LAUGH + "<worksheet", 1)),
            "it has a DOCTYPE, which no",
        ),
        (with_part(GOOD, "xl/workbook.xml", lambda _: "<x>"), "a broken or truncated one"),
        (with_part(GOOD, "xl/styles.xml", lambda _: "<x>"), "a broken or truncated one"),
    ],
    ids=[
        *("empty", "short", "page", "csv", "xls", "zip", "no parts", "cut", "half", "half a sheet", "entities"),
        *("broken book", "broken styles"),
    ],
)
def test_a_file_that_is_no_workbook_is_rejected_with_what_it_is(content: bytes, message: str, size: int) -> None:
    assert message in rejection(content, XLSX, sizes=(size,))


def test_a_damaged_byte_is_found_by_the_parts_checksum() -> None:
    content = zipfile.ZipFile(io.BytesIO(GOOD))
    at = content.getinfo(SHEET).header_offset + 200
    damaged = GOOD[:at] + bytes([GOOD[at] ^ 0xFF]) + GOOD[at + 1 :]
    assert "a broken or truncated one" in rejection(damaged, XLSX)


def test_a_bomb_is_rejected_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "FREE_BYTES", 1_000_000)
    bomb = with_part(GOOD, SHEET, lambda text: text + " " * 20_000_000)
    assert "a decompression bomb" in rejection(bomb, XLSX)


def test_texts_that_do_not_fit_into_memory_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    content = with_shared_texts(GOOD)
    assert inspected(content, XLSX).raw == inspected(GOOD, XLSX).raw
    monkeypatch.setattr(reader, "MAX_TEXTS_BYTES", 10_500)
    assert re.search(
        r"its part xl/sharedStrings.xml, beside its sheets, has \d+ bytes, and 10500 are read", rejection(content, XLSX)
    )


def test_more_than_what_the_disk_takes_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MAX_SPOOL_BYTES", 100)
    assert "it is bigger than 100 bytes" in rejection(GOOD, XLSX)


# -- rows that are not in order


SHEET = "xl/worksheets/sheet1.xml"
THREE = workbook(["id", "name"], [1, "a"], [2, "b"])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('<row r="3"', '<row r="2"', "after row 2 there is row 2"),
        ('<row r="3"', '<row r="1"', "after row 2 there is row 1"),
        ('r="A3"', 'r="A2"', "in row 3, after 0 columns, there is cell A2"),
        ('r="B3"', 'r="A3"', "in row 3, after 1 columns, there is cell A3"),
    ],
)
def test_rows_or_cells_that_run_back_are_refused(old: str, new: str, told: str) -> None:
    assert told in rejection(with_part(THREE, SHEET, lambda text: text.replace(old, new)), XLSX)


def test_rows_without_numbers_and_far_apart_land() -> None:
    without = with_part(THREE, SHEET, lambda text: re.sub(r' r="[A-Z]?[0-9]"', "", text))
    far = with_part(THREE, SHEET, lambda text: re.sub(r'"(row r=)?([AB]?)3"', r'"\g<2>1000000"', text))
    for content in (without, far):
        assert inspected(content, XLSX).lines == ["id,name", "1,a", "2,b"]
