"""A person at a terminal of 80 columns and 24 lines: what is typed, and what stands there in the end."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pexpect

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = 80, 24
_PIECE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)|(\x1b.)", re.DOTALL)


class Terminal:
    """Types commands, and keeps the session as it can be read afterwards."""

    def __init__(self, folder: Path) -> None:
        self.session: list[str] = []
        self._folder = folder
        self._environment = {**os.environ, "COLUMNS": str(WIDTH), "LINES": str(HEIGHT), "TERM": "xterm-256color"}
        self._environment.pop("CI", None)

    def types(self, command: str, answers: Sequence[tuple[str, str]] = (), *, seconds: float = 300) -> int:
        """Types a command of `lakeferry` and its answers; its exit code.

        Args:
            answers: The end of each question, and what is typed.
        """
        child = pexpect.spawn(
            str(ROOT / "lakeferry"),
            command.split(),
            dimensions=(HEIGHT, WIDTH),
            encoding="utf-8",
            timeout=seconds,
            env=self._environment,
            cwd=str(self._folder),
        )
        shown = ""
        for question, answer in answers:
            child.expect_exact(question)
            shown += f"{child.before}{child.after}"
            child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        self.session += [f"$ lakeferry {command}", *screen(shown + str(child.before)), f"[{child.exitstatus}]", ""]
        return int(child.exitstatus or 0)

    def notes(self, text: str) -> None:
        """What is done in an editor meanwhile."""
        self.session += [f"# {text}", ""]


def screen(text: str) -> list[str]:
    """The lines that stand there once all is printed: what was drawn over is gone, and colours are."""
    lines, row, column = [""], 0, 0
    for codes, kind, control, plain, _ in _PIECE.findall(text):
        if kind == "A":
            row = max(0, row - int(codes or 1))
        elif kind == "K":
            lines[row] = "" if codes == "2" else lines[row][:column]
        elif control == "\r":
            column = 0
        elif control == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif plain:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + plain + line[column + len(plain) :]
            column += len(plain)
    found = [line.rstrip() for line in lines]
    while found and not found[-1]:
        found.pop()
    return found
