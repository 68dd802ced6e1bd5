"""The words with which readers refuse a file, where more than one format has them.

A message says which file, what is in it and where, and the one thing that helps.
"""

from lakeferry.errors import FileRejectedError

AGAIN = "Ask the partner to deliver it again."
SET_ENCODING = "Set format.encoding to what the partner writes."
PERHAPS_UTF_16 = (
    "Ask the partner for text: it is binary data, such as packed decimals. If it is UTF-16, set format.encoding."
)
"""Where text has a NUL character."""
ERROR_PAGE = "It may be an error page of the partner's server."
_WIDE = "It looks like UTF-16: set format.encoding to utf-16-le or utf-16-be."
_BINARY = "It is binary data, such as packed decimals of a mainframe, and not UTF-16: ask the partner for text."
_NUL_AROUND = 16
_SHOWN = 120


def rejected(name: str, what: str, remedy: str) -> FileRejectedError:
    """A file as a whole is wrong: which, what, and what to do."""
    return FileRejectedError(f"{name}: {what}. {remedy}")


def not_text(name: str, encoding: str, error: UnicodeError, where: str) -> FileRejectedError:
    """Its bytes are not of the feed's encoding.

    Args:
        where: Such as `in line 7`.
    """
    reason = error.reason if isinstance(error, UnicodeDecodeError) else error
    return rejected(name, f"it is not {encoding} text ({reason}), {where}", SET_ENCODING)


def nul_found(name: str, text: bytes, where: str) -> FileRejectedError:
    """Text has a NUL character: either it is no text, or of another encoding.

    Args:
        text: What has it.
    """
    at = text.index(0)
    # zeros at every second place: the letters between them are of UTF-16
    around = text[max(0, at - _NUL_AROUND) : at + _NUL_AROUND]
    wide = max(around[start::2].count(0) for start in (0, 1)) * 2 >= len(around) - 2 and len(around) > 2
    remedy = _WIDE if wide else _BINARY
    return rejected(name, f"{where} has a NUL character, which no text has: {shown(around)}", remedy)


def shown(text: bytes) -> str:
    """The beginning of a text, for messages."""
    return repr(text[:_SHOWN].decode(errors="replace"))
