"""The trailer record: the proof that a file is whole, and often the count of its rows."""

import csv
import io

from lakeferry.formats.cards import FormatSpec
from lakeferry.formats.rejections import AGAIN, rejected

MAX_TRAILER_BYTES = 1024 * 1024


def rows_promised(form: FormatSpec, name: str, record: str) -> int | None:
    """Data rows that the trailer says the file has; None where the feed reads no count from it.

    Args:
        record: The last record of the file; may be anything, or nothing.

    Raises:
        FileRejectedError: it is no trailer, or its count is none.
    """
    trailer = form.trailer
    assert trailer is not None  # noqa: S101  (the caller looked)
    if not record.startswith(trailer.starts_with):
        raise rejected(
            name,
            f"it does not end with a trailer ({trailer.starts_with!r} ...) but with {record[:80].rstrip()!r}: "
            "it is not complete",
            "Ask the partner to deliver it again, or correct format.trailer.",
        )
    if trailer.rows_field is None:
        return None
    if len(record) > MAX_TRAILER_BYTES:
        raise rejected(name, f"its trailer is longer than {MAX_TRAILER_BYTES} characters", AGAIN)
    reader = csv.reader(
        io.StringIO(record, newline=""), delimiter=form.delimiter, quotechar=form.quote, escapechar=form.escape
    )
    try:
        fields = next(reader)
    except csv.Error as error:
        raise rejected(
            name, f"its trailer cannot be read: {len(record)} bytes, {error}", "Ask the partner to deliver it again."
        ) from error
    count = fields[trailer.rows_field - 1].strip() if trailer.rows_field <= len(fields) else ""
    if not (count.isascii() and count.isdigit()):
        raise rejected(
            name,
            f"field {trailer.rows_field} of its trailer is {count!r} and no count of rows: {record[:80].rstrip()!r}",
            "Ask the partner, or correct format.trailer.rows_field.",
        )
    return int(count) - trailer.extra_rows
