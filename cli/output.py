"""What a command prints: for a person on a terminal, for a pipe, or as JSON."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cli.table import plain_lines, print_on_terminal

Row = Mapping[str, Any]


class Output:
    """Standard output of one command.

    A command says what it found once (`rows`, or `data`); with `--json` it comes as JSON, one object a line.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches."""
        return sys.stdout.isatty() and not self.as_json

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return shutil.get_terminal_size().columns

    def say(self, text: str = "") -> None:
        """A line for a person; none with `--json`."""
        if not self.as_json:
            print(text, flush=True)

    def warn(self, text: str) -> None:
        """A line that is about the answer, not part of it."""
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)

    def data(self, value: object) -> None:
        """The answer with `--json`; nothing without."""
        if self.as_json:
            print(json.dumps(value, default=_json, sort_keys=True), flush=True)

    def rows(self, rows: Sequence[Row], columns: Mapping[str, str], *, empty: str = "nothing") -> None:
        """A table; with `--json` each row whole.

        Args:
            columns: Keys of a row that are shown, and their heads.
            empty: What is said where there is no row.
        """
        if self.as_json:
            for row in rows:
                self.data(row)
            return
        if not rows:
            print(empty, flush=True)
            return
        heads = list(columns.values())
        cells = [[cell(row.get(key, "")) for key in columns] for row in rows]
        if self.is_terminal:
            print_on_terminal(heads, cells, self.width)
        else:
            print("\n".join(plain_lines(heads, cells)), flush=True)

    def facts(self, row: Row, names: Mapping[str, str]) -> None:
        """One thing and what is known of it, a line each; with `--json` whole."""
        if self.as_json:
            self.data(row)
            return
        told = {head: cell(row[key]) for key, head in names.items() if row.get(key) not in (None, "", [], {})}
        width = max(map(len, told), default=0)
        for head, text in told.items():
            print(f"{head:<{width}}  {text}", flush=True)


def cell(value: object) -> str:
    """A value as people read it, on one line; control characters of what others wrote are shown, not sent."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Mapping):
        return ", ".join(f"{cell(item)} {key}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value))
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in _one_line(str(value)))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else str(value)
