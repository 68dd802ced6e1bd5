"""CSV: every record has the header's fields, counted exactly, at the speed of a C++ parser.

RFC 4180 with the feed's delimiter and quote. Line ends (CRLF, CR) become LF, inside of quoted values too, and a
byte order mark goes: the raw zone holds plain UTF-8 text that Glue and Athena read without surprises.
"""

import codecs
import csv
import io
import re
from collections.abc import Callable
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pacsv

from lakeferry.errors import FileRejectedError
from lakeferry.feeds import Feed

MAX_RECORD_BYTES = 32 * 1024 * 1024
"""A record longer than this is a quote that was never closed."""


class CsvCheck:
    """Takes decoded bytes in pieces of any size and writes checked text."""

    def __init__(self, feed: Feed, name: str, write: Callable[[bytes], object]) -> None:
        self._feed, self._name, self._write = feed, name, write
        self._format = feed.format
        self._decoder = codecs.getincrementaldecoder(self._format.encoding)("strict")
        self._delimiter, self._quote = self._format.delimiter.encode(), self._format.quote.encode()
        q, d = re.escape(self._quote), re.escape(self._delimiter)
        # a quote neither at a field's edge nor doubled
        self._stray = re.compile(b"(?<![" + d + b"\n" + q + b"])" + q + b"(?![" + d + b"\n" + q + b"])")
        self._rest = b""
        self._begun = False
        self._ended_with_cr = False
        self.columns: tuple[str, ...] = ()
        self.rows = 0

    def feed(self, data: bytes) -> None:
        """Takes the next decoded bytes.

        Raises:
            FileRejectedError: a record, the header or the encoding is wrong.
        """
        self._take(self._text(data, final=False), final=False)

    def finish(self) -> None:
        """Ends the file; the last record needs no line end.

        Raises:
            FileRejectedError: as `feed`; or there is no header, or a quote is left open.
        """
        self._take(self._text(b"", final=True), final=True)
        if not self.columns:
            raise self._rejected("it is empty: not even a header", "Ask the partner to deliver it again.")

    def _text(self, data: bytes, *, final: bool) -> bytes:
        """UTF-8 with LF line ends and without a byte order mark."""
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError as error:
            reason = error.reason if isinstance(error, UnicodeDecodeError) else error
            raise self._rejected(
                f"it is not {self._format.encoding} text ({reason}), near record {self.rows + 1}",
                "Set format.encoding to what the partner writes.",
            ) from error
        if not self._begun and text:
            self._begun = True
            text = text.removeprefix("\ufeff")
        if self._ended_with_cr and text.startswith("\n"):
            text = text[1:]
        if text:
            self._ended_with_cr = text.endswith("\r")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text.encode()

    def _take(self, text: bytes, *, final: bool) -> None:
        block = self._rest + text
        if final:
            if block and not block.endswith(b"\n"):
                block += b"\n"
            end = self._last_record_end(block)
            if end != len(block):
                raise self._rejected(
                    f"a quoted value that begins in record {self.rows + 1} or later is never closed",
                    "Ask the partner to deliver it again, or set format.quote to what the file uses.",
                )
        else:
            end = self._last_record_end(block)
            if len(block) - end > MAX_RECORD_BYTES:
                raise self._rejected(
                    f"the record after {self.rows} others is longer than {MAX_RECORD_BYTES} bytes",
                    "Probably a quote is never closed; check format.quote and format.delimiter.",
                )
        self._rest = block[end:]
        if end:
            self._records(block[:end])

    def _last_record_end(self, block: bytes) -> int:
        """Where the last whole record ends: after a line end with an even number of quotes before it."""
        end = block.rfind(b"\n") + 1
        odd = block.count(self._quote, 0, end) % 2
        while odd and end:
            before = block.rfind(b"\n", 0, end - 1) + 1
            odd = (odd - block.count(self._quote, before, end)) % 2
            end = before
        return end

    def _records(self, block: bytes) -> None:
        if self._quote in block and (stray := self._stray.search(b"\n" + block)):
            line = block.count(b"\n", 0, max(0, stray.start() - 1)) + 1
            raise self._rejected(
                f"a quote stands inside an unquoted value, in line {line} after record {self.rows}",
                "Such values must be quoted and their quotes doubled (RFC 4180); set format.quote if it is another.",
            )
        self._write(block)
        if not self.columns:
            block = self._header(block)
        if block.strip(b"\n"):
            self.rows += self._count(block)

    def _header(self, block: bytes) -> bytes:
        """Takes the columns from the first record; what follows it."""
        declared = tuple(column.name for column in self._feed.checks.columns)
        if not self._format.header:
            self.columns = declared
            return block
        block = block.lstrip(b"\n")
        if not block:
            return b""
        end = block.index(b"\n") + 1
        while block.count(self._quote, 0, end) % 2:
            end = block.index(b"\n", end) + 1
        text = block[:end].decode()
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self._format.delimiter, quotechar=self._format.quote)
        self.columns = tuple(name.strip() for name in next(rows))
        lowered = [name.lower() for name in self.columns]
        for name in lowered:
            if lowered.count(name) > 1:
                raise self._rejected(
                    f"its header names column {name!r} more than once",
                    "Ask the partner for a header with unique names.",
                )
        missing = [name for name in declared if name.lower() not in lowered]
        if missing:
            raise self._rejected(
                f"its header lacks {', '.join(map(repr, missing))}; it has {', '.join(map(repr, self.columns[:20]))}",
                "Ask the partner, or change checks.columns or format.delimiter.",
            )
        return block[end:]

    def _count(self, block: bytes) -> int:
        """Records of a block, each with as many fields as there are columns."""
        wrong: list[pacsv.InvalidRow] = []

        def keep(row: "pacsv.InvalidRow") -> Literal["error"]:
            wrong.append(row)
            return "error"

        # one column is converted, as bytes: what matters here is found by parsing
        names = [f"c{index}" for index in range(len(self.columns))]
        try:
            table = pacsv.read_csv(
                io.BytesIO(block),
                read_options=pacsv.ReadOptions(
                    use_threads=False, column_names=names, block_size=max(len(block) + 1, 1 << 16)
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=self._format.delimiter,
                    quote_char=self._format.quote,
                    newlines_in_values=True,
                    invalid_row_handler=keep,
                ),
                convert_options=pacsv.ConvertOptions(include_columns=names[:1], column_types={names[0]: pa.binary()}),
            )
        except pa.ArrowInvalid as error:
            if wrong:
                row = wrong[0]
                raise self._rejected(
                    f"record {self.rows + (row.number or 1)} has {row.actual_columns} fields where the header has "
                    f"{row.expected_columns}: {str(row.text)[:120]!r}",
                    "Ask the partner to deliver it again, or check format.delimiter and format.quote.",
                ) from error
            raise self._rejected(
                f"it cannot be parsed after record {self.rows} ({error})", "Check the feed's format."
            ) from error
        return int(table.num_rows)

    def _rejected(self, what: str, remedy: str) -> FileRejectedError:
        return FileRejectedError(f"{self._name}: {what}. {remedy}")
