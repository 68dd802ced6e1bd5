"""CSV: records and values checked a block at a time, at the speed of memory where that is possible.

RFC 4180 with the feed's delimiter and quote. Line ends (CRLF, CR) become LF, inside of quoted values too; a byte
order mark, blank lines and blanks around the header's names go: the raw zone holds plain UTF-8 text that Spark,
Athena and the crawler read without surprises. What is right and why: docs/formats-and-checks.md.
"""

import pyarrow as pa

from lakeferry.checks.badrows import BadRow, Problem
from lakeferry.checks.columns import ColumnChecks
from lakeferry.counting import count_of
from lakeferry.errors import FileRejectedError
from lakeferry.formats.csv.header import header_of
from lakeferry.formats.csv.lines import LineFilter
from lakeferry.formats.csv.other_delimiter import OtherDelimiter
from lakeferry.formats.csv.parsing import BlockParser, CrowdedError, Parsed
from lakeferry.formats.csv.records import RecordScanner
from lakeferry.formats.csv.refusals import stray_quote, tell_of_trailing
from lakeferry.formats.csv.steps import Steps
from lakeferry.formats.csv.tidying import InitialBlanks, TrailingDelimiters, blanks_of
from lakeferry.formats.csv.trailer import rows_promised
from lakeferry.formats.landing import rows_at_once
from lakeferry.formats.reading import Reading
from lakeferry.formats.rejections import AGAIN, not_text, nul_found, rejected
from lakeferry.formats.rewriting import Rewriter, asks_for_rewriting
from lakeferry.formats.sniffing import Sniffer
from lakeferry.formats.text import TextBlocks

MAX_RECORD_BYTES = 32 * 1024 * 1024
"""A record longer than this is a quote that was never closed."""


