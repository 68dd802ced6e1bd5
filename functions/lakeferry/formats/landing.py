"""What becomes of a block of records that a format has cut out: checked by column, written or set apart."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.badrows import BadRow, Problem
from lakeferry.checks.columns import ColumnChecks
from lakeferry.feeds import Feed
from lakeferry.formats.reading import Reading
from lakeferry.formats.rewriting import Rewriter

Raw: TypeAlias = Callable[[int], str | bytes]
"""Index of a record in its block → its text."""
_RAW_CSV = Rewriter(b",", b'"')
MAX_ROWS, MAX_VALUES = 65_536, 500_000
"""Rows, and values that some check looks at, that are checked in one go: each may be bad, and then becomes objects of
Python, of which a block of text has as many as it has bytes."""


class Landing:
    """Counts the records of one decoded file; what all readers but that of CSV have in common.

    Attributes:
        name: What messages call the file.
        columns, rows_read, rows_rejected, promised_rows, notes: As in `Reader`.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading, self.name = reading, reading.name
        self.columns: tuple[str, ...] = tuple(column.name for column in reading.feed.checks.columns)
        self.rows_read = 0
        self.rows_rejected = 0
        self.promised_rows: int | None = None
        self._checks: ColumnChecks | None = None

    def begin(self, columns: Sequence[str]) -> None:
        """Takes the columns, by which it is known what is to be checked.

        Raises:
            FeedInvalidError: the feed's checks do not fit them.
        """
        self.columns = tuple(columns)
        self._checks = ColumnChecks(self.reading.feed, columns)

    @property
    def notes(self) -> list[str]:
        """As in `Reader`."""
        return self._checks.notes if self._checks else []

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that some check looks at."""
        return self._checks.needed if self._checks else ()

    @property
    def rows_at_once(self) -> int:
        """How many rows may be checked in one go."""
        return rows_at_once(len(self.needed))

    def problems_of(self, columns: Mapping[str, Column], rows: int) -> list[Problem]:
        """What the column checks find in one block.

        Args:
            columns: Those that are `needed`.
        """
        return self._checks.check(columns, rows) if self._checks and self._checks.needed else []

    def write_header(self) -> None:
        """The header of files that become CSV."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(self.columns)
        self.reading.write(text.getvalue().encode())

    def land_texts(
        self, columns: Mapping[str, Column], lines: Sequence[int], raw: Raw, problems: list[Problem]
    ) -> None:
        """Checks a block of rows of text and writes the good ones as CSV.

        Args:
            columns: All columns, in the file's order, as `text_column` makes them.
            lines, raw: As `set_apart` takes them.
            problems: What was found before.
        """
        assert self._checks is not None  # noqa: S101  (begin made it)
        found = {(problem.row, problem.column) for problem in problems}
        problems += [
            problem
            for problem in self.problems_of({name: columns[name] for name in self.needed}, len(lines))
            # one reason for a value is enough
            if (problem.row, problem.column) not in found
        ]
        bad = self.set_apart(problems, lines, raw)
        if len(bad) == len(lines):
            return
        if bad:
            good = pa.array([row not in bad for row in range(len(lines))])
            columns = {name: column.filter(good) for name, column in columns.items()}
        self.reading.write(_RAW_CSV.rows(self._checks, columns))

    def set_apart(self, problems: Sequence[Problem], lines: Sequence[int], raw: Raw) -> set[int]:
        """Counts a block's records and hands the bad ones on.

        Args:
            problems: By index in the block, in any order.
            lines: Each record's line.
            raw: Asked for the bad ones.

        Returns:
            Indices of the bad ones.
        """
        by_row: dict[int, list[Problem]] = {}
        for problem in problems:
            by_row.setdefault(problem.row, []).append(problem)
        before = self.rows_read
        self.rows_read += len(lines)
        self.rows_rejected += len(by_row)
        if by_row:
            self.reading.bad_rows.add(
                [BadRow(lines[row], before + row + 1, _text(raw(row)), by_row[row]) for row in sorted(by_row)],
                self.reading.member,
            )
        return set(by_row)


def rows_at_once(columns: int) -> int:
    """How many rows may be checked in one go.

    Args:
        columns: Those that some check looks at.
    """
    return max(1, min(MAX_ROWS, MAX_VALUES // max(1, columns)))


def _text(raw: str | bytes) -> str:
    return raw if isinstance(raw, str) else raw.decode(errors="replace")


def text_column(values: Sequence[str | None] | Column, null_values: Sequence[str] = ()) -> Column:
    """A text column as the checks want it: null where there is no value."""
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    nothing = kernels.is_in(array, value_set=pa.array(["", *null_values], pa.string()))
    return kernels.if_else(nothing, pa.scalar(None, pa.string()), array)


def in_declared_order(feed: Feed, keys: Iterable[str]) -> tuple[str, ...]:
    """Keys of JSON records as columns: declared ones first, then the others by name, since objects have no order.

    So files with equal keys have equal columns, whichever record came first.
    """
    place = {column.name.lower(): index for index, column in enumerate(feed.checks.columns)}
    return tuple(sorted(dict.fromkeys(keys), key=lambda key: (place.get(key.lower(), len(place)), key)))
