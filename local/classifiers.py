"""What AWS Glue's built-in classifiers see in a file (AWS Glue Developer Guide, "Built-in classifiers")."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.json as pajson
import pyarrow.parquet as pq

SAMPLE_BYTES = 256 * 1024
"""What is looked at of a text."""

_DELIMITERS = ",|\t;\x01"
_HEADER_CELL = 150
"""Characters: a longer cell is no header ("Built-in CSV classifier")."""

_HIVE_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (lambda kind: pa.types.is_integer(kind) and kind.bit_width < 64, "int"),
    (pa.types.is_integer, "bigint"),
    (lambda kind: pa.types.is_floating(kind) and kind.bit_width < 64, "float"),
    (pa.types.is_floating, "double"),
    (pa.types.is_date, "date"),
    (pa.types.is_timestamp, "timestamp"),
    (pa.types.is_binary, "binary"),
)


@dataclass(frozen=True)
class Shape:
    """What a classifier sees in a file's beginning, or its footer.

    Attributes:
        columns: Name and Hive type, in order.
        delimiter, header: Of CSV.
        quoted: Some value is in quotes.
        classification: `csv`, `json` or `parquet`.
    """

    columns: tuple[tuple[str, str], ...]
    delimiter: str = ","
    header: bool = False
    quoted: bool = False
    classification: str = "csv"


def classify(sample: bytes) -> Shape | None:
    """What the built-in CSV classifier makes of the beginning of a file; None when it is not CSV to it.

    Args:
        sample: UTF-8 bytes that end with a whole line.
    """
    line = sample.split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    delimiter = max(_DELIMITERS, key=line.count)
    if line.count(delimiter) == 0:
        return None
    with_header = _infer(sample, delimiter, skip=1)
    first = _first_row(sample, delimiter)
    if with_header is not None and len(with_header) == len(first):
        texts = not any(re.fullmatch(r"\s*[-+]?[0-9.]+\s*|true|false", cell, re.IGNORECASE) for cell in first)
        short = all(0 < len(cell) < _HEADER_CELL for cell in first[:-1])
        # where every column is text, a header cannot be told from data
        if texts and short and any(kind != "string" for kind in with_header):
            columns = tuple(zip(_unique(first), with_header, strict=True))
            return Shape(columns, delimiter, header=True, quoted=b'"' in sample)
    kinds = _infer(sample, delimiter, skip=0)
    if kinds is None:
        return None
    columns = tuple((f"col{index}", kind) for index, kind in enumerate(kinds))
    return Shape(columns, delimiter, header=False, quoted=b'"' in sample)


def classify_json(sample: bytes) -> Shape | None:
    """What the built-in JSON classifier makes of JSON Lines; None when a line is none."""
    try:
        table = pajson.read_json(io.BytesIO(sample), pajson.ReadOptions(use_threads=False, block_size=SAMPLE_BYTES + 1))
    except pa.ArrowInvalid:
        return None
    return Shape(_hive_columns(table.schema), classification="json")


def classify_parquet(content: bytes) -> Shape:
    """The schema of a Parquet file."""
    return Shape(_hive_columns(pq.read_schema(pa.BufferReader(content))), classification="parquet")


def _hive_columns(schema: pa.Schema) -> tuple[tuple[str, str], ...]:
    return tuple((each.name.lower(), _hive_typed(each.type)) for each in schema)


def _hive_typed(kind: pa.DataType) -> str:
    """The Hive type of a type that a file declares itself."""
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{each.name.lower()}:{_hive_typed(each.type)}' for each in kind)}>"
    if pa.types.is_list(kind):
        return f"array<{_hive_typed(kind.value_type)}>"
    if pa.types.is_map(kind):
        return f"map<{_hive_typed(kind.key_type)},{_hive_typed(kind.item_type)}>"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    for known, name in _HIVE_TYPES:
        if known(kind):
            return name
    return "string"


def _infer(sample: bytes, delimiter: str, *, skip: int) -> list[str] | None:
    try:
        table = pacsv.read_csv(
            io.BytesIO(sample),
            read_options=pacsv.ReadOptions(skip_rows=skip, autogenerate_column_names=True, use_threads=False),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=lambda _: "skip"
            ),
        )
    except pa.ArrowInvalid:  # nothing but a header, or not CSV
        return None
    return [_hive_type(kind) for kind in table.schema.types]


def _first_row(sample: bytes, delimiter: str) -> list[str]:
    line = sample.split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    return next(csv.reader([line.rstrip("\r")], delimiter=delimiter))


def _hive_type(kind: pa.DataType) -> str:
    """Dates and times stay text with the built-in classifier; integers are `bigint`."""
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "bigint"
    return "double" if pa.types.is_floating(kind) else "string"


def _unique(cells: Sequence[str]) -> list[str]:
    """Column names as the catalog takes them: lower case, and distinct."""
    names: list[str] = []
    for cell in cells:
        name = re.sub(r"\s+", " ", cell.strip().lower()) or f"col{len(names)}"
        names.append(name if name not in names else f"{name}_{names.count(name)}")
    return names
