"""The rows of a sheet with the numbers they have in it; a sheet that counts them wrongly is refused.

Readers differ in which rows they drop where numbers repeat or run back, and so none of them can be right.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from lakeferry.formats.xlsx.cells import CellError, Value, iso_moment, moment, number_text, plain_text
from lakeferry.formats.xlsx.parts import Attributes, BrokenError, LimitError, Runs
from lakeferry.formats.xlsx.styles import NUMBER

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
"""Of a sheet, as Excel and LibreOffice have it: the last cell is XFD1048576."""
MAX_ROW_CHARACTERS = 8 * 1024 * 1024
"""Of all texts in a row."""

Row: TypeAlias = tuple[int, list[Value]]
"""Its number, and its values from column A on."""


class DisorderError(Exception):
    """Rows or cells do not stand where they say they stand."""


def column_letters(column: int) -> str:
    """A column as Excel shows it, from 1."""
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


class Sheet(Runs):
    """Rows that have cells, in their order.

    Args:
        styles: The kind of each style.
    """

    root = frozenset({"worksheet"})

    def __init__(self, styles: bytearray, *, counts_from_1904: bool) -> None:
        super().__init__()
        self._styles, self._counts_from_1904 = styles, counts_from_1904
        self._rows: list[Row] = []
        self._columns: dict[str, int] = {}
        """Letters → column, of those that occurred."""
        self._is_data = False
        self._number = 0
        self._shown_number = ""
        self._values: list[Value] | None = None
        """Of the open row."""
        self._size = 0
        self._is_cell = False
        self._kind, self._style = "n", ""
        self._value: str | None = None
        self._inline: str | None = None

    def starts(self) -> Mapping[str, Callable[[Attributes], object]]:
        return {
            **super().starts(),
            "sheetData": self._start_data,
            "row": self._start_row,
            "c": self._start_cell,
            "v": self._start_value,
            "is": self._start_inline,
        }

    def ends(self) -> Mapping[str, Callable[[], object]]:
        return {
            **super().ends(),
            "sheetData": self._end_data,
            "row": self._end_row,
            "c": self._end_cell,
            "v": self._end_value,
            "is": self._end_inline,
        }

    def take_rows(self) -> Iterator[Row]:
        """Those that are complete by now."""
        rows, self._rows = self._rows, []
        return iter(rows)

    def other(self, local: str) -> None:
        if self._is_data and local in {"row", "c", "v"}:
            raise BrokenError(f"it has <{local}> of a namespace that is not the sheet's")

    def _start_data(self, _: Attributes) -> None:
        if self._is_data:
            raise BrokenError("it has rows within rows")
        self._is_data = True

    def _end_data(self) -> None:
        self._is_data = False

    def _start_row(self, attributes: Attributes) -> None:
        if self._values is not None or not self._is_data:
            raise BrokenError("it has a row within another, or outside of its data")
        shown, before = attributes.get("r"), self._number
        self._number = before + 1 if shown is None else _whole(shown)
        if self._number <= before:
            raise DisorderError(f"after row {before} there is row {self._number}")
        if self._number > MAX_ROWS:
            raise LimitError(f"it has row {self._number}, and no sheet has more than {MAX_ROWS:,}")
        self._shown_number, self._values, self._size = str(self._number), [], 0

    def _end_row(self) -> None:
        if self._values:
            self._rows.append((self._number, self._values))
        self._values = None

    def _start_cell(self, attributes: Attributes) -> None:
        values, get = self._values, attributes.get
        if values is None or self._is_cell:
            raise BrokenError("it has a cell within another, or outside of a row")
        self._is_cell = True
        shown, before = get("r"), len(values)
        column = before + 1 if shown is None else self._column(shown, before)
        if column > before + 1:
            values += [None] * (column - 1 - before)
        elif column > MAX_COLUMNS:
            raise LimitError(f"row {self._number} has more than {MAX_COLUMNS:,} cells, and no sheet has more columns")
        self._kind, self._style = get("t", "n"), get("s", "")

    def _column(self, shown: str, before: int) -> int:
        letters = shown.removesuffix(self._shown_number)
        column = self._columns.get(letters, 0)
        if not column:
            column = self._columns[letters] = self._column_of(letters, shown, before)
        if column <= before or len(letters) == len(shown):
            raise self._disorder(shown, before)
        return column

    def _column_of(self, letters: str, shown: str, before: int) -> int:
        column = 0
        for letter in letters.upper():
            if not "A" <= letter <= "Z":
                raise self._disorder(shown, before)
            column = 26 * column + ord(letter) - 64
            if column > MAX_COLUMNS:
                raise LimitError(f"it has cell {shown[:20]}, and no sheet has more than {MAX_COLUMNS:,} columns")
        return column

    def _disorder(self, shown: str, before: int) -> DisorderError:
        return DisorderError(f"in row {self._number}, after {before} columns, there is cell {shown[:20]}")

    def _start_value(self, _: Attributes) -> None:
        if not self._is_cell or self._value is not None or self._collecting:
            raise BrokenError(f"it has a value within another, or outside of a cell, in row {self._number}")
        self.collect()

    def _end_value(self) -> None:
        self._value = self.collected()

    def _start_inline(self, _: Attributes) -> None:
        if not self._is_cell or self._inline is not None:
            raise BrokenError(f"it has a text within another, or outside of a cell, in row {self._number}")
        self.begin_runs()

    def _end_inline(self) -> None:
        self._inline = plain_text(self.take_runs())

    def _end_cell(self) -> None:
        values, value = self._values, self._value
        assert values is not None  # noqa: S101  (a cell begins in a row)
        if value is not None:
            values.append(self._converted(value))
            self._value = None
        else:
            values.append(self._inline)
        if self._inline is not None:
            if value is not None:
                raise BrokenError(f"it has a cell with two values, in row {self._number}")
            self._grow(self._inline)
            self._inline = None
        self._is_cell = False

    def _converted(self, value: str) -> Value:
        """What a cell's value is by its type (ECMA-376 part 1, 18.18.11)."""
        kind = self._kind
        if kind == "n":
            style = (
                self._styles[index] if self._style and (index := _whole(self._style)) < len(self._styles) else NUMBER
            )
            if not value:
                return None
            return number_text(value) if style == NUMBER else moment(value, style, self._counts_from_1904)
        if kind == "s":
            return _whole(value)
        if kind == "str":
            return self._grow(plain_text(value))
        if kind == "b":
            return _boolean(value)
        if kind == "d":
            return iso_moment(value)
        if kind == "e":
            return CellError(value[:20])
        if kind == "inlineStr":
            return self._grow(plain_text(value))
        raise BrokenError(f"it has a cell of the type {kind[:20]!r}, in row {self._number}")

    def _grow(self, text: str) -> str:
        self._size += len(text)
        if self._size > MAX_ROW_CHARACTERS:
            raise LimitError(f"row {self._number} has more than {MAX_ROW_CHARACTERS:,} characters")
        return text


def _whole(text: str) -> int:
    if len(text) > 18 or not (text.isascii() and text.isdigit()):
        raise BrokenError(f"it has {text[:30]!r} where the number of a row, style or text should be")
    return int(text)


def _boolean(value: str) -> str:
    if value in {"1", "true"}:
        return "true"
    if value in {"0", "false"}:
        return "false"
    raise BrokenError(f"it has a truth value {value[:20]!r}")
