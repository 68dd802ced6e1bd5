"""Parquet written anew: without its bad rows, and with types that Spark reads."""

import io
from array import array
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakeferry.formats.parquet.types import readable_column


def rewrite(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    bad: "array[int]",
    write: Callable[[bytes], object],
    reading: Callable[[], AbstractContextManager[None]],
) -> None:
    """Writes all rows but the bad ones.

    Args:
        batches: All rows, once more.
        schema: As they are written.
        bad: Which are bad, from 0, in order.
        write: Takes the bytes.
        reading: What fails within is a fault of the file.
    """
    sink = pa.PythonFile(_Sink(write), mode="w")
    left, row = chain(bad, [-1]), 0
    following = next(left)
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        for batch in batches:
            kept = [True] * batch.num_rows
            while row <= following < row + batch.num_rows:
                kept[following - row] = False
                following = next(left)
            row += batch.num_rows
            good = batch if all(kept) else batch.filter(pa.array(kept))
            with reading():
                columns = [
                    readable_column(column, each.type) for column, each in zip(good.columns, schema, strict=True)
                ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    sink.close()


class _Sink(io.RawIOBase):
    """What pyarrow writes to."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401  (bytes or a buffer of Arrow)
        self._write(bytes(data))
        return len(data)
