"""The header of a CSV file: its names, and whether they are what the feed declares."""

import csv
import io
from collections.abc import Sequence

from lakeferry.errors import FileRejectedError
from lakeferry.feeds.expressions import columns_of, parse_expression
from lakeferry.formats.formats import Reading


def header_of(reading: Reading, record: bytes, *, is_rewritten: bool) -> tuple[tuple[str, ...], bytes]:
    """Reads the header.

    Args:
        record: Its text, with the line end.
        is_rewritten: The raw zone's text is written anew, doubled quotes in place of escapes.

    Returns:
        The columns, without blanks around them, and the header as the raw zone has it.

    Raises:
        FileRejectedError: a name twice, or not what the feed takes.
    """
    form = reading.feed.format
    text = io.StringIO(record.decode(), newline="")
    names = next(csv.reader(text, delimiter=form.delimiter, quotechar=form.quote, escapechar=form.escape))
    columns = tuple(name.strip() for name in names)
    check_header(reading, columns)
    if not is_rewritten and list(columns) == names:
        return columns, record
    # Spark compares names with blanks and all
    text = io.StringIO()
    csv.writer(text, delimiter=form.delimiter, quotechar=form.quote, lineterminator="\n").writerow(columns)
    return columns, text.getvalue().encode()


def check_header(reading: Reading, columns: Sequence[str]) -> None:
    """Compares a file's columns with those the feed declares; for every format that names its columns.

    Raises:
        FileRejectedError: a name twice; or columns are missing, not declared or in another order, where the feed
            does not take that.
    """
    policy, specs = reading.feed.checks.header, reading.feed.checks.columns
    lowered = [name.lower() for name in columns]
    for name in lowered:
        if lowered.count(name) > 1:
            raise _rejected(
                reading,
                f"its header names column {name!r} more than once",
                "Ask the partner for a header with unique names.",
            )
    # a condition has to have its columns
    declared = [spec.name.lower() for spec in specs]
    conditions = [parse_expression(each.expression) for each in reading.feed.checks.expressions]
    named = {name for condition in conditions for name in columns_of(condition)}
    looked_at = {name.lower() for name in named}
    missing = sorted(name for name in named if name.lower() not in {*lowered, *declared})
    has = f"it has {_listed(columns)}"
    missing += [
        spec.name
        for spec in specs
        if spec.name.lower() not in lowered
        and (policy.missing == "reject" or spec.required or spec.name.lower() in looked_at)
    ]
    if missing:
        raise _rejected(
            reading,
            f"its header lacks {', '.join(map(repr, missing))}; {has}",
            "Ask the partner, or change checks.columns, checks.header.missing or format.delimiter.",
        )
    extra = [name for name in columns if name.lower() not in declared]
    if extra and declared and policy.extra == "reject":
        raise _rejected(
            reading,
            f"its header has {_listed(extra)}, which the feed does not declare",
            "Ask the partner, or add it to checks.columns, or set checks.header.extra to accept.",
        )
    if policy.order == "exact" and [name for name in lowered if name in declared] != [
        name for name in declared if name in lowered
    ]:
        raise _rejected(
            reading,
            f"its columns are in another order than the feed declares; {has}",
            "Ask the partner, or set checks.header.order to any.",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _rejected(reading: Reading, what: str, remedy: str) -> FileRejectedError:
    return FileRejectedError(f"{reading.name}: {what}. {remedy}")
