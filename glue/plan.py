"""What becomes of a partition's rows, built once from the feed: every type, every reason, in the order of the steps.

Nothing here knows an engine. `transforms.py` has the plan done by Spark, `arrowworker/` by Arrow; both give each row
the first reason of `Plan.reasons` that applies to it, or none, and then it is kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lakeferry.errors import FeedInvalidError
from lakeferry.expressions import Expression
from lakeferry.feeds import ColumnSpec, DeduplicateSpec, EnrichSpec, Feed, FlattenSpec
from lakeferry.feeds.columns import RESERVED
from lakeferry.feeds.expressions import transform_expressions
from lakeferry.feeds.number_spellings import Spelling

MALFORMED_RULE = "malformed"
FILTER_RULE = "filter"
FILTER_ERROR = "error:filter"
DUPLICATE_RULE = "duplicate"
ERROR_PREFIX = "error:"
"""Before the place of an expression: rows for which it could not be computed."""
FAIL_PREFIX = "fail:"
"""Rows dropped for such a reason fail the whole partition."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Rows for which a condition is not true (null is not true) have a reason, unless they have one already.

    Attributes:
        error: The reason where the condition cannot be computed.
    """

    reason: str
    error: str
    condition: Expression


@dataclass(frozen=True, slots=True)
class Enrich:
    """Columns of a reference table are taken over.

    Attributes:
        reason: Of rows whose key is not there; None: they stay.
    """

    spec: EnrichSpec
    reason: str | None


@dataclass(frozen=True, slots=True)
class Derive:
    """Columns computed from those that are there; one does not see another.

    Attributes:
        columns: By name, because a document's order is lost in DynamoDB.
        errors: Column → reason of rows for which it cannot be computed.
    """

    columns: Mapping[str, Expression]
    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deduplicate:
    """Of rows with equal keys one is kept."""

    spec: DeduplicateSpec
    reason: str = DUPLICATE_RULE


@dataclass(frozen=True, slots=True)
class Protect:
    """Personal data is made unreadable: column → `hash`, `mask` or `drop`."""

    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rename:
    """Columns get the names of the curated table."""

    names: Mapping[str, str]


Step = Mark | Enrich | Derive | Deduplicate | Protect | Rename


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A partition's work.

    Attributes:
        spelling: How numbers are written in the raw zone; None where they are plain.
        flatten: Values within columns of JSON that become columns of text, before anything is cast.
        columns: Columns with a declared type, those of `flatten` last. Text that is not of its column's type is the
            reason `type:<column>`.
        steps: What is done after that, in this order.
        reasons: Every name a row can be dropped by.
        fallout: Of these, those whose rows are kept beside the table: rows that are broken, not rows that are unwanted.
        protected: Columns that are nowhere shown as they were delivered.
        partition_by: Columns whose equal values are put next to each other.
        compression: Of the Parquet.
        target_file_mb: MiB a file should have.
    """

    spelling: Spelling | None
    flatten: tuple[FlattenSpec, ...]
    columns: tuple[ColumnSpec, ...]
    steps: tuple[Step, ...]
    reasons: tuple[str, ...]
    fallout: tuple[str, ...]
    protected: frozenset[str]
    partition_by: tuple[str, ...]
    compression: str
    target_file_mb: int

    @property
    def delivered(self) -> tuple[ColumnSpec, ...]:
        """The columns with a declared type that files have."""
        return self.columns[: len(self.columns) - len(self.flatten)]

    @property
    def expressions(self) -> Iterator[Expression]:
        """All there are."""
        for step in self.steps:
            if isinstance(step, Mark):
                yield step.condition
            elif isinstance(step, Derive):
                yield from step.columns.values()


