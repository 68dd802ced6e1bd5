"""Where CSV records begin and end: RFC 4180, strictly, because lenient readers disagree with each other.

A quote opens a value or closes one; inside of a quoted value it is doubled. `5" disk` without quotes around is
refused: Python, Spark, Athena and DuckDB read a line with such a quote in different ways, and then counts differ.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_BLANK = rb"[\x00-\x09\x0b-\x20]"
"""What Java's `trim`, by which Spark knows an empty line, takes away; without LF."""
_BLANK_LINE = re.compile(rb"(?:\A|\n)" + _BLANK + rb"*+\n")
_BLANK_LINES = re.compile(rb"(?m)^" + _BLANK + rb"*+\n")
_BLANK_START = re.compile(rb"(?:" + _BLANK + rb"*+\n)*+")
_BLANKS = bytes(range(0x21))
_NEAR = 8
"""So many lines are gone through one by one."""


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
    """Finds whole records. All offsets are of bytes.

    Args:
        escape: A byte that makes the next one text; empty for none.
        blanks: What may stand before a quote that opens a value, inside of a character class; empty for nothing.
    """

    def __init__(self, delimiter: bytes, quote: bytes, escape: bytes = b"", blanks: bytes = b"") -> None:
        self._delimiter, self._quote, self._escape = delimiter, quote, escape
        self._escaped = re.compile(re.escape(escape) + b"(?s:.)")
        q, edge = re.escape(quote), b"[^" + re.escape(delimiter) + b"\n]"
        opening, text = b"(?<!" + edge + b")" + q, b"[^" + q + b"]*+"
        value = opening + text + q + b"(?:" + q + text + q + b")*+(?!" + edge + b")"
        # possessive: no backtracking, so the time is linear in the length whatever the file has
        self._strict = re.compile(text + b"(?:" + value + text + b")*+")
        self._unclosed = re.compile(opening + text + b"(?:" + q + q + text + b")*+\\Z")
        begins = b"(?<!" + edge + b")"
        self._blanks = re.compile(begins + b"[" + blanks + b"]++(?=" + q + b")") if blanks else None
        self._quoted_or_blank = re.compile(b"(" + q + text + q + b")|(?m:^)" + _BLANK + b"*+\n")

    def _plain(self, block: bytes) -> bytes:
        """The block with x in place of what is escaped, which is text whatever it is; of the same length.

        And with delimiters in place of blanks before a quote, where they count for nothing: what begins a value then
        stands right before it. Within a quoted value that changes nothing either.
        """
        if self._escape and self._escape in block:
            block = self._escaped.sub(b"xx", block)
        if self._blanks is not None:
            block = self._blanks.sub(lambda found: self._delimiter * len(found[0]), block)
        return block

    def cut(self, block: bytes) -> Cut:
        """Cuts a block, which begins with a record, after its last whole record."""
        block = self._plain(block)
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

    def first(self, records: bytes) -> tuple[int, int]:
        """Where the first of whole records begins and ends, after blank lines; both the length if there is none."""
        match = _BLANK_START.match(records)
        begin = match.end() if match else 0
        if begin == len(records):
            return begin, begin
        plain = self._plain(records)
        end = plain.index(b"\n", begin) + 1
        odd = plain.count(self._quote, begin, end) % 2
        while odd:
            # line by line: a name may have millions of them
            start, end = end, plain.index(b"\n", end) + 1
            odd = (odd + plain.count(self._quote, start, end)) % 2
        return begin, end

    def start_of_last(self, records: bytes) -> int:
        """Where the last of whole records begins; blank lines after it are no records."""
        last = records.rstrip(_BLANKS)
        return self.cut(last).end if last else len(records)

    def ends_quoted(self, lines: bytes) -> bool:
        """Whether text that begins outside of a quoted value ends inside of one, or the other way round."""
        return bool(self._plain(lines).count(self._quote) % 2)

    def part(
        self, block: bytes, wanted: Sequence[int], lines: int, records: int
    ) -> tuple[list[tuple[int, bytes]], list[bytes | memoryview]]:
        """Takes some of a block's whole records out.

        Args:
            wanted: Which, from 0, ascending.
            lines: How many lines the block has.
            records: How many records it has.

        Returns:
            Of each that is wanted, on which line of the block it begins, from 0, and its text with the line end; and
            the text of all others in pieces, without blank lines.
        """
        if lines == records:
            return _part_lines(block, wanted, lines)
        taken: list[tuple[int, bytes]] = []
        rest: list[bytes | memoryview] = []
        left = iter(wanted)
        following = next(left, -1)
        for index, (line, text) in enumerate(self._records(block)):
            if index == following:
                taken.append((line, text))
                following = next(left, -1)
            else:
                rest.append(text)
        return taken, [b"".join(rest)]

    def _records(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        plain = self._plain(block)
        has_quotes = self._quote in plain
        start = end = line = odd = 0
        for text in plain.split(b"\n")[:-1]:
            end += len(text) + 1
            if has_quotes and (odd := (odd + text.count(self._quote)) % 2):
                continue
            record = block[start:end]
            if record.strip(_BLANKS):
                yield line, record
            # an escaped line end is one as well
            start, line = end, line + record.count(b"\n")

    def without_blank_lines(self, records: bytes) -> bytes:
        """Whole records without the lines between them that have nothing, or nothing but blanks."""
        if not _BLANK_LINE.search(records):
            return records
        if self._escape and self._escape in records:
            # after an escaped line end, what looks like a blank line is the end of a record
            return b"".join(text for _, text in self._records(records))
        if self._quote not in records:
            return _BLANK_LINES.sub(b"", records)
        return self._quoted_or_blank.sub(rb"\1", records)


def _part_lines(
    block: bytes, wanted: Sequence[int], lines: int
) -> tuple[list[tuple[int, bytes]], list[bytes | memoryview]]:
    """The same where each line is a record: only what is near a wanted one is looked at line by line."""
    taken: list[tuple[int, bytes]] = []
    rest: list[bytes | memoryview] = []
    view = memoryview(block)
    at = line = 0
    average = len(block) / lines
    for index in wanted:
        start = _after_lines(block, at, index - line, average)
        end = block.index(b"\n", start) + 1
        rest.append(view[at:start])
        taken.append((index, block[start:end]))
        at, line = end, index + 1
    rest.append(view[at:])
    return taken, rest


def _after_lines(block: bytes, at: int, count: int, average: float) -> int:
    """Where so many line ends from `at` on are passed.

    Args:
        average: Bytes of a line, by which the place is guessed: so most bytes are counted once.
    """
    while count > _NEAR:
        guess = min(at + int(count * average), len(block))
        passed = block.count(b"\n", at, guess)
        if passed >= count:
            for _ in range(passed - count + 1):
                guess = block.rindex(b"\n", at, guess)
            return guess + 1
        at, count = guess, count - passed
    for _ in range(count):
        at = block.index(b"\n", at) + 1
    return at
