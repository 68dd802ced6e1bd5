"""What becomes of a block of records that a format has cut out: checked by column, written or set apart."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.badrows import BadRow, Problem
from lakeferry.checks.columns import ColumnChecks
from lakeferry.checks.formats import Reading
from lakeferry.errors import FileRejectedError
from lakeferry.feeds import Feed


class Landing:
    """Counts the records of one decoded file; what is common to the checks of all formats but CSV.

    Attributes:
        name: What messages call the file.
        columns, rows_read, rows_rejected, promised_rows, notes: As in `FileCheck`.
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
        """As in `FileCheck`."""
        return self._checks.notes if self._checks else []

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that some check looks at."""
        return self._checks.needed if self._checks else ()

    def problems_of(self, columns: Mapping[str, Column], rows: int) -> list[Problem]:
        """What the column checks find in one block.

        Args:
            columns: Those that are `needed`.
        """
        return self._checks.check(columns, rows) if self._checks and self._checks.needed else []

    def set_apart(
        self, problems: Sequence[Problem], lines: Sequence[int], raw: Callable[[int], str | bytes]
    ) -> set[int]:
        """Counts a block's records and hands the bad ones on.

        Args:
            problems: By index in the block, in any order.
            lines: Each record's line.
            raw: Index → the record's text; asked for the bad ones.

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


def _text(raw: str | bytes) -> str:
    return raw if isinstance(raw, str) else raw.decode(errors="replace")


def text_column(values: Sequence[str | None] | Column, null_values: Sequence[str]) -> Column:
    """A text column as the checks want it: null where there is no value."""
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    nothing = kernels.is_in(array, value_set=pa.array(["", *null_values], pa.string()))
    return kernels.if_else(nothing, pa.scalar(None, pa.string()), array)


def rejected(name: str, what: str, remedy: str) -> FileRejectedError:
    """A file as a whole is wrong: which, what, and what to do."""
    return FileRejectedError(f"{name}: {what}. {remedy}")


def check_header(feed: Feed, name: str, columns: Sequence[str]) -> None:
    """A header, or a schema, against the declared columns.

    Raises:
        FileRejectedError: a name is there twice; or a column is missing, extra or in another place, and the feed's
            `checks.header` does not take that.
    """
    lowered = [column.lower() for column in columns]
    policy, declared = feed.checks.header, [column.name for column in feed.checks.columns]
    for column in lowered:
        if lowered.count(column) > 1:
            raise rejected(
                name, f"it has more than one column {column!r}", "Ask the partner for a header with unique names."
            )
    missing = [column for column in declared if column.lower() not in lowered]
    if missing and policy.missing == "reject":
        raise rejected(
            name,
            f"it lacks {', '.join(map(repr, missing[:20]))}; it has {', '.join(map(repr, columns[:20]))}",
            "Ask the partner, or change checks.columns or checks.header.missing.",
        )
    wanted = {column.lower() for column in declared}
    extra = [column for column in columns if column.lower() not in wanted]
    if extra and policy.extra == "reject":
        raise rejected(
            name,
            f"it has columns that the feed does not declare: {', '.join(map(repr, extra[:20]))}",
            "Declare them in checks.columns, or set checks.header.extra to accept.",
        )
    order = [column.lower() for column in declared if column.lower() in lowered]
    if policy.order == "exact" and [column for column in lowered if column in wanted] != order:
        raise rejected(
            name,
            f"its columns are in another order than the feed declares: {', '.join(map(repr, columns[:20]))}",
            "Ask the partner, or set checks.header.order to any.",
        )
