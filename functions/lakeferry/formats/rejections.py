"""The words with which readers refuse a file, where more than one format has them.

A message says which file, what is in it and where, and the one thing that helps.
"""

from lakeferry.errors import FileRejectedError

AGAIN = "Ask the partner to deliver it again."
SET_ENCODING = "Set format.encoding to what the partner writes."
ERROR_PAGE = "It may be an error page of the partner's server."
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


def nul_found(name: str, text: bytes, where: str, binary: str = _BINARY) -> FileRejectedError:
    """Text has a NUL character: either it is no text, or of another encoding.

    Args:
        text: What has it.
        binary: What to do where it is no UTF-16.
    """
    at = text.index(0)
    around = text[max(0, at - _NUL_AROUND) : at + _NUL_AROUND]
    return rejected(
        name, f"{where} has a NUL character, which no text has: {shown(around)}", _nul_remedy(text, at, binary)
    )


def _nul_remedy(text: bytes, at: int, binary: str) -> str:
    """By what stands around: letters and zeros by turns, nothing but zeros, or this and that."""
    wide = text[at : at + _NUL_AROUND]
    # a file that begins so was told before
    if len(wide) > 5 and not wide[::2].strip(b"\0") and b"\0" not in wide[1::2]:
        return "Part of it looks like UTF-16: ask the partner for one encoding in all of the file."
    if not text[at : at + _NUL_AROUND].strip(b"\0\n") and len(text) - at > 2:
        return f"Nothing but zeros stands there, as where a transfer to the partner's server broke off. {AGAIN}"
    return binary


def shown(text: bytes) -> str:
    """The beginning of a text, for messages."""
    return repr(text[:_SHOWN].decode(errors="replace"))
