"""Which encoding an XML document is of: the feed's word, else its mark, else its declaration; never a guess.

Expat would follow the declaration against a mark, and garble the text; it knows no encoding of more than one byte but
UTF-8 and UTF-16. So it always gets UTF-8, and this module says what is decoded before.
"""

import codecs
import re

from lakeferry.encodings import is_ebcdic
from lakeferry.feeds.names import encoding_problems
from lakeferry.formats.rejections import SET_ENCODING, rejected
from lakeferry.formats.xml.elements import RefusedError

UTF_8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WITHOUT_MARK = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    ("<?xml".encode("cp037"), "cp037"),
)
"""How `<` begins a document in encodings of which ASCII is no part; EBCDIC has it in one place in all its pages."""
_ASCII, _BLANK, _LINE_BLANKS = 0x7F, 0x20, b"\t\n\r"
_DECLARED = re.compile(r"\ufeff?<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([^\"'>]*)[\"']", re.DOTALL)


def encoding_of(name: str, start: bytes, given: str) -> str:
    """What the document is to be decoded from.

    Args:
        name: What messages call the file.
        start: How it begins; its declaration is within.
        given: `format.encoding`, which wins over a declaration; empty for none.

    Raises:
        FileRejectedError: mark, declaration and feed name different ones, or one that is not known.
    """
    mark = next((found for sign, found in _MARKS if start.startswith(sign)), None)
    if given:
        if mark is not None and _family(given) != _family(mark):
            raise rejected(
                name,
                f"it begins with the mark of {mark.upper()}, and format.encoding is {given}",
                f"Set format.encoding to {mark}, or leave it out.",
            )
        return given
    shape = mark or next((found for sign, found in _WITHOUT_MARK if start.startswith(sign)), None)
    text = start.decode(shape or "latin-1", errors="ignore")
    found = _DECLARED.match(text)
    if found is None:
        if shape is not None and is_ebcdic(shape):
            raise rejected(name, "it is EBCDIC and does not declare which", SET_ENCODING)
        return shape or UTF_8
    declared = found[1]
    if _family(declared) != _family(shape or declared) or (shape is None and _is_wide(declared)):
        is_what = f"begins with the mark of {mark.upper()}" if mark else f"begins as {_called(shape)} does"
        raise rejected(
            name,
            f"it declares the encoding {declared!r}, and {is_what}",
            f"Set format.encoding to {shape or UTF_8}, or to what the partner writes: it wins over the declaration.",
        )
    if shape is not None and not is_ebcdic(shape):
        return shape
    if [*encoding_problems("", declared)]:
        raise rejected(name, f"it declares the encoding {declared!r}, which is not known here", SET_ENCODING)
    return declared


def refuse_sign(piece: bytes, at: int) -> None:
    """Tells bytes that are no text, and signs that XML cannot have, from a broken document: a parser does not.

    Args:
        piece: What the parser gave up on, which should be UTF-8.
        at: Where in it; that may be in an earlier piece.

    Raises:
        UnicodeDecodeError: what stands there is not UTF-8.
        RefusedError: it is a control character.
    """
    if not 0 <= at < len(piece):
        return
    if piece[at] > _ASCII:
        try:
            piece[at:].decode(UTF_8)
        except UnicodeDecodeError as error:
            if not error.start:
                raise
    elif piece[at] < _BLANK and piece[at : at + 1] not in _LINE_BLANKS:
        raise RefusedError(
            f"it has the control character 0x{piece[at]:02x}, which XML has none of",
            "Ask the partner for text without it." if piece[at] else "Ask the partner for text: this is binary.",
        )


def _family(encoding: str) -> str:
    """The same for encodings of which one may be declared where the other is meant."""
    plain = re.sub(r"[^a-z0-9]", "", encoding.lower()).removeprefix("iso10646")
    for begins, family in (("utf16", "utf-16"), ("ucs2", "utf-16"), ("utf32", "utf-32"), ("ucs4", "utf-32")):
        if plain.startswith(begins):
            return family
    if plain.startswith("utf8") or plain in {"ascii", "usascii"}:
        return UTF_8
    try:
        return "ebcdic" if is_ebcdic(encoding) else plain
    except (LookupError, ValueError):
        return plain


def _is_wide(encoding: str) -> bool:
    return _family(encoding) in {"utf-16", "utf-32", "ebcdic"}


def _called(shape: str | None) -> str:
    if shape is None:
        return "text of 8 bits"
    return "EBCDIC" if is_ebcdic(shape) else shape.upper()
