"""Types of Parquet columns: what the checks and Spark take, and what fits a declared type."""

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.feeds import ColumnSpec

_PIECE_BYTES = 64 * 1024


def checkable(column: Column) -> Column:
    """A column as the checks know it: text, or a type of a declared column."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = kernels.cast(column, kind)
    if pa.types.is_large_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return kernels.cast(column, pa.string())
    return kernels.cast(column, readable_type(kind), safe=False) if pa.types.is_timestamp(kind) else column


def is_ascii(column: Column) -> bool:
    """Whether it is text, and plainly so; twice as fast as to look whether it is UTF-8, in pieces that caches hold."""
    if not pa.types.is_string(column.type):
        return False
    _, offsets, data = column.buffers()
    if data is None or offsets is None or not len(column):
        return True
    places = memoryview(offsets).cast("i")
    text = memoryview(data)[places[column.offset] : places[column.offset + len(column)]]
    return all(text[at : at + _PIECE_BYTES].tobytes().isascii() for at in range(0, len(text), _PIECE_BYTES))


def longest_in(column: Column) -> int:
    """Bytes of the longest text in a column's dictionaries, those within lists and structures too."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return kernels.max(kernels.binary_length(column.dictionary)).as_py() or 0
    if pa.types.is_struct(kind):
        return max((longest_in(column.field(index)) for index in range(kind.num_fields)), default=0)
    if pa.types.is_map(kind):
        return max(longest_in(column.keys), longest_in(column.items))
    if hasattr(column, "values"):
        return longest_in(column.values)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return kernels.max(kernels.binary_length(column)).as_py() or 0
    return 0


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
    if types.is_struct(kind):
        return pa.struct([each.with_type(readable_type(each.type)) for each in kind])
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(readable_type(kind.value_type)))
    return kind


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
