"""Lines that are no part of the table: those before it, comments, and the line that tells Excel the delimiter.

They become empty lines, which are dropped later on: so the numbers of all other lines stay what they are.
"""

import re

from lakeferry.formats.cards import FormatSpec
from lakeferry.formats.csv.records import RecordScanner
from lakeferry.formats.rejections import rejected

_HINT = re.compile(rb"\"?sep=([^\n])\"?[ ,;\t]*\n?", re.IGNORECASE)
"""`sep=;` in the first line: Excel takes it and shows none of it."""
_HINT_BYTES = 40


class LineFilter:
    """Takes blocks of text and gives whole lines back, or all of it where the feed has neither."""

    def __init__(self, name: str, form: FormatSpec, scanner: RecordScanner) -> None:
        self._name, self._delimiter = name, form.delimiter
        self._skip, self._scanner = form.skip_lines, scanner
        self._first: bytes | None = b""
        self._comment = (form.comment or "").encode()
        self._held = b""
        self._is_quoted = False

    def take(self, block: bytes) -> bytes:
        """The next lines; what follows the last line end is kept.

        Raises:
            FileRejectedError: the file tells Excel another delimiter than the feed has.
        """
        if self._first is not None:
            self._first += block
            if b"\n" not in self._first and len(self._first) < _HINT_BYTES:
                return b""
            block = self._without_hint()
        if not self._skip and not self._comment:
            return block if not self._held else self.rest() + block
        text = self._held + block
        end = text.rfind(b"\n") + 1
        self._held = text[end:]
        return self._filtered(text[:end])

    def rest(self) -> bytes:
        """What is left at the end of the file."""
        first = b"" if self._first is None else self.take(self._without_hint())
        text, self._held = self._held, b""
        if first:
            return first + text
        return self._filtered(text) if self._skip or self._comment else text

    def _without_hint(self) -> bytes:
        """The beginning of the file; a line that is the hint becomes an empty one."""
        text, self._first = self._first or b"", None
        line, end, rest = text.partition(b"\n")
        found = _HINT.fullmatch(line)
        if found is None:
            return text
        sign = found[1].decode(errors="replace")
        if sign != self._delimiter:
            raise rejected(
                self._name,
                f"its first line says that its delimiter is {sign!r}, and format.delimiter is {self._delimiter!r}",
                f"Set format.delimiter to {sign!r}, or ask the partner.",
            )
        return end + rest

    def _filtered(self, text: bytes) -> bytes:
        before = b""
        while self._skip and text:
            _, _, text = text.partition(b"\n")
            before += b"\n"
            self._skip -= 1
        if not self._comment or not text:
            return before + text
        if not text.startswith(self._comment) and b"\n" + self._comment not in text:
            self._is_quoted ^= self._scanner.ends_quoted(text)
            return before + text
        lines = text.splitlines(keepends=True) if b"\r" not in text and text.isascii() else _lines(text)
        for index, line in enumerate(lines):
            if not self._is_quoted and line.startswith(self._comment):
                lines[index] = b"\n"
            else:
                self._is_quoted ^= self._scanner.ends_quoted(line)
        return before + b"".join(lines)


def _lines(text: bytes) -> list[bytes]:
    pieces = text.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
