"""What happens to the rows of one partition: pure functions, DataFrame in, DataFrame out, SQL expressions only.

No row is taken away here. Each gets `_dropped_by`, the name of the first rule it breaks, or null when it is kept:
so what was dropped can be counted by file and by rule, and the counts must add up.
"""

import re
from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from casts import cast_sql, quoted, spark_type
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ColumnSpec, Feed, RuleSpec

PARTITION_KEYS = ("tenant", "feed", "dt")
LINEAGE = ("_source_file", "_ingested_at", "_run_id")
FILE_NUMBER = "_file_number"
"""Which of the partition's files a row is of; counts are kept by it."""

DROPPED_BY = "_dropped_by"
MALFORMED = "_malformed"
"""Column the reader fills where a row has too few or too many values."""

CAST_PREFIX = "_cast:"
"""A colon is in no column's name."""

MALFORMED_RULE = "malformed"
FILTER_RULE = "filter"
FAIL_PREFIX = "fail:"
"""Rows named so by `_dropped_by` fail the whole partition."""

_RESERVED = {*PARTITION_KEYS, *LINEAGE, FILE_NUMBER, DROPPED_BY, MALFORMED}


def column_names(header: Sequence[str]) -> list[str]:
    """A header's names as the curated table has them: lower case, `[a-z0-9_]`, none of the job's own.

    `dt`, `tenant`, `feed` and the lineage columns are taken: such a column of a file is called `source_<name>`.

    Raises:
        FeedInvalidError: two columns end up with one name.
    """
    names = []
    for position, title in enumerate(header):
        name = re.sub(r"[^a-z0-9_]+", "_", title.strip().lower()).rstrip("_") or f"column_{position + 1}"
        names.append("source_" + name.lstrip("_") if name in _RESERVED else name)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise FeedInvalidError(
            f"more than one column is called {repeated[0]!r} in the curated table (header: {', '.join(header)}). "
            "Ask the partner for distinct column names."
        )
    return names


def curate(raw: DataFrame, feed: Feed) -> DataFrame:
    """Declared types, filter, derived columns and rules, in this order.

    Args:
        raw: Text columns named by `column_names`, the lineage columns, `_file_number`, and `_malformed`.

    Returns:
        Columns in a fixed order: the file's (declared ones first), derived ones by name, lineage, `_file_number`,
        `_dropped_by`.
    """
    frame = typed(raw, feed.checks.columns)
    if feed.transform.filter is not None:
        frame = mark(frame, FILTER_RULE, feed.transform.filter)
    frame = derived(frame, feed.transform.derive)
    for rule in feed.transform.rules:
        frame = mark(frame, _mark_of(rule), rule.expression)
    business = [name for name in frame.columns if name not in _RESERVED]
    return frame.select(*[F.col(quoted(name)) for name in business], *LINEAGE, FILE_NUMBER, DROPPED_BY)


def rule_names(feed: Feed) -> list[str]:
    """Every name `curate` may give as the reason for dropping a row."""
    names = [MALFORMED_RULE, *(f"type:{column.name}" for column in feed.checks.columns if column.type != "string")]
    return [*names, FILTER_RULE, *(_mark_of(rule) for rule in feed.transform.rules)]


def _mark_of(rule: RuleSpec) -> str:
    return FAIL_PREFIX + rule.name if rule.action == "fail" else rule.name


def typed(raw: DataFrame, columns: Sequence[ColumnSpec]) -> DataFrame:
    """Casts the declared columns; a value that is not of its type names the rule `type:<column>`.

    A declared column that no file has is there and null; a column that is not declared stays text.
    """
    names = column_names([column.name for column in columns])
    have = set(raw.columns)
    # the cast is a column of its own first, so that it is done once although it is looked at twice
    casts = {name: F.expr(cast_sql(name, column)) for name, column in zip(names, columns, strict=True) if name in have}
    cast = raw.select("*", *[expression.alias(CAST_PREFIX + name) for name, expression in casts.items()])
    selected: list[Column] = []
    broken: list[Column] = [F.when(F.col(MALFORMED).isNotNull(), F.lit(MALFORMED_RULE))]
    for name, column in zip(names, columns, strict=True):
        if name not in have:
            selected.append(F.expr(f"CAST(NULL AS {spark_type(column.type)})").alias(name))
            continue
        value, text = F.col(quoted(CAST_PREFIX + name)), F.col(quoted(name))
        selected.append(value.alias(name))
        if column.type != "string":
            broken.append(F.when(value.isNull() & (F.trim(text) != ""), F.lit(f"type:{column.name}")))
    rest = [name for name in raw.columns if name not in names and name not in _RESERVED]
    return cast.select(
        *selected,
        *[F.col(quoted(name)) for name in rest],
        *LINEAGE,
        FILE_NUMBER,
        F.coalesce(*broken).alias(DROPPED_BY),
    )


def mark(frame: DataFrame, rule: str, condition: str) -> DataFrame:
    """Names the rule on each row for which the condition is not true (null is not true), unless one is named yet."""
    breaks = F.when(~F.coalesce(F.expr(f"({condition})"), F.lit(False)), F.lit(rule))
    return frame.withColumn(DROPPED_BY, F.coalesce(F.col(DROPPED_BY), breaks))


def derived(frame: DataFrame, expressions: Mapping[str, str]) -> DataFrame:
    """Adds columns by SQL expression, all from the columns there are: one derived column does not see another.

    By name, because a document's order is lost in DynamoDB.

    Raises:
        FeedInvalidError: a name is one of the job's own.
    """
    taken = sorted(_RESERVED & set(expressions))
    if taken:
        raise FeedInvalidError(f"transform.derive: {taken[0]!r} is a column of the job's own; choose another name.")
    return frame.withColumns({name: F.expr(text) for name, text in sorted(expressions.items())})
