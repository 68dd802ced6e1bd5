"""Names that the IANA time zone database and Python's codecs know."""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from lakeferry.encodings import nearest

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")
_ENCODING = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}")
_NOT_OF_TEXT = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
"""Python lists them among the encodings of text, but they write names for DNS, source code, or nothing at all."""


def zone_problems(path: str, zone: str) -> Iterator[str]:
    """A sentence if there is no such time zone."""
    try:
        # without the form the name is a path below the database: a folder, or one of 5,000 characters
        known = _ZONE.fullmatch(zone) is not None and bool(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        known = False
    if not known:
        yield f"{path}: {_short(zone)} is not a time zone of the IANA database"


def encoding_problems(path: str, encoding: str) -> Iterator[str]:
    """A sentence if there is no such encoding of text."""
    try:
        known = (
            _ENCODING.fullmatch(encoding) is not None
            and encoding.lower().replace("-", "_") not in _NOT_OF_TEXT
            and "a".encode(encoding).decode(encoding) == "a"
        )
    except (LookupError, ValueError):
        known = False
    if not known:
        near = nearest(encoding)
        hint = f"; {near} is the same but for the euro sign" if near else ""
        yield f"{path}: {_short(encoding)} is not an encoding of text Python knows{hint}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
