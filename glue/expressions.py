"""A feed's expressions as Spark computes them: SQL written from the typed tree, never the feed's own text.

Every operation is one that gives null instead of an error or a wrong value (`try_add`, `try_cast`), whatever
`spark.sql.ansi.enabled` is. Where one can fail, its value and its operands become columns first: a value that is null
although all its operands are there is an error of the row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from casts import literal, quoted, sql_type
from lakeferry.errors import FeedInvalidError
from lakeferry.expressions import Expression
from lakeferry.expressions.functions import nearest
from lakeferry.expressions.types import has_remainder
from sqlcalls import call_sql, cast_to_sql, failed_sql

_PREFIX = "_x:"
"""A colon is in no column's name."""
_PLAIN = ("int", "bigint", "smallint", "tinyint", "decimal", "date", "timestamp", "boolean")
"""Types that have one text."""
_TRIED = {"+": "try_add", "-": "try_subtract", "*": "try_multiply", "/": "try_divide"}


@dataclass(frozen=True, slots=True)
class Computed:
    """Expressions as columns of a frame.

    Attributes:
        frame: The given one, with columns for what is needed more than once.
        values: Name → value.
        errors: Name → where it could not be computed; expressions that always can have none.
        extra: The columns that were added, to be dropped.
    """

    frame: DataFrame
    values: Mapping[str, Column]
    errors: Mapping[str, Column]
    extra: tuple[str, ...]


def computed(frame: DataFrame, expressions: Mapping[str, Expression]) -> Computed:
    """Adds what the expressions need.

    Raises:
        FeedInvalidError: a column is not there, or not of the type it is taken for.
    """
    writer = _Writer({field.name: field.dataType.simpleString() for field in frame.schema})
    parts = {name: writer.part(expression) for name, expression in expressions.items()}
    for step in writer.steps:
        frame = frame.withColumns({name: F.expr(sql) for name, sql in step.items()})
    return Computed(
        frame,
        {name: F.expr(part.sql) for name, part in parts.items()},
        {name: F.coalesce(F.expr(part.error), F.lit(False)) for name, part in parts.items() if part.error is not None},
        tuple(name for step in writer.steps for name in step),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """An expression as SQL.

    Attributes:
        level: How many steps must have added their columns before.
        error: SQL that is true where it could not be computed.
        is_name: It is a column or a literal, which costs nothing to name twice.
    """

    sql: str
    level: int = 0
    error: str | None = None
    is_name: bool = False


@dataclass(slots=True)
class _Writer:
    types: Mapping[str, str]
    steps: list[dict[str, str]] = field(default_factory=list)
    _count: int = 0

    def part(self, node: Expression) -> _Part:
        if node.op == "column":
            return _Part(self._column(node), is_name=True)
        if node.op == "literal":
            return _Part(literal_sql(node), is_name=True)
        if node.op == "try":
            inner = self.part(node.parts[0])
            return _Part(inner.sql, inner.level, None, inner.is_name)
        if node.op in {"and", "or"}:
            return self._logic(node)
        if node.op == "case":
            return self._case(node)
        if node.op == "call" and node.value == "coalesce":
            return self._coalesce(node)
        parts = [self.part(part) for part in node.parts]
        if node.op in {"+", "*"} and node.type.kind == "float64":
            # Spark takes sums for equal in whatever order, and then computes but one of them; of doubles they are not
            nested = [part.op == node.op for part in node.parts]
            parts = [
                replace(part, sql=f"(-(-{part.sql}))") if at else part for part, at in zip(parts, nested, strict=True)
            ]
        if node.can_fail or node.op in {"in", "cast"} or _is_named(node):
            parts = [self._kept(part) for part in parts]
        sql = _sql(node, [part.sql for part in parts])
        found = _Part(sql, _level(parts), _any_of([part.error for part in parts]))
        if not node.can_fail:
            return found
        found = self._kept(found)
        failed = failed_sql(node, found.sql, [part.sql for part in parts])
        return _Part(found.sql, found.level, _any_of([found.error, failed]), is_name=True)

    def _kept(self, part: _Part) -> _Part:
        """The part as a column of its own, so that it is computed once."""
        if part.is_name:
            return part
        while len(self.steps) <= part.level:
            self.steps.append({})
        name, self._count = f"{_PREFIX}{self._count}", self._count + 1
        self.steps[part.level][name] = part.sql
        return _Part(quoted(name), part.level + 1, part.error, is_name=True)

    def _column(self, node: Expression) -> str:
        name, wanted = str(node.value), sql_type(node.type)
        if name not in self.types:
            hint = nearest(name, [known for known in self.types if not known.startswith("_")])
            raise FeedInvalidError(f"an expression names the column {name!r}, which no file has{hint}.")
        given = self.types[name]
        if given == wanted:
            return quoted(name)
        if wanted == "string" and not given.startswith(_PLAIN):
            raise FeedInvalidError(
                f"an expression takes column {name!r} for text, and it is {given}: declare it in checks.columns, or "
                "make it a decimal if it is a reference table's."
            )
        return f"try_cast({quoted(name)} AS {wanted})"

    # what looks at a part only where those before it leave that open

    def _logic(self, node: Expression) -> _Part:
        parts = [self.part(part) for part in node.parts]
        last = max((at for at, part in enumerate(parts) if part.error is not None), default=-1)
        # conditions before an error decide whether it counts
        parts = [self._kept(part) if at < last else part for at, part in enumerate(parts)]
        sign, decided = (" AND ", "false") if node.op == "and" else (" OR ", "true")
        errors: list[str | None] = []
        for at, part in enumerate(parts):
            if part.error is not None and at:
                before = sign.join(earlier.sql for earlier in parts[:at])
                errors.append(f"(({before}) IS DISTINCT FROM {decided} AND {part.error})")
            else:
                errors.append(part.error)
        return _Part(f"({sign.join(part.sql for part in parts)})", _level(parts), _any_of(errors))

    def _case(self, node: Expression) -> _Part:
        parts = [self.part(part) for part in node.parts]
        whens, thens, rest = parts[:-1:2], parts[1:-1:2], parts[-1]
        if _any_of([part.error for part in parts]) is not None:
            whens = [self._kept(when) for when in whens]
        pairs = list(zip(whens, thens, strict=True))
        sql = "".join(f" WHEN {when.sql} THEN {then.sql}" for when, then in pairs)
        error = None
        if _any_of([part.error for part in parts]) is not None:
            told, errors = "", rest.error or "false"
            for when, then in pairs:
                if when.error is not None:
                    told += f" WHEN {when.error} THEN true"
                told += f" WHEN {when.sql} THEN {then.error or 'false'}"
            error = f"CASE{told} ELSE {errors} END"
        return _Part(f"CASE{sql} ELSE {rest.sql} END", _level([*whens, *thens, rest]), error)

    def _coalesce(self, node: Expression) -> _Part:
        parts = [self.part(part) for part in node.parts]
        last = max((at for at, part in enumerate(parts) if part.error is not None), default=-1)
        parts = [self._kept(part) if at < last else part for at, part in enumerate(parts)]
        errors: list[str | None] = []
        for at, part in enumerate(parts):
            before = " AND ".join(f"{earlier.sql} IS NULL" for earlier in parts[:at])
            errors.append(f"({before} AND {part.error})" if part.error is not None and at else part.error)
        return _Part(f"coalesce({', '.join(part.sql for part in parts)})", _level(parts), _any_of(errors))


def _level(parts: Sequence[_Part]) -> int:
    return max((part.level for part in parts), default=0)


def _any_of(errors: Sequence[str | None]) -> str | None:
    found = [error for error in errors if error is not None]
    return f"({' OR '.join(found)})" if found else None


def _is_named(node: Expression) -> bool:
    """Whether its SQL names an operand more than once."""
    return node.op == "call" and node.value in {"abs", "date_add", "date_sub", "add_months", "nullif"}


def literal_sql(node: Expression) -> str:
    """A literal as SQL."""
    value, of = node.value, node.type
    if value is None:
        return f"CAST(NULL AS {sql_type(of)})"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(' ')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, (Decimal, float)):
        return f"CAST('{value:f}' AS {sql_type(of)})" if isinstance(value, Decimal) else f"CAST('{value!r}' AS double)"
    return f"{value}L" if of.kind == "int64" else str(value)


