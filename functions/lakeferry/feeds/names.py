"""Names that the IANA time zone database and Python's codecs know, and formats of dates."""

import re
from collections import Counter
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from lakeferry.encodings import nearest

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")
_ENCODING = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}")
_NOT_OF_TEXT = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
"""Python lists them among the encodings of text, but they write names for DNS, source code, or nothing at all."""
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
DATE_DIRECTIVES = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}",
    "j": r"\d{3}", "b": r"[A-Za-z]{3}", "B": r"[A-Za-z]+", "%": "%",
}  # fmt: skip
"""What a date in a file's name may be made of, and how each part looks there."""
IN_NAMES = frozenset(DATE_DIRECTIVES)
READ = frozenset("aAwdbBmyYHIpMSfzZjUWGuV%")
"""What a date is read by, where something else says how it looks; `%c`, `%x` and `%X` stand for several of them."""
WRITTEN = frozenset("aAwdbBmyYHIpMSjUWGuV%")
"""What a date is written with: the same on every system. A width, such as `%99999d`, is none of them."""


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


def date_format_problems(path: str, text: str, known: frozenset[str]) -> Iterator[str]:
    """A sentence if a date cannot be read, or written, by the format."""
    found = Counter(_DIRECTIVE.findall(text))
    if unknown := [f"%{letter}" for letter in found if letter not in known]:
        yield f"{path}: a date is made of %{', %'.join(sorted(known))} here, not of {', '.join(unknown)}"
    elif known is not WRITTEN and (twice := [letter for letter, count in found.items() if count > 1 and letter != "%"]):
        yield f"{path}: %{', %'.join(twice)} is there more than once"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
