"""Whole CSV records → columns of text, with Arrow's parser."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa
import pyarrow.csv as pacsv

from lakeferry.checks.arrow import Column
from lakeferry.formats.cards import FormatSpec
from lakeferry.formats.csv.nulls import EscapedNulls, with_controls

_Keep: TypeAlias = "Callable[[pacsv.InvalidRow], Literal['skip', 'error']]"


class CrowdedError(Exception):
    """A block has more records than are looked at in one go."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a block has.

    Attributes:
        rows: Records with as many fields as there are columns.
        columns: Those that are looked at, as text; null is no value. One at least, by which the rows are counted.
        odd: The records with another number of fields, by `number` from 1 among all of the block's.
    """

    rows: int
    columns: Mapping[str, Column]
    odd: Sequence[pacsv.InvalidRow]


class BlockParser:
    """Parses one block after the other.

    Args:
        columns: The file's, in its order.
        wanted: Those that are looked at.
        drops_empty: An empty line is no record, even in a block in which no value has a line end.
    """

    def __init__(self, form: FormatSpec, columns: Sequence[str], wanted: Container[str], *, drops_empty: bool) -> None:
        self._form, self._drops_empty = form, drops_empty
        # names that no file can have twice
        self._names = {f"c{index}": name for index, name in enumerate(columns)}
        self._read = [each for each, name in self._names.items() if name in wanted] or list(self._names)[:1]
        self._nulls = EscapedNulls(form)

    def parse(self, block: bytes, *, breaks: bool, most: int) -> Parsed:
        """Parses whole records.

        Args:
            breaks: Whether a value may have a line end in it.
            most: How many records it may have.

        Raises:
            ArrowInvalid: the parser cannot make sense of it.
            CrowdedError: it has more records.
        """
        odd: list[pacsv.InvalidRow] = []

        def keep(row: "pacsv.InvalidRow") -> Literal["skip", "error"]:
            odd.append(row)
            return "skip" if len(odd) <= most else "error"

        try:
            table = self._table(block, keep, breaks=breaks)
        except pa.ArrowInvalid as error:
            if len(odd) > most:
                raise CrowdedError from error
            raise
        if table.num_rows + len(odd) > most:
            raise CrowdedError
        return Parsed(table.num_rows, {self._names[each]: _array(table, each) for each in self._read}, odd)

    def _table(self, block: bytes, keep: _Keep, *, breaks: bool) -> pa.Table:
        records = with_controls(block, self._form.escape)
        return pacsv.read_csv(
            pa.BufferReader(self._nulls.marked(records)),  # type: ignore[arg-type]  # it takes any of Arrow's files
            read_options=pacsv.ReadOptions(
                use_threads=False, column_names=list(self._names), block_size=max(len(block) + 1, 1 << 16)
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=self._form.delimiter,
                quote_char=self._form.quote,
                escape_char=self._form.escape or False,
                newlines_in_values=breaks or (records is not block and b"\\\n" in records),
                ignore_empty_lines=self._drops_empty or breaks,
                invalid_row_handler=keep,
            ),
            convert_options=pacsv.ConvertOptions(
                # the block was decoded before
                check_utf8=False,
                include_columns=self._read,
                column_types=dict.fromkeys(self._read, pa.string()),
                null_values=["", *self._nulls.plain],
                strings_can_be_null=True,
            ),
        )


def _array(table: pa.Table, name: str) -> Column:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
