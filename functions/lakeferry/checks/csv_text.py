"""The CSV that the raw zone has of files that were no CSV: comma, double quotes, only where they are needed."""

import csv
import io
from collections.abc import Iterable, Sequence

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels

_NEEDS_QUOTES = '[,"\n\r]'


def header_line(columns: Sequence[str]) -> bytes:
    """The header of a file with these columns."""
    return rows_text([columns])


def rows_text(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as CSV. A row of one empty value is in quotes, so that no line is blank."""
    text = io.StringIO(newline="")
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        (quoted if len(row) == 1 and not row[0].strip() else plain).writerow(row)
    return text.getvalue().encode()


def csv_lines(columns: Sequence[Column]) -> bytes:
    """Columns of text, without nulls, as the rows of a CSV file: a column at a time where nothing needs quotes."""
    plain = len(columns) > 1 and not any(
        kernels.any(kernels.match_substring_regex(values, _NEEDS_QUOTES)).as_py() for values in columns
    )
    if not plain:
        return rows_text(zip(*[values.to_pylist() for values in columns], strict=True))
    lines = kernels.binary_join_element_wise(*columns, pa.scalar(","))
    return ("\n".join(lines.to_pylist()) + "\n").encode()
