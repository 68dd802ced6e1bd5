"""What a file that should be text is instead, told by how it begins: for all text formats.

A page with an error, a workbook or an archive has lines too, and without declared columns they would land as rows.
"""

import codecs
import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from lakeferry.decode.contents import NOT_READ, RARELY_SEEN, begins_office
from lakeferry.encodings import NEL, is_ebcdic
from lakeferry.errors import FileRejectedError
from lakeferry.formats.rejections import AGAIN, ERROR_PAGE, rejected, shown

LOOK_BYTES = 1024
_UNPACK = "Set decode to what it is packed with, or ask the partner for unpacked files."
_PLAIN = "Ask the partner for plain text."
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (
        b"PK\x03\x04",
        "a ZIP archive, or a document of Office",
        "If it is a workbook, set format.type to xlsx; else set decode to [zip].",
    ),
    (b"PK\x05\x06", "an empty ZIP archive", AGAIN),
    (b"\x1f\x8b", "gzip", _UNPACK),
    (b"BZh", "bzip2", _UNPACK),
    (b"\xfd7zXZ\x00", "xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "zstd", _UNPACK),
    *NOT_READ,
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Office document, such as .xls, or one with a password",
        "Ask the partner for .xlsx without a password, or for CSV.",
    ),
    (b"PAR1", "Parquet", "Set format.type to parquet."),
    (b"SQLite format 3\x00", "an SQLite database", _PLAIN),
    (b"-----BEGIN PGP MESSAGE", "an OpenPGP message", "Set decode to [pgp]."),
)
"""How it begins, what it is, what helps; the shortest has two bytes that no text of a table begins with."""
_TAR_AT = 257
"""Where the header of a tar says what it is."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MORE = (
    *RARELY_SEEN,
    (b"{\\rtf", "a text of Word (RTF)", _PLAIN),
    (b"%!PS", "PostScript", _PLAIN),
    (b"ARROW1\0\0", "Arrow (Feather)", "Ask the partner for Parquet, JSON Lines or CSV: Arrow is not read."),
    (b"Obj\x01", "Avro", "Ask the partner for Parquet, JSON Lines or CSV: Avro is not read."),
    (b"\x89PNG\r\n", "an image", _PLAIN),
    (b"GIF89a", "an image", _PLAIN),
    (b"\xff\xd8\xff", "an image", _PLAIN),
    (b"\x7fELF", "a program", _PLAIN),
)
_PAGE = re.compile(
    r"\s*+(?:(?><!--.*?-->)\s*+)*+(?:<!doctype\s+html|<(?:html|head|body)[\s>]"
    # a header may have a name such as <title>
    r"|<(?:meta|title|link|base|div|span|center|table|script|style|form|font|pre|h[1-6])(?:\s[^<>]*+)?>(?!\s*+[,;|]))",
    re.IGNORECASE | re.DOTALL,
)
"""Nothing is tried twice: thirty comments could be divided in 2^29 ways."""
_XML = re.compile(r"\s*(?:<\?xml[\s?]|<([A-Za-z_][\w.:-]*)(?:\s[^<>]*)?>\s*<[A-Za-z!?/])")
_JSON = re.compile(r'\s*(?:\[\s*)?\{\s*"[^"\n]*"\s*:')
Kind: TypeAlias = Literal["table", "records", "json", "xml"]
_WANTED = {"table": "text of a table", "records": "file of records", "json": "JSON", "xml": "XML"}


def known(
    start: bytes, signatures: Sequence[tuple[bytes, str, str]] = (*_SIGNATURES, *_MORE)
) -> tuple[str, str] | None:
    """What a file is that begins so, and what helps, where that is told by its first bytes."""
    if begins_office(start):
        return "a document of Office, such as a workbook", "If it is a workbook, set format.type to xlsx."
    for magic, what, remedy in signatures:
        if start.startswith(magic):
            return what, remedy
    if start[_TAR_AT:].startswith(b"ustar"):
        return "a tar archive", _UNPACK
    return None


class Sniffer:
    """Looks at the first bytes of one file.

    Args:
        name: What messages call it.
        kind: What it should be; XML begins as pages do, and tells its encoding itself. Records have numbers that are
            no text, with NULs, and may begin with one.
        quote: Of the values of a table; with another one, JSON may be a value.
    """

    def __init__(self, name: str, encoding: str, kind: Kind = "table", quote: str = '"') -> None:
        self._quote = quote
        self._name, self._encoding, self._kind = name, codecs.lookup(encoding).name, kind
        self._start: bytes | None = b""

    def take(self, data: bytes, *, final: bool = False) -> bytes:
        """Takes the next bytes, and gives them on once it is known what they are: no verdict depends on the pieces.

        Raises:
            FileRejectedError: it is something else.
        """
        if self._start is None:
            return data
        self._start += data
        if not final and len(self._start) < LOOK_BYTES:
            return b""
        start, self._start = self._start, None
        self._look(start[:LOOK_BYTES])
        return start

    def _look(self, start: bytes) -> None:
        found = known(start, _SIGNATURES if self._kind == "records" else (*_SIGNATURES, *_MORE))
        if found is not None:
            raise self._other(found[0], start, found[1])
        if self._kind == "xml" and start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
            raise self._other("JSON", start, "If the partner writes JSON, set format.type to json or jsonl.")
        if self._kind in {"xml", "records"}:
            return
        if not self._encoding.startswith(("utf-16", "utf-32")):
            self._refuse_wide(start)
        if self._kind == "table":
            text = start.decode(self._encoding, errors="replace").removeprefix("\ufeff")
            if _PAGE.match(text):
                raise self._other("an HTML page", start, f"{ERROR_PAGE} {AGAIN}")
            if _XML.match(text):
                raise self._other("XML", start, f"If the partner writes XML, set format.type to xml. {ERROR_PAGE}")

            self._refuse_next_lines(text, start)
            if self._quote == '"' and _JSON.match(text):
                what = "json" if text.lstrip().startswith("[") else "jsonl"
                raise self._other("JSON", start, f"If the partner writes JSON, set format.type to {what}.")

    def _refuse_next_lines(self, text: str, start: bytes) -> None:
        """EBCDIC's line end is a character like others in all other encodings: the whole file would be a header."""
        if NEL in text and not is_ebcdic(self._encoding) and "\n" not in text and "\r" not in text:
            raise rejected(
                self._name,
                f"its lines end with NEL (U+0085), as EBCDIC's do that a program has converted: it begins with "
                f"{shown(start[:40])}",
                "Ask the partner for LF at the end of lines, or for the EBCDIC as it is (format.encoding: cp037 or its "
                "kin).",
            )

    def _refuse_wide(self, start: bytes) -> None:
        for mark, encoding in _MARKS:
            if start.startswith(mark):
                raise self._other(f"{encoding.upper()}, by its mark", start, f"Set format.encoding to {encoding}.")
        even, odd = start[::2], start[1::2]
        for zeros, letters, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
            # a line of ASCII at least: anything may have a NUL here and there
            if len(zeros) > 3 and not zeros.strip(b"\0") and b"\0" not in letters:
                raise self._other("UTF-16 without its mark", start, f"Set format.encoding to {encoding}.")

    def _other(self, what: str, start: bytes, remedy: str) -> FileRejectedError:
        wanted = _WANTED[self._kind]
        return rejected(self._name, f"it is no {wanted} but {what}: it begins with {shown(start[:40])}", remedy)
