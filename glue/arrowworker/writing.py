"""One Parquet file of a partition's rows, with the schema that Spark gives it, and the rows that broke a rule."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from arrowworker.equal import NotEqualError
from arrowworker.rows import Batch, uploaded
from arrowworker.shape import Shape
from columns import LINEAGE
from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.rowwise import arrow_type
from profiles import SHOWN, ColumnProfile, float64_text
from work import Work
from worklist import LandedFile

_INSTANT = pa.timestamp("us", "UTC")
_LINEAGE = (pa.string(), _INSTANT, pa.string())
_ROWS = 1_000_000
"""Of a row group."""
_MAX_STATISTICS = 4096
"""Bytes of a least and a greatest value up to which a footer has them."""
_SHOWN_TYPES = frozenset({pa.string(), pa.int32(), pa.int64(), pa.bool_(), pa.date32()})
"""Types whose values are shown alike, in a row as it was delivered."""
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class FallenRow:
    """A row that broke a rule."""

    reason: str
    text: str
    key: str
    landed: LandedFile


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A Parquet file.

    Attributes:
        rows: By its footer.
    """

    name: str
    data: bytes
    rows: int
    profiles: tuple[ColumnProfile, ...]


class PartitionFile:
    """The file that is being written.

    Attributes:
        fallout: Rows that are kept beside the table.
    """

    def __init__(self, work: Work, shape: Shape, run_id: str) -> None:
        self._work, self._run_id = work, run_id
        self._schema = pa.schema(
            [
                *(
                    pa.field(name, _INSTANT if each.type.kind == "timestamp" else arrow_type(each.type), each.nullable)
                    for name, each in shape.columns.items()
                ),
                *(pa.field(name, of, nullable=False) for name, of in zip(LINEAGE, _LINEAGE, strict=True)),
            ]
        )
        self._profiles = {name: _Profile() for name in shape.columns}
        self._sink = pa.BufferOutputStream()
        self._writer = _writer(self._sink, self._schema, work.plan.compression)
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self.fallout: list[FallenRow] = []

    def add(self, batch: Batch, landed: LandedFile, key: str) -> None:
        """Takes the rows that are kept, and those for the fallout."""
        self._keep_fallen(batch, landed, key)
        kept = batch.kept
        columns = {name: each.filter(kept) for name, each in batch.columns.items()}
        count = kernels.sum(kept).as_py() or 0
        if not count:
            return
        for name, values in columns.items():
            self._profiles[name].add(values, name)
        moment = pa.scalar(uploaded(landed), pa.timestamp("us"))
        values = (pa.repeat(key, count), pa.repeat(moment, count), pa.repeat(self._run_id, count))
        columns |= dict(zip(LINEAGE, values, strict=True))
        arrays = [
            columns[field.name].cast(field.type) if columns[field.name].type != field.type else columns[field.name]
            for field in self._schema
        ]
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        self._waiting_rows += count
        if self._waiting_rows >= _ROWS and not self._work.plan.partition_by:
            self._write()

    def close(self) -> WrittenFile:
        """The file, complete."""
        self._write()
        self._writer.close()
        data = self._sink.getvalue().to_pybytes()
        name = f"part-00000-{uuid.uuid4()}-c000.{self._work.plan.compression}.parquet"
        rows = pq.ParquetFile(pa.BufferReader(data)).metadata.num_rows
        return WrittenFile(name, data, rows, tuple(each.told(column) for column, each in self._profiles.items()))

    def _write(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        if by := self._work.plan.partition_by:
            # as Spark sorts them: nothing comes first
            order = [(name, "ascending") for name in by]
            table = table.take(kernels.sort_indices(table, sort_keys=order, null_placement="at_start"))
        self._writer.write_table(table, row_group_size=_ROWS)
        self._waiting, self._waiting_rows = [], 0

    def _keep_fallen(self, batch: Batch, landed: LandedFile, key: str) -> None:
        plan = self._work.plan
        wanted = pa.array([at for at, reason in enumerate(plan.reasons, 1) if reason in plan.fallout], pa.int32())
        at = kernels.indices_nonzero(kernels.is_in(batch.reason, value_set=wanted))
        if not len(at):
            return
        names = [name for name in batch.delivered if name not in plan.protected]
        reasons = batch.reason.take(at).to_pylist()
        values = [batch.delivered[name].take(at) for name in names]
        for name, column in zip(names, values, strict=True):
            if column.null_count < len(column) and (name in batch.unshown or column.type not in _SHOWN_TYPES):
                raise NotEqualError(f"column {name}: a row for the fallout has a value in Java's letters")
        texts = [column.to_pylist() for column in values]
        for number, reason in enumerate(reasons):
            line = ",".join(
                f"{_json(name)}:{_value(column[number])}"
                for name, column in zip(names, texts, strict=True)
                if column[number] is not None
            )
            self.fallout.append(FallenRow(plan.reasons[reason - 1], f"{{{line}}}", key, landed))


def write_fallout(rows: Sequence[FallenRow], work: Work, run_id: str) -> bytes:
    """The rows that broke a rule as a Parquet file."""
    schema = pa.schema(
        [
            pa.field("dataset", pa.string(), nullable=False),
            pa.field("rule", pa.string()),
            pa.field("row", pa.string()),
            *(pa.field(name, of, nullable=False) for name, of in zip(LINEAGE, _LINEAGE, strict=True)),
        ]
    )
    texts = [
        [work.feed.dataset] * len(rows),
        [row.reason for row in rows],
        [row.text for row in rows],
        [row.key for row in rows],
        [run_id] * len(rows),
    ]
    arrays: list[Column] = [pa.array(column, pa.string()) for column in texts]
    moments = pa.array([uploaded(row.landed) for row in rows], pa.timestamp("us"))
    arrays.insert(len(arrays) - 1, moments.cast(_INSTANT))
    sink = pa.BufferOutputStream()
    with _writer(sink, schema, "zstd") as writer:
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return sink.getvalue().to_pybytes()


def _writer(sink: pa.BufferOutputStream, schema: pa.Schema, compression: str) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        sink,
        schema,
        compression=compression,  # type: ignore[arg-type]  # one of its names, by the schema of feeds
        version="2.6",
        store_schema=False,
        # small decimals as whole numbers, as Spark has them
        store_decimal_as_integer=True,
    )


