"""JSON documents that have an array of records: they land as JSON Lines."""

from collections.abc import Iterator

from lakeferry.errors import FileRejectedError
from lakeferry.formats.json.array import ArrayScanner, StructureError
from lakeferry.formats.json.landing import BLANKS, JsonLanding, refuse_page
from lakeferry.formats.reading import ROWS_BYTES, Reading
from lakeferry.formats.rejections import not_text, rejected, shown
from lakeferry.formats.sniffing import Sniffer
from lakeferry.formats.text import TextBlocks


class JsonDocumentReader(JsonLanding):
    """A JSON document with its records in an array, at its top or at `format.records`."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        path = reading.feed.format.records
        self._sniffer = Sniffer(reading.name, reading.feed.format.encoding, "json")
        self._blocks = TextBlocks(reading.feed.format.encoding, min(reading.block_bytes, ROWS_BYTES))
        self._scanner = ArrayScanner(tuple(path.split(".")) if path else ())
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Takes the next decoded bytes.

        Raises:
            FileRejectedError: it is no such document, or not of the feed's encoding.
        """
        self._take(data, final=False)

    def finish(self) -> None:
        """Ends the document.

        Raises:
            FileRejectedError: as `feed`; or it ends too early.
        """
        self._take(b"", final=True)
        self._scan(b"", final=True)

    def _take(self, data: bytes, *, final: bool) -> None:
        data = self._sniffer.take(data, final=final)
        try:
            for block in self._blocks.take(data, final=final):
                if not self._begun and (start := block.strip(BLANKS)):
                    self._begun = True
                    refuse_page(self.name, start)
                    _check_beginning(self.name, start)
                self._scan(block, final=False)
        except UnicodeError as error:
            raise self._not_text(error) from error

    def _scan(self, block: bytes, *, final: bool) -> None:
        found = self._scanner.take(block, final=final)
        try:
            for records in _in_blocks(found):
                first = self.rows_read + 1
                text = b"".join(records)
                if not text.isascii():
                    text.decode()
                self.land(range(first, first + len(records)), records)
        except UnicodeDecodeError as error:
            raise self._not_text(error) from error
        except StructureError as error:
            raise rejected(self.name, str(error), error.remedy) from error

    def _not_text(self, error: UnicodeError) -> FileRejectedError:
        return not_text(
            self.name,
            self.reading.feed.format.encoding,
            error,
            f"after record {self.rows_read}, in or after line {self._scanner.line()}",
        )


def _check_beginning(name: str, start: bytes) -> None:
    """Tells a file that is something else by its first sign."""
    if start[:1] not in b'{}[]"-0123456789tfn':
        raise rejected(
            name,
            f"it is no JSON: it begins with {shown(start[:40])}",
            "Ask the partner to deliver it again, or set format to what the partner writes.",
        )


def _in_blocks(records: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Few records at a time, however small they are: each becomes many Python objects."""
    block: list[bytes] = []
    try:
        for record in records:
            block.append(record)
            if len(block) == 4096:
                yield block
                block = []
    except StructureError:
        if block:
            # what was right before is checked first: the verdict does not depend on the pieces
            yield block
        raise
    if block:
        yield block
