"""What happens to the rows of one partition: pure functions, DataFrame in, DataFrame out, SQL expressions only.

No row is taken away here. Each gets `_dropped_by`, the name of the first rule it breaks, or null when it is kept:
so what was dropped can be counted by file and by rule, and the counts must add up.
"""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from casts import cast_sql, quoted, spark_type
from columns import (
    DROPPED_BY,
    FILE_NUMBER,
    LINEAGE,
    MALFORMED,
    MISTYPED,
    RESERVED,
    ROW,
    check_columns,
    column_names,
)
from expressions import computed
from finishing import protected, renamed
from lakeferry.errors import FeedInvalidError
from lakeferry.expressions import Expression
from lakeferry.feeds import ColumnSpec, DeduplicateSpec, EnrichSpec, Feed, FlattenSpec
from lakeferry.feeds.expressions import transform_expressions
from spellings import respelled

CAST_PREFIX = "_cast:"
"""A colon is in no column's name."""

MALFORMED_RULE = "malformed"
FILTER_RULE = "filter"
FILTER_ERROR = "error:filter"
DUPLICATE_RULE = "duplicate"
ERROR_PREFIX = "error:"
"""Before the place of an expression: rows for which it could not be computed."""
FAIL_PREFIX = "fail:"
"""Rows named so by `_dropped_by` fail the whole partition."""


def curate(
    raw: DataFrame, feed: Feed, references: Mapping[str, DataFrame] | None = None, *, with_text: bool = False
) -> DataFrame:
    """Nested values, types, filter, enrichment, derived columns, rules, duplicates, protection, names, in this order.

    Args:
        raw: Text columns named by `column_names`, the lineage columns, `_file_number`, and `_malformed`.
        references: The reference tables `enrich` names.
        with_text: Add `_row`: the row as it was delivered, as JSON, without protected columns.

    Returns:
        Columns in a fixed order: the file's (declared ones first, then those of `flatten`), those of reference tables,
        derived ones by name, lineage, `_file_number`, `_dropped_by`.

    Raises:
        FeedInvalidError: the feed names a column that is not there, or one twice.
    """
    transform = feed.transform
    text = row_text(raw, transform.protect) if with_text else None
    raw = respelled(raw, feed)
    frame = typed(flattened(raw, transform.flatten), [*feed.checks.columns, *_flattened_columns(feed)], text=text)
    expressions = transform_expressions(feed.checks.columns, transform)
    if expressions.problems:
        raise FeedInvalidError("; ".join(expressions.problems))
    if expressions.filter is not None:
        frame = mark(frame, FILTER_RULE, expressions.filter, error=FILTER_ERROR)
    for enrich in transform.enrich:
        frame = enriched(frame, enrich, (references or {})[enrich.reference])
    frame = derived(frame, expressions.derive)
    for rule, expression in zip(transform.rules, expressions.rules, strict=True):
        frame = mark(frame, _mark_of(rule.name, rule.action), expression, error=_rule_error(rule.name, rule.action))
    if transform.deduplicate is not None:
        frame = deduplicated(frame, transform.deduplicate)
    frame = renamed(protected(frame, transform.protect), transform.rename)
    business = [name for name in frame.columns if name not in RESERVED]
    kept_text = [ROW] if with_text else []
    return frame.select(*[F.col(quoted(name)) for name in business], *LINEAGE, *kept_text, FILE_NUMBER, DROPPED_BY)


def rule_names(feed: Feed) -> list[str]:
    """Every name `curate` may give as the reason for dropping a row."""
    kinds = [(item.name, item.type) for item in (*feed.checks.columns, *_flattened_columns(feed))]
    names = [MALFORMED_RULE, *(_type_rule(name) for name, kind in kinds if kind != "string")]
    names += [FILTER_RULE, DUPLICATE_RULE]
    names += [_mark_of(f"reference:{item.reference}", item.missing) for item in feed.transform.enrich]
    names += [_derive_error(name) for name in feed.transform.derive]
    names += [FILTER_ERROR] if feed.transform.filter is not None else []
    names += [_rule_error(rule.name, rule.action) for rule in feed.transform.rules]
    return [*names, *(_mark_of(rule.name, rule.action) for rule in feed.transform.rules)]


def broken_rules(columns: Sequence[ColumnSpec]) -> set[str]:
    """The names of rules that no row breaks which has passed the checks of these columns."""
    return {MALFORMED_RULE, *(_type_rule(column.name) for column in columns if column.type != "string")}


def fallout_rules(feed: Feed) -> list[str]:
    """The names whose rows are kept under `fallout/`: rows that are broken, not rows that are not wanted."""
    wanted = {rule.name for rule in feed.transform.rules if rule.action == "quarantine"}
    wanted |= {f"reference:{item.reference}" for item in feed.transform.enrich if item.missing == "quarantine"}
    return [
        name
        for name in rule_names(feed)
        if name in wanted or name.startswith(("type:", ERROR_PREFIX)) or name == MALFORMED_RULE
    ]


