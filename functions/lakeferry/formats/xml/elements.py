"""Elements of an XML document at the record path → records, from the parser's events."""

from typing import Any
from xml.parsers import expat

from lakeferry.formats.json.records import MAX_NESTING, MAX_RECORD_BYTES
from lakeferry.formats.rejections import AGAIN, ERROR_PAGE

PAGE = "it is an HTML page and no data"
PAGE_REMEDY = f"{ERROR_PAGE} {AGAIN}"
_NIL = "http://www.w3.org/2001/XMLSchema-instance}nil"
_XML_BLANKS = " \t\n\r"


class RefusedError(Exception):
    """The document has something that is never taken."""

    def __init__(self, what: str, remedy: str = AGAIN) -> None:
        super().__init__(what)
        self.remedy = remedy


class Elements:
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
            raise RefusedError(PAGE, PAGE_REMEDY)
        raise RefusedError(
            "it has a DOCTYPE, which is never taken: entities can make a small file endless",
            "Ask the partner for XML without a document type definition.",
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.last_byte = self._parser.CurrentByteIndex
        name = tag.rpartition("}")[2]
        if self._stack:
            if len(self._stack) >= MAX_NESTING:
                raise RefusedError(f"it has a record that is nested more than {MAX_NESTING} levels deep")
            self._check_length()
            self._stack.append((name, _members(attributes), []))
            return
        depth = len(self._open)
        if self._outside or self._path[depth] not in (name, "*"):
            if not depth and not self._outside:
                raise RefusedError(
                    f"its root is <{name}> and format.records is {'/'.join(self._path)!r}",
                    "Set format.records to the path of the records, or ask the partner.",
                )
            self._outside += 1
            if self._outside > MAX_NESTING:
                raise RefusedError(f"it is nested more than {MAX_NESTING} levels deep")
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
            raise RefusedError(
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
