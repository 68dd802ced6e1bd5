"""XLSX: one sheet, a header row, typed cells; lands as CSV with a header.

Read with openpyxl row by row: python-calamine is 13 times as fast, but holds the whole sheet, and one cell in the far
corner of an empty sheet makes it end the process for want of memory (docs/decisions.md).
Formulas give the values that Excel saved with them. Hidden rows and sheets count as any other; of merged cells the
first has the value. Excel keeps 15 digits of a number, whatever was typed in.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias
from xml.etree.ElementTree import ParseError

import openpyxl
from defusedxml import DefusedXmlException
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from lakeferry.checks.badrows import Problem
from lakeferry.formats.header import check_header, tidy_name
from lakeferry.formats.landing import Landing, text_column
from lakeferry.formats.reading import Reading
from lakeferry.formats.rejections import AGAIN, rejected
from lakeferry.formats.spool import Spool
from lakeferry.formats.xlsx.cells import cell_text
from lakeferry.formats.xlsx.rows import DisorderError, numbered_rows

MAX_UNPACKED_BYTES = 4 * 1024 * 1024 * 1024
"""Of all parts: a sheet of a million rows and 30 columns has about 2 GB of XML."""
MAX_PART_BYTES = 256 * 1024 * 1024
"""Of each part that is no sheet: the texts that cells share are in memory as a whole."""
MAX_RATIO = 250
"""Spreadsheets pack 5 to 30 times."""
_FREE_BYTES = 64 * 1024 * 1024
_ROWS_AT_ONCE = 4096
_Row: TypeAlias = tuple[int, tuple[Any, ...]]
"""Its number, and its values."""
_ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"})
_REMEDY = "Ask the partner for .xlsx, or set format to what the file is."
_UNREADABLE = (
    zipfile.BadZipFile,
    ParseError,
    DefusedXmlException,
    InvalidFileException,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    zlib.error,
)
"""What zipfile and openpyxl raise on broken workbooks; the latter has no errors of its own for most."""


class XlsxReader(Landing):
    """Takes a workbook's bytes and writes one sheet as CSV."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._spool = Spool(reading.name, (b"PK\x03\x04",), "XLSX workbook", _REMEDY)

    def feed(self, data: bytes) -> None:
        """Takes the next decoded bytes.

        Raises:
            FileRejectedError: it is no workbook, or too big.
        """
        self._spool.write(data)

    def finish(self) -> None:
        """Reads the sheet.

        Raises:
            FileRejectedError: it is no workbook or a broken one, a bomb, or has no such sheet or header.
        """
        file = self._spool.rewind()
        try:
            self._check_parts(zipfile.ZipFile(file))
            # values as they are cannot be read lazily from a file that something else closes
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        except _UNREADABLE as error:
            raise self._broken(error) from error
        try:
            self._take(_guarded(self._rows(book), self._broken))
        except DisorderError as error:
            raise rejected(
                self.name,
                f"its rows are not in the order of their numbers, so which of them count is anybody's guess: {error}",
                "Ask the partner to open it in Excel, save it and deliver it again; or for CSV.",
            ) from error
        finally:
            book.close()

    def _check_parts(self, archive: zipfile.ZipFile) -> None:
        parts = archive.infolist()
        names = {part.filename for part in parts}
        if "[Content_Types].xml" not in names:
            raise rejected(self.name, "it is a ZIP archive and no XLSX workbook", _REMEDY)
        unpacked = sum(part.file_size for part in parts)
        if unpacked > MAX_UNPACKED_BYTES or unpacked > max(_FREE_BYTES, MAX_RATIO * self._spool.size):
            raise rejected(
                self.name,
                f"it unpacks to {unpacked} bytes: a decompression bomb, or not data",
                "Ask the partner for smaller files, or for CSV.",
            )
        whole = max(part.file_size for part in parts if not part.filename.startswith("xl/worksheets/"))
        if whole > MAX_PART_BYTES:
            raise rejected(
                self.name,
                f"it has a part of {whole} bytes beside its sheets, such as its texts",
                "Ask the partner for smaller files, or for CSV.",
            )

    def _rows(self, book: Any) -> Iterator[_Row]:  # noqa: ANN401  (openpyxl has no types)
        wanted = self.reading.feed.format.sheet
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        if not sheets or (wanted is not None and wanted not in sheets):
            missing = "it has no sheet" if wanted is None else f"it has no sheet {wanted!r}"
            raise rejected(
                self.name,
                f"{missing}; it has {', '.join(map(repr, sheets)) or 'none'}",
                "Set format.sheet, or ask the partner.",
            )
        sheet = book.worksheets[0] if wanted is None else sheets[wanted]
        yield from numbered_rows(sheet)

    def _take(self, rows: Iterator[_Row]) -> None:
        form = self.reading.feed.format
        numbered = (row for row in rows if row[0] > form.skip_lines)
        self.begin(self._header(numbered) if form.header else self.columns)
        self.write_header()
        block: list[_Row] = []
        for number, row in numbered:
            if any(value is not None and value != "" for value in row):
                block.append((number, row))
            if len(block) == _ROWS_AT_ONCE:
                self._land(block)
                block = []
        if block:
            self._land(block)

    def _header(self, numbered: Iterator[_Row]) -> tuple[str, ...]:
        for number, row in numbered:
            names = [tidy_name(cell_text(value, None) or "") for value in row]
            while names and not names[-1]:
                names.pop()
            if not names:
                continue
            if "" in names:
                raise rejected(
                    self.name,
                    f"its header, row {number}, has no name in column {get_column_letter(names.index('') + 1)}",
                    "Ask the partner for a name in each column, or set format.skip_lines to the rows above the header.",
                )
            check_header(self.reading, names)
            return tuple(names)
        raise rejected(self.name, "its sheet is empty: not even a header", f"{AGAIN} Or set format.sheet.")

    def _land(self, block: Sequence[_Row]) -> None:
        declared = {column.name.lower(): column for column in self.reading.feed.checks.columns}
        specs = [declared.get(name.lower()) for name in self.columns]
        width = len(specs)
        problems: list[Problem] = []
        texts: list[list[str]] = []
        for index, (number, row) in enumerate(block):
            if any(value is not None and value != "" for value in row[width:]):
                detail = f"has values beyond its {width} columns, from {get_column_letter(width + 1)}{number} on"
                problems.append(Problem(index, None, None, "fields", detail))
            values = row[:width]
            for name, value in zip(self.columns, values, strict=False):
                if type(value) is str and value in _ERRORS:
                    problems.append(Problem(index, name, value, "cell_error", "is an error of a formula"))
            line = [cell_text(value, spec) or "" for value, spec in zip(values, specs, strict=False)]
            texts.append(line + [""] * (width - len(line)))
        null_values = self.reading.feed.format.null_values
        columns = {name: text_column([line[at] for line in texts], null_values) for at, name in enumerate(self.columns)}
        self.land_texts(columns, [number for number, _ in block], lambda row: _shown(texts[row]), problems)

    def _broken(self, error: Exception) -> Exception:
        cause = error.__cause__ or error
        return rejected(
            self.name,
            f"it is no XLSX workbook, or a broken or truncated one ({type(cause).__name__}: {cause})",
            AGAIN,
        )


def _guarded(rows: Iterator[_Row], broken: Callable[[Exception], Exception]) -> Iterator[_Row]:
    """The rows; what goes wrong while they are read is told as a broken workbook."""
    while True:
        try:
            row = next(rows, None)
        except _UNREADABLE as error:
            raise broken(error) from error
        if row is None:
            return
        yield row


def _shown(row: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue()