def plan_of(feed: Feed) -> Plan:
    """The plan of a feed's partitions: types, filter, reference tables, derived columns, rules, duplicates, protection.

    Raises:
        FeedInvalidError: an expression does not fit the columns, or a derived column has a name of the job's own.
    """
    transform = feed.transform
    expressions = transform_expressions(feed.checks.columns, transform)
    if expressions.problems:
        raise FeedInvalidError("; ".join(expressions.problems))
    taken = sorted(RESERVED & set(expressions.derive))
    if taken:
        raise FeedInvalidError(f"transform.derive: {taken[0]!r} is a column of the job's own; choose another name.")
    steps: list[Step] = []
    if expressions.filter is not None:
        steps.append(Mark(FILTER_RULE, FILTER_ERROR, expressions.filter))
    for enrich in transform.enrich:
        steps.append(enrich_step(enrich))
    if expressions.derive:
        derived = dict(sorted(expressions.derive.items()))
        steps.append(Derive(derived, {name: derive_error(name) for name in derived}))
    for rule, expression in zip(transform.rules, expressions.rules, strict=True):
        error = _reason(f"{ERROR_PREFIX}rules.{rule.name}", rule.action)
        steps.append(Mark(_reason(rule.name, rule.action), error, expression))
    if transform.deduplicate is not None:
        steps.append(Deduplicate(transform.deduplicate))
    if transform.protect:
        steps.append(Protect(transform.protect))
    if transform.rename:
        steps.append(Rename(transform.rename))
    spelling = Spelling(feed.format.decimal, feed.format.thousands, feed.format.negative)
    # what becomes CSV is written anew, with plain numbers
    lands_as_delivered = feed.format.card.lands_as == "jsonl" and not spelling.is_plain
    return Plan(
        spelling=spelling if lands_as_delivered else None,
        flatten=transform.flatten,
        columns=(*feed.checks.columns, *flattened_columns(transform.flatten)),
        steps=tuple(steps),
        reasons=tuple(rule_names(feed)),
        fallout=tuple(fallout_rules(feed)),
        protected=frozenset(transform.protect),
        partition_by=transform.partition_by,
        compression=transform.compression,
        target_file_mb=transform.target_file_mb,
    )


def enrich_step(spec: EnrichSpec) -> Enrich:
    """A reference table as a step."""
    reason = _reason(f"reference:{spec.reference}", spec.missing)
    return Enrich(spec, None if spec.missing == "keep" else reason)


def rule_names(feed: Feed) -> list[str]:
    """Every name that may be the reason for dropping a row."""
    transform = feed.transform
    kinds = [(item.name, item.type) for item in (*feed.checks.columns, *flattened_columns(transform.flatten))]
    names = [MALFORMED_RULE, *(type_rule(name) for name, kind in kinds if kind != "string")]
    names += [FILTER_RULE, DUPLICATE_RULE]
    names += [_reason(f"reference:{item.reference}", item.missing) for item in transform.enrich]
    names += [derive_error(name) for name in transform.derive]
    names += [FILTER_ERROR] if transform.filter is not None else []
    names += [_reason(f"{ERROR_PREFIX}rules.{rule.name}", rule.action) for rule in transform.rules]
    return [*names, *(_reason(rule.name, rule.action) for rule in transform.rules)]


def broken_rules(columns: Sequence[ColumnSpec]) -> set[str]:
    """The names of rules that no row breaks which has passed the checks of these columns."""
    return {MALFORMED_RULE, *(type_rule(column.name) for column in columns if column.type != "string")}


def fallout_rules(feed: Feed) -> list[str]:
    """The names whose rows are kept under `fallout/`: rows that are broken, not rows that are not wanted."""
    wanted = {rule.name for rule in feed.transform.rules if rule.action == "quarantine"}
    wanted |= {f"reference:{item.reference}" for item in feed.transform.enrich if item.missing == "quarantine"}
    return [
        name
        for name in rule_names(feed)
        if name in wanted or name.startswith(("type:", ERROR_PREFIX)) or name == MALFORMED_RULE
    ]


def flattened_columns(specs: Sequence[FlattenSpec]) -> list[ColumnSpec]:
    """The columns that `flatten` adds, as declared ones."""
    return [ColumnSpec(item.name, item.type, format=item.format, timezone=item.timezone) for item in specs]


def type_rule(column: str) -> str:
    """The reason of rows whose value is not of the column's type."""
    return f"type:{column}"


def derive_error(column: str) -> str:
    """The reason of rows for which a derived column cannot be computed."""
    return f"{ERROR_PREFIX}derive.{column}"


def _reason(name: str, action: str) -> str:
    return FAIL_PREFIX + name if action == "fail" else name
