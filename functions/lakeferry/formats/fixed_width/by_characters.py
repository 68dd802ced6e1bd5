"""Fields whose places are counted in characters of the decoded text."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from lakeferry.checks.arrow import kernels
from lakeferry.checks.badrows import Problem
from lakeferry.errors import FileRejectedError
from lakeferry.formats.fixed_width.cutting import MAX_LINE_BYTES, Cut
from lakeferry.formats.fixed_width.unbroken import Unbroken
from lakeferry.formats.landing import rows_at_once, text_column
from lakeferry.formats.reading import ROWS_BYTES, Reading
from lakeferry.formats.rejections import AGAIN, not_text, nul_found, rejected, shown
from lakeferry.formats.text import TextBlocks

_BLANKS = b" \t\n"
_PACKED = (
    "It is binary data, such as packed decimals, and not UTF-16: set format.positions to bytes, and stored to packed "
    "at the columns that are."
)


class CharacterCutter:
    """See `Cutter`."""

    def __init__(self, reading: Reading) -> None:
        self._form, self._name = reading.feed.format, reading.name
        self._columns = reading.feed.checks.columns
        self._fields = [(column.start - 1, column.start - 1 + column.length) for column in self._columns]
        self._length = self._form.record_length
        self._end = max((stop for _, stop in self._fields), default=0)
        self._shortest = max((start for start, _ in self._fields), default=0) + 1
        self._unbroken: Unbroken | None = None
        if not self._form.line_ends and self._length is not None:
            self._unbroken = Unbroken(reading.name, self._form.encoding, self._length)
        encoding = "utf-8" if self._unbroken else self._form.encoding
        self._blocks = TextBlocks(encoding, min(reading.block_bytes, ROWS_BYTES))
        self._rest = b""
        self.lines = 0

    def take(self, data: bytes, *, final: bool) -> Iterator[Cut]:
        """See `Cutter`."""
        try:
            if self._unbroken is not None:
                data = self._unbroken.take(data, final=final)
            for block in self._blocks.take(data, final=final):
                text = self._rest + block
                end = text.rfind(b"\n") + 1
                self._rest = text[end:]
                if end:
                    yield from self._records(text[: end - 1].split(b"\n"))
                if len(self._rest) > MAX_LINE_BYTES:
                    raise rejected(
                        self._name,
                        f"line {self.lines + 1} is longer than {MAX_LINE_BYTES} bytes",
                        "Ask the partner for one record a line.",
                    )
        except UnicodeError as error:
            raise self._not_text(error, self.lines + 1) from error
        if final:
            yield from self._last()

    def _last(self) -> Iterator[Cut]:
        """What is behind the last line end."""
        last, self._rest = self._rest, b""
        if not last.strip(_BLANKS):
            return
        text = self._decode(last)
        if self._wrong_length(text) and len(text) < (self._length or self._shortest):
            raise rejected(
                self._name,
                f"it is truncated: line {self.lines + 1}, the last, has no line end and is {len(text)} characters "
                f"long, {self._expected}: {shown(last)}",
                AGAIN,
            )
        yield from self._records([last])

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

    def _decode(self, text: bytes) -> str:
        if b"\0" in text:
            line = self.lines + 1 + text.count(10, 0, text.index(0))
            raise nul_found(self._name, text, f"line {line}", _PACKED)
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise self._not_text(error, self.lines + 1 + text.count(b"\n", 0, error.start)) from error

    def _records(self, lines: list[bytes]) -> Iterator[Cut]:
        texts = self._decode(b"\n".join(lines)).split("\n")
        before = self.lines
        self.lines += len(lines)
        numbers = [number for number, line in enumerate(lines, before + 1) if line.strip(_BLANKS)]
        skip = self._form.skip_lines
        if before < skip:
            numbers = [number for number in numbers if number > skip]
        if not numbers:
            return
        # all columns are cut out, whether or not a line has them
        step = rows_at_once(len(self._fields))
        for start in range(0, len(numbers), step):
            some = numbers[start : start + step]
            yield self._cut(some, [texts[number - before - 1] for number in some])

    def _cut(self, numbers: Sequence[int], texts: Sequence[str]) -> Cut:
        lines = pa.array(texts, pa.string())
        columns = {
            column.name: text_column(
                kernels.utf8_trim(kernels.utf8_slice_codeunits(lines, start, stop), " "), self._form.null_values
            )
            for column, (start, stop) in zip(self._columns, self._fields, strict=True)
        }
        problems = [
            Problem(row, None, None, "fields", f"is {len(text)} characters long, {self._expected}")
            for row, text in enumerate(texts)
            if self._wrong_length(text)
        ]
        return Cut(numbers, columns, texts.__getitem__, problems)

    def _not_text(self, error: UnicodeError, line: int) -> FileRejectedError:
        return not_text(self._name, self._form.encoding, error, f"in or after line {line}")
