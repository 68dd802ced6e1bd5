"""Remote names: the bytes a server has, and the text the rest of the code has.

What is not of the feed's encoding still has to be listed, kept in the ledger and asked for again: each such byte
becomes one character from U+EF80 to U+EFFF, a private range that MirBSD's OPTU encodings use for the same. The text
is valid everywhere (JSON, DynamoDB, S3), and becomes the same bytes again.
"""

import codecs
import re

_ESCAPES = 0xEF00
_ESCAPED = re.compile("([\uef80-\uefff]+)")


def decode_name(name: bytes, encoding: str) -> str:
    """The name as text; never fails for an encoding that Python knows."""
    text = name.decode(encoding, _ERRORS)
    if _ESCAPED.search(text) is None or encode_name(text, encoding) == name:
        return text
    # the name has characters of that range itself: no byte but ASCII's is taken for a character
    return "".join(chr(byte) if byte < 0x80 else chr(_ESCAPES + byte) for byte in name)


def encode_name(name: str, encoding: str) -> bytes:
    """The bytes the server has for it.

    Raises:
        UnicodeEncodeError: the name did not come from `decode_name` and the encoding does not have its characters.
    """
    return b"".join(
        bytes(ord(character) - _ESCAPES for character in part) if index % 2 else part.encode(encoding)
        for index, part in enumerate(_ESCAPED.split(name))
    )


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    if any(byte < 0x80 for byte in wrong):  # of an encoding like Shift JIS: one byte at a time
        wrong = wrong[:1]
    return "".join(chr(byte) if byte < 0x80 else chr(_ESCAPES + byte) for byte in wrong), error.start + len(wrong)


_ERRORS = "lakeferry.name"
codecs.register_error(_ERRORS, _escape)
