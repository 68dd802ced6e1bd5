"""Lines for a person who watches a run: plain text, colour only on a terminal."""

import os
import sys
import time
from collections.abc import Sequence
from typing import Any

_COLOURS = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "blue": "34", "dim": "2"}


class Console:
    """Writes to standard output and knows how long things took."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._part = self.started
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.parts: list[tuple[str, float]] = []

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, where there is one."""
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if self._colour else text

    def heading(self, text: str) -> None:
        print(f"\n{self.paint(text, 'bold')}", flush=True)

    def line(self, text: str = "") -> None:
        """One line, with the seconds since the start before it."""
        # one write a line: runs report from many threads
        sys.stdout.write(f"{time.monotonic() - self.started:7.1f} s  {text}\n" if text else "\n")
        sys.stdout.flush()

    def block(self, text: str) -> None:
        """Several lines, set in."""
        for line in text.splitlines():
            print(f"           | {line}", flush=True)

    def part_done(self, name: str) -> None:
        """Ends a part of the work and keeps how long it took."""
        now = time.monotonic()
        self.parts.append((name, now - self._part))
        self._part = now

    def times(self) -> None:
        """How long each part took."""
        self.heading("Time taken")
        for name, seconds in self.parts:
            print(f"{seconds:7.1f} s  {name}")
        print(f"{time.monotonic() - self.started:7.1f} s  in all", flush=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table with as much room as its cells need."""
        cells = [[str(cell) for cell in row] for row in rows]
        widths = [max(len(text) for text in column) for column in zip(columns, *cells, strict=True)]
        print(
            "           "
            + "  ".join(self.paint(f"{name:<{width}}", "dim") for name, width in zip(columns, widths, strict=True))
        )
        for row in cells:
            print(
                "           " + "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
            )
        sys.stdout.flush()

    def check(self, statement: str, holds: bool) -> bool:
        """A statement and whether it holds."""
        print(
            f"           {self.paint('ok  ', 'green') if holds else self.paint('NOT ', 'red')} {statement}", flush=True
        )
        return holds
