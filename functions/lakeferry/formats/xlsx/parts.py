"""One part of a workbook, parsed with expat while it is unpacked: no tree, no DTD, nothing fetched.

Strict and transitional OOXML differ in the namespaces' names only, so elements are known by their local names in the
namespace of the part's root.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, TypeAlias
from xml.parsers import expat

CHUNK_BYTES = 64 * 1024
MAX_TAG_BYTES = 1024 * 1024
"""Of one tag or comment; Excel writes a few hundred."""
MAX_NAMESPACE = 1024
"""Characters of a namespace's name, which stands before each element's."""
MAX_TEXT = 1024 * 1024
"""Characters of one text; Excel keeps 32,767."""
MAX_DEPTH = 64
"""Elements inside of each other."""

Attributes: TypeAlias = dict[str, str]


class BrokenError(Exception):
    """A part is not what it should be; the message says which, and why."""


class LimitError(Exception):
    """A part has more of something than is read; the message says of what."""


class Elements:
    """What is done with a part's elements: handlers by local name, of those in the root's namespace."""

    root: frozenset[str] = frozenset()
    """Local names that the root may have."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._collecting = False
        self._depth = 0
        self._starts: dict[str, Callable[[Attributes], object]] = {}
        self._ends: dict[str, Callable[[], object]] = {}

    def starts(self) -> Mapping[str, Callable[[Attributes], object]]:
        """Local name → what is done when it begins."""
        raise NotImplementedError

    def ends(self) -> Mapping[str, Callable[[], object]]:
        """Local name → what is done when it ends."""
        raise NotImplementedError

    def other(self, local: str) -> None:
        """Looks at the name of an element that has no handler."""

    def attach(self, parser: expat.XMLParserType) -> None:
        """Takes the parser's events."""
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._pieces.append

    def collect(self) -> None:
        """Keeps text from here on."""
        self._pieces.clear()
        self._collecting = True

    def collected(self) -> str:
        """The text since then."""
        self._collecting = False
        return "".join(self._pieces)

    def check_text(self) -> None:
        """Drops text that nobody asked for.

        Raises:
            LimitError: the text that somebody asked for is too long.
        """
        if not self._collecting:
            self._pieces.clear()
        elif sum(map(len, self._pieces)) > MAX_TEXT:
            raise LimitError(f"it has a text of more than {MAX_TEXT:,} characters, where Excel keeps 32,767")

    def _start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise LimitError(f"its elements are nested more than {MAX_DEPTH} levels deep")
        found = self._starts.get(name)
        if found is not None:
            found(attributes)
        elif self._starts:
            self.other(name.rpartition("}")[2])
        else:
            self._begin(name)

    def _end(self, name: str) -> None:
        self._depth -= 1
        found = self._ends.get(name)
        if found is not None:
            found()

    def _begin(self, name: str) -> None:
        space, brace, local = name.rpartition("}")
        if local not in self.root:
            raise BrokenError(f"its root is <{local}>")
        self._starts = {f"{space}{brace}{each}": handler for each, handler in self.starts().items()}
        self._ends = {f"{space}{brace}{each}": handler for each, handler in self.ends().items()}


class Runs(Elements):
    """Texts made of runs (`<is>`, `<si>`): what `<t>` has, without what tells how it is pronounced."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[str] | None = None
        self._phonetic = 0

    def starts(self) -> Mapping[str, Callable[[Attributes], object]]:
        return {"t": self._start_text, "rPh": self._start_phonetic}

    def ends(self) -> Mapping[str, Callable[[], object]]:
        return {"t": self._end_text, "rPh": self._end_phonetic}

    def begin_runs(self) -> None:
        """Keeps runs from here on."""
        if self._runs is not None:
            raise BrokenError("a text begins within another")
        self._runs = []

    def take_runs(self) -> str:
        """The text since then."""
        runs, self._runs = self._runs, None
        text = "".join(runs or ())
        if len(text) > MAX_TEXT:
            raise LimitError(f"it has a text of more than {MAX_TEXT:,} characters, where Excel keeps 32,767")
        return text

    def _start_phonetic(self, _: Attributes) -> None:
        self._phonetic += 1

    def _end_phonetic(self) -> None:
        self._phonetic -= 1

    def _start_text(self, _: Attributes) -> None:
        if self._collecting:
            raise BrokenError("a text begins within another")
        if self._runs is not None and not self._phonetic:
            self.collect()

    def _end_text(self) -> None:
        if self._collecting and self._runs is not None:
            self._runs.append(self.collected())


def parsed(name: str, part: IO[bytes], elements: Elements) -> Iterator[None]:
    """Hands a part's elements on, a piece of it at a time.

    Raises:
        BrokenError: it is no XML, or not what the elements should be.
        LimitError: it has more than is read.
    """
    parser = expat.ParserCreate(None, "}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartNamespaceDeclHandler = _check_namespace
    elements.attach(parser)
    size = 0
    try:
        while chunk := part.read(CHUNK_BYTES):
            parser.Parse(chunk, False)
            size += len(chunk)
            if size - parser.CurrentByteIndex > MAX_TAG_BYTES:
                raise LimitError(f"it has a tag or a comment of more than {MAX_TAG_BYTES:,} bytes")
            elements.check_text()
            yield
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset + 1}"
        raise BrokenError(f"its part {name} is not well-formed: {expat.ErrorString(error.code)} in {where}") from error
    except BrokenError as error:
        raise BrokenError(f"its part {name}: {error}") from error
    except LimitError as error:
        raise LimitError(f"{error} (in its part {name}, line {parser.CurrentLineNumber})") from error
    except (LookupError, ValueError) as error:
        raise BrokenError(f"its part {name} cannot be read: {error}") from error
    yield


def _refuse_doctype(*_: Any) -> None:  # noqa: ANN401
    raise BrokenError("it has a DOCTYPE, which no workbook has: entities can make a small file endless")


def _check_namespace(_: str | None, uri: str | None) -> None:
    if len(uri or "") > MAX_NAMESPACE:
        raise LimitError(f"it has a namespace whose name is longer than {MAX_NAMESPACE} characters")
