"""What fixed width's two ways of counting have in common: characters of the text, and bytes of the file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lakeferry.checks.arrow import Column
from lakeferry.checks.badrows import Problem
from lakeferry.formats.landing import Raw

MAX_LINE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cut:
    """Records that are cut into their columns.

    Attributes:
        numbers: Each record's line.
        columns: All of the feed's, as `text_column` makes them.
        raw: Index of a record → its text.
        problems: What was found before the checks.
    """

    numbers: Sequence[int]
    columns: Mapping[str, Column]
    raw: Raw
    problems: list[Problem]


class Cutter(Protocol):
    """Takes the bytes of one file in pieces of any size and gives its records.

    Attributes:
        lines: Lines, or records without line ends, so far; blank and skipped ones too.
    """

    lines: int

    def take(self, data: bytes, *, final: bool) -> Iterator[Cut]:
        """Takes the next bytes; the records that are whole by now, and with `final` the last one.

        Raises:
            FileRejectedError: it is no text of the feed's encoding, is cut off, or has a line without an end.
        """
        ...
