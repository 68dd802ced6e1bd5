"""Workbooks as other programs write them: what values do not need is not read, whatever it is; the limits of the rest.

Written by hand, part by part: openpyxl makes none of these.
"""

import csv
import datetime
import io
import re
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import from_excel

from lakeferry.feeds import ChecksSpec, ColumnSpec
from lakeferry.formats.xlsx import package, parts, reader, sheet, styles
from lakeferry.formats.xlsx.cells import moment, number_text
from tests.unit.inspecting import feed_of, inspected, rejection, verdict

XLSX = feed_of("xlsx")
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
STRICT_OFFICE = "http://purl.oclc.org/ooxml/officeDocument/relationships"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
TYPES = (
    f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
    f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_KIND}.sharedStrings+xml"/></Types>'
)
HEAD = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
STYLES = '<numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
CELL_STYLES = '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="46"/></cellXfs>'


def relations(**targets: str) -> str:
    each = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, _, target) in ((key, value.partition(":")) for key, value in targets.items())
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{each}</Relationships>'


def sheet_of(*rows: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData></worksheet>'


def book(
    *rows: str, styles: str = STYLES + CELL_STYLES, texts: str = "", properties: str = "", **changed: Any
) -> dict[str, str]:
    """The parts of a workbook: a header `id`, `day`, and these rows."""
    made: dict[str, str | None] = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": relations(rId1="officeDocument:xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{properties}'
        '<sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            rId1="worksheet:worksheets/sheet1.xml", rId2="sharedStrings:sharedStrings.xml", rId3="styles:styles.xml"
        ),
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>id</t></si><si><t>day</t></si>{texts}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
        "xl/worksheets/sheet1.xml": sheet_of(HEAD, *rows),
    }
    made |= changed
    return {name: text for name, text in made.items() if text is not None}


def zipped(made: dict[str, str], name: Callable[[str], str] = str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, text in made.items():
            archive.writestr(name(part), text)
    return sink.getvalue()


def lines(made: dict[str, str]) -> list[str]:
    return inspected(zipped(made), XLSX).lines


ONE = '<row r="2"><c r="A2"><v>7</v></c><c r="B2" s="2"><v>46027</v></c></row>'
LANDED = ["id,day", "7,2026-01-05"]

# -- what values do not need -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        "<fonts><font><u val='1'/><color rgb='nothing'/></font></fonts>",
        "<fills><fill/></fills>",
        "<fills><fill><patternFill><extLst><ext/></extLst></patternFill></fill></fills>",
        "<fonts>" + "<font/>" * 70_000 + "</fonts>",
        "<colors><indexedColors><rgbColor/></indexedColors></colors><whatever/>",
        "<cellStyleXfs>" + "<xf numFmtId='14'/>" * 9 + "</cellStyleXfs><dxfs><dxf><numFmt numFmtId='0'/></dxf></dxfs>",
    ],
    ids=["underline and colour", "an empty fill", "an extension", "fonts", "colours", "styles of no cell"],
)
def test_fonts_fills_colours_and_extensions_may_be_anything(more: str) -> None:
    assert lines(book(ONE, styles=more + STYLES + CELL_STYLES)) == LANDED


def test_parts_beside_the_values_may_be_broken_and_large() -> None:
    with_others = {**book(ONE), "xl/theme/theme1.xml": "<a", "docProps/app.xml": "", "xl/media/i.png": "0" * 90_000_000}
    assert lines(with_others) == LANDED


@pytest.mark.parametrize(
    "name",
    [str.upper, str.lower, lambda name: name.replace("/", "\\"), lambda name: name.replace("sharedS", "SharedS")],
    ids=["upper case", "lower case", "backslashes", "one in another case"],
)
def test_names_of_parts_may_be_in_another_case_or_have_backslashes(name: Callable[[str], str]) -> None:
    assert inspected(zipped(book(ONE), name), XLSX).lines == LANDED


def test_strict_workbooks_are_read_as_others() -> None:
    strict = {
        name: text.replace(MAIN, STRICT_MAIN).replace(OFFICE, STRICT_OFFICE)
        for name, text in book('<row r="2"><c r="A2"><v>7</v></c><c r="B2" t="d"><v>2026-01-05</v></c></row>').items()
    }
    assert lines(strict) == LANDED


