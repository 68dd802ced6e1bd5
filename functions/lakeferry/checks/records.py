"""Where CSV records begin and end: RFC 4180, strictly, because lenient readers disagree with each other.

A quote opens a value or closes one; inside of a quoted value it is doubled. `5" disk` without quotes around is
refused: Python, Spark, Athena and DuckDB read a line with such a quote in different ways, and then counts differ.
"""

import re
from dataclasses import dataclass

_BLANK = rb"[\x00-\x09\x0b-\x20]"
"""What Java's `trim`, by which Spark knows an empty line, takes away; without LF."""
_BLANK_LINE = re.compile(rb"(?:\A|\n)" + _BLANK + rb"*+\n")
_BLANK_LINES = re.compile(rb"(?m)^" + _BLANK + rb"*+\n")


@dataclass(frozen=True, slots=True)
class Cut:
    """What was found in a block that begins with a record.

    Attributes:
        end: Where its last whole record ends.
        stray: Where a quote stands that neither opens nor closes a value; it is in the first record after `end`,
            or in a later one.
        is_open: A quoted value begins after `end` and is not closed in this block.
    """

    end: int
    stray: int | None = None
    is_open: bool = False


class RecordScanner:
    """Finds whole records. All offsets are of bytes."""

    def __init__(self, delimiter: bytes, quote: bytes) -> None:
        self._quote = quote
        q, edge = re.escape(quote), b"[^" + re.escape(delimiter) + b"\n]"
        opening, text = b"(?<!" + edge + b")" + q, b"[^" + q + b"]*+"
        value = opening + text + q + b"(?:" + q + text + q + b")*+(?!" + edge + b")"
        # possessive: no backtracking, so the time is linear in the length whatever the file has
        self._strict = re.compile(text + b"(?:" + value + text + b")*+")
        self._unclosed = re.compile(opening + text + b"(?:" + q + q + text + b")*+\\Z")
        self._quoted_or_blank = re.compile(b"(" + q + text + q + b")|(?m:^)" + _BLANK + b"*+\n")

    def cut(self, block: bytes) -> Cut:
        """Cuts a block, which begins with a record, after its last whole record."""
        if self._quote not in block:
            return Cut(block.rfind(b"\n") + 1)
        match = self._strict.match(block)
        strict = match.end() if match else 0
        end = block.rfind(b"\n", 0, strict) + 1
        # up to `strict` every quoted value is closed: a line end is outside of them if an even number of quotes follows
        odd = block.count(self._quote, end, strict) % 2
        while odd:
            before = block.rfind(b"\n", 0, end - 1) + 1
            odd = (odd + block.count(self._quote, before, end)) % 2
            end = before
        if strict == len(block):
            return Cut(end)
        if self._unclosed.match(block, strict):
            return Cut(end, is_open=True)
        return Cut(end, stray=strict)

    def without_blank_lines(self, records: bytes) -> bytes:
        """Whole records without the lines between them that have nothing, or nothing but blanks."""
        if not _BLANK_LINE.search(records):
            return records
        if self._quote not in records:
            return _BLANK_LINES.sub(b"", records)
        return self._quoted_or_blank.sub(rb"\1", records)
