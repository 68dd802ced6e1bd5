"""XML: the elements at a record path, each as one line of JSON.

Read with expat as it comes in: no tree, no DTD, no entities but the five of XML, nothing fetched. The names are
those of Spark's and Glue's XML readers: attributes get a leading `_`, text beside attributes or elements is `_VALUE`.
"""

import codecs
from xml.parsers import expat

from lakeferry.encodings import text_decoder
from lakeferry.errors import FileRejectedError
from lakeferry.formats.json.landing import JsonLanding
from lakeferry.formats.json.records import encode
from lakeferry.formats.reading import ROWS_BYTES, Reading
from lakeferry.formats.rejections import AGAIN, not_text, rejected
from lakeferry.formats.sniffing import Sniffer
from lakeferry.formats.xml.elements import PAGE, PAGE_REMEDY, Elements, RefusedError
from lakeferry.formats.xml.encoding import UTF_8, encoding_of, refuse_sign

_RECORDS_AT_ONCE = 2048
_PIECE_BYTES = 256 * 1024
_LOOK_BYTES = 256
_PAGE_START = b"<!doctype html"


class XmlReader(JsonLanding):
    """An XML document whose elements at `format.records` are the records."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._encoding: str | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._parser = expat.ParserCreate(UTF_8, "}")
        self._parser.buffer_text = True
        self._parser.ordered_attributes = False
        self._elements = Elements(self._parser, (reading.feed.format.records or "").strip("/").split("/"))
        self._sniffer = Sniffer(reading.name, UTF_8, "xml")
        self._bytes = 0
        self._beginning = b""

    def feed(self, data: bytes) -> None:
        """Takes the next decoded bytes.

        Raises:
            FileRejectedError: it is not well-formed, has a DTD, or is nested or long beyond the limits.
        """
        self._parse(self._sniffer.take(data), final=False)

    def finish(self) -> None:
        """Ends the document.

        Raises:
            FileRejectedError: as `feed`; or it ends too early, or its root is not the record path's.
        """
        self._parse(self._sniffer.take(b"", final=True), final=False)
        self._parse(b"", final=True)

    def _parse(self, data: bytes, *, final: bool) -> None:
        if self._encoding is None and data:
            self._set_encoding(data)
        try:
            self._parse_text(data, final=final)
            if final:
                self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            self._land()
            raise self._not_well_formed(error, final=final) from error
        except UnicodeError as error:
            self._land()
            raise self._not_text(error) from error
        except RefusedError as error:
            self._land()
            raise rejected(self.name, f"{error}, in line {self._parser.CurrentLineNumber}", error.remedy) from error
        self._land()

    def _set_encoding(self, start: bytes) -> None:
        """The sniffer gives the first bytes in one piece."""
        self._encoding = encoding_of(self.name, start, self.reading.feed.format.encoding)
        if codecs.lookup(self._encoding).name != UTF_8:
            self._decoder = text_decoder(self._encoding)

    def _parse_text(self, data: bytes, *, final: bool) -> None:
        failure = None
        if self._decoder is not None:
            try:
                data = self._decoder.decode(data, final).encode()
            except UnicodeDecodeError as error:
                # what is right before is parsed, so that the line is known
                data, failure = error.object[: error.start].decode(error.encoding, "ignore").encode(), error
        if len(self._beginning) < _LOOK_BYTES:
            self._beginning += data[:_LOOK_BYTES]
        self._parse_pieces(data)
        if failure is not None:
            raise failure

    def _parse_pieces(self, text: bytes) -> None:
        """All attributes of a tag, and all records of a piece, are in memory before anything can be said of them."""
        view = memoryview(text)
        for start in range(0, len(view), _PIECE_BYTES):
            piece = view[start : start + _PIECE_BYTES]
            try:
                self._parser.Parse(piece, False)
            except expat.ExpatError:
                refuse_sign(bytes(piece), self._parser.ErrorByteIndex - self._bytes)
                raise
            self._bytes += len(piece)
            self._elements.check_tag(self._bytes)
            if start and not start % ROWS_BYTES:
                self._land()

    def _land(self) -> None:
        lines, records = self._elements.lines, self._elements.records
        for start in range(0, len(lines), _RECORDS_AT_ONCE):
            some = slice(start, start + _RECORDS_AT_ONCE)
            self.land(lines[some], [encode(record) for record in records[some]])
        lines.clear()
        records.clear()

    def _not_well_formed(self, error: expat.ExpatError, *, final: bool) -> FileRejectedError:
        if final and not self._bytes:
            return rejected(self.name, "it is empty", AGAIN)
        start = self._beginning.lstrip().lower()[: len(_PAGE_START)]
        if len(start) > 2 and _PAGE_START.startswith(start):
            # in lower case it is no XML, and may break the parser off early
            return rejected(self.name, PAGE, PAGE_REMEDY)
        where = f"line {error.lineno}, column {error.offset + 1}, after record {self.rows_read}"
        if final:
            return rejected(self.name, f"it is truncated: it ends in {where}, before the document is complete", AGAIN)
        return rejected(
            self.name,
            f"it is not well-formed XML: {expat.ErrorString(error.code)} in {where}",
            f"{AGAIN} If its encoding is not the one it declares, set format.encoding.",
        )

    def _not_text(self, error: UnicodeError) -> FileRejectedError:
        where = f"in line {self._parser.CurrentLineNumber}, after record {self.rows_read}"
        return not_text(self.name, self._encoding or UTF_8, error, where)
