"""The ZIP archive that a workbook is: its parts, found as lenient readers find them, and which sheets it has.

Names are compared without case and with either slash, as Excel does it; a part that is there twice is refused.
"""

import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from lakeferry.formats.xlsx.parts import Attributes, BrokenError, Elements, LimitError, parsed

MAX_UNPACKED_BYTES = 4 * 1024 * 1024 * 1024
"""Of all parts that are read: a sheet of a million rows and 30 columns has about 2 GB of XML."""
MAX_TEXTS_BYTES = 256 * 1024 * 1024
"""Of the part with the texts that cells share, which is in memory as a whole."""
MAX_PART_BYTES = 32 * 1024 * 1024
"""Of each other part that is read: the list of sheets, the styles. Excel takes 65,490 styles, in some 10 MB."""
MAX_RATIO = 250
"""Spreadsheets pack 5 to 30 times."""
FREE_BYTES = 64 * 1024 * 1024
MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
"""Of the list of parts: some 60,000 of them."""
MAX_SHEETS = 10_000
MAX_RELATIONS = 100_000
_CONTENT_TYPES = "[content_types].xml"
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
"""What zipfile raises on broken archives."""


class NoWorkbookError(Exception):
    """It is a ZIP archive and no workbook; the message says what it lacks, or is."""


@dataclass(frozen=True, slots=True)
class Book:
    """What the workbook's own part says.

    Attributes:
        sheets: Name → part, in the order that Excel shows; charts are not among them.
        shared_texts, styles: Their parts; None where it has none.
        counts_from_1904: Days are counted from 1904, not 1900.
    """

    sheets: Mapping[str, str]
    shared_texts: str | None
    styles: str | None
    counts_from_1904: bool


class Package:
    """Opens the parts.

    Args:
        packed: Bytes of the file, by which a bomb is known.
    """

    def __init__(self, file: IO[bytes], packed: int) -> None:
        """
        Raises:
            BrokenError: it is no ZIP archive, or a broken one.
            NoWorkbookError: it is another ZIP archive.
        """
        self._packed, self._unpacked = packed, 0
        with _unzipping():
            self._archive = zipfile.ZipFile(_Careful(file))
        self._parts: dict[str, zipfile.ZipInfo] = {}
        self._twice: set[str] = set()
        for part in self._archive.infolist():
            name = _folded(part.filename)
            if name in self._parts:
                self._twice.add(name)
            self._parts[name] = part
        if _CONTENT_TYPES not in self._parts:
            raise NoWorkbookError("it is a ZIP archive and no XLSX workbook")

    def book(self) -> Book:
        """Which parts the workbook has.

        Raises:
            NoWorkbookError: it has no part that is a workbook.
        """
        main = next((target for kind, target in self._related("").values() if kind == "officedocument"), "")
        main = main if _folded(main) in self._parts else "xl/workbook.xml"
        if _folded(main) not in self._parts:
            raise NoWorkbookError("it is a document of Office and no XLSX workbook")
        if _folded(main).endswith(".bin"):
            raise NoWorkbookError("it is a binary workbook, .xlsb, and no .xlsx")
        found = _WorkbookPart()
        self.read(main, found)
        related = self._related(main)
        sheets: dict[str, str] = {}
        for name, key in found.sheets:
            kind, target = related.get(key, ("", ""))
            if kind == "worksheet":
                if name in sheets:
                    raise BrokenError(f"it has two sheets of the name {name!r}")
                sheets[name] = target
        shared, styles = (self._beside(main, related, kind) for kind in ("sharedStrings", "styles"))
        return Book(sheets, shared, styles, found.counts_from_1904)

    def _beside(self, main: str, related: Mapping[str, tuple[str, str]], kind: str) -> str | None:
        """A part that the workbook refers to, or that lies where Excel puts it."""
        named = {target for found, target in related.values() if found == kind.lower()}
        if len(named) > 1:
            raise BrokenError(f"it has more than one part of {kind}")
        target = next(iter(named), f"{main.rpartition('/')[0]}/{kind}.xml")
        return target if _folded(target) in self._parts else None

    def read(self, name: str, elements: Elements, limit: int = 0) -> None:
        """Reads a part as a whole."""
        for _ in self.parsed(name, elements, limit=limit or MAX_PART_BYTES):
            pass

    def parsed(self, name: str, elements: Elements, *, limit: int = 0) -> Iterator[None]:
        """Reads a part piece by piece.

        Raises:
            BrokenError: it is not there, or broken.
            LimitError: it is a bomb, or too big.
        """
        part = self._parts.get(_folded(name))
        if part is None:
            raise BrokenError(f"it lacks its part {name}")
        if _folded(name) in self._twice:
            raise BrokenError(f"it has its part {name} twice")
        if part.compress_type not in _METHODS or part.flag_bits & 1:
            raise BrokenError(f"its part {name} is packed or encrypted in a way that no workbook is")
        self._check_size(part, limit)
        with _unzipping(), self._archive.open(part) as source:
            yield from parsed(name, source, elements)

    def _check_size(self, part: zipfile.ZipInfo, limit: int) -> None:
        self._unpacked += part.file_size
        if self._unpacked > MAX_UNPACKED_BYTES or self._unpacked > max(FREE_BYTES, MAX_RATIO * self._packed):
            raise LimitError(f"it unpacks to {self._unpacked} bytes: a decompression bomb, or not data")
        if limit and part.file_size > limit:
            raise LimitError(
                f"its part {part.filename}, beside its sheets, has {part.file_size} bytes, and {limit} are read"
            )

    def _related(self, name: str) -> Mapping[str, tuple[str, str]]:
        """Id → kind, in lower case, and part of what a part refers to; without a name: of the package itself."""
        folder, _, file = name.rpartition("/")
        relations = posixpath.join(folder, "_rels", f"{file}.rels")
        if _folded(relations) not in self._parts:
            return {}
        found = _Relations(folder)
        self.read(relations, found)
        return found.by_id