def test_elements_may_have_a_prefix() -> None:
    prefixed = re.sub("<(/?)([a-z])", r"<\1x:\2", sheet_of(HEAD, ONE)).replace("xmlns=", "xmlns:x=", 1)
    assert lines(book(**{"xl/worksheets/sheet1.xml": prefixed})) == LANDED


def test_targets_may_be_absolute_and_relations_missing() -> None:
    relative = relations(rId1="worksheet:/xl/worksheets/../worksheets/./sheet1.xml")
    changed: dict[str, Any] = {"xl/_rels/workbook.xml.rels": relative, "_rels/.rels": None}
    assert lines(book(ONE, **changed)) == LANDED


def test_charts_are_no_sheets() -> None:
    charts = (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="C" sheetId="1" r:id="rId9"/>'
        '<sheet name="S" sheetId="2" r:id="rId1"/></sheets></workbook>'
    )
    related = relations(rId9="chartsheet:chartsheets/sheet1.xml", rId1="worksheet:worksheets/sheet1.xml")
    assert lines(book(ONE, **{"xl/workbook.xml": charts, "xl/_rels/workbook.xml.rels": related})) == LANDED


def test_a_workbook_without_styles_and_shared_texts_has_numbers() -> None:
    without = book('<row r="1"><c r="A1" t="str"><v>n</v></c></row><row r="2"><c r="A2" s="5"><v>46027</v></c></row>')
    without["xl/worksheets/sheet1.xml"] = without["xl/worksheets/sheet1.xml"].replace(HEAD, "")
    del without["xl/styles.xml"], without["xl/sharedStrings.xml"]
    assert lines(without) == ["n", "46027"]


# -- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('t="s"><v>2</v>', "a b c"),
        ('t="inlineStr"><is><r><t>x</t></r><rPh sb="0" eb="1"><t>no</t></rPh><r><t> y</t></r></is>', "x y"),
        ('t="str"><f>A1</f><v>calculated</v>', "calculated"),
        ("><is><t>without a type</t></is>", "without a type"),
        ('t="b"><v>1</v>', "true"),
        ('t="b"><v>false</v>', "false"),
        ("><v>1.50</v>", "1.5"),
        ("><v>007</v>", "7"),
        ("><v>-0.000001</v>", "-0.000001"),
        ("><v>1E+2</v>", "100"),
        ("><v>99999999999999999999</v>", "99999999999999999999"),
        ("><v></v>", ""),
        ('s="1"><v>1</v>', "1900-01-01"),
        ('s="1"><v>59</v>', "1900-02-28"),
        ('s="1"><v>61</v>', "1900-03-01"),
        ('s="1"><v>0.5</v>', "12:00:00"),
        ('s="1"><v>46027.25</v>', "2026-01-05 06:00:00"),
        ('s="3"><v>1.5</v>', "36:00:00"),
        ('s="9"><v>46027</v>', "46027"),
        ('t="d"><v>2026-01-05T06:07:08Z</v>', "2026-01-05 06:07:08"),
        ('t="d"><v>06:07:08</v>', "06:07:08"),
        ('t="d"><v>PT30H1M</v>', "30:01:00"),
    ],
)  # fmt: skip
def test_a_cell_of_each_type(cell: str, text: str) -> None:
    texts = "<si><r><t>a</t></r><r><t> b</t></r><rPh><t>no</t></rPh><r><t> c</t></r></si>"
    row = f'<row r="2"><c r="A2"><v>1</v></c><c r="B2" {cell}</c></row>'
    assert lines(book(row, texts=texts)) == ["id,day", f"1,{text}"]


def test_days_may_be_counted_from_1904() -> None:
    assert lines(book(ONE, properties='<workbookPr date1904="1"/>')) == ["id,day", "7,2030-01-06"]


