"""Whether a file's columns are those that the feed declares, for every format that names its columns."""

from collections import Counter
from collections.abc import Sequence

from lakeferry.expressions import columns_of, parse
from lakeferry.feeds.columns import colliding
from lakeferry.formats.reading import Reading
from lakeferry.formats.rejections import rejected

MAX_COLUMNS = 20_000
"""Spark reads 20,480 columns of CSV, and ends its process over more."""
MAX_NAMES_BYTES = 256 * 1024
"""Of all names: the ledger keeps them, and an item of DynamoDB has 400 KB."""


def tidy_name(title: str) -> str:
    """A column's name as a header has it, without blanks around; in one line, as readers of the raw zone want it."""
    lines = (line.strip() for line in title.strip().split("\n"))
    return " ".join(line for line in lines if line)


def check_header(reading: Reading, columns: Sequence[str]) -> None:
    """Compares a file's columns with those the feed declares.

    Raises:
        FileRejectedError: a name twice, or two names that tables have for one; too many of them; or columns are
            missing, not declared or in another order, where the feed does not take that.
    """
    policy, specs = reading.feed.checks.header, reading.feed.checks.columns
    lowered = [name.lower() for name in columns]
    _check_names(reading, columns, lowered)
    # a condition has to have its columns
    declared = [spec.name.lower() for spec in specs]
    here, known = set(lowered), set(declared)
    conditions = [parse(each.expression) for each in reading.feed.checks.expressions]
    named = {name for condition in conditions for name in columns_of(condition)}
    looked_at = {name.lower() for name in named}
    missing = sorted(name for name in named if name.lower() not in here and name.lower() not in known)
    has = f"it has {_listed(columns)}"
    missing += [
        spec.name
        for spec in specs
        if spec.name.lower() not in here
        and (policy.missing == "reject" or spec.required or spec.name.lower() in looked_at)
    ]
    if missing:
        raise rejected(
            reading.name,
            f"its header lacks {', '.join(map(repr, missing))}; {has}",
            "Ask the partner, or change checks.columns, checks.header.missing or format.delimiter.",
        )
    extra = [name for name in columns if name.lower() not in known]
    if extra and declared and policy.extra == "reject":
        raise rejected(
            reading.name,
            f"its header has {_listed(extra)}, which the feed does not declare",
            "Ask the partner, or add it to checks.columns, or set checks.header.extra to accept.",
        )
    if policy.order == "exact" and [name for name in lowered if name in known] != [
        name for name in declared if name in here
    ]:
        raise rejected(
            reading.name,
            f"its columns are in another order than the feed declares; {has}",
            "Ask the partner, or set checks.header.order to any.",
        )


def _check_names(reading: Reading, columns: Sequence[str], lowered: Sequence[str]) -> None:
    size = sum(len(name.encode()) for name in columns)
    if len(columns) > MAX_COLUMNS or size > MAX_NAMES_BYTES:
        raise rejected(
            reading.name,
            f"its header names {len(columns)} columns in {size} bytes; at most {MAX_COLUMNS} in {MAX_NAMES_BYTES} "
            "bytes are taken, by which readers of tables and the ledger can abide",
            "Ask the partner for narrower files; check format.delimiter, and that the first line is a header.",
        )
    if repeated := next((name for name, count in Counter(lowered).items() if count > 1), None):
        raise rejected(
            reading.name,
            f"its header names column {repeated!r} more than once",
            "Ask the partner for a header with unique names.",
        )
    known = set(lowered)
    absent = [spec.name for spec in reading.feed.checks.columns if spec.name.lower() not in known]
    if together := colliding([*columns, *absent]):
        raise rejected(
            reading.name,
            f"its columns {_listed(together)} are one to tables"
            if not set(together) & set(absent)
            else f"its column {together[0]!r} is {together[1]!r} of the feed to tables, and not to the checks",
            "Ask the partner for names that differ in letters or digits, or declare the column as the file has it.",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
