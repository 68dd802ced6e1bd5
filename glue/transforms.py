"""A plan done by Spark: pure functions, DataFrame in, DataFrame out, SQL expressions only.

No row is taken away here. Each gets `_dropped_by`, the name of the first rule it breaks, or null when it is kept:
so what was dropped can be counted by file and by rule, and the counts must add up.
"""

from collections.abc import Collection, Mapping, Sequence

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
from lakeferry.feeds import ColumnSpec, DeduplicateSpec, FlattenSpec
from plan import (
    DUPLICATE_RULE,
    MALFORMED_RULE,
    Deduplicate,
    Derive,
    Enrich,
    Mark,
    Plan,
    Protect,
    Rename,
    type_rule,
)
from spellings import respelled

CAST_PREFIX = "_cast:"
"""A colon is in no column's name."""


def curate(
    raw: DataFrame, plan: Plan, references: Mapping[str, DataFrame] | None = None, *, with_text: bool = False
) -> DataFrame:
    """The plan's steps on the rows of a partition.

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
    text = row_text(raw, plan.protected) if with_text else None
    raw = respelled(raw, plan)
    frame = typed(flattened(raw, plan.flatten), plan.columns, text=text)
    for step in plan.steps:
        match step:
            case Mark():
                frame = mark(frame, step.reason, step.condition, error=step.error)
            case Enrich():
                frame = enriched(frame, step, (references or {})[step.spec.reference])
            case Derive():
                frame = derived(frame, step)
            case Deduplicate():
                frame = deduplicated(frame, step.spec)
            case Protect():
                frame = protected(frame, step.columns)
            case Rename():
                frame = renamed(frame, step.names)
    business = [name for name in frame.columns if name not in RESERVED]
    kept_text = [ROW] if with_text else []
    return frame.select(*[F.col(quoted(name)) for name in business], *LINEAGE, *kept_text, FILE_NUMBER, DROPPED_BY)


def row_text(raw: DataFrame, protect: Collection[str]) -> Column:
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
        broken.append(F.concat(F.lit(type_rule("")), F.col(quoted(MISTYPED))))
    for name, column in zip(names, columns, strict=True):
        if name not in have:
            selected.append(F.expr(f"CAST(NULL AS {spark_type(column.type)})").alias(name))
            continue
        value, given = F.col(quoted(CAST_PREFIX + name)), F.col(quoted(name))
        selected.append(value.alias(name))
        if column.type != "string":
            broken.append(F.when(value.isNull() & (F.trim(given) != ""), F.lit(type_rule(column.name))))
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


def derived(frame: DataFrame, step: Derive) -> DataFrame:
    """Adds columns by expression, all from the columns there are; a row for which one cannot be computed is named."""
    found = computed(frame, step.columns)
    errors = [F.when(error, F.lit(step.errors[name])) for name, error in found.errors.items()]
    marks = {DROPPED_BY: F.coalesce(F.col(DROPPED_BY), *errors)} if errors else {}
    return found.frame.withColumns({**found.values, **marks}).drop(*found.extra)


def enriched(frame: DataFrame, step: Enrich, reference: DataFrame) -> DataFrame:
    """Takes over columns of a reference table, which is small and whose keys are distinct.

    Raises:
        FeedInvalidError: a column is not there, or would be there twice.
    """
    enrich = step.spec
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
    if step.reason is not None:
        missing = _unless(F.col(quoted(found)), step.reason)
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