@pytest.mark.parametrize("cell", ['t="e"><v>#SPILL!</v>', 's="1"><v>99999999</v>', 't="d"><v>yesterday</v>'])
def test_errors_and_dates_that_are_none_are_bad_rows(cell: str) -> None:
    result = inspected(zipped(book(f'<row r="2"><c r="A2"><v>1</v></c><c r="B2" {cell}</c></row>')), XLSX)
    assert result.told == [(2, "day", "cell_error")]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("General", styles.NUMBER),
        ("0.00E+00", styles.NUMBER),
        ('"days "0', styles.NUMBER),
        ("\\d0", styles.NUMBER),
        ("[Red]0;[Blue]-0", styles.NUMBER),
        ("0_m;yyyy", styles.NUMBER),
        ("[$-409]d/m/yy h:mm AM/PM;@", styles.MOMENT),
        ('[$-411]ggge"年"m"月"', styles.MOMENT),
        ("mm:ss.0", styles.MOMENT),
        ("[h]:mm:ss", styles.DURATION),
        ("[MM]:ss", styles.DURATION),
    ],
)
def test_number_formats_tell_dates_from_numbers(code: str, kind: int) -> None:
    assert styles.kind_of(code) == kind


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False)))
def test_any_number_keeps_its_value(number: float) -> None:
    text = number_text(repr(number))
    assert type(number)(text) == number
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text)


# -- every row that another reader gives -----------------------------------------------------------------------------

PIECES = st.sampled_from([
    *('<row r="{r}">', "<row>", "</row>", "<sheetData>", "</sheetData>", "<x/>", "<o:row>", "</o:row>"),
    *('<c r="A{r}">', "<c>", '<c t="s">', '<c t="inlineStr">', "</c>", "<v>1</v>", "<is><t>y</t></is>", "<f>1</f>"),
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(PIECES, st.integers(1, 6)), max_size=14))
def test_rows_that_openpyxl_gives_land_or_the_file_is_refused(drawn: list[tuple[str, int]]) -> None:
    inside = "".join(piece.format(r=number + 1) for piece, number in drawn)
    text = sheet_of(HEAD, inside).replace("<sheetData>", '<sheetData xmlns:o="o">', 1)
    content = zipped(book(**{"xl/worksheets/sheet1.xml": text}))
    result = verdict(content, XLSX)
    if result is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        full = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    rows = [[cell for cell in row if cell is not None] for row in full.worksheets[0].iter_rows(values_only=True)]
    landed = [[cell for cell in row if cell] for row in csv.reader(io.StringIO(result.raw.decode()))]
    told = sum(bool(row) for row in rows)
    assert len(landed) + len(result.bad) == told
    assert not result.bad or {row["rule"] for row in result.bad} == {"fields"}


# -- parts that contradict themselves --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (sheet_of(HEAD, '<row r="2"><c r="A2" t="s"><v>9</v></c></row>'), "has the shared text 9, and there are 2"),
        (sheet_of(HEAD, '<row r="2"><c r="A2"><v>1</v><v>2</v></c></row>'), "it has a value within another"),
        (sheet_of(HEAD, '<row r="2"><c r="A2"><v>1</v><is><t>2</t></is></c></row>'), "it has a cell with two values"),
        (sheet_of(HEAD, '<row r="2"><row r="3"/></row>'), "it has a row within another"),
        (sheet_of(HEAD, '<row r="2"><c><c/></c></row>'), "it has a cell within another"),
        (sheet_of(HEAD, '<row r="two"/>'), "it has 'two' where the number of a row"),
        (sheet_of(HEAD, '<row r="2"><c r="A2"><v>seven</v></c></row>'), "it has 'seven' where a number should be"),
        (sheet_of(HEAD, '<row r="2"><c r="A2"><v>1_000</v></c></row>'), "it has '1_000' where a number should be"),
        (sheet_of(HEAD, '<row r="2"><c r="A2" t="z"><v>1</v></c></row>'), "it has a cell of the type 'z'"),
        (sheet_of(HEAD, '<o:row xmlns:o="o" r="2"/>'), "it has <row> of a namespace that is not the sheet's"),
        (sheet_of(HEAD).replace("</worksheet>", '<row r="2"/></worksheet>'), "outside of its data"),
        (sheet_of(HEAD).replace("worksheet", "chartsheet"), "its root is <chartsheet>"),
    ],
)  # fmt: skip
def test_a_sheet_that_contradicts_itself_is_refused(changed: str, message: str) -> None:
    assert message in rejection(zipped(book(**{"xl/worksheets/sheet1.xml": changed})), XLSX)


def test_a_part_that_is_there_twice_is_refused() -> None:
    twice = {**book(ONE), "XL/Worksheets/Sheet1.xml": sheet_of(HEAD)}
    assert "it has its part xl/worksheets/sheet1.xml twice" in rejection(zipped(twice), XLSX)


