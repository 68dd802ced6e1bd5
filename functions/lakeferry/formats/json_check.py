"""JSON Lines, and JSON documents that have an array of records: both land as JSON Lines, each record as delivered."""

import operator
from collections.abc import Iterator, Sequence

from lakeferry.errors import FileRejectedError
from lakeferry.formats.formats import Reading
from lakeferry.formats.json_array import ArrayScanner, StructureError
from lakeferry.formats.json_records import MAX_RECORD_BYTES, Keys, decode_records, shown, texts, without_cycle_search
from lakeferry.formats.json_schema import RecordSchema
from lakeferry.formats.landing import ROWS_BYTES, Landing, in_declared_order, rejected, text_column
from lakeferry.formats.text import TextBlocks

_BLANKS = b" \t\n\r"
_NO_BLANK = operator.methodcaller("startswith", b"{")
"""Quick: true of nearly every line, and of no blank one."""
AGAIN = "Ask the partner to deliver it again."


class JsonLanding(Landing):
    """Takes records that are one line of JSON each: the part that JSON Lines, JSON and XML have in common."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        feed = reading.feed
        self.begin(self.columns)
        self._schema = RecordSchema(feed.feed_id, feed.checks.json_schema) if feed.checks.json_schema else None
        self._keys = Keys()
        self._whole = {column.name for column in feed.checks.columns if column.type == "int64"}
        self._declared = {name.lower() for name in self.columns}

    def land(self, numbers: Sequence[int], lines: Sequence[bytes]) -> None:
        """Checks records and writes the good ones.

        Args:
            numbers: Each record's line, or its number where the format has no lines.
        """
        with without_cycle_search():
            self._check(numbers, lines)

    def _check(self, numbers: Sequence[int], lines: Sequence[bytes]) -> None:
        decoded = decode_records(lines)
        if wrong := self._keys.add(decoded.records):
            raise rejected(self.name, f"{wrong} (in or before line {numbers[-1]})", "Ask the partner for fixed keys.")
        self.columns = in_declared_order(self.reading.feed, self._keys.names) or self.columns
        self._refuse_extra_keys()
        checked = [] if self._schema is None else self._schema.check(decoded.records)
        columns = {
            name: text_column(texts(decoded.records, self._keys.spelled(name), whole=name in self._whole))
            for name in self.needed
        }
        checked += self.problems_of(columns, len(decoded.records))
        moved = [
            type(each)(decoded.indices[each.row], each.column, each.value, each.rule, each.detail) for each in checked
        ]
        bad = self.set_apart([*decoded.problems, *moved], numbers, lines.__getitem__)
        good = [line for index, line in enumerate(lines) if index not in bad] if bad else lines
        if good:
            self.reading.write(b"\n".join(good) + b"\n")

    def _refuse_extra_keys(self) -> None:
        if self.reading.feed.checks.header.extra != "reject":
            return
        extra = [name for name in self._keys.names if name.lower() not in self._declared]
        if extra:
            raise rejected(
                self.name,
                f"its records have keys that the feed does not declare: {', '.join(map(repr, extra[:10]))}",
                "Declare them in checks.columns, or set checks.header.extra to accept.",
            )


class JsonLinesCheck(JsonLanding):
    """JSON Lines: one object a line; blank lines are dropped."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
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
        if last.strip(_BLANKS):
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
            numbers = [number for number, line in zip(numbers, lines, strict=True) if line.strip(_BLANKS)]
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
        reason = error.reason if isinstance(error, UnicodeDecodeError) else error
        where = f"in line {line}" if line else f"after line {self._lines}"
        return rejected(
            self.name,
            f"it is not {self.reading.feed.format.encoding} text ({reason}), {where}",
            "Set format.encoding to what the partner writes.",
        )


class JsonArrayCheck(JsonLanding):
    """A JSON document with its records in an array, at its top or at `format.records`."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        path = reading.feed.format.records
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
        try:
            for block in self._blocks.take(data, final=final):
                if not self._begun and (start := block.strip(_BLANKS)):
                    self._begun = True
                    _check_page(self.name, start)
                self._scan(block, final=False)
        except UnicodeError as error:
            reason = error.reason if isinstance(error, UnicodeDecodeError) else error
            raise self._not_text(str(reason)) from error

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
            raise self._not_text(error.reason) from error
        except StructureError as error:
            raise rejected(
                self.name,
                str(error),
                "Ask the partner to deliver it again, or set format.records to the path of the records.",
            ) from error

    def _not_text(self, reason: str) -> FileRejectedError:
        return rejected(
            self.name,
            f"it is not {self.reading.feed.format.encoding} text ({reason}), after record {self.rows_read}",
            "Set format.encoding to what the partner writes.",
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


def _check_beginning(name: str, line: bytes) -> None:
    """Tells a file that is something else from one with a bad row."""
    _check_page(name, line)
    start = line.lstrip(_BLANKS)
    if start.startswith(b"["):
        raise rejected(name, f"it is no JSON Lines: it begins with an array: {shown(line)}", "Set format.type to json.")
    if not start.startswith(b"{"):
        raise rejected(
            name,
            f"it is no JSON Lines: its first line is {shown(line)}",
            "Ask the partner to deliver it again, or set format to what the partner writes.",
        )


def _check_page(name: str, start: bytes) -> None:
    if start.lstrip(_BLANKS).startswith(b"<"):
        raise rejected(
            name,
            f"it is no JSON but HTML or XML: {shown(start)}",
            "It may be an error page of the partner's server. Ask the partner to deliver it again.",
        )
