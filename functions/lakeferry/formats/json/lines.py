"""JSON Lines: one object a line; each lands as delivered."""

import operator
from collections.abc import Sequence

from lakeferry.errors import FileRejectedError
from lakeferry.formats.json.landing import BLANKS, JsonLanding, refuse_page
from lakeferry.formats.json.records import MAX_RECORD_BYTES, decode_records
from lakeferry.formats.reading import ROWS_BYTES, Reading
from lakeferry.formats.rejections import AGAIN, not_text, rejected, shown
from lakeferry.formats.sniffing import Sniffer
from lakeferry.formats.text import TextBlocks

_NO_BLANK = operator.methodcaller("startswith", b"{")
"""Quick: true of nearly every line, and of no blank one."""


class JsonLinesReader(JsonLanding):
    """JSON Lines: one object a line; blank lines are dropped."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._sniffer = Sniffer(reading.name, reading.feed.format.encoding, "json")
        self._blocks = TextBlocks(reading.feed.format.encoding, min(reading.block_bytes, ROWS_BYTES))
        self._rest = b""
        self._lines = 0
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Takes the next decoded bytes.

        Raises:
            FileRejectedError: it is no JSON Lines at all, or not of the feed's encoding.
        """
        self._take(data, final=False)

    def finish(self) -> None:
        """Ends the file; the last record needs no line end.

        Raises:
            FileRejectedError: as `feed`; or the last record is cut off.
        """
        self._take(b"", final=True)
        last, self._rest = self._rest, b""
        if last.strip(BLANKS):
            self._check_beginning([last], [self._lines + 1])
            broken = decode_records([last]).problems
            if broken and broken[0].rule == "json":
                raise rejected(
                    self.name,
                    f"it is truncated: line {self._lines + 1}, the last, has no line end and {broken[0].detail}: "
                    f"{shown(last)}",
                    AGAIN,
                )
            self._records([last])
        elif not self._begun:
            raise rejected(self.name, "it is empty", f"{AGAIN} A file may be empty if checks.rows says nothing else.")

    def _take(self, data: bytes, *, final: bool) -> None:
        data = self._sniffer.take(data, final=final)
        try:
            for block in self._blocks.take(data, final=final):
                self._block(block)
        except UnicodeError as error:
            raise self._not_text(error) from error

    def _block(self, block: bytes) -> None:
        text = self._rest + block
        end = text.rfind(b"\n") + 1
        self._rest = text[end:]
        if end:
            self._records(text[: end - 1].split(b"\n"))
        if len(self._rest) > MAX_RECORD_BYTES:
            raise rejected(
                self.name,
                f"line {self._lines + 1} is longer than {MAX_RECORD_BYTES} bytes",
                "Probably it is one document and not a line a record: set format.type to json.",
            )

    def _records(self, lines: list[bytes]) -> None:
        numbers: Sequence[int] = range(self._lines + 1, self._lines + len(lines) + 1)
        records = lines
        if not all(map(_NO_BLANK, lines)):
            numbers = [number for number, line in zip(numbers, lines, strict=True) if line.strip(BLANKS)]
            records = [lines[number - self._lines - 1] for number in numbers]
        self._check_beginning(records, numbers)
        self._lines += len(lines)
        if records:
            self.land(numbers, records)

    def _check_beginning(self, records: list[bytes], numbers: Sequence[int]) -> None:
        self._check_text(records, numbers)
        if records and not self._begun:
            self._begun = True
            _check_beginning(self.name, records[0])

    def _check_text(self, records: list[bytes], numbers: Sequence[int]) -> None:
        text = b"\n".join(records)
        if text.isascii():
            return
        try:
            text.decode()
        except UnicodeDecodeError as error:
            raise self._not_text(error, numbers[text.count(b"\n", 0, error.start)]) from error

    def _not_text(self, error: UnicodeError, line: int | None = None) -> FileRejectedError:
        where = f"in line {line}" if line else f"after line {self._lines}"
        return not_text(self.name, self.reading.feed.format.encoding, error, where)


def _check_beginning(name: str, line: bytes) -> None:
    """Tells a file that is something else from one with a bad row."""
    refuse_page(name, line)
    start = line.lstrip(BLANKS)
    if start.startswith(b"["):
        raise rejected(name, f"it is no JSON Lines: it begins with an array: {shown(line)}", "Set format.type to json.")
    if not start.startswith(b"{"):
        raise rejected(
            name,
            f"it is no JSON Lines: its first line is {shown(line)}",
            "Ask the partner to deliver it again, or set format to what the partner writes.",
        )