class _Relations(Elements):
    """A part of relationships."""

    root = frozenset({"Relationships"})

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder
        self.by_id: dict[str, tuple[str, str]] = {}

    def starts(self) -> Mapping[str, Callable[[Attributes], object]]:
        return {"Relationship": self._relation}

    def ends(self) -> Mapping[str, Callable[[], object]]:
        return {}

    def _relation(self, attributes: Attributes) -> None:
        if attributes.get("TargetMode") == "External":
            return
        if len(self.by_id) >= MAX_RELATIONS:
            raise LimitError(f"it refers to more than {MAX_RELATIONS:,} parts")
        target = attributes.get("Target", "").replace("\\", "/")
        path = target if target.startswith("/") else posixpath.join("/", self._folder, target)
        kind = attributes.get("Type", "").rpartition("/")[2].lower()
        self.by_id[attributes.get("Id", "")] = kind, posixpath.normpath(path).lstrip("/")


class _WorkbookPart(Elements):
    """The part that lists the sheets."""

    root = frozenset({"workbook"})

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[tuple[str, str]] = []
        self.counts_from_1904 = False

    def starts(self) -> Mapping[str, Callable[[Attributes], object]]:
        return {"sheet": self._sheet, "workbookPr": self._properties}

    def ends(self) -> Mapping[str, Callable[[], object]]:
        return {}

    def _properties(self, attributes: Attributes) -> None:
        self.counts_from_1904 = attributes.get("date1904", "") in {"1", "true"}

    def _sheet(self, attributes: Attributes) -> None:
        if len(self.sheets) >= MAX_SHEETS:
            raise LimitError(f"it has more than {MAX_SHEETS:,} sheets")
        key = next((value for name, value in attributes.items() if name.endswith("}id")), "")
        self.sheets.append((attributes.get("name", ""), key))


class _Careful:
    """A file of which nothing large is read at once: zipfile reads the list of parts as a whole, however long it is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, lambda: None

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of parts is longer than {MAX_DIRECTORY_BYTES:,} bytes")
        return self._file.read(MAX_DIRECTORY_BYTES if size < 0 else size)


@contextmanager
def _unzipping() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise BrokenError(f"{type(error).__name__}: {error}") from error


def _folded(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
