"""The rows of a sheet with the numbers they have in it; a sheet that counts them wrongly is refused.

openpyxl's own iterator drops rows whose number it has passed, and cells to the right of the last one that is written
down, without a word; other readers put one row over the other.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from openpyxl.utils import get_column_letter
from openpyxl.worksheet._reader import WorkSheetParser


class DisorderError(Exception):
    """Rows or cells do not stand where they say they stand."""


def numbered_rows(sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:  # noqa: ANN401  (openpyxl has no types)
    """Rows that have cells, in order: number as Excel shows it, values from column A on.

    Args:
        sheet: Of a workbook that was opened read-only; the size that it says it has may be wrong.

    Raises:
        DisorderError: a row's number is not above the one before, or a cell is not right of the one before.
    """
    book, before = sheet.parent, 0
    with sheet._get_source() as source:
        parser = WorkSheetParser(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        for number, cells in parser.parse():
            if number <= before:
                raise DisorderError(f"after row {before} there is row {number}")
            before = number
            yield number, _values(number, cells)


def _values(number: int, cells: Sequence[Any]) -> tuple[Any, ...]:
    values: list[Any] = []
    for cell in cells:
        column = cell["column"]
        if cell["row"] != number or column <= len(values):
            place = f"{get_column_letter(column)}{cell['row']}"
            raise DisorderError(f"in row {number}, after {len(values)} columns, there is cell {place}")
        if column > len(values) + 1:
            values += [None] * (column - 1 - len(values))
        values.append(cell["value"])
    return tuple(values)
