"""Parquet: read whole, page checksums included, checked by column, and landed as it was delivered.

It is written anew only where it must be: without its bad rows, or where it has types that Spark 3.5 refuses to read
(nanoseconds, as pandas writes them, times of day, half floats).
"""

import json
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from lakeferry.counting import count_of
from lakeferry.formats.header import check_header
from lakeferry.formats.landing import Landing, rows_at_once
from lakeferry.formats.parquet.instants import Instants
from lakeferry.formats.parquet.pages import Column, PagesError, check, columns_of
from lakeferry.formats.parquet.texts import check as check_text
from lakeferry.formats.parquet.texts import longest_in, size_of
from lakeferry.formats.parquet.types import Kinds, checkable, fits, readable_type, shown
from lakeferry.formats.parquet.writing import rewrite
from lakeferry.formats.reading import Reading
from lakeferry.formats.rejections import AGAIN, rejected
from lakeferry.formats.spool import Spool

BATCH_BYTES = 16 * 1024 * 1024
"""What is in memory of all columns at a time, by what the footer says."""
MAX_BATCH_BYTES = 512 * 1024 * 1024
"""What may be in memory, whatever the footer says."""
MAX_BATCH_ROWS = 65_536
MAX_TEXTS_BYTES = 64 * 1024 * 1024
"""What a batch may come to, if each of its texts is the longest of its dictionary."""
MAX_FOOTER_BYTES = 64 * 1024 * 1024
FREE_DECODED_BYTES, MAX_DECODED_RATIO = 2 * 1024 * 1024 * 1024, 1000
"""What all rows may come to, whatever the file has; and beyond that, of each of its bytes."""
_COPY_BYTES = 1024 * 1024
_MAGIC = b"PAR1"
_OTHER_TYPE = "Ask the partner for another type, such as text, or for a file without it."
_SMALLER = "Ask the partner for Parquet with smaller values and pages."