def _value(value: Any) -> str:  # noqa: ANN401  (of a type of `_SHOWN_TYPES`)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else _json(str(value))


def _json(text: str) -> str:
    """A text as Spark's `to_json` has it."""
    return '"' + _ESCAPED.sub(lambda found: _SHORT.get(found[0]) or f"\\u{ord(found[0]):04X}", text) + '"'


class _Profile:
    """Nulls, the least value and the greatest of one column, as Parquet's own library tells them."""

    def __init__(self) -> None:
        self._nulls, self._any = 0, False
        self._least: Any = None
        self._greatest: Any = None
        self._has_nan = False

    def add(self, values: Column, name: str) -> None:
        """Counts some rows in."""
        self._nulls += values.null_count
        if pa.types.is_floating(values.type):
            self._has_nan = self._has_nan or bool(kernels.any(kernels.is_nan(values)).as_py())
        least, greatest = (each.as_py() for each in kernels.min_max(values).values())
        if least is None:
            return
        if isinstance(least, str) and len(least.encode()) + len(greatest.encode()) >= _MAX_STATISTICS:
            raise NotEqualError(f"column {name}: values too long for a footer are Spark's")
        if isinstance(least, float):
            least, greatest = (-0.0 if least == 0 else least), (0.0 if greatest == 0 else greatest)
        self._least = least if self._least is None else min(self._least, least)
        self._greatest = greatest if self._greatest is None else max(self._greatest, greatest)

    def told(self, name: str) -> ColumnProfile:
        """What is known."""
        if self._least is None or self._has_nan:
            return ColumnProfile(name, self._nulls, None, None)
        return ColumnProfile(name, self._nulls, _text(self._least)[:SHOWN], _text(self._greatest)[:SHOWN])


def _text(value: Any) -> str:  # noqa: ANN401  (of any type)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return float64_text(value)
    if hasattr(value, "hour"):
        return f"{value.isoformat(timespec='microseconds')}+0000"
    return str(value)
