"""The checks of `checks.columns` and `checks.expressions`, a batch of rows at a time, for every format.

Formats give columns of text, or typed ones (Parquet); they get back which rows are bad and why. What text is a value
of a type is the Glue job's rule (`casts.py`), so that a row that passes here is never dropped there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from lakeferry.checks.badrows import Problem
from lakeferry.feeds import Feed


class ColumnChecks:
    """The column checks of one decoded file; it keeps what `unique` has to remember.

    Attributes:
        needed: The columns, in the file's spelling, that some check looks at; the others need not be given.
        notes: As in `FileCheck`.
    """

    def __init__(self, feed: Feed, columns: Sequence[str]) -> None:
        """Args:
            columns: The file's columns; declared ones are found whatever their case.

        Raises:
            FeedInvalidError: an expression or a bound does not fit the columns' types.
        """
        self.needed: tuple[str, ...] = ()
        self.notes: list[str] = []

    def check(self, columns: "Mapping[str, pa.Array[Any]]", rows: int) -> list[Problem]:
        """Checks one batch.

        Args:
            columns: Name in the file's spelling → `rows` values. Text columns (`string`) have null where the value
                is empty or one of `format.null_values`.
            rows: How many rows the batch has.

        Returns:
            The problems, by row; several of one row in the order of the file's columns.
        """
        raise NotImplementedError
