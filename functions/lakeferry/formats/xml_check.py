"""XML: the elements at a record path, each as one line of JSON.

Read with expat as it comes in: no tree, no DTD, no entities but the five of XML, nothing fetched. The names are
those of Spark's and Glue's XML readers: attributes get a leading `_`, text beside attributes or elements is `_VALUE`.
"""

import codecs
from typing import Any
from xml.parsers import expat

from lakeferry.errors import FileRejectedError
from lakeferry.formats.formats import Reading
from lakeferry.formats.json_check import AGAIN, JsonLanding
from lakeferry.formats.json_records import MAX_NESTING, MAX_RECORD_BYTES, encode
from lakeferry.formats.landing import rejected

_NIL = "http://www.w3.org/2001/XMLSchema-instance}nil"
_RECORDS_AT_ONCE = 2048
_LOOK_BYTES = 256
_PAGE_START = b"<!doctype html"
_PAGE = "it is an HTML page and no data"
_PAGE_REMEDY = f"It may be an error page of the partner's server. {AGAIN}"
_XML_BLANKS = " \t\n\r"


class XmlCheck(JsonLanding):
    """An XML document whose elements at `format.records` are the records."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        encoding = codecs.lookup(reading.feed.format.encoding).name
        # the document says its encoding itself; another than UTF-8 in the feed is taken instead
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("strict")
        self._parser = expat.ParserCreate(None if self._decoder is None else "utf-8", "}")
        self._parser.buffer_text = True
        self._parser.ordered_attributes = False
        self._elements = _Elements(self._parser, (reading.feed.format.records or "").strip("/").split("/"))
        self._bytes = 0
        self._beginning = b""

    def feed(self, data: bytes) -> None:
        """Takes the next decoded bytes.

        Raises:
            FileRejectedError: it is not well-formed, has a DTD, or is nested or long beyond the limits.
        """
        self._parse(data, final=False)

    def finish(self) -> None:
        """Ends the document.

        Raises:
            FileRejectedError: as `feed`; or it ends too early, or its root is not the record path's.
        """
        self._parse(b"", final=True)

    def _parse(self, data: bytes, *, final: bool) -> None:
        elements = self._elements
        try:
            text = data if self._decoder is None else self._decoder.decode(data, final).encode()
            self._bytes += len(text)
            if len(self._beginning) < _LOOK_BYTES:
                self._beginning += text[:_LOOK_BYTES]
            self._parser.Parse(text, final)
        except expat.ExpatError as error:
            self._land()
            raise self._not_well_formed(error, final=final) from error
        except UnicodeError as error:
            self._land()
            raise rejected(
                self.name, f"it is not {self.reading.feed.format.encoding} text ({error})", "Check format.encoding."
            ) from error
        except (LookupError, ValueError) as error:
            raise rejected(
                self.name, f"its encoding cannot be read ({error})", "Set format.encoding to what the partner writes."
            ) from error
        except _RefusedError as error:
            self._land()
            raise rejected(self.name, f"{error}, in line {self._parser.CurrentLineNumber}", error.remedy) from error
        if not final and self._bytes - elements.last_byte > MAX_RECORD_BYTES:
            raise rejected(
                self.name,
                f"in or after line {self._parser.CurrentLineNumber} something is longer than {MAX_RECORD_BYTES} bytes",
                "Probably a quote or a comment is never closed. " + AGAIN,
            )
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
            return rejected(self.name, _PAGE, _PAGE_REMEDY)
        where = f"line {error.lineno}, column {error.offset + 1}, after record {self.rows_read}"
        if final:
            return rejected(self.name, f"it is truncated: it ends in {where}, amid the document", AGAIN)
        return rejected(
            self.name,
            f"it is not well-formed XML: {expat.ErrorString(error.code)} in {where}",
            f"{AGAIN} If its encoding is not the one it declares, set format.encoding.",
        )


class _RefusedError(Exception):
    """The document has something that is never taken."""

    def __init__(self, what: str, remedy: str = AGAIN) -> None:
        super().__init__(what)
        self.remedy = remedy


class _Elements:
    """Builds the records from the parser's events.

    Attributes:
        records: Complete ones.
        lines: The line on which each begins.
        last_byte: Where the last event was.
    """

    def __init__(self, parser: expat.XMLParserType, path: list[str]) -> None:
        self.records: list[dict[str, Any]] = []
        self.lines: list[int] = []
        self.last_byte = 0
        self._parser, self._path = parser, path
        self._open: list[str] = []
        """Names of the open elements down to the record."""
        self._outside = 0
        """Open elements that lead to no record."""
        self._stack: list[tuple[str, dict[str, Any], list[str]]] = []
        """Name, members and text of each open element within the record."""
        self._start_byte = self._start_line = 0
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, name: str, *_: object) -> None:
        if name.lower() == "html":
            raise _RefusedError(_PAGE, _PAGE_REMEDY)
        raise _RefusedError(
            "it has a DOCTYPE, which is never taken: entities can make a small file endless",
            "Ask the partner for XML without a document type definition.",
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.last_byte = self._parser.CurrentByteIndex
        name = tag.rpartition("}")[2]
        if self._stack:
            if len(self._stack) >= MAX_NESTING:
                raise _RefusedError(f"it has a record that is nested more than {MAX_NESTING} levels deep")
            self._check_length()
            self._stack.append((name, _members(attributes), []))
            return
        depth = len(self._open)
        if self._outside or self._path[depth] not in (name, "*"):
            if not depth and not self._outside:
                raise _RefusedError(
                    f"its root is <{name}> and format.records is {'/'.join(self._path)!r}",
                    "Set format.records to the path of the records, or ask the partner.",
                )
            self._outside += 1
            if self._outside > MAX_NESTING:
                raise _RefusedError(f"it is nested more than {MAX_NESTING} levels deep")
            return
        if depth + 1 < len(self._path):
            self._open.append(name)
            return
        self._start_byte = self.last_byte
        self._start_line = self._parser.CurrentLineNumber
        self._stack.append((name, _members(attributes), []))

    def _end(self, tag: str) -> None:
        self.last_byte = self._parser.CurrentByteIndex
        if not self._stack:
            if self._outside:
                self._outside -= 1
            else:
                self._open.pop()
            return
        self._check_length()
        name, members, texts = self._stack.pop()
        text = "".join(texts).strip(_XML_BLANKS)
        if self._stack:
            parent = self._stack[-1][1]
            value = _value(members, text)
            parent[name] = [*_several(parent[name]), value] if name in parent else value
            return
        nothing = members.pop(_NIL, None)
        if text and nothing is None:
            members["_VALUE"] = text
        self.records.append(members)
        self.lines.append(self._start_line)

    def _text(self, text: str) -> None:
        self.last_byte = self._parser.CurrentByteIndex
        if self._stack:
            self._check_length()
            self._stack[-1][2].append(text)

    def _check_length(self) -> None:
        if self.last_byte - self._start_byte > MAX_RECORD_BYTES:
            raise _RefusedError(
                f"it has a record that is longer than {MAX_RECORD_BYTES} bytes",
                "Set format.records to the path of the records; it may be the path of what is around them.",
            )


def _several(value: Any) -> list[Any]:  # noqa: ANN401  (any JSON value)
    return value if isinstance(value, list) else [value]


def _members(attributes: dict[str, str]) -> dict[str, Any]:
    return {
        (_NIL if name.endswith(_NIL) else "_" + name.rpartition("}")[2]): value for name, value in attributes.items()
    }


def _value(members: dict[str, Any], text: str) -> Any:  # noqa: ANN401  (any JSON value)
    if members.pop(_NIL, None) in ("true", "1"):
        return members or None
    if not members:
        return text
    if text:
        members["_VALUE"] = text
    return members
