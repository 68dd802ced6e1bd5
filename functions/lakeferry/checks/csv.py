"""CSV: every record has the header's fields, counted exactly, at the speed of memory where that is possible.

RFC 4180 with the feed's delimiter and quote. Line ends (CRLF, CR) become LF, inside of quoted values too; a byte
order mark, blank lines and blanks around the header's names go: the raw zone holds plain UTF-8 text that Spark,
Athena and the crawler read without surprises. What is right and why: docs/formats-and-checks.md.
"""

import csv
import io
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pacsv

from lakeferry.checks.formats import Reading
from lakeferry.checks.records import RecordScanner
from lakeferry.checks.text import TextBlocks
from lakeferry.errors import FileRejectedError

MAX_RECORD_BYTES = 32 * 1024 * 1024
"""A record longer than this is a quote that was never closed."""


class CsvCheck:
    """Takes decoded bytes in pieces of any size and writes checked text.

    Attributes:
        columns: The header's names, in the file's order; the feed's where the file has no header.
    """

    def __init__(self, reading: Reading) -> None:
        feed, block_bytes = reading.feed, reading.block_bytes
        self._feed, self._name, self._write = feed, reading.name, reading.write
        self.rows_rejected = 0
        self.promised_rows: int | None = None
        self.notes: list[str] = []
        self._format = feed.format
        self._blocks = TextBlocks(self._format.encoding, block_bytes)
        self._delimiter, self._quote = self._format.delimiter.encode(), self._format.quote.encode()
        self._scanner = RecordScanner(self._delimiter, self._quote)
        kept = self._delimiter + self._quote + b"\n"
        self._others = bytes(byte for byte in range(256) if byte not in kept)
        self._rest = b""
        self.columns: tuple[str, ...] = ()
        self.rows_read = 0

    def feed(self, data: bytes) -> None:
        """Takes the next decoded bytes.

        Raises:
            FileRejectedError: a record, the header or the encoding is wrong.
        """
        self._take_bytes(data, final=False)

    def finish(self) -> None:
        """Ends the file; the last record needs no line end.

        Raises:
            FileRejectedError: as `feed`; or there is no header, or a quote is left open.
        """
        self._take_bytes(b"", final=True)
        self._take(b"" if self._rest.endswith(b"\n") or not self._rest else b"\n")
        if self._rest:
            raise self._rejected(
                f"the quoted value that begins in record {self.rows_read + 1} is never closed",
                "Ask the partner to deliver it again, or set format.quote to what the file uses.",
            )
        if not self.columns:
            if self._format.header:
                raise self._rejected("it is empty: not even a header", "Ask the partner to deliver it again.")
            self._set_columns(self._declared)

    @property
    def _declared(self) -> tuple[str, ...]:
        return tuple(column.name for column in self._feed.checks.columns)

    def _take_bytes(self, data: bytes, *, final: bool) -> None:
        try:
            for block in self._blocks.take(data, final=final):
                self._take(block)
        except UnicodeError as error:
            raise self._not_text(error) from error

    def _take(self, text: bytes) -> None:
        block = self._rest + text
        cut = self._scanner.cut(block)
        self._rest = block[cut.end :]
        if cut.end:
            self._records(block[: cut.end])
        if cut.stray is not None:
            line = self._rest.split(b"\n", 1)[0]
            raise self._rejected(
                f"in or after record {self.rows_read + 1} a quote stands inside an unquoted value, or text after a "
                f"closing quote: {_shown(block[max(cut.end, cut.stray - 40) : cut.stray + 40] or line)}",
                "Such values must be quoted and their quotes doubled (RFC 4180). If the file quotes nothing, set "
                "format.quote to a character it never has.",
            )
        if len(self._rest) > MAX_RECORD_BYTES:
            raise self._rejected(
                f"record {self.rows_read + 1} is longer than {MAX_RECORD_BYTES} bytes",
                "Probably a quote is never closed; check format.quote and format.delimiter.",
            )

    def _records(self, block: bytes) -> None:
        """Checks and writes whole records."""
        if not block.isascii():
            try:
                block.decode()
            except UnicodeDecodeError as error:
                raise self._not_text(error, block.count(b"\n", 0, error.start)) from error
        if b"\0" in block:
            raise self._rejected(
                f"in or after record {self.rows_read + 1} it has a NUL character, which no text has",
                "Probably it is UTF-16: set format.encoding to what the partner writes.",
            )
        if not self.columns:
            block = self._header(block)
        if not self.columns:
            return
        rows = self._rows_of_plain(block)
        if rows is None:
            block = self._scanner.without_blank_lines(block)
            rows = self._rows_of_any(block) if block else 0
        if block:
            self._write(block)
        self.rows_read += rows

    def _header(self, block: bytes) -> bytes:
        """Takes the columns from the first record and writes it; what follows it."""
        if not self._format.header:
            self._set_columns(self._declared)
            return block
        block = self._scanner.without_blank_lines(block)
        if not block:
            return b""
        end = block.index(b"\n") + 1
        while block.count(self._quote, 0, end) % 2:
            end = block.index(b"\n", end) + 1
        delimiter, quote = self._format.delimiter, self._format.quote
        text = io.StringIO(block[:end].decode(), newline="")
        names = next(csv.reader(text, delimiter=delimiter, quotechar=quote))
        columns = tuple(name.strip() for name in names)
        lowered = [name.lower() for name in columns]
        for name in lowered:
            if lowered.count(name) > 1:
                raise self._rejected(
                    f"its header names column {name!r} more than once",
                    "Ask the partner for a header with unique names.",
                )
        missing = [name for name in self._declared if name.lower() not in lowered]
        if missing:
            raise self._rejected(
                f"its header lacks {', '.join(map(repr, missing))}; it has {', '.join(map(repr, columns[:20]))}",
                "Ask the partner, or change checks.columns or format.delimiter.",
            )
        self._set_columns(columns)
        header = block[:end]
        if list(columns) != names:
            # Spark compares names with blanks and all
            text = io.StringIO()
            csv.writer(text, delimiter=delimiter, quotechar=quote, lineterminator="\n").writerow(columns)
            header = text.getvalue().encode()
        self._write(header)
        return block[end:]

    def _set_columns(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._plain_row = self._delimiter * (len(columns) - 1) + b"\n"
        # in a file of one column, or with blanks for delimiters, a blank line looks as a record does
        self._blank_is_plain = len(columns) == 1 or self._delimiter <= b" "

    def _rows_of_plain(self, block: bytes) -> int | None:
        """Records of a block without quotes that are all as long as they should be; None if it is any other.

        Without all bytes but delimiters, quotes and line ends, such a block is one pattern over and over: a proof
        for every record, and twice as fast as a parser.
        """
        if self._blank_is_plain:
            return None
        skeleton = block.translate(None, self._others)
        rows, more = divmod(len(skeleton), len(self._plain_row))
        return rows if not more and skeleton == self._plain_row * rows else None

    def _rows_of_any(self, block: bytes) -> int:
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
                where = "the header has" if self._format.header else "the feed declares"
                raise self._rejected(
                    f"record {self.rows_read + (row.number or 1)} has {row.actual_columns} fields where {where} "
                    f"{row.expected_columns}: {str(row.text)[:120]!r}",
                    "Ask the partner to deliver it again, or check format.delimiter and format.quote.",
                ) from error
            raise self._rejected(
                f"it cannot be parsed after record {self.rows_read} ({error})", "Check the feed's format."
            ) from error
        return int(table.num_rows)

    def _not_text(self, error: UnicodeError, lines_before: int = 0) -> FileRejectedError:
        reason = error.reason if isinstance(error, UnicodeDecodeError) else error
        lines = f", in line {lines_before + 1} after record {self.rows_read}" if lines_before else ""
        return self._rejected(
            f"it is not {self._format.encoding} text ({reason}), in or after record {self.rows_read + 1}{lines}",
            "Set format.encoding to what the partner writes.",
        )

    def _rejected(self, what: str, remedy: str) -> FileRejectedError:
        return FileRejectedError(f"{self._name}: {what}. {remedy}")


def _shown(text: bytes) -> str:
    return repr(text.decode(errors="replace"))
