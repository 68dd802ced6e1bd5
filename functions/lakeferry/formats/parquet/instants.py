"""Timestamps of Parquet that are finer than microseconds, which is what tables keep.

INT96, the timestamp of Hive and Impala, is read in microseconds: in nanoseconds, which are Arrow's choice, its years
would have to lie within 1677 and 2262, and 9999-12-31 would be a day in 1816. What that cuts off is found by reading
it both ways: numbers wrap around alike, so their difference tells it whatever the year.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.badrows import Problem
from lakeferry.checks.casts import BEYOND_MICROSECONDS
from lakeferry.counting import count_of
from lakeferry.feeds import Feed


def int96_columns(schema: pq.ParquetSchema) -> tuple[list[str], list[str]]:
    """Columns of tables that are such timestamps, and those that have some within lists and structures."""
    leaves = [schema.column(index) for index in range(len(schema))]
    paths = [leaf.path for leaf in leaves if leaf.physical_type == "INT96"]
    within = {path.partition(".")[0] for path in paths if "." in path}
    return [path for path in paths if "." not in path], sorted(within)


def cut(column: Column) -> Column:
    """Timestamps in nanoseconds as they are in microseconds; those before 1970 are cut likewise, not rounded up."""
    numbers = column.cast(pa.int64())
    whole = kernels.divide(numbers, 1000)
    is_above = kernels.greater(kernels.multiply(whole, 1000), numbers)
    whole = kernels.if_else(is_above, kernels.subtract(whole, 1), whole)
    return whole.cast(pa.timestamp("us", column.type.tz))


def finer(micros: Column, nanos: Column) -> Column | None:
    """Where nanoseconds were cut; None if that is nowhere.

    Args:
        micros, nanos: The same timestamps.
    """
    found = kernels.not_equal(kernels.multiply(micros.cast(pa.int64()), 1000), nanos.cast(pa.int64()))
    found = kernels.fill_null(found, fill_value=False)
    return found if kernels.any(found).as_py() else None


def text_of(micros: Column, nanos: Column) -> list[str | None]:
    """Timestamps in full, as messages have them."""
    rest = kernels.subtract(nanos.cast(pa.int64()), kernels.multiply(micros.cast(pa.int64()), 1000)).to_pylist()
    texts = micros.cast(pa.timestamp("us")).cast(pa.string()).to_pylist()
    return [text and f"{text}{more:03}" for text, more in zip(texts, rest, strict=True)]


def is_finer_within(column: Column) -> bool:
    """Whether a list, structure or map has timestamps that are finer than microseconds."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return kind.unit == "ns" and finer(cut(column), column) is not None
    if pa.types.is_struct(kind):
        return any(is_finer_within(part) for part in column.flatten())
    if pa.types.is_map(kind):
        return is_finer_within(column.keys) or is_finer_within(column.items)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return is_finer_within(column.flatten())
    return False


class Nanoseconds:
    """INT96 columns read once more, in nanoseconds, beside the rows that are read in microseconds.

    Args:
        source: The file, which others read, too.
        columns: Which.
    """

    def __init__(self, source: Any, metadata: pq.FileMetaData, columns: list[str]) -> None:  # noqa: ANN401  (a file)
        self._columns = columns
        self._file = pq.ParquetFile(
            source, metadata=metadata, coerce_int96_timestamp_unit="ns", pre_buffer=False, buffer_size=1 << 20
        )
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._left: pa.Table | None = None

    def begin(self, group: int, rows: int) -> None:
        """Goes to a row group, of which `rows` are in memory at a time."""
        self._left = None
        self._batches = self._file.iter_batches(
            batch_size=rows, row_groups=[group], columns=self._columns, use_threads=False
        )

    def take(self, rows: int) -> dict[str, Column]:
        """The next rows, whose number need not be that of the other reader's batches.

        Raises:
            ValueError: there are none.
        """
        while self._left is None or self._left.num_rows < rows:
            batch = next(self._batches, None)
            if batch is None:
                raise ValueError("its timestamps (INT96) end before its rows do")
            following = pa.Table.from_batches([batch])
            self._left = following if self._left is None else pa.concat_tables([self._left, following])
        taken, self._left = self._left.slice(0, rows), self._left.slice(rows)
        return {name: taken.column(name).combine_chunks() for name in taken.column_names}


class Instants:
    """What becomes of one file's timestamps that are finer than microseconds.

    Attributes:
        are_int96: There are some of INT96.
    """

    def __init__(self, source: Any, file: pq.ParquetFile, schema: pa.Schema, feed: Feed) -> None:  # noqa: ANN401  (a file)
        columns, self._within = int96_columns(file.schema)
        self.are_int96 = bool(columns or self._within)
        self._nanoseconds = Nanoseconds(source, file.metadata, columns) if columns else None
        self._finer = [each.name for each in schema if _has_nanoseconds(each.type)]
        self._declared = {each.name.lower(): each for each in feed.checks.columns}
        self._cut: dict[str, int] = {}

    def begin(self, group: int, rows: int) -> None:
        """As in `Nanoseconds`."""
        if self._nanoseconds is not None:
            self._nanoseconds.begin(group, rows)

    def problems(self, batch: pa.RecordBatch) -> list[Problem]:
        """The rows whose declared timestamps are too fine; what is cut elsewhere is counted."""
        if self._nanoseconds is None and not self._finer:
            return []
        nanos_of = {} if self._nanoseconds is None else self._nanoseconds.take(batch.num_rows)
        pairs = {name: (batch.column(name), nanos) for name, nanos in nanos_of.items()}
        found: list[Problem] = []
        for name in self._finer:
            column = batch.column(name)
            if pa.types.is_timestamp(column.type):
                pairs[name] = cut(column), column
            elif is_finer_within(column):
                self._cut.setdefault(name, 0)
        for name, (micros, nanos) in pairs.items():
            mask = finer(micros, nanos)
            if mask is None:
                continue
            rows = kernels.indices_nonzero(mask)
            declared = self._declared.get(name.lower())
            if declared is None:
                self._cut[name] = self._cut.get(name, 0) + len(rows)
            elif declared.beyond_microseconds == "reject":
                texts = text_of(micros.take(rows), nanos.take(rows))
                told = f"is finer than microseconds, unless the feed says {BEYOND_MICROSECONDS}"
                found += [
                    Problem(row, name, text, "type", told) for row, text in zip(rows.to_pylist(), texts, strict=True)
                ]
        return found

    @property
    def notes(self) -> list[str]:
        """Which columns that nobody declares were cut."""
        found = [
            f"column {name!r} has timestamps finer than microseconds, which were cut{_times(rows)}. To have such rows "
            "apart, declare it as timestamp."
            for name, rows in self._cut.items()
        ]
        return found + [
            f"column {name!r} has timestamps of INT96 within lists or structures: they were cut to microseconds."
            for name in self._within
        ]


def _has_nanoseconds(kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind):
        return bool(kind.unit == "ns")
    if pa.types.is_map(kind):
        return _has_nanoseconds(kind.key_type) or _has_nanoseconds(kind.item_type)
    if pa.types.is_struct(kind):
        return any(_has_nanoseconds(field.type) for field in kind)
    return hasattr(kind, "value_type") and _has_nanoseconds(kind.value_type)


def _times(rows: int) -> str:
    return f" in {count_of(rows, 'row')}" if rows else ""
