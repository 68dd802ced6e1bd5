"""Where the records of a JSON document begin and end, without having all of it in memory.

The document is an array of records, or has one at a path of keys (`{"data": {"items": [...]}}`). Records are cut out
by their brackets at the speed of regular expressions; what is around them is kept, small, and parsed strictly in the
end. So the whole document is known to be JSON, whatever its size.
"""

import re
from collections.abc import Iterator

import msgspec

from lakeferry.formats.json.records import MAX_NESTING, MAX_RECORD_BYTES
from lakeferry.formats.rejections import shown

MAX_ENVELOPE_BYTES = 1024 * 1024
"""Bytes of a document that are not records, blanks not counted."""

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_BLANKS = re.compile(rb"[ \t\n]*+")
_TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+[{}\[\]]", re.DOTALL)
_SCALAR = re.compile(rb"(?:" + _STRING + rb'|[^"{}\[\],: \t\n]++)(?=[,\] \t\n])', re.DOTALL)
_ENVELOPE_TOKEN = re.compile(_STRING + rb'|[{}\[\]:,]|[^"{}\[\]:, \t\n]++', re.DOTALL)
_LINE_BREAK = re.compile(rb"\n[ \t\n]*+")
LINE_BREAK = b"\r"
"""In its place: the text has no other. It may stand between two tokens; within a text or a number it is an error."""
_BEGINS = b'{["-0123456789tfn'
"""What a JSON value may begin with."""
_PATH = "Ask the partner to deliver it again, or set format.records to the path of the records."
_COMMAS = "Ask the partner for JSON: one comma between two records, and none before the first or after the last."


class StructureError(Exception):
    """The document is not one array of records at the path; the message says what is, and where."""

    def __init__(self, message: str, remedy: str = _PATH) -> None:
        super().__init__(message)
        self.remedy = remedy