def test_a_binary_workbook_is_told() -> None:
    binary = book(**{"_rels/.rels": relations(rId1="officeDocument:xl/workbook.bin"), "xl/workbook.bin": "0"})
    assert "it is a binary workbook, .xlsb, and no .xlsx" in rejection(zipped(binary), XLSX)


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (['<row r="1048577"/>'], "it has row 1048577, and no sheet has more than 1,048,576"),
        (["<row>" + "<c/>" * 16_385 + "</row>"], "row 2 has more than 16,384 cells"),
        (['<row r="2"><c r="XFE2"/></row>'], "it has cell XFE2, and no sheet has more than 16,384 columns"),
        ([f'<row><c t="str"><v>{"x" * 1_200_000}</v></c></row>'], "a text of more than 1,048,576 characters"),
        (["<x>" * 80 + "</x>" * 80], "its elements are nested more than 64 levels deep"),
        ([f"<!--{'x' * 1_200_000}-->"], "a tag or a comment of more than 1,048,576 bytes"),
        ([f'<x xmlns:n="{"x" * 1025}"/>'], "a namespace whose name is longer than 1024 characters"),
    ],
    ids=["row", "cells", "column", "text", "nesting", "comment", "namespace"],
)
def test_what_no_sheet_has_is_refused_with_its_limit(rows: list[str], message: str) -> None:
    assert message in rejection(zipped(book(*rows)), XLSX)


def test_the_texts_of_a_row_have_a_limit_whether_they_are_shared_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MAX_ROW_CHARACTERS", 1000)
    monkeypatch.setattr(reader, "MAX_ROW_CHARACTERS", 1000)
    texts = f"<si><t>{'x' * 300}</t></si>"
    shared = "<row>" + '<c t="s"><v>2</v></c>' * 4 + "</row>"
    inline = "<row>" + f'<c t="str"><v>{"x" * 300}</v></c>' * 4 + "</row>"
    for row in (shared, inline):
        assert "row 2 has more than 1,000 characters" in rejection(zipped(book(row, texts=texts)), XLSX)


@pytest.mark.parametrize(
    ("module", "limit", "most", "message"),
    [
        (reader, "MAX_CELLS", 5, "its rows come to more than 5 cells, empty ones counted"),
        (reader, "MAX_CHARACTERS", 2, "its cells come to more than 2 characters"),
        (package, "MAX_DIRECTORY_BYTES", 100, "its list of parts is longer than 100 bytes"),
        (package, "MAX_SHEETS", 0, "it has more than 0 sheets"),
        (package, "MAX_RELATIONS", 2, "it refers to more than 2 parts"),
        (package, "MAX_PART_BYTES", 400, "beside its sheets, has"),
        (styles, "MAX_NUMBER_FORMATS", 3, "it has more than 3 number formats"),
        (parts, "MAX_TEXT", 1, "it has a text of more than 1 characters"),
    ],
)
def test_what_few_bytes_become_has_a_limit(
    module: Any, limit: str, most: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, limit, most)
    found = rejection(zipped(book(ONE, ONE.replace('2"', '3"'), ONE.replace('2"', '4"'))), XLSX)
    assert message in found
    assert "Ask the partner" in found


@pytest.mark.slow
def test_a_million_rows_are_no_bomb() -> None:
    rows = "".join(f"<row><c><v>{number}</v></c></row>" for number in range(200_000))
    feed = feed_of("xlsx", checks=ChecksSpec(columns=(ColumnSpec("id", "int64", unique=True),)), header=False)
    far = '<row r="1048576"><c><v>1000000</v></c></row>'
    content = zipped(book(**{"xl/worksheets/sheet1.xml": sheet_of(rows, far)}))
    assert inspected(content, feed).rows == (200_001, 0)


def test_dates_of_all_of_excels_days_are_those_of_openpyxl() -> None:
    for number in [*range(1, 70), *range(30_000, 2_958_466, 9973)]:
        for part in (0, 0.25, 0.999999):
            expected = from_excel(number + part)
            found = moment(str(number + part), styles.MOMENT, counts_from_1904=False)
            assert isinstance(found, datetime.datetime)
            assert found == expected
