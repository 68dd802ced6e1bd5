"""Whether a file's columns are those that the feed declares, for every format that names its columns."""

from collections.abc import Sequence

from lakeferry.expressions import columns_of, parse
from lakeferry.formats.reading import Reading
from lakeferry.formats.rejections import rejected


def check_header(reading: Reading, columns: Sequence[str]) -> None:
    """Compares a file's columns with those the feed declares.

    Raises:
        FileRejectedError: a name twice; or columns are missing, not declared or in another order, where the feed
            does not take that.
    """
    policy, specs = reading.feed.checks.header, reading.feed.checks.columns
    lowered = [name.lower() for name in columns]
    for name in lowered:
        if lowered.count(name) > 1:
            raise rejected(
                reading.name,
                f"its header names column {name!r} more than once",
                "Ask the partner for a header with unique names.",
            )
    # a condition has to have its columns
    declared = [spec.name.lower() for spec in specs]
    conditions = [parse(each.expression) for each in reading.feed.checks.expressions]
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
        raise rejected(
            reading.name,
            f"its header lacks {', '.join(map(repr, missing))}; {has}",
            "Ask the partner, or change checks.columns, checks.header.missing or format.delimiter.",
        )
    extra = [name for name in columns if name.lower() not in declared]
    if extra and declared and policy.extra == "reject":
        raise rejected(
            reading.name,
            f"its header has {_listed(extra)}, which the feed does not declare",
            "Ask the partner, or add it to checks.columns, or set checks.header.extra to accept.",
        )
    if policy.order == "exact" and [name for name in lowered if name in declared] != [
        name for name in declared if name in lowered
    ]:
        raise rejected(
            reading.name,
            f"its columns are in another order than the feed declares; {has}",
            "Ask the partner, or set checks.header.order to any.",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