class CsvReader:
    """Takes decoded bytes in pieces of any size and writes CSV."""

    def __init__(self, reading: Reading) -> None:
        self._reading, self._name, self._format = reading, reading.name, reading.feed.format
        self._sniffer = Sniffer(reading.name, self._format.encoding, quote=self._format.quote)
        self._blocks = TextBlocks(self._format.encoding, reading.block_bytes)
        self._delimiter, self._quote = self._format.delimiter.encode(), self._format.quote.encode()
        escape = (self._format.escape or "").encode()
        self._scanner = RecordScanner(self._delimiter, self._quote, escape, blanks_of(self._format))
        self._steps = Steps(self._scanner)
        self._lines = LineFilter(reading.name, self._format, self._scanner)
        self._rewriter = Rewriter(self._delimiter, self._quote) if asks_for_rewriting(reading.feed) else None
        self._initial = InitialBlanks(self._format) if self._format.skip_initial_space else None
        self._trailing: TrailingDelimiters | None = None
        kept = self._delimiter + self._quote + escape + b"\n"
        self._others = bytes(byte for byte in range(256) if byte not in kept)
        self._rest = b""
        self._line = 1
        self._checks: ColumnChecks | None = None
        self._parser: BlockParser | None = None
        self._rows_at_once = 0
        self._looks_at: frozenset[str] = frozenset()
        self._other_delimiter: OtherDelimiter | None = None
        self.columns: tuple[str, ...] = ()
        self.rows_read = self.rows_rejected = 0
        self.promised_rows: int | None = None

    @property
    def notes(self) -> list[str]:
        """What was not checked, and why."""
        found = [] if self._checks is None else self._checks.notes
        return found if self._other_delimiter is None else [*found, *self._other_delimiter.notes(self.rows_read)]

    def feed(self, data: bytes) -> None:
        """Takes the next decoded bytes.

        Raises:
            FileRejectedError: the header, the encoding or the quoting is wrong, or a record has no end.
        """
        self._take_bytes(data, final=False)

    def finish(self) -> None:
        """Ends the file; the last record needs no line end.

        Raises:
            FileRejectedError: as `feed`; or there is no header or trailer, or a quote is left open.
        """
        self._take_bytes(b"", final=True)
        self._take(self._lines.rest())
        self._take(b"" if self._rest.endswith(b"\n") or not self._rest else b"\n")
        if self._format.trailer is not None:
            self._check_text(self._rest)
            record = self._rest if self._initial is None else self._initial.removed(self._rest)
            self.promised_rows = rows_promised(self._format, self._name, record.decode())
        elif self._rest:
            raise self._rejected(
                f"the quoted value that begins in record {self.rows_read + 1} is never closed",
                "Ask the partner to deliver it again, or set format.quote to what the file uses.",
            )
        if not self.columns:
            if self._format.header:
                raise self._rejected("it is empty: not even a header", AGAIN)
            self._set_columns(self._declared)

    @property
    def _declared(self) -> tuple[str, ...]:
        return tuple(column.name for column in self._reading.feed.checks.columns)

    def _take_bytes(self, data: bytes, *, final: bool) -> None:
        data = self._sniffer.take(data, final=final)
        try:
            for block in self._blocks.take(data, final=final):
                self._take(self._lines.take(block))
        except UnicodeError as error:
            raise self._not_text(error, self._rest.count(b"\n")) from error

    def _take(self, text: bytes) -> None:
        if self._quote not in text and self._quote not in self._rest and not self._format.escape:
            # the last line end is the last record's; copied once
            end = text.rfind(b"\n") + 1
            if end and self._format.trailer is None:
                block, self._rest = b"".join((self._rest, memoryview(text)[:end])), text[end:]
                self._records(block)
                return
        block = self._rest + text
        cut = self._scanner.cut(block)
        end = cut.end if self._format.trailer is None else self._scanner.start_of_last(block[: cut.end])
        self._rest = block[end:]
        if end:
            self._records(block[:end])
        if cut.stray is not None:
            raise stray_quote(
                self._name,
                block,
                cut.end,
                cut.stray,
                record=self.rows_read + 1,
                line=self._line,
                delimiter=self._delimiter,
            )
        if len(self._rest) > MAX_RECORD_BYTES:
            raise self._rejected(
                f"record {self.rows_read + 1} is longer than {MAX_RECORD_BYTES} bytes",
                "Probably a quote is never closed; check format.quote and format.delimiter.",
            )

    def _check_text(self, block: bytes) -> None:
        if not block.isascii():
            try:
                block.decode()
            except UnicodeDecodeError as error:
                raise self._not_text(error, block.count(b"\n", 0, error.start)) from error
        if b"\0" in block:
            line = self._line + block.count(b"\n", 0, block.index(0))
            raise nul_found(self._name, block, f"line {line}, in or after record {self.rows_read + 1},")

    def _records(self, block: bytes) -> None:
        """Checks and writes whole records."""
        self._check_text(block)
        if self._initial is not None:
            block = self._initial.removed(block)
        if not self.columns:
            block = self._begin(block)
        if block and self.columns:
            self._rows(block)

    def _begin(self, block: bytes) -> bytes:
        """Takes the columns from the first record and writes it; what follows it."""
        if not self._format.header:
            self._set_columns(self._declared)
            return block
        begin, end = self._scanner.first(block)
        self._line += block.count(b"\n", 0, end)
        if begin == end:
            return b""
        columns, text = header_of(self._reading, block[begin:end], is_rewritten=self._rewriter is not None)
        self._set_columns(columns)
        if len(columns) == 1 and not self._declared:
            self._other_delimiter = OtherDelimiter(text)
        self._reading.write(text)
        return block[end:]

    def _set_columns(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._checks = ColumnChecks(self._reading.feed, columns)
        self._looks_at = frozenset(self._checks.needed if self._rewriter is None else columns)
        self._rows_at_once = rows_at_once(len(self._looks_at))
        if self._format.trailing_delimiter == "allow":
            self._trailing = TrailingDelimiters(self._format, len(columns))
        self._plain_row = self._delimiter * (len(columns) - 1) + b"\n"
        # in a file of one column, or with blanks for delimiters, a blank line looks as a record does
        self._blank_is_plain = len(columns) == 1 or self._delimiter <= b" "
        self._parser = BlockParser(self._format, columns, self._looks_at, drops_empty=self._blank_is_plain)

    def _rows(self, block: bytes) -> None:
        """Whole data records, perhaps with blank lines between them."""
        if self._trailing is not None:
            block = self._trailing.removed(block)
        if self._other_delimiter is not None:
            self._other_delimiter.take(block)
        rows = self._rows_of_plain(block) if not self._looks_at else None
        if rows is not None:
            self._reading.write(block)
            self._count(rows, rows)
            return
        for piece in self._steps.of(block):
            try:
                self._count(*self._rows_of_any(piece))
            except CrowdedError:
                # nothing was written of it yet
                self._steps.shorten(piece)

    def _count(self, rows: int, lines: int) -> None:
        self.rows_read += rows
        self._line += lines

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

    def _rows_of_any(self, block: bytes) -> tuple[int, int]:
        """Checks a block and writes its good rows; how many records and how many lines it has."""
        checks, tidy = self._checks, block
        assert checks is not None  # noqa: S101  (there are columns by now)
        breaks = self._may_break_lines(block)
        parsed = self._parsed(block, breaks=breaks)
        may_hide = bool(parsed.odd) or self._blank_is_plain
        # a line of blanks is odd to the parser, and an empty one a row without any value: else it has counted the lines
        is_counted = not may_hide and not breaks and any(column.null_count == 0 for column in parsed.columns.values())
        lines = parsed.rows if is_counted else block.count(b"\n")
        if not is_counted and (may_hide or block.startswith(b"\n") or b"\n\n" in block):
            tidy = self._scanner.without_blank_lines(block)
            if not tidy:
                return 0, lines
            if len(tidy) != len(block):
                parsed = self._parsed(tidy, breaks=breaks)
        records = parsed.rows + len(parsed.odd)
        columns = {name: column for name, column in parsed.columns.items() if name in self._looks_at}
        problems = checks.check(columns, parsed.rows)
        if not problems and not parsed.odd:
            self._reading.write(tidy if self._rewriter is None else self._rewriter.rows(checks, columns))
            return records, lines
        bad = self._bad_of(problems, parsed, records)
        taken, rest = self._scanner.part(block, list(bad), lines, records)
        if parsed.odd and self._trailing is None:
            tell_of_trailing(bad, [text for _, text in taken], self.columns, self._delimiter)
        self._reading.bad_rows.add(
            [
                BadRow(self._line + line, self.rows_read + index + 1, text.decode().removesuffix("\n"), found)
                for (index, found), (line, text) in zip(bad.items(), taken, strict=True)
            ],
            self._reading.member,
        )
        self.rows_rejected += len(bad)
        if self._rewriter is None:
            for piece in rest:
                self._reading.write(piece)
        else:
            wrong = {problem.row for problem in problems}
            mask = pa.array([row not in wrong for row in range(parsed.rows)], pa.bool_())
            good = {name: column.filter(mask) for name, column in columns.items()}
            self._reading.write(self._rewriter.rows(checks, good))
        return records, lines

    def _may_break_lines(self, block: bytes) -> bool:
        """Whether a value may have a line end in it."""
        return self._quote in block or self._format.escape is not None

    def _bad_of(self, problems: list[Problem], parsed: Parsed, records: int) -> dict[int, list[Problem]]:
        """Index of a record → what is wrong with it, in the file's order."""
        where = "the header has" if self._format.header else "the feed declares"
        bad: dict[int, list[Problem]] = {}
        for row in parsed.odd:
            index = (row.number or 1) - 1
            detail = f"has {count_of(row.actual_columns, 'field')} where {where} {row.expected_columns:,}"
            bad[index] = [Problem(index, None, None, "fields", detail)]
        # the rows that were parsed are the records without those
        index_of = [index for index in range(records) if index not in bad] if bad else range(records)
        for problem in problems:
            bad.setdefault(index_of[problem.row], []).append(problem)
        return dict(sorted(bad.items()))

    def _parsed(self, block: bytes, *, breaks: bool) -> Parsed:
        assert self._parser is not None  # noqa: S101  (there are columns by now)
        try:
            return self._parser.parse(block, breaks=breaks, most=self._steps.most(block, self._rows_at_once))
        except pa.ArrowInvalid as error:
            raise self._rejected(
                f"it cannot be parsed after record {self.rows_read} ({error})", "Check the feed's format."
            ) from error

    def _not_text(self, error: UnicodeError, lines_before: int = 0) -> FileRejectedError:
        line = self._line + lines_before
        where = f"in or after record {self.rows_read + 1}, in line {line}"
        return not_text(self._name, self._format.encoding, error, where)

    def _rejected(self, what: str, remedy: str) -> FileRejectedError:
        return rejected(self._name, what, remedy)
