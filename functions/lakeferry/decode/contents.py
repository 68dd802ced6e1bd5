"""What a file is whose name or feed says something else: by its first bytes, with the one thing that helps.

Here the wrapping is wrong. `formats/sniffing.py` adds what is read, for files that should be text.
"""

import re

from lakeferry.decode.stream import DELIVER_AGAIN, Input
from lakeferry.decode.zip_records import LOCAL, LONGEST_END, is_last_volume

NOT_READ: tuple[tuple[bytes, str, str], ...] = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Ask the partner for ZIP or gzip: 7z is not read."),
    (b"Rar!\x1a\x07", "a RAR archive", "Ask the partner for ZIP or gzip: RAR is not read."),
    (b"\x1f\x9d", "packed with compress (.Z)", "Ask the partner for gzip: .Z is not read."),
    (b"%PDF-", "a PDF", "Ask the partner for the data itself."),
)
"""How it begins, what it is, what helps; also of files that should be text."""
RARELY_SEEN: tuple[tuple[bytes, str, str], ...] = (
    (b"]\0\0", "packed with lzma, the forerunner of xz", "Ask the partner for xz: .lzma is not read."),
    (b"LZIP\1", "packed with lzip", "Ask the partner for xz or gzip: lzip is not read."),
    (b"\x02\x21\x4c\x18", "lz4's legacy format", "Ask the partner for lz4 without -l: only its frame format is read."),
    (b"MSCF\0", "a Windows cabinet", "Ask the partner for ZIP or gzip: .cab is not read."),
    (
        b"MZ\x90\0",
        "a program for Windows, perhaps an archive that unpacks itself",
        "Ask the partner for a plain ZIP archive.",
    ),
)
_SEVEN_ZIP, _RAR, _COMPRESS = (magic for magic, _, _ in NOT_READ[:3])
_PAGE = re.compile(rb"\s*(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE)
_OFFICE = (b"[Content_Types].xml", b"_rels/.rels", b"docProps/", b"xl/", b"word/", b"ppt/", b"customXml/")
"""Names with which Excel and those that write like it begin a document."""
_OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis."
_LOCAL_BYTES = 30


def known_content(first: bytes) -> tuple[str, str] | None:
    """What the content is, and what helps; None where it is nothing that is known here."""
    if not first:
        return "empty", DELIVER_AGAIN
    for magic, what, advice in (*NOT_READ, *RARELY_SEEN):
        if first.startswith(magic):
            return what, advice
    if _PAGE.match(first):
        return "an HTML page", f"It may be an error page of the partner's server. {DELIVER_AGAIN}"
    return None


def packed_in_vain(name: str, first: bytes) -> tuple[str, str] | None:
    """What a file is packed with that nothing here unpacks, and what helps, whatever its format should be.

    The two bytes of .Z may begin a record of packed decimals, so its name has to say the same.
    """
    is_packed = first.startswith((_SEVEN_ZIP, _RAR)) or (name.lower().endswith(".z") and first.startswith(_COMPRESS))
    return known_content(first) if is_packed else None


def ends_as_last_volume(source: Input) -> bool:
    """Whether a file that does not begin as a ZIP archive ends one that was split. Takes the file to its end."""
    tail = b""
    while piece := source.read(LONGEST_END):
        tail = (tail + piece)[-LONGEST_END:]
    return is_last_volume(tail)


def begins_office(first: bytes) -> bool:
    """Whether content is a document of Office, such as a workbook, which is ZIP inside and no archive of files."""
    name = first[_LOCAL_BYTES:]
    return first.startswith(LOCAL) and name.startswith((*_OFFICE, _OPEN_DOCUMENT))
