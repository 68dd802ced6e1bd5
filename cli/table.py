"""Tables on a terminal."""

from collections.abc import Sequence


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints rows with as much room as their cells need; "nothing" where there are none."""
    if not rows:
        print("nothing")
        return
    cells = [list(columns), *([" ".join(str(cell).split()) for cell in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    for row in cells:
        print("  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip())
