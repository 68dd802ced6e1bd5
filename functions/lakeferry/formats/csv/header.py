"""The header of a CSV file: its names, and how the raw zone has it."""

import csv
import io
import operator
from itertools import dropwhile

from lakeferry.formats.header import check_header, tidy_name
from lakeferry.formats.reading import Reading
from lakeferry.formats.rejections import rejected, shown

MAX_HEADER_BYTES = 1024 * 1024
"""Of its text: what `MAX_COLUMNS` names of `MAX_NAMES_BYTES` take with all their quotes, and more."""


def header_of(reading: Reading, record: bytes, *, is_rewritten: bool) -> tuple[tuple[str, ...], bytes]:
    """Reads the header.

    Args:
        record: Its text, with the line end.
        is_rewritten: The raw zone's text is written anew, doubled quotes in place of escapes.

    Returns:
        The columns, as `tidy_name` has them, and the header as the raw zone has it.

    Raises:
        FileRejectedError: a name twice, or not what the feed takes.
    """
    form = reading.feed.format
    if len(record) > MAX_HEADER_BYTES:
        raise rejected(
            reading.name,
            f"its first line is {len(record)} bytes long, and a header has at most {MAX_HEADER_BYTES}",
            "Set format.delimiter to what the file has, or ask the partner for a header and lines.",
        )
    text = io.StringIO(record.decode(), newline="")
    try:
        names = next(csv.reader(text, delimiter=form.delimiter, quotechar=form.quote, escapechar=form.escape))
    except csv.Error as error:
        raise rejected(
            reading.name,
            f"its first line, {len(record)} bytes long, is no header ({error})",
            "Set format.delimiter to what the file has, or ask the partner for a header and lines.",
        ) from error
    columns = tuple(map(tidy_name, names))
    blank = len(columns) - len([*dropwhile(operator.not_, reversed(columns))])
    if blank and form.trailing_delimiter == "allow":
        columns = columns[:-blank]
    if not columns or (blank > 1 and form.trailing_delimiter != "allow"):
        raise rejected(
            reading.name,
            f"its header, {shown(record)}, ends with {blank} names that are blank",
            "Ask the partner for a name in each column."
            + (" If these columns are empty, set format.trailing_delimiter to allow." if columns else ""),
        )
    check_header(reading, columns)
    if not is_rewritten and list(columns) == names:
        return columns, record
    # Spark compares names with blanks and all
    text = io.StringIO()
    csv.writer(text, delimiter=form.delimiter, quotechar=form.quote, lineterminator="\n").writerow(columns)
    return columns, text.getvalue().encode()
