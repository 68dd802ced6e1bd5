"""Types of Parquet columns: what the checks and Spark take, and what fits a declared type."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from lakeferry.checks.arrow import Column, kernels
from lakeferry.feeds import ColumnSpec
from lakeferry.formats.parquet.instants import cut
from lakeferry.formats.parquet.texts import is_text

_MOST_DIGITS = 38


def checkable(column: Column) -> Column:
    """A column as the checks know it: text, or a type of a declared column."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = kernels.cast(column, kind)
    if pa.types.is_large_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return kernels.cast(column, pa.string())
    return cut(column) if pa.types.is_timestamp(kind) and kind.unit == "ns" else column


def _uuid_texts(column: Column) -> Column:
    """UUIDs as people write them: Spark reads their 16 bytes in no way."""
    plain = column.storage if isinstance(column, pa.ExtensionArray) else column
    return pa.array([None if each is None else str(UUID(bytes=each)) for each in plain.to_pylist()], pa.string())


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that has the same values and on which all of Arrow works: no views, no extensions."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if types.is_string_view(kind):
        return pa.string()
    if types.is_binary_view(kind):
        return pa.binary()
    return _with_parts(kind, plain_type)


def readable_type(kind: pa.DataType) -> pa.DataType:
    """The type that Spark 3.5 reads in place of one that it refuses ("Illegal Parquet type")."""
    types = pa.types
    if types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if types.is_time(kind) or types.is_null(kind):
        return pa.string()
    if types.is_float16(kind):
        return pa.float32()
    if types.is_duration(kind):
        return pa.int64()
    return _with_parts(kind, readable_type)


def _with_parts(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """A list, structure or map whose parts are of other types; any other type as it is."""
    types = pa.types
    if types.is_struct(kind):
        return pa.struct([each.with_type(change(each.type)) for each in kind])
    if types.is_map(kind):
        key, item = (field.with_type(change(field.type)) for field in (kind.key_field, kind.item_field))
        return pa.map_(key, item, kind.keys_sorted)  # type: ignore[call-overload,no-any-return]  # fields are fine
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(change(kind.value_type)))
    if types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(change(kind.value_type)))
    if types.is_fixed_size_list(kind):
        size: int = kind.list_size
        return pa.list_(kind.value_field.with_type(change(kind.value_type)), size)
    return kind


def unreadable(kind: pa.DataType) -> str | None:
    """What is in a column that neither tables nor Spark have, in words; None where there is nothing of that."""
    types = pa.types
    if types.is_decimal(kind) and kind.precision > _MOST_DIGITS:
        return f"numbers of {kind.precision} digits, and tables have {_MOST_DIGITS}"
    if types.is_struct(kind):
        names = Counter(field.name.lower() for field in kind)
        if alike := [field.name for field in kind if names[field.name.lower()] > 1]:
            return f"fields that differ by case alone ({', '.join(map(repr, alike))}), which tables take for one"
        return next((what for field in kind if (what := unreadable(field.type))), None)
    if types.is_map(kind):
        return unreadable(kind.key_type) or unreadable(kind.item_type)
    return unreadable(kind.value_type) if hasattr(kind, "value_type") else None


def fits(kind: pa.DataType, column: ColumnSpec) -> bool:
    """Whether each value of a Parquet column is one of the declared type, without rounding."""
    types, declared = pa.types, column.type.partition("(")[0]
    if types.is_dictionary(kind):
        kind = kind.value_type
    if declared == "string":
        return types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind)
    if declared == "int64":
        return types.is_integer(kind) and kind != pa.uint64()
    if declared == "float64":
        return types.is_floating(kind) or types.is_integer(kind)
    if declared == "bool":
        return types.is_boolean(kind)
    if declared == "date":
        return types.is_date(kind)
    if declared == "timestamp":
        return types.is_timestamp(kind)
    precision, scale = map(int, column.type[len("decimal(") : -1].split(","))
    if types.is_integer(kind):
        return precision - scale >= len(str(2 ** (kind.bit_width - types.is_signed_integer(kind))))
    return types.is_decimal(kind) and kind.scale <= scale and kind.precision - kind.scale <= precision - scale


class Kinds:
    """The columns of one file as they are read.

    Attributes:
        schema: As `plain` gives them.
        texts: Those that may be read as numbers of their dictionaries, and are then handed on so.
    """

    def __init__(self, file: pq.ParquetFile) -> None:
        given = file.schema_arrow
        leaves = [file.schema.column(index) for index in range(len(file.schema))]
        self._uuids = {leaf.path for leaf in leaves if leaf.logical_type.type == "UUID"}
        self._intervals = {leaf.path.partition(".")[0] for leaf in leaves if leaf.converted_type == "INTERVAL"}
        self.schema = pa.schema([self._plain_field(each) for each in given])
        self._is_plain = self.schema == given.remove_metadata()
        paths = {leaf.path for leaf in leaves if leaf.max_repetition_level == 0 and "." not in leaf.path}
        self.texts = {
            each.name
            for each, plain in zip(given, self.schema, strict=True)
            if each.name in paths and each.type == plain.type and is_text(each.type)
        }

    def _plain_field(self, field: "pa.Field[Any]") -> "pa.Field[Any]":
        kind = pa.string() if field.name in self._uuids else plain_type(field.type)
        return pa.field(field.name, kind, field.nullable)

    def unreadable(self) -> Iterator[tuple[str, str]]:
        """Columns that tables cannot have, and what is in them."""
        for each in self.schema:
            what = "spans of time (INTERVAL)" if each.name in self._intervals else unreadable(each.type)
            if what is not None:
                yield each.name, what

    def plain(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows on which all of Arrow works."""
        if self._is_plain:
            return batch
        columns = [
            _uuid_texts(column) if each.name in self._uuids else column.cast(each.type)
            for each, column in zip(self.schema, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def readable_column(column: Column, kind: pa.DataType) -> Column:
    """A column as its `readable_type`; what is finer than microseconds was looked at before."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return cut(column)
    return kernels.cast(column, kind, safe=False)


def shown(column: Column, row: int) -> Any:  # noqa: ANN401  (what JSON can have, or text)
    """A value for people, whatever it is: some are not of Python's types."""
    kind = column.type
    if not (pa.types.is_temporal(kind) and getattr(kind, "unit", "") == "ns"):
        try:
            return column[row].as_py()
        except (ValueError, OverflowError):
            pass
    return " ".join(column.slice(row, 1).to_string().split()).removeprefix("[ ").removesuffix(" ]")
