"""What every reader is: made with a `Reading`, given decoded bytes, and asked what it found."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from lakeferry.checks.badrows import BadRows
from lakeferry.feeds import Feed

BLOCK_BYTES = 4 * 1024 * 1024
"""What is looked at in one go."""
ROWS_BYTES = 1024 * 1024
"""Text whose rows become Python objects: bigger blocks are slower, since they do not fit into the processor's cache."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader of one decoded file (one member of an archive) works with.

    Attributes:
        name: What messages call it.
        write: Takes what the raw zone keeps, in order; whole good rows only.
        bad_rows: Takes the rows that do not land; shared by all members of a delivered file.
        member: Its name within the archive; None if the delivered file is no archive.
        block_bytes: How much text is checked at a time; no verdict depends on it.
    """

    feed: Feed
    name: str
    write: Callable[[bytes | memoryview], object]
    bad_rows: BadRows
    member: str | None = None
    block_bytes: int = BLOCK_BYTES


class Reader(Protocol):
    """Takes decoded bytes in pieces of any size and writes checked text; one for each member.

    The verdict, the rows, their order and the text written are the same however the bytes are cut into pieces.

    Attributes:
        columns: Names in the file's own order; the feed's where the file names none.
        rows_read: Data records so far, bad ones included.
        rows_rejected: Those that went to `bad_rows`; all others were written.
        promised_rows: Data records that the file itself says it has (a trailer); None where it says nothing.
    """

    columns: tuple[str, ...]
    rows_read: int
    rows_rejected: int
    promised_rows: int | None

    @property
    def notes(self) -> list[str]:
        """What a person should know and no check refuses, such as a limit that was reached."""
        ...

    def feed(self, data: bytes) -> None:
        """Takes the next decoded bytes.

        Raises:
            FileRejectedError: the file is wrong in a way that no single row answers for.
        """
        ...

    def finish(self) -> None:
        """Ends the file and writes what is left.

        Raises:
            FileRejectedError: as `feed`; or what the end must have is not there.
        """
        ...


def reader_of(reading: Reading) -> Reader:
    """The reader that the feed's format needs, imported now: most feeds need one of many libraries."""
    module, _, name = reading.feed.format.card.reader.partition(":")
    made: Reader = getattr(import_module(f"lakeferry.formats.{module}"), name)(reading)
    return made
