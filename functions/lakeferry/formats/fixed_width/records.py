"""Where the records of a file end whose places are counted in bytes: as lines, or by their length alone."""

from collections.abc import Iterator

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.encodings import is_ebcdic
from lakeferry.formats.fixed_width.cutting import MAX_LINE_BYTES
from lakeferry.formats.reading import ROWS_BYTES, Reading
from lakeferry.formats.rejections import rejected
from lakeferry.formats.text import TextBlocks

_BOM = b"\xef\xbb\xbf"
_ENDS = {False: (b"\r\n", b"\n", b"\r"), True: (b"\r\x25", b"\r\x15", b"\x15", b"\x25", b"\r")}
"""Whether it is EBCDIC → its line ends, longer ones first."""
_TO_LINES = bytes.maketrans(b"\x15\x25\x0a", b"\x0a\x0a\x25")
"""EBCDIC with LF for its line ends; what stood at the place of LF is kept at another."""
_FROM_LINES = bytes.maketrans(b"\x25", b"\x0a")


class Lines:
    """Records that end with a line end.

    Attributes:
        last: What is behind the last line end.
        line_end_bytes: Bytes that line ends are made of.
    """

    def __init__(self, reading: Reading, encoding: str) -> None:
        self._name = reading.name
        self._ebcdic = is_ebcdic(encoding)
        self._blocks = TextBlocks(encoding, min(reading.block_bytes, ROWS_BYTES), as_bytes=True)
        self.line_end_bytes = b"".join(_ENDS[self._ebcdic])
        self._rest = b""
        self._lines = 0

    @property
    def last(self) -> bytes:
        return self._rest.translate(_FROM_LINES) if self._ebcdic else self._rest

    def take(self, data: bytes, *, final: bool) -> Iterator[Column]:
        """Takes the next bytes; the records that are whole by now.

        Raises:
            FileRejectedError: a line has no end.
        """
        if self._ebcdic:
            data = data.translate(_TO_LINES)
        for block in self._blocks.take(data, final=final):
            text = self._rest + block
            end = text.rfind(b"\n") + 1
            self._rest = text[end:]
            if end:
                lines = text[: end - 1].split(b"\n")
                if self._ebcdic:
                    lines = [line.translate(_FROM_LINES) for line in lines]
                self._lines += len(lines)
                yield pa.array(lines, pa.binary())
            if len(self._rest) > MAX_LINE_BYTES:
                raise rejected(
                    self._name,
                    f"line {self._lines + 1} is longer than {MAX_LINE_BYTES} bytes",
                    "Ask the partner for one record a line.",
                )


class OfOneLength:
    """Records that all have so many bytes, with the same line end behind each of them, or with none.

    Attributes:
        last: What is behind the last record; a record, if only its line end is missing.
        line_end_bytes: Bytes that line ends are made of.
    """

    def __init__(self, reading: Reading, length: int, encoding: str) -> None:
        self._name, self._length = reading.name, length
        self._ends = _ENDS[is_ebcdic(encoding)] if reading.feed.format.line_ends else ()
        self.line_end_bytes = b"".join(_ENDS[is_ebcdic(encoding)])
        self._mark = _BOM if encoding == "utf-8" else b""
        self._at_once = min(reading.block_bytes, ROWS_BYTES)
        self._rest = bytearray()
        self._end: bytes | None = None if self._ends else b""
        self._begun = False
        self._records = 0

    @property
    def last(self) -> bytes:
        rest = bytes(self._rest)
        # of a line end of two bytes only the first may be there
        whole = self._end and len(rest) > self._length and self._end.startswith(rest[self._length :])
        return rest[: self._length] if whole else rest

    def take(self, data: bytes, *, final: bool) -> Iterator[Column]:
        """Takes the next bytes; the records that are whole by now, some at a time.

        Raises:
            FileRejectedError: a record is not followed by the line end that the first one has.
        """
        self._rest += data
        if not self._has_begun(final=final) or self._end is None:
            return
        size = self._length + len(self._end)
        at_once = max(1, self._at_once // size) * size
        while len(self._rest) >= at_once or (final and len(self._rest) >= size):
            piece = bytes(self._rest[:at_once])
            piece = piece[: len(piece) // size * size]
            del self._rest[: len(piece)]
            yield self._whole(piece, size)

    def _has_begun(self, *, final: bool) -> bool:
        """Whether it is known how records end."""
        if self._begun:
            return True
        if not final and len(self._rest) < len(self._mark) + self._length + 2:
            return False
        self._begun = True
        if self._mark and self._rest.startswith(self._mark):
            del self._rest[: len(self._mark)]
        if self._end is None and len(self._rest) > self._length:
            behind = bytes(self._rest[self._length : self._length + 2])
            self._end = next((end for end in self._ends if behind.startswith(end)), None)
            if self._end is None:
                raise self._without_end(1)
        return True

    def _whole(self, piece: bytes, size: int) -> Column:
        count = len(piece) // size
        for at, byte in enumerate(self._end or b""):
            behind = piece[self._length + at :: size]
            if behind.count(byte) != count:
                wrong = next(record for record in range(count) if behind[record] != byte)
                raise self._without_end(self._records + wrong + 1)
        self._records += count
        records = pa.Array.from_buffers(pa.binary(size), count, [None, pa.py_buffer(piece)])
        return (
            kernels.binary_slice(records.cast(pa.binary()), 0, self._length) if self._end else records.cast(pa.binary())
        )

    def _without_end(self, record: int) -> Exception:
        return rejected(
            self._name,
            f"record {record} has no line end behind its {self._length} bytes, or another one than the first record",
            "Correct format.record_length, or set format.line_ends to false where records have none.",
        )
