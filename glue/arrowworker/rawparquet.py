"""Raw Parquet as columns of the types it has, and those as the types that are declared, where no value can be lost."""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from arrowworker.equal import NotEqualError
from arrowworker.raw import Content, Delivered
from lakeferry.checks.arrow import Column, kernels
from lakeferry.expressions import Type
from lakeferry.feeds import ColumnSpec, Feed
from lakeferry.feeds.columns import RESERVED, column_names
from lakefiles import Lake
from worklist import LandedFile

_ROWS = 65_536
_UTC = pa.timestamp("us")
_MOST_EXACT = 2**53
"""Whole numbers up to it are float64."""


class RawParquet:
    """One raw object; a context."""

    def __init__(self, lake: Lake, key: str, feed: Feed, landed: LandedFile) -> None:
        self._key = key
        self._content = Content(lake, key)
        data: Any = self._content.data
        self._file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(data)), pre_buffer=False)
        titles = self._file.schema_arrow.names
        if len({title.lower() for title in titles}) < len(titles) or set(titles) & RESERVED or not titles:
            raise NotEqualError(f"{key}: its columns are not told apart by all")
        self._names = column_names(titles)
        declared = {column.name.lower() for column in feed.checks.columns}
        known = set(column_names([column.name for column in feed.checks.columns]))
        for title, name in zip(titles, self._names, strict=True):
            if name in known and title.lower() not in declared:
                raise NotEqualError(f"column {name}: its name is written in another way than declared")
        self._known = known

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._content.close()

    def types(self) -> Mapping[str, Type]:
        """What the footer tells.

        Raises:
            NotEqualError: a column is of a type that is Spark's.
        """
        found: dict[str, Type] = {}
        for at, (name, each) in enumerate(zip(self._names, self._file.schema_arrow, strict=True)):
            of = _type_of(each.type)
            if of is None and name not in self._known:
                raise NotEqualError(f"column {name}: {each.type} is Spark's")
            if of == Type("string") and self._file.schema.column(at).logical_type.type != "STRING":
                raise NotEqualError(f"column {name}: it is not plainly text")
            found[name] = of or Type("string")
        return found

    def batches(self) -> Iterator[Delivered]:
        """The rows, some at a time."""
        for batch in self._file.iter_batches(batch_size=_ROWS, use_threads=False):
            if batch.num_rows:
                yield Delivered({name: _plain(each) for name, each in zip(self._names, batch.columns, strict=True)})


def _type_of(of: Any) -> Type | None:  # noqa: ANN401  (any of Arrow's types)
    types = pa.types
    if types.is_dictionary(of):
        of = of.value_type
    if types.is_string(of) or types.is_large_string(of):
        return Type("string")
    if types.is_decimal128(of):
        return Type("decimal", of.precision, of.scale) if 0 <= of.scale <= of.precision else None
    if types.is_timestamp(of):
        return Type("timestamp") if of.tz is not None and of.unit in {"ms", "us"} else None
    kinds = {pa.int32(): "int", pa.int64(): "int64", pa.float64(): "float64", pa.bool_(): "bool", pa.date32(): "date"}
    return Type(kinds[of]) if of in kinds else None


def _plain(values: Column) -> Column:
    """The same values without what only Arrow makes a difference of."""
    of = values.type
    if pa.types.is_dictionary(of):
        values, of = values.cast(of.value_type), of.value_type
    if pa.types.is_large_string(of):
        return values.cast(pa.string())
    if pa.types.is_timestamp(of) and of.tz is not None:
        return values.cast(pa.timestamp("us", "UTC")).cast(_UTC)
    return values


def as_declared(values: Column, column: ColumnSpec, to: pa.DataType) -> Column:
    """A column of Parquet that is no text in the type that is declared.

    Raises:
        NotEqualError: a value is none of that type, or Spark might make another of it.
    """
    of, types = values.type, pa.types
    if of == to and not (types.is_timestamp(of) and column.timezone != "UTC"):
        return values
    try:
        if types.is_signed_integer(of) and types.is_floating(to) and _within(values):
            return values.cast(to)
        if types.is_decimal128(to) and (types.is_signed_integer(of) or types.is_decimal128(of)):
            if types.is_signed_integer(of):
                values = values.cast(pa.decimal128(19, 0))
            return values.cast(to)
        if types.is_signed_integer(of) and types.is_signed_integer(to):
            return values.cast(to)
        if types.is_float32(of) and types.is_floating(to):
            return values.cast(to)
        if types.is_date32(of) and types.is_timestamp(to) and column.timezone == "UTC":
            return values.cast(to)
    except pa.ArrowInvalid as error:
        raise NotEqualError(f"column {column.name}: a value is not of its type") from error
    raise NotEqualError(f"column {column.name}: {of} as {column.type} is Spark's")


def _within(values: Column) -> bool:
    least, greatest = (each.as_py() for each in kernels.min_max(values).values())
    return least is None or (least >= -_MOST_EXACT and greatest <= _MOST_EXACT)
