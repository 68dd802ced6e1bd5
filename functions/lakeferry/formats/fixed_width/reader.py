"""Fixed width: fields by start and length, one record a line or, by length, without lines; lands as CSV with a header.

Positions count characters of the decoded text, from 1. A whole block is cut column by column, not line by line.
"""

from collections.abc import Sequence

import pyarrow as pa

from lakeferry.checks.arrow import kernels
from lakeferry.checks.badrows import Problem
from lakeferry.errors import FileRejectedError
from lakeferry.formats.fixed_width.unbroken import Unbroken
from lakeferry.formats.landing import Landing, rows_at_once, text_column
from lakeferry.formats.reading import ROWS_BYTES, Reading
from lakeferry.formats.rejections import AGAIN, PERHAPS_UTF_16, not_text, rejected, shown
from lakeferry.formats.sniffing import Sniffer
from lakeferry.formats.text import TextBlocks

MAX_LINE_BYTES = 1024 * 1024
_BLANKS = b" \t\n"


class FixedWidthReader(Landing):
    """Takes decoded bytes in pieces of any size and writes CSV."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        form, columns = reading.feed.format, reading.feed.checks.columns
        self.begin(self.columns)
        self._fields = [(column.start - 1, column.start - 1 + column.length) for column in columns]
        self._length = form.record_length
        self._end = max((stop for _, stop in self._fields), default=0)
        self._shortest = max((start for start, _ in self._fields), default=0) + 1
        self._unbroken: Unbroken | None = None
        if not form.line_ends and form.record_length is not None:
            self._unbroken = Unbroken(reading.name, form.encoding, form.record_length)
        self._sniffer = Sniffer(reading.name, form.encoding)
        encoding = "utf-8" if self._unbroken else form.encoding
        self._blocks = TextBlocks(encoding, min(reading.block_bytes, ROWS_BYTES))
        self._rest = b""
        self._lines = 0
        self._header_written = False

    def feed(self, data: bytes) -> None:
        """Takes the next decoded bytes.

        Raises:
            FileRejectedError: it is no text of the feed's encoding, or has a line without an end.
        """
        self._take(data, final=False)

    def finish(self) -> None:
        """Ends the file; the last record needs no line end.

        Raises:
            FileRejectedError: as `feed`; or the last record is cut off.
        """
        self._take(b"", final=True)
        last, self._rest = self._rest, b""
        if last.strip(_BLANKS):
            text = self._decode(last)
            if self._wrong_length(text) and len(text) < (self._length or self._shortest):
                raise rejected(
                    self.name,
                    f"it is truncated: line {self._lines + 1}, the last, has no line end and is {len(text)} characters "
                    f"long, {self._expected}: {shown(last)}",
                    AGAIN,
                )
            self._records([last])
        if not self._lines and not self.rows_read:
            raise rejected(self.name, "it is empty", AGAIN)
        self._begin()

    @property
    def _expected(self) -> str:
        if self._length is not None:
            return f"where format.record_length is {self._length}"
        return f"where the last field is from {self._shortest} to {self._end}"

    def _wrong_length(self, line: str) -> bool:
        """Blanks at a line's end may be missing, and nothing but blanks may be beyond the last field."""
        if self._length is not None:
            return len(line) != self._length
        return len(line) < self._shortest or (len(line) > self._end and bool(line[self._end :].strip(" ")))

    def _take(self, data: bytes, *, final: bool) -> None:
        data = self._sniffer.take(data, final=final)
        try:
            if self._unbroken is not None:
                data = self._unbroken.take(data, final=final)
            for block in self._blocks.take(data, final=final):
                text = self._rest + block
                end = text.rfind(b"\n") + 1
                self._rest = text[end:]
                if end:
                    self._records(text[: end - 1].split(b"\n"))
                if len(self._rest) > MAX_LINE_BYTES:
                    raise rejected(
                        self.name,
                        f"line {self._lines + 1} is longer than {MAX_LINE_BYTES} bytes",
                        "Ask the partner for one record a line.",
                    )
        except UnicodeError as error:
            raise self._not_text(error, self._lines + 1) from error

    def _decode(self, text: bytes) -> str:
        if b"\0" in text:
            raise rejected(
                self.name,
                f"line {self._lines + 1 + text.count(10, 0, text.index(0))} has a NUL character, which no text has",
                PERHAPS_UTF_16,
            )
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise self._not_text(error, self._lines + 1 + text.count(b"\n", 0, error.start)) from error

    def _records(self, lines: list[bytes]) -> None:
        texts = self._decode(b"\n".join(lines)).split("\n")
        before = self._lines
        self._lines += len(lines)
        numbers = [number for number, line in enumerate(lines, before + 1) if line.strip(_BLANKS)]
        skip = self.reading.feed.format.skip_lines
        if before < skip:
            numbers = [number for number in numbers if number > skip]
        if not numbers:
            return
        # all columns are cut out, whether or not a line has them
        step = rows_at_once(len(self._fields))
        for start in range(0, len(numbers), step):
            some = numbers[start : start + step]
            self._land(some, [texts[number - before - 1] for number in some])

    def _land(self, numbers: Sequence[int], texts: Sequence[str]) -> None:
        lines = pa.array(texts, pa.string())
        null_values = self.reading.feed.format.null_values
        columns = {
            name: text_column(kernels.utf8_trim(kernels.utf8_slice_codeunits(lines, start, stop), " "), null_values)
            for name, (start, stop) in zip(self.columns, self._fields, strict=True)
        }
        problems = [
            Problem(row, None, None, "fields", f"is {len(text)} characters long, {self._expected}")
            for row, text in enumerate(texts)
            if self._wrong_length(text)
        ]
        self._begin()
        self.land_texts(columns, numbers, texts.__getitem__, problems)

    def _begin(self) -> None:
        if not self._header_written:
            self._header_written = True
            self.write_header()

    def _not_text(self, error: UnicodeError, line: int) -> FileRejectedError:
        return not_text(self.name, self.reading.feed.format.encoding, error, f"in or after line {line}")
