"""Whether a value was there before in the file: exact, in bounded memory.

Keys mostly ascend. While they do, a column needs no set: each value is new because it is above all before, and the
values are kept as Arrow keeps them (8 bytes for a number). With the first one that does not ascend, what was kept
becomes a set. Past `LIMIT` values nothing more is kept; that is told, once.
"""

from typing import Any

from lakeferry.checks.arrow import Column, kernels

LIMIT = 2_000_000
"""Values a column remembers; as a set of numbers they take about 200 MB."""


class Unique:
    """One column's memory.

    Attributes:
        note: What was not checked; None if everything was.
    """

    def __init__(self, column: str, limit: int = LIMIT) -> None:
        self._column, self._limit = column, limit
        self._kept: list[Column] = []
        self._size = 0
        self._max: Any = None
        self._seen: set[Any] | None = None
        self.note: str | None = None

    def repeated(self, values: Column) -> list[int]:
        """Indices of the values that were there before, in this batch or an earlier one; nulls are none."""
        if self._seen is None:
            if self._ascends(values):
                return []
            self._seen = {value for kept in self._kept for value in kept.to_pylist()}
            self._kept = []
        return self._among_seen(values)

    def _ascends(self, values: Column) -> bool:
        given = values.drop_null() if values.null_count else values
        if not len(given):
            return True
        first = given[0]
        if self._max is not None and not kernels.greater(first, self._max).as_py():
            return False
        if not (kernels.all(kernels.less(given[:-1], given[1:])).as_py() or len(given) == 1):
            return False
        self._max = given[-1]
        if self._size < self._limit:
            self._kept.append(given)
            self._size += len(given)
        return True

    def _among_seen(self, values: Column) -> list[int]:
        assert self._seen is not None  # noqa: S101  (the caller made it)
        found = values.to_pylist()
        new = set(found)
        new.discard(None)
        if len(new) == len(values) - values.null_count and self._seen.isdisjoint(new):
            repeated: list[int] = []
        else:
            here: set[Any] = set()
            repeated = []
            for index, value in enumerate(found):
                if value is None:
                    continue
                if value in self._seen or value in here:
                    repeated.append(index)
                here.add(value)
        if len(self._seen) + self._size * (not self._seen) >= self._limit:
            self.note = f"unique of column {self._column} was checked against the first {len(self._seen):,} values only"
        else:
            self._seen |= new
        return repeated
