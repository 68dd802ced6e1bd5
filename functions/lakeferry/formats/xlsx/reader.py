"""XLSX: one sheet, a header row, typed cells; lands as CSV with a header.

Of a workbook only what values need is read, and in pieces: the sheet, the texts that cells share, and which styles
show dates. What else is in it, such as fonts, charts and macros, may be broken or of any size.
Formulas give the values that Excel saved with them. Hidden rows and sheets count as any other; of merged cells the
first has the value. Excel keeps 15 digits of a number, whatever was typed in.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lakeferry.checks.badrows import Problem
from lakeferry.feeds import ColumnSpec
from lakeferry.formats.header import check_header, tidy_name
from lakeferry.formats.landing import Landing, text_column
from lakeferry.formats.reading import ROWS_BYTES, Reading
from lakeferry.formats.rejections import AGAIN, rejected
from lakeferry.formats.spool import Spool
from lakeferry.formats.xlsx.cells import CellError, cell_text
from lakeferry.formats.xlsx.package import MAX_TEXTS_BYTES, NoWorkbookError, Package
from lakeferry.formats.xlsx.parts import BrokenError, LimitError
from lakeferry.formats.xlsx.shared_texts import SharedTexts
from lakeferry.formats.xlsx.sheet import MAX_ROW_CHARACTERS, DisorderError, Row, Sheet, column_letters
from lakeferry.formats.xlsx.styles import Styles

MAX_CELLS = 150_000_000
"""Of the rows that land, empty ones counted: a row with one cell lands as wide as the header."""
MAX_CHARACTERS = 4 * 1024 * 1024 * 1024
"""Of all cells: ones that share a text have it each."""
_ROWS_AT_ONCE = 4096
_CELLS_AT_ONCE = 64 * 1024
_ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"})
_REMEDY = "Ask the partner for .xlsx, or set format to what the file is."
_SMALLER = "Ask the partner for smaller files, or for CSV."


@dataclass(frozen=True, slots=True)
class _Line:
    """A row as text.

    Attributes:
        errors: Where its cells are errors.
    """

    number: int
    texts: list[str]
    errors: list[int]


class XlsxReader(Landing):
    """Takes a workbook's bytes and writes one sheet as CSV."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._spool = Spool(reading.name, (b"PK\x03\x04",), "XLSX workbook", _REMEDY)
        self._shared_texts = SharedTexts()
        self._cells = self._characters = 0

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
        with self._reading_it():
            package = Package(file, self._spool.size)
            book = package.book()
            part = self._sheet_of(book.sheets)
            if book.shared_texts is not None:
                package.read(book.shared_texts, self._shared_texts, MAX_TEXTS_BYTES)
            styles = Styles()
            if book.styles is not None:
                package.read(book.styles, styles)
            sheet = Sheet(styles.kinds, counts_from_1904=book.counts_from_1904)
            self._take(row for _ in package.parsed(part, sheet) for row in sheet.take_rows())

    @contextmanager
    def _reading_it(self) -> Iterator[None]:
        try:
            yield
        except NoWorkbookError as error:
            raise rejected(self.name, str(error), _REMEDY) from error
        except LimitError as error:
            raise rejected(self.name, str(error), _SMALLER) from error
        except DisorderError as error:
            raise rejected(
                self.name,
                f"its rows are not in the order of their numbers, so which of them count is anybody's guess: {error}",
                "Ask the partner to open it in Excel, save it and deliver it again; or for CSV.",
            ) from error
        except BrokenError as error:
            raise rejected(
                self.name, f"it is no XLSX workbook, or a broken or truncated one ({error})", AGAIN
            ) from error

    def _sheet_of(self, sheets: Mapping[str, str]) -> str:
        wanted = self.reading.feed.format.sheet
        if not sheets or (wanted is not None and wanted not in sheets):
            missing = "it has no sheet" if wanted is None else f"it has no sheet {wanted!r}"
            raise rejected(
                self.name,
                f"{missing}; it has {', '.join(map(repr, [*sheets][:20])) or 'none'}",
                "Set format.sheet, or ask the partner.",
            )
        return next(iter(sheets.values())) if wanted is None else sheets[wanted]

    def _take(self, rows: Iterator[Row]) -> None:
        form = self.reading.feed.format
        after = (row for row in rows if row[0] > form.skip_lines)
        self.begin(self._header(after) if form.header else self.columns)
        self.write_header()
        declared = {column.name.lower(): column for column in self.reading.feed.checks.columns}
        specs = [declared.get(name.lower()) for name in self.columns]
        width = len(specs)
        at_once = max(1, min(_ROWS_AT_ONCE, _CELLS_AT_ONCE // max(1, width)))
        block: list[_Line] = []
        characters = 0
        for row in after:
            line = self._line(row, specs)
            size = sum(map(len, line.texts))
            if not size:
                continue
            block.append(line)
            characters += size
            self._count(width, size)
            if len(block) >= at_once or characters > ROWS_BYTES:
                self._land(block)
                block, characters = [], 0
        if block:
            self._land(block)

    def _count(self, cells: int, characters: int) -> None:
        """Raises:
        LimitError: few bytes have become too many.
        """
        self._cells += cells
        self._characters += characters
        if self._cells > MAX_CELLS:
            raise LimitError(f"its rows come to more than {MAX_CELLS:,} cells, empty ones counted")
        if self._characters > MAX_CHARACTERS:
            raise LimitError(f"its cells come to more than {MAX_CHARACTERS:,} characters")

    def _line(self, row: Row, specs: Sequence[ColumnSpec | None] = ()) -> _Line:
        number, values = row
        texts: list[str] = []
        errors: list[int] = []
        left = MAX_ROW_CHARACTERS
        for at, value in enumerate(values):
            if isinstance(value, str):
                if type(value) is CellError:
                    errors.append(at)
                texts.append(value)
            elif value is None:
                texts.append("")
            elif isinstance(value, int):
                text = self._shared_texts[value]
                left -= len(text)
                if left < 0:
                    raise LimitError(f"row {number} has more than {MAX_ROW_CHARACTERS:,} characters")
                texts.append(text)
            else:
                texts.append(cell_text(value, specs[at] if at < len(specs) else None))
        return _Line(number, texts, errors)

    def _header(self, rows: Iterator[Row]) -> tuple[str, ...]:
        for row in rows:
            names = [tidy_name(text) for text in self._line(row).texts]
            while names and not names[-1]:
                names.pop()
            if not names:
                continue
            if "" in names:
                raise rejected(
                    self.name,
                    f"its header, row {row[0]}, has no name in column {column_letters(names.index('') + 1)}",
                    "Ask the partner for a name in each column, or set format.skip_lines to the rows above the header.",
                )
            check_header(self.reading, names)
            return tuple(names)
        raise rejected(self.name, "its sheet is empty: not even a header", f"{AGAIN} Or set format.sheet.")

    def _land(self, block: Sequence[_Line]) -> None:
        width = len(self.columns)
        problems: list[Problem] = []
        texts: list[list[str]] = []
        for index, line in enumerate(block):
            values = line.texts
            if len(values) != width:
                if any(values[width:]):
                    detail = f"has values beyond its {width} columns, from {column_letters(width + 1)}{line.number} on"
                    problems.append(Problem(index, None, None, "fields", detail))
                values = values[:width] + [""] * (width - len(values))
            if line.errors or not _ERRORS.isdisjoint(values):
                problems += [
                    Problem(index, name, value, "cell_error", "is an error of a formula")
                    for at, (name, value) in enumerate(zip(self.columns, values, strict=True))
                    if value in _ERRORS or at in line.errors
                ]
            texts.append(values)
        null_values = self.reading.feed.format.null_values
        columns = {
            name: text_column(column, null_values)
            for name, column in zip(self.columns, zip(*texts, strict=True), strict=True)
        }
        self.land_texts(columns, [line.number for line in block], lambda row: _shown(texts[row]), problems)


def _shown(row: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue()