class ArrayScanner:
    """Takes a document in pieces (UTF-8, its line ends LF) and gives its records, each as one line.

    Attributes:
        records: Records so far.
    """

    def __init__(self, path: tuple[str, ...]) -> None:
        self._path = path
        self._rest = b""
        self._at = 0
        self._envelope = bytearray()
        self._stack: list[list[str | None]] = []
        """A list for each open container of the envelope: its current key, or nothing where it is an array."""
        self._key_next = False
        self._in_records = False
        self._found = False
        self._after_record = False
        self._after_comma = False
        self._depth = 0
        self._scanned = 0
        self._lines_before = 1
        self.records = 0

    def take(self, data: bytes, *, final: bool = False) -> Iterator[bytes]:
        """Takes the next bytes; the records that are complete.

        Raises:
            StructureError: see there.
        """
        self._lines_before += self._rest.count(b"\n", 0, self._at)
        self._rest = self._rest[self._at :] + data
        self._scanned -= self._at
        self._at = 0
        while self._in_records or self._step_envelope(final=final):
            if not self._in_records:
                continue
            record = self._next_record(final=final)
            if record is None:
                if self._in_records:
                    break
                continue
            self.records += 1
            if len(record) > MAX_RECORD_BYTES:
                raise self._too_long()
            yield record
        if len(self._rest) - self._at > MAX_RECORD_BYTES:
            raise self._too_long()
        if final:
            self._finish()

    def _too_long(self) -> StructureError:
        return StructureError(
            f"record {self.records + (self._in_records and not self._after_record)} is longer than "
            f"{MAX_RECORD_BYTES} bytes; probably a bracket or a quote is never closed"
        )

    def _finish(self) -> None:
        if self._in_records or self._stack:
            where = f"after record {self.records}" if self._found else "before the first record"
            raise StructureError(f"it is truncated: it ends {where}, before the document is complete")
        if not self._envelope and not self._rest.strip():
            raise StructureError("it is empty")
        self._keep(self._rest[self._at :].strip())
        try:
            msgspec.json.decode(bytes(self._envelope))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise StructureError(
                f"what is around its records is not JSON ({error}): {shown(bytes(self._envelope))}"
            ) from error
        if not self._found:
            raise StructureError(f"it has no array {self._place}: {shown(bytes(self._envelope))}")

    @property
    def _place(self) -> str:
        return f"at {'.'.join(self._path)!r}" if self._path else "at its top"

    def _keep(self, token: bytes) -> None:
        self._envelope += token
        if len(self._envelope) > MAX_ENVELOPE_BYTES:
            raise StructureError(
                f"it has more than {MAX_ENVELOPE_BYTES} bytes that are not records"
                + ("" if self._found else f", and no array {self._place} so far")
            )

    def _step_envelope(self, *, final: bool) -> bool:
        """Takes one token of what is around the records; False when the next one is not complete."""
        blanks = _BLANKS.match(self._rest, self._at)
        self._at = blanks.end() if blanks else self._at
        found = _ENVELOPE_TOKEN.match(self._rest, self._at)
        if found is None or (found.end() == len(self._rest) and not final and found[0][:1] not in b'{}[]:,"'):
            return False
        token = found[0]
        self._at = found.end()
        if token == b"[" and self._is_at_path():
            if self._found:
                raise StructureError(f"it has a second array {self._place}")
            self._found = self._in_records = True
            self._after_record = self._after_comma = False
            self._keep(b"[")
            return True
        # a blank keeps tokens apart that were apart
        self._keep(token + (b" " if token[:1] not in b'{}[]:,"' else b""))
        self._follow(token)
        return True

    def _follow(self, token: bytes) -> None:
        if token in (b"{", b"["):
            if not self._stack and len(self._envelope) > 1:
                raise StructureError(
                    f"in line {self.line()} another document begins, after record {self.records}",
                    "If it is one object a line, set format.type to jsonl; or ask the partner for one document a file.",
                )
            self._stack.append([None] if token == b"{" else [])
            self._key_next = token == b"{"
            if len(self._stack) > MAX_NESTING:
                raise StructureError(f"it is nested more than {MAX_NESTING} levels deep")
        elif token in (b"}", b"]"):
            if not self._stack:
                raise StructureError(f"a bracket is closed that was never opened, after record {self.records}")
            self._stack.pop()
            self._key_next = False
        elif token == b",":
            self._key_next = bool(self._stack and self._stack[-1])
        elif token[:1] == b'"' and self._key_next:
            try:
                self._stack[-1][0] = msgspec.json.decode(token, type=str)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise StructureError(f"a key is not JSON ({error}): {shown(token)}") from error
            self._key_next = False

    def _is_at_path(self) -> bool:
        return len(self._stack) == len(self._path) and all(
            container and container[0] == key for container, key in zip(self._stack, self._path, strict=True)
        )

    def _next_record(self, *, final: bool) -> bytes | None:
        """The next record; None when it is not complete, or the array has ended."""
        blanks = _BLANKS.match(self._rest, self._at)
        start = blanks.end() if blanks else self._at
        sign = self._rest[start : start + 1]
        if not sign:
            self._at = start
            return None
        if self._after_record and sign == b",":
            self._at, self._after_record, self._after_comma = start + 1, False, True
            return self._next_record(final=final)
        if sign == b"]" and not self._after_comma:
            self._at, self._in_records = start + 1, False
            self._keep(b"]")
            return None
        if self._after_record or sign not in _BEGINS:
            raise self._out_of_place(start)
        self._at = start
        end = self._end_of_brackets(start) if sign in b"{[" else self._end_of_scalar(start)
        if end is None:
            return None
        record = self._rest[start:end]
        self._at, self._after_record, self._after_comma = end, True, False
        return _LINE_BREAK.sub(LINE_BREAK, record) if b"\n" in record else record

    def line(self, at: int | None = None) -> int:
        """The document's line of a place, or of where the scanner is."""
        return self._lines_before + self._rest.count(b"\n", 0, self._at if at is None else at)

    def _out_of_place(self, start: int) -> StructureError:
        """What stands where a record should begin, or end."""
        where = f"after record {self.records} there"
        line = f"in line {self.line(start)}"
        sign, found = self._rest[start : start + 1], shown(self._rest[start : start + 20])
        if sign == b"]":
            return StructureError(f"{where} is a comma before the end of the array, {line}", _COMMAS)
        if sign == b"," and self._after_comma:
            return StructureError(f"{where} are two commas in a row, {line}", _COMMAS)
        if self._after_record:
            return StructureError(f"{where} is {found} where a comma or the array's end should be, {line}", _COMMAS)
        comment = " (JSON has no comments)" if sign == b"/" else ""
        return StructureError(f"{where} is {found}, which begins no JSON value{comment}, {line}", _COMMAS)

    def _end_of_scalar(self, start: int) -> int | None:
        found = _SCALAR.match(self._rest, start)
        return found.end() if found else None

    def _end_of_brackets(self, start: int) -> int | None:
        """Where the value that begins with a bracket ends. Takes up where it left off when there was too little."""
        at = max(self._scanned, start)
        depth = self._depth
        match, text = _TO_BRACKET.match, self._rest
        while found := match(text, at):
            at = found.end()
            if text[at - 1] in b"{[":
                depth += 1
            else:
                depth -= 1
                if depth == 0:
                    self._depth = self._scanned = 0
                    return at
        self._depth, self._scanned = depth, at
        return None
