"""Elements of an XML document at the record path → records, from the parser's events."""

from typing import Any
from xml.parsers import expat

from lakeferry.formats.json.records import MAX_NESTING, MAX_RECORD_BYTES
from lakeferry.formats.rejections import AGAIN, ERROR_PAGE

PAGE = "it is an HTML page and no data"
PAGE_REMEDY = f"{ERROR_PAGE} {AGAIN}"
MAX_ATTRIBUTES = 50_000
MAX_TAG_BYTES = 2 * 1024 * 1024
"""Of one tag or comment."""
MAX_MEMBERS = 20_000
"""Different elements and attributes of one element."""
MAX_NAMESPACE = 1024
"""Characters of a namespace's name, which stands before each element's."""
_XML = "http://www.w3.org/XML/1998/namespace"
_NIL = "http://www.w3.org/2001/XMLSchema-instance}nil"
_VALUE = "_VALUE"
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
        self._prefixes: dict[str, str] = {_XML: "xml"}
        """URI → the prefix that the document first gave it."""
        self._owners: dict[tuple[str, str], str] = {}
        """Element and attribute → URI of the one that has its plain name; of any two values one never takes the place
        of the other."""
        parser.StartNamespaceDeclHandler = self._namespace
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

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if len(uri or "") > MAX_NAMESPACE:
            raise RefusedError(f"it has a namespace whose name is longer than {MAX_NAMESPACE} characters")
        if prefix and uri:
            self._prefixes.setdefault(uri, prefix)

    def _members(self, tag: str, attributes: dict[str, str]) -> dict[str, Any]:
        """Attributes by their names without prefix, but where another of that name stands at such elements."""
        members: dict[str, Any] = {}
        # those without a prefix first: they keep their plain names
        for name, value in sorted(attributes.items(), key=_has_prefix) if len(attributes) > 1 else attributes.items():
            if name == _NIL:
                members[_NIL] = value
                continue
            uri, _, local = name.rpartition("}")
            owner = self._owners.setdefault((tag, local), uri)
            if owner != uri and (not uri or uri not in self._prefixes):
                raise RefusedError(
                    f"its <{tag}> has the attribute {local!r} with a prefix and, in another place, without it",
                    "Ask the partner for one of the two in all records.",
                )
            key = f"_{local}" if owner == uri else f"_{self._prefixes[uri]}:{local}"
            if key in members:
                raise RefusedError(f"its <{tag}> has two attributes that are {key[1:]!r}")
            members[key] = value
        if len(self._owners) > MAX_ATTRIBUTES:
            raise RefusedError(f"it has more than {MAX_ATTRIBUTES} different attributes: some of them must be data")
        return members

    def check_tag(self, byte: int) -> None:
        """Takes note of where the parser is.

        Raises:
            RefusedError: what began at the last event is a tag or a comment that is too long.
        """
        if byte - self.last_byte > MAX_TAG_BYTES:
            raise RefusedError(
                f"it has a tag or a comment that is longer than {MAX_TAG_BYTES} bytes",
                "Probably a quote or a comment is never closed. " + AGAIN,
            )

    # these three are called for each element: what nearly never happens is a comparison here, and a call where it does

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        byte = self._parser.CurrentByteIndex
        if byte - self.last_byte > MAX_TAG_BYTES:
            self.check_tag(byte)
        self.last_byte = byte
        name = tag.rpartition("}")[2]
        stack = self._stack
        if stack:
            if len(stack) >= MAX_NESTING:
                raise RefusedError(f"it has a record that is nested more than {MAX_NESTING} levels deep")
            if byte - self._start_byte > MAX_RECORD_BYTES:
                self._check_length()
            stack.append((name, self._members(name, attributes) if attributes else {}, []))
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
        stack.append((name, self._members(name, attributes) if attributes else {}, []))

    def _end(self, tag: str) -> None:
        byte = self._parser.CurrentByteIndex
        if byte - self.last_byte > MAX_TAG_BYTES:
            self.check_tag(byte)
        self.last_byte = byte
        if not self._stack:
            if self._outside:
                self._outside -= 1
            else:
                self._open.pop()
            return
        if byte - self._start_byte > MAX_RECORD_BYTES:
            self._check_length()
        name, members, texts = self._stack.pop()
        text = "".join(texts).strip(_XML_BLANKS)
        if self._stack:
            _add(self._stack[-1][1], name, _value(members, text) if members else text)
            return
        members.pop(_NIL, None)
        if text:
            _add(members, _VALUE, text)
        self.records.append(members)
        self.lines.append(self._start_line)

    def _text(self, text: str) -> None:
        self.last_byte = byte = self._parser.CurrentByteIndex
        if self._stack:
            if byte - self._start_byte > MAX_RECORD_BYTES:
                self._check_length()
            self._stack[-1][2].append(text)

    def _check_length(self) -> None:
        if self.last_byte - self._start_byte > MAX_RECORD_BYTES:
            raise RefusedError(
                f"it has a record that is longer than {MAX_RECORD_BYTES} bytes",
                "Set format.records to the path of the records; it may be the path of what is around them.",
            )


def _has_prefix(attribute: tuple[str, str]) -> bool:
    return "}" in attribute[0]


def _add(members: dict[str, Any], name: str, value: Any) -> None:  # noqa: ANN401  (any JSON value)
    if name not in members:
        if len(members) >= MAX_MEMBERS:
            raise RefusedError(f"it has an element with more than {MAX_MEMBERS} different members: some must be data")
        members[name] = value
    elif isinstance(found := members[name], list):
        # no value is a list itself: this is the one that was made for the second
        found.append(value)
    else:
        members[name] = [found, value]


def _value(members: dict[str, Any], text: str) -> Any:  # noqa: ANN401  (any JSON value)
    if members.pop(_NIL, None) in ("true", "1") and not text:
        return members or None
    if not members:
        return text
    if text:
        _add(members, _VALUE, text)
    return members
