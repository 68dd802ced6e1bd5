"""Fixed width: fields by start and length, one record a line or, by length, without lines; lands as CSV with a header.

Positions count from 1: characters of the decoded text, or bytes of the file. A whole block is cut column by column,
not line by line.
"""

from lakeferry.formats.fixed_width.by_bytes import ByteCutter
from lakeferry.formats.fixed_width.by_characters import CharacterCutter
from lakeferry.formats.fixed_width.cutting import Cutter
from lakeferry.formats.landing import Landing
from lakeferry.formats.reading import Reading
from lakeferry.formats.rejections import AGAIN, rejected
from lakeferry.formats.sniffing import Sniffer

_MARK_BYTES = 8


class FixedWidthReader(Landing):
    """Takes decoded bytes in pieces of any size and writes CSV."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        form, columns = reading.feed.format, reading.feed.checks.columns
        self.begin(self.columns)
        self._cutter: Cutter = ByteCutter(reading) if form.positions == "bytes" else CharacterCutter(reading)
        packed = [column.start for column in columns if column.stored == "packed"]
        self._sniffer = Sniffer(reading.name, form.encoding, "records" if packed else "table")
        # a number at the beginning may look like any program's mark
        self._sniffs = not packed or min(packed) > _MARK_BYTES
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
        if not self._cutter.lines and not self.rows_read:
            raise rejected(self.name, "it is empty", AGAIN)
        self._begin()

    def _take(self, data: bytes, *, final: bool) -> None:
        if self._sniffs:
            data = self._sniffer.take(data, final=final)
        for cut in self._cutter.take(data, final=final):
            self._begin()
            self.land_texts(cut.columns, cut.numbers, cut.raw, cut.problems)

    def _begin(self) -> None:
        if not self._header_written:
            self._header_written = True
            self.write_header()