class ParquetReader(Landing):
    """Takes a file's bytes and writes them on when every row group was read and checked."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._texts = {each.name.lower() for each in reading.feed.checks.columns if each.type == "string"}
        self._kinds: Kinds
        self._instants: Instants | None = None
        self._spool = Spool(
            reading.name, (_MAGIC,), "Parquet file", "Ask the partner for Parquet, or set format to what the file is."
        )

    def feed(self, data: bytes) -> None:
        """Takes the next bytes.

        Raises:
            FileRejectedError: it is no Parquet file, or too big.
        """
        self._spool.write(data)

    def finish(self) -> None:
        """Reads and checks all of it, then writes it on.

        Raises:
            FileRejectedError: it is broken, or its schema is not the declared one.
        """
        self._check_end()
        with self._reading_it():
            file = self._opened()
            kinds = Kinds(file)
            self._instants = Instants(self._spool.file, file, kinds.schema, self.reading.feed)
        self._kinds = kinds
        self._check_schema(kinds)
        self.begin(kinds.schema.names)
        bad = self._check_rows(file)
        readable = pa.schema([pa.field(each.name, readable_type(each.type), each.nullable) for each in kinds.schema])
        if bad or self._instants.are_int96 or readable != file.schema_arrow.remove_metadata():
            rewrite(self._batches(file), readable, bad, self.reading.write, self._reading_it)
            return
        source = self._spool.rewind()
        while data := source.read(_COPY_BYTES):
            self.reading.write(data)

    def _opened(self, metadata: pq.FileMetaData | None = None, dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
        """The file, with some columns as their dictionaries and numbers of those."""
        return pq.ParquetFile(
            self._spool.file,
            metadata=metadata,
            read_dictionary=list(dictionaries),
            memory_map=False,
            buffer_size=_COPY_BYTES,
            pre_buffer=False,
            page_checksum_verification=True,
            thrift_string_size_limit=MAX_FOOTER_BYTES,
            coerce_int96_timestamp_unit="us",
        )

    @contextmanager
    def _reading_it(self) -> Iterator[None]:
        """Only what reads the file stands within: what goes wrong in writing is no fault of the file."""
        try:
            yield
        except pa.ArrowNotImplementedError as error:
            raise rejected(
                self.name, f"it is Parquet with something that is not read: {_first_line(error)}", _OTHER_TYPE
            ) from error
        except (pa.ArrowException, OSError, ValueError) as error:
            raise rejected(
                self.name, f"it is a broken Parquet file, after row {self.rows_read}: {_first_line(error)}", AGAIN
            ) from error

    def _check_end(self) -> None:
        file = self._spool.rewind()
        file.seek(-min(self._spool.size, 8), 2)
        end = file.read()
        file.seek(0)
        if len(end) < 8 or end[4:] != _MAGIC:
            raise rejected(self.name, f"it is truncated: a Parquet file ends with PAR1, this one with {end!r}", AGAIN)
        if int.from_bytes(end[:4], "little") > MAX_FOOTER_BYTES:
            raise rejected(self.name, f"its footer says it is longer than {MAX_FOOTER_BYTES} bytes", AGAIN)

    @property
    def notes(self) -> list[str]:
        """As in `Reader`."""
        return [*super().notes, *([] if self._instants is None else self._instants.notes)]

    def _check_schema(self, kinds: Kinds) -> None:
        schema = kinds.schema
        check_header(self.reading, schema.names)
        for name, what in kinds.unreadable():
            raise rejected(self.name, f"its column {name!r} has {what}", _OTHER_TYPE)
        found = {each.name.lower(): each for each in schema}
        for column in self.reading.feed.checks.columns:
            each = found.get(column.name.lower())
            if each is not None and not fits(each.type, column):
                raise rejected(
                    self.name,
                    f"its column {each.name!r} is {each.type} where the feed declares {column.type}",
                    "Ask the partner, or change checks.columns.",
                )

    def _batches(self, file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        total = size = 0
        for index in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(index)
            columns = self._columns_of(file, index)
            folded = [column.name for column in columns if column.is_folded and column.name in self._kinds.texts]
            rows, width = self._rows_at_once(file, index, columns, folded)
            if self._instants is not None:
                self._instants.begin(index, rows)
            source = self._opened(file.metadata, folded) if folded else file
            batches = source.iter_batches(batch_size=rows, row_groups=[index], use_threads=False)
            found = 0
            while True:
                with self._reading_it():
                    batch = next(batches, None)
                    if batch is None:
                        break
                    sizes = [size_of(column) for column in batch.columns]
                # only now it is known what rows of its dictionaries come to
                unfolded, longest = sum(each.total for each in sizes), sum(each.longest for each in sizes)
                most = max(1, MAX_TEXTS_BYTES // (width + longest))
                at_once = batch.nbytes + min(unfolded, most * longest)
                if at_once > MAX_BATCH_BYTES:
                    raise rejected(
                        self.name,
                        f"{batch.num_rows} rows after row {self.rows_read} take {at_once} bytes: a decompression "
                        "bomb, or not data",
                        _SMALLER,
                    )
                found += batch.num_rows
                size += batch.nbytes + unfolded
                if size > max(FREE_DECODED_BYTES, MAX_DECODED_RATIO * self._spool.size):
                    raise rejected(
                        self.name,
                        f"its first {total + found} rows take {size} bytes in memory: a decompression bomb, or no data",
                        _SMALLER,
                    )
                for at in range(0, batch.num_rows, most):
                    with self._reading_it():
                        plain = self._kinds.plain(batch.slice(at, most))
                    yield plain
            self._check_count(f"its row group {index + 1}", found, group.num_rows)
            total += found
        self._check_count("it", total, file.metadata.num_rows)

    def _columns_of(self, file: pq.ParquetFile, group: int) -> list[Column]:
        try:
            with self._reading_it():
                columns = columns_of(self._spool.file, file.metadata, group)
            check(columns)
        except PagesError as error:
            raise rejected(self.name, f"{error}, in its row group {group + 1}", _SMALLER) from error
        return columns

    def _rows_at_once(
        self, file: pq.ParquetFile, group: int, columns: list[Column], folded: Sequence[str]
    ) -> tuple[int, int]:
        """How many rows of a row group may be in memory, by what its pages come to; and what one takes.

        Args:
            folded: Columns of which only the numbers of their dictionaries are read.
        """
        rows = max(1, file.metadata.row_group(group).num_rows)
        most = min(MAX_BATCH_ROWS, rows_at_once(len(self.needed)))
        most = min(most, BATCH_BYTES * rows // max(1, sum(column.unpacked for column in columns)))
        texts = [column for column in columns if column.is_text and column.name not in folded]
        suspects = [column for column in texts if column.dictionary * most > MAX_TEXTS_BYTES]
        width = 1 + sum(column.width * column.values // rows for column in columns if not column.is_text)
        if suspects:
            longest = self._longest(file, group, [column.name for column in suspects])
            width += sum(longest * -(-column.values // rows) for column in suspects)
        return max(1, min(most, MAX_TEXTS_BYTES // width)), width

    def _longest(self, file: pq.ParquetFile, group: int, names: list[str]) -> int:
        """The longest text in the dictionaries of some columns, which Arrow gives with one row of them."""
        with self._reading_it():
            lazy = self._opened(file.metadata, names)
            batch = next(lazy.iter_batches(batch_size=1, row_groups=[group], columns=names, use_threads=False), None)
        return max((longest_in(column) for column in batch.columns), default=0) if batch is not None else 0

    def _check_count(self, what: str, found: int, promised: int) -> None:
        if found != promised:
            raise rejected(self.name, f"{what} has {count_of(found, 'row')}, and its footer promises {promised}", AGAIN)

    def _check_rows(self, file: pq.ParquetFile) -> "array[int]":
        """Reads and checks all rows; which are bad, from 0."""
        bad = array("Q")
        for batch in self._batches(file):
            before = self.rows_read
            self._check_texts(batch)
            with self._reading_it():
                columns = {name: checkable(batch.column(name)) for name in self.needed}
                too_fine = self._instants.problems(batch) if self._instants is not None else []
            problems = self.problems_of(columns, batch.num_rows) + too_fine
            numbers = range(before + 1, before + batch.num_rows + 1)
            apart = self.set_apart(problems, numbers, partial(_row_text, batch))
            bad.extend(before + row for row in sorted(apart))
        return bad

    def _check_texts(self, batch: pa.RecordBatch) -> None:
        """Nobody else looks at whether text is UTF-8: Arrow and Spark hand on what stands there."""
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                check_text(column, must_be_text=name.lower() in self._texts)
            except pa.ArrowInvalid as error:
                raise rejected(
                    self.name,
                    f"its column {name!r} has text that is not UTF-8, or is broken, in or after row "
                    f"{self.rows_read + 1}: {_first_line(error)}",
                    "Ask the partner for text in UTF-8; a column that is no text may be binary, and not declared.",
                ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _row_text(batch: pa.RecordBatch, row: int) -> str:
    values = {name: shown(column, row) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    return json.dumps(values, ensure_ascii=False, default=str)