def _sql(node: Expression, parts: Sequence[str]) -> str:
    op = node.op
    if op in _TRIED:
        return f"{_TRIED[op]}({parts[0]}, {parts[1]})"
    if op == "%":
        # by 0 it has no value, whatever the session says
        rest = f"({parts[0]} % nullif({parts[1]}, CAST(0 AS {sql_type(node.parts[1].type)})))"
        one, other = (part.type for part in node.parts)
        if one.kind != "decimal" or has_remainder(one, other):
            return rest
        return f"CASE WHEN try_divide({parts[0]}, {parts[1]}) IS NOT NULL THEN {rest} END"
    if op == "negate":
        return (
            f"try_subtract(CAST(0 AS {sql_type(node.type)}), {parts[0]})" if node.type.is_integer else f"(-{parts[0]})"
        )
    if op in {"=", "<>", "<", "<=", ">", ">="}:
        return f"({parts[0]} {op} {parts[1]})"
    if op == "between":
        return f"({parts[0]} BETWEEN {parts[1]} AND {parts[2]})"
    if op == "in":
        if node.parts[0].type.kind == "float64":
            return f"({' OR '.join(f'{parts[0]} = {other}' for other in parts[1:])})"
        return f"({parts[0]} IN ({', '.join(parts[1:])}))"
    if op == "like":
        return f"({parts[0]} LIKE {literal(str(node.value))})"
    if op in {"not", "is null"}:
        return f"(NOT {parts[0]})" if op == "not" else f"({parts[0]} IS NULL)"
    if op == "widen":
        return f"CAST({parts[0]} AS {sql_type(node.type)})"
    if op == "cast":
        return cast_to_sql(node, parts[0])
    return call_sql(node, parts)
