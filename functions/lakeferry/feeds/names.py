"""Names that the IANA time zone database and Python's codecs know."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo


def zone_problems(path: str, zone: str) -> Iterator[str]:
    """A sentence if there is no such time zone."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError):
        yield f"{path}: {zone!r} is not a time zone of the IANA database"


def encoding_problems(path: str, encoding: str) -> Iterator[str]:
    """A sentence if there is no such encoding of text."""
    try:
        "".encode(encoding)
    except LookupError:
        yield f"{path}: {encoding!r} is not an encoding Python knows"