def _flattened_columns(feed: Feed) -> list[ColumnSpec]:
    return [
        ColumnSpec(item.name, item.type, format=item.format, timezone=item.timezone) for item in feed.transform.flatten
    ]


def _type_rule(column: str) -> str:
    return f"type:{column}"


def _mark_of(name: str, action: str) -> str:
    return FAIL_PREFIX + name if action == "fail" else name


def _derive_error(column: str) -> str:
    return f"{ERROR_PREFIX}derive.{column}"


def _rule_error(name: str, action: str) -> str:
    return _mark_of(f"{ERROR_PREFIX}rules.{name}", action)


def row_text(raw: DataFrame, protect: Mapping[str, str]) -> Column:
    """The row as it was delivered, as JSON; a malformed line as it is, but not where columns are protected."""
    names = [name for name in raw.columns if name not in RESERVED and name not in protect]
    values = F.to_json(F.struct(*[F.col(quoted(name)) for name in names]))
    line = F.lit(None) if protect else F.col(MALFORMED)
    return F.when(F.col(MALFORMED).isNull(), values).otherwise(line)


def flattened(raw: DataFrame, specs: Sequence[FlattenSpec]) -> DataFrame:
    """Adds values within columns of JSON as text columns; null where a row has no such value.

    The column itself stays as it is. Numbers pass through a double, as Spark reads JSON: 15 digits are kept.

    Raises:
        FeedInvalidError: a name is taken. A column that no file has makes nulls, as any declared column does.
    """
    have, added = set(raw.columns), dict[str, Column]()
    for spec in specs:
        if spec.name in have or spec.name in RESERVED:
            raise FeedInvalidError(f"transform.flatten: there is a column {spec.name!r} already; choose another name.")
        (parent,) = column_names([spec.column])
        value = F.get_json_object(F.col(quoted(parent)), spec.json_path) if parent in have else F.lit(None)
        text = value.cast("string")
        if spec.type.startswith("decimal"):
            # 12345678.50 comes out as 1.23456785E7; what is beyond 20 digits stays so and is not of its type
            plain = text.cast("double").cast("decimal(38,18)").cast("string")
            text = F.when(text.rlike("^-?[0-9.]+E-?[0-9]+$"), F.coalesce(plain, text)).otherwise(text)
        added[spec.name] = text
    return raw.withColumns(added) if added else raw


def typed(raw: DataFrame, columns: Sequence[ColumnSpec], text: Column | None = None) -> DataFrame:
    """Casts the declared columns; a value that is not of its type names the rule `type:<column>`.

    A declared column that no file has is there and null; a column that is not declared stays text.

    Args:
        text: Kept as `_row`, computed from the columns before they are cast.
    """
    names = column_names([column.name for column in columns])
    have = set(raw.columns)
    # the cast is a column of its own first, so that it is done once although it is looked at twice
    casts = {
        # Parquet has its types already
        name: F.expr(cast_sql(quoted(name), column))
        if raw.schema[name].dataType == StringType()
        else F.col(quoted(name))
        for name, column in zip(names, columns, strict=True)
        if name in have
    }
    cast = raw.select("*", *[expression.alias(CAST_PREFIX + name) for name, expression in casts.items()])
    selected: list[Column] = []
    broken: list[Column] = [F.when(F.col(MALFORMED).isNotNull(), F.lit(MALFORMED_RULE))]
    if MISTYPED in have:
        # null where nothing is, as a concatenation with null is
        broken.append(F.concat(F.lit(_type_rule("")), F.col(quoted(MISTYPED))))
    for name, column in zip(names, columns, strict=True):
        if name not in have:
            selected.append(F.expr(f"CAST(NULL AS {spark_type(column.type)})").alias(name))
            continue
        value, given = F.col(quoted(CAST_PREFIX + name)), F.col(quoted(name))
        selected.append(value.alias(name))
        if column.type != "string":
            broken.append(F.when(value.isNull() & (F.trim(given) != ""), F.lit(_type_rule(column.name))))
    rest = [name for name in raw.columns if name not in names and name not in RESERVED]
    return cast.select(
        *selected,
        *[F.col(quoted(name)) for name in rest],
        *LINEAGE,
        *([] if text is None else [text.alias(ROW)]),
        FILE_NUMBER,
        F.coalesce(*broken).alias(DROPPED_BY),
    )


