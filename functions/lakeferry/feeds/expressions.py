"""A feed's expressions with their types: which columns each may look at, and what is wrong with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lakeferry.errors import FeedInvalidError
from lakeferry.expressions import Expression, ExpressionError, Scope, Type, compiled, condition_of, type_of
from lakeferry.expressions.types import STRING, TIMESTAMP
from lakeferry.feeds.checks import ChecksSpec, ColumnSpec
from lakeferry.feeds.columns import column_names
from lakeferry.feeds.transform import TransformSpec

_OF_THE_JOB = {"_source_file": STRING, "_ingested_at": TIMESTAMP}
"""Columns of the job's own that stay the same however often a partition is built."""


@dataclass(slots=True)
class TransformExpressions:
    """The expressions of a `transform`.

    Attributes:
        rules: In the order of the feed's.
        problems: What is wrong, with JSON paths; where there is something, the rest is not complete.
    """

    filter: Expression | None = None
    derive: dict[str, Expression] = field(default_factory=dict)
    rules: list[Expression] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def checks_scope(columns: Sequence[ColumnSpec]) -> Scope:
    """What `checks.expressions` may look at: the declared columns as the file spells them; all, as text, if none is."""
    return Scope({column.name.lower(): _declared(column.type) for column in columns}, is_open=not columns)


def checks_expression_problems(checks: ChecksSpec) -> Iterator[str]:
    """What is wrong with `checks.expressions`."""
    scope = checks_scope(checks.columns)
    for index, each in enumerate(checks.expressions):
        try:
            condition_of(each.expression, scope)
        except ExpressionError as error:
            yield f"$.checks.expressions[{index}].expression: {error}"


def transform_expressions(columns: Sequence[ColumnSpec], transform: TransformSpec) -> TransformExpressions:
    """The expressions of a `transform`, each seeing what its step of the job sees.

    The filter comes before reference tables, whose columns are text; derived columns do not see each other; rules see
    them all.

    Args:
        columns: Those that `checks.columns` declares.
    """
    found = TransformExpressions()
    given = [(column.name, column.type) for column in columns] + [(item.name, item.type) for item in transform.flatten]
    try:
        names = column_names([name for name, _ in given])
    except FeedInvalidError as error:
        found.problems.append(f"$.checks.columns: {error}")
        return found
    is_open = not columns
    types = {name: _declared(kind) for name, (_, kind) in zip(names, given, strict=True)} | _OF_THE_JOB
    if transform.filter is not None:
        found.filter = _condition(found, "$.transform.filter", transform.filter, Scope(types, is_open))
    types |= {name: STRING for enrich in transform.enrich for name in enrich.columns}
    for name, text in sorted(transform.derive.items()):
        try:
            found.derive[name] = compiled(text, Scope(types, is_open))
        except ExpressionError as error:
            found.problems.append(f"$.transform.derive.{name}: {error}")
    if len(found.derive) < len(transform.derive):
        return found
    scope = Scope(types | {name: expression.type for name, expression in found.derive.items()}, is_open)
    for index, rule in enumerate(transform.rules):
        expression = _condition(found, f"$.transform.rules[{index}].expression", rule.expression, scope)
        if expression is not None:
            found.rules.append(expression)
    return found


def _condition(found: TransformExpressions, path: str, text: str, scope: Scope) -> Expression | None:
    try:
        return condition_of(text, scope)
    except ExpressionError as error:
        found.problems.append(f"{path}: {error}")
        return None


def _declared(kind: str) -> Type:
    found = type_of(kind)
    if found is None:
        # a decimal of more digits after the point than it has
        raise FeedInvalidError(f"{kind} is no type: a decimal(p,s) has p digits, s of them after the point.")
    return found
