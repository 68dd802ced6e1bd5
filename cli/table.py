"""Tables: as wide as they need in a pipe, as wide as the terminal on one."""

from collections.abc import Iterator, Sequence

_COLOURS = {
    **dict.fromkeys(("CURATED", "SUCCEEDED", "MET", "ok"), "green"),
    **dict.fromkeys(("FAILED", "TIMED_OUT", "ABORTED", "KILLED", "MISSED", "BREACHED", "fail"), "red"),
    **dict.fromkeys(("RUNNING", "LATE", "DUE", "warn", "disabled"), "yellow"),
}
_NARROWEST = 14
"""A column whose text is longer may be wrapped down to this."""


def plain_lines(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table with as much room as its cells need."""
    rows = [list(heads), *map(list, cells)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(heads))]
    for row in rows:
        yield "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()


def print_on_terminal(heads: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> None:
    """A table that fits; where the columns cannot be that narrow, each row as a block of lines."""
    from rich.console import Console

    console = Console(width=width, highlight=False, soft_wrap=False)
    if _least_width(heads, cells) <= width:
        console.print(_table(heads, cells))
        return
    longest = max(map(len, heads))
    for number, row in enumerate(cells):
        if number:
            console.print()
        for head, text in zip(heads, row, strict=True):
            if text:
                console.print(_block(f"{head:<{longest}}  ", text))


def _least_width(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    longest = (max(len(row[index]) for row in (heads, *cells)) for index in range(len(heads)))
    return sum(min(length, _NARROWEST) for length in longest) + 2 * (len(heads) - 1)


def _table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> "object":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for index, head in enumerate(heads):
        longest = max(len(row[index]) for row in (heads, *cells))
        table.add_column(Text(head), overflow="fold", min_width=min(longest, _NARROWEST))
    for row in cells:
        table.add_row(*(Text(text, _COLOURS.get(text, "")) for text in row))
    return table


def _block(head: str, text: str) -> "object":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=0)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(head, "dim"), Text(text, _COLOURS.get(text, "")))
    return table