def mark(frame: DataFrame, rule: str, condition: Expression, *, error: str) -> DataFrame:
    """Names the rule on each row for which the condition is not true (null is not true), unless one is named yet.

    Args:
        error: Named where the condition cannot be computed.
    """
    found = computed(frame, {rule: condition})
    breaks = _unless(found.values[rule], rule)
    named = [F.when(found.errors[rule], F.lit(error)), breaks] if rule in found.errors else [breaks]
    return found.frame.withColumn(DROPPED_BY, F.coalesce(F.col(DROPPED_BY), *named)).drop(*found.extra)


def _unless(condition: Column, rule: str) -> Column:
    return F.when(~F.coalesce(condition, F.lit(False)), F.lit(rule))


def derived(frame: DataFrame, expressions: Mapping[str, Expression]) -> DataFrame:
    """Adds columns by expression, all from the columns there are: one derived column does not see another.

    By name, because a document's order is lost in DynamoDB. A row for which one cannot be computed gets its name.

    Raises:
        FeedInvalidError: a name is one of the job's own.
    """
    taken = sorted(RESERVED & set(expressions))
    if taken:
        raise FeedInvalidError(f"transform.derive: {taken[0]!r} is a column of the job's own; choose another name.")
    if not expressions:
        return frame
    found = computed(frame, dict(sorted(expressions.items())))
    errors = [F.when(error, F.lit(_derive_error(name))) for name, error in found.errors.items()]
    marks = {DROPPED_BY: F.coalesce(F.col(DROPPED_BY), *errors)} if errors else {}
    return found.frame.withColumns({**found.values, **marks}).drop(*found.extra)


def enriched(frame: DataFrame, enrich: EnrichSpec, reference: DataFrame) -> DataFrame:
    """Takes over columns of a reference table, which is small and whose keys are distinct.

    Raises:
        FeedInvalidError: a column is not there, or would be there twice.
    """
    key = enrich.key or enrich.on
    where = f"transform.enrich of {enrich.reference}"
    check_columns(where, [enrich.on], frame.columns)
    check_columns(f"{where}, in the reference table", [key, *enrich.columns], reference.columns)
    twice = sorted(set(enrich.columns) & (set(frame.columns) | RESERVED))
    if twice:
        raise FeedInvalidError(f"{where}: the rows have a column {twice[0]!r} already.")
    found, joined = "_found:" + enrich.reference, "_key:" + enrich.reference
    table = reference.select(
        # compared as the feed's type: a CSV reference has only text
        F.col(quoted(key)).cast(frame.schema[enrich.on].dataType).alias(joined),
        *[F.col(quoted(name)) for name in enrich.columns],
        F.lit(True).alias(found),
    )
    wide = frame.join(F.broadcast(table), F.col(quoted(enrich.on)) == F.col(quoted(joined)), "left")
    if enrich.missing != "keep":
        missing = _unless(F.col(quoted(found)), _mark_of(f"reference:{enrich.reference}", enrich.missing))
        wide = wide.withColumn(DROPPED_BY, F.coalesce(F.col(DROPPED_BY), missing))
    order = [name for name in frame.columns if name not in RESERVED]
    rest = [name for name in frame.columns if name in RESERVED]
    return wide.select(*[F.col(quoted(name)) for name in (*order, *enrich.columns, *rest)])


def deduplicated(frame: DataFrame, deduplicate: DeduplicateSpec) -> DataFrame:
    """Names the rule `duplicate` on all rows of a key but one.

    Rows that are dropped anyway take no part, and rows without a key are no duplicates of each other. Where the
    order does not decide, the row that came last is kept, and then one by its content: a rebuild keeps the same.
    """
    keys = list(deduplicate.keys)
    terms = [term.split() for term in deduplicate.order_by]
    check_columns("transform.deduplicate", [*keys, *(term[0] for term in terms)], frame.columns)
    takes_part = F.col(DROPPED_BY).isNull()
    for key in keys:
        takes_part &= F.col(quoted(key)).isNotNull()
    content = [F.col(quoted(name)) for name in frame.columns if name not in RESERVED]
    order = [
        F.col(quoted(name)).desc_nulls_last() if direction == ["desc"] else F.col(quoted(name)).asc_nulls_last()
        for name, *direction in terms
    ]
    # rows that take no part are spread, each alone
    alone = F.when(takes_part, F.lit(-1)).otherwise(F.monotonically_increasing_id())
    window = Window.partitionBy(*[F.col(quoted(key)) for key in keys], "_alone").orderBy(
        *order, F.col("_ingested_at").desc(), F.col("_source_file"), F.xxhash64(*content)
    )
    ranked = frame.withColumn("_alone", alone).withColumn("_rank", F.row_number().over(window))
    repeated = F.when((F.col("_alone") == -1) & (F.col("_rank") > 1), F.lit(DUPLICATE_RULE))
    return ranked.withColumn(DROPPED_BY, F.coalesce(F.col(DROPPED_BY), repeated)).drop("_alone", "_rank")
