"""Names that the IANA time zone database and Python's codecs know, and Spark's Java as well."""

import difflib
import re
from collections.abc import Iterator
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from lakeferry.encodings import nearest

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")
_ENCODING = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}")
_NOT_OF_TEXT = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
"""Python lists them among the encodings of text, but they write names for DNS, source code, or nothing at all."""


UNKNOWN_TO_JAVA = {
    "America/Coyhaique": "America/Punta_Arenas",
    "ROC": "Asia/Taipei",
    "Factory": "UTC",
    "localtime": "UTC",
}
"""What Python knows and Spark does not, each with a name of the same clock: newer than Java's database, never a region
of Java, or the machine's own. Java is the 17 that is tested with, its database of 2023: Glue's is no older."""


def zone_problems(path: str, zone: str) -> Iterator[str]:
    """A sentence if there is no such time zone, or only the functions know it and the Glue job does not."""
    try:
        # without the form the name is a path below the database: a folder, or one of 5,000 characters
        known = _ZONE.fullmatch(zone) is not None and bool(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        known = False
    if not known:
        near = difflib.get_close_matches(zone[:100], _zones(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield f"{path}: {_short(zone)} is not a time zone of the IANA database{hint}"
    elif zone in UNKNOWN_TO_JAVA:
        yield f"{path}: the Glue job does not know the time zone {zone}; write {UNKNOWN_TO_JAVA[zone]}"


@cache
def _zones() -> frozenset[str]:
    """Those that both know. Python finds them by a look into each of 600 files."""
    return frozenset(available_timezones() - UNKNOWN_TO_JAVA.keys())


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
