"""Which partitions Arrow takes, and the columns they come to: types, and whether Spark's Parquet has them optional.

The lists here are lists of what was shown to come out as Spark's. Whatever is on none of them is Spark's, and so is
what is added to feeds later until it is put on one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from arrowworker.equal import NotEqualError
from arrowworker.raw import READERS
from casts import sql_type
from columns import LINEAGE
from lakeferry.errors import LakeferryError
from lakeferry.expressions import Expression, Type, type_of
from lakeferry.feeds import ColumnSpec
from lakeferry.feeds.columns import RESERVED, column_names
from lakeferry.feeds.date_formats import WEEKDAYS, tokens_of
from lakeferry.formats import raw_form
from plan import Derive, Enrich, Mark, Plan, Protect, Rename
from work import Work

ZONES = frozenset(
    {"UTC", "Europe/Zurich", "Europe/Berlin", "Europe/Paris", "Europe/London", "Europe/Vienna", "Europe/Madrid",
     "Europe/Rome", "Europe/Warsaw", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
     "Asia/Kolkata", "Asia/Tokyo", "Asia/Singapore", "Asia/Shanghai", "Australia/Sydney"}
)  # fmt: skip
"""Zones whose clock changes from 1970 to 2037 are in both engines' tables."""
_OPERATIONS = frozenset(
    {"column", "literal", "+", "-", "*", "/", "%", "negate", "=", "<>", "<", "<=", ">", ">=", "like", "in", "between",
     "is null", "not", "and", "or", "case", "cast", "widen", "try", "call"}
)  # fmt: skip
_CALLS = frozenset(
    {"length", "lower", "upper", "trim", "ltrim", "rtrim", "substring", "left", "right", "replace", "concat", "lpad",
     "rpad", "instr", "startswith", "endswith", "contains", "split_part", "md5", "sha2", "abs", "round", "floor",
     "ceil", "coalesce", "nullif", "greatest", "least", "year", "quarter", "month", "day", "hour", "minute", "second",
     "date_add", "date_sub", "add_months", "datediff", "last_day", "trunc", "date_format", "to_date", "to_timestamp"}
)  # fmt: skip
_TYPES = frozenset({"string", "int64", "float64", "bool", "decimal", "date", "timestamp"})
_OF_CHECKS = frozenset(
    {"required", "unique", "min", "max", "min_length", "max_length", "pattern", "values", "nonexistent", "start",
     "length", "stored"}
)  # fmt: skip
"""Settings of a column that say which rows land, not what a value is."""
_OF_CASTS = frozenset({"name", "type", "format", "timezone", "beyond_microseconds"})
_PROTECTED = frozenset({"string", "int64", "int"})
"""Types that have one text."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """A column of the curated table."""

    type: Type
    nullable: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What a partition's columns come to.

    Attributes:
        have: Columns that some file has, in Spark's order, as they are where no type is declared.
        columns: Those of the curated table, without lineage.
    """

    have: Mapping[str, Type]
    columns: Mapping[str, Shaped]

    @property
    def written(self) -> tuple[tuple[str, str], ...]:
        """Names and Spark's types, as the catalog has them."""
        lineage = zip(LINEAGE, ("string", "timestamp", "string"), strict=True)
        return (*((name, sql_type(each.type)) for name, each in self.columns.items()), *lineage)


def refusal(work: Work, most_bytes: int) -> str | None:
    """Why a partition is Spark's from the start; None where Arrow may try."""
    feed, plan = work.feed, work.plan
    if work.raw_bytes > most_bytes:
        return "it is not small"
    if feed.curate.engine == "spark":
        return "the feed wants Spark"
    if feed.transform.table_format != "parquet":
        return "Iceberg tables are Spark's"
    form = raw_form(feed.format)
    if form.kind not in READERS or not (_is_sign(form.delimiter) and _is_sign(form.quote)):
        return "its raw form is Spark's"
    if work.outputs > 1:
        return "it becomes more than one file"
    if plan.spelling is not None:
        return "numbers that are not plain are Spark's"
    if plan.flatten:
        return "flatten is Spark's"
    try:
        # text has the columns that the ledger tells; what Parquet has, its footers say when they are read
        shape_of(work, _texts(work) if form.is_text else {})
    except LakeferryError as error:  # what is wrong with the feed is said by Spark
        return str(error)
    return None


def shape_of(work: Work, have: Mapping[str, Type]) -> Shape:
    """The columns a plan comes to.

    Args:
        have: As in `Shape`.

    Raises:
        NotEqualError: something of it was not shown to come out as Spark's.
        FeedInvalidError: two columns of a file have one name.
    """
    plan = work.plan
    columns: dict[str, Shaped] = {}
    names = column_names([column.name for column in plan.columns])
    for name, column in zip(names, plan.columns, strict=True):
        columns[name] = Shaped(_declared(column), nullable=True)
    for name, of in have.items():
        columns.setdefault(name, Shaped(of, nullable=True))
    for step in plan.steps:
        match step:
            case Mark():
                _check(step.condition, columns)
                _check_undecided(step.condition)
            case Derive():
                columns |= {name: _derived(expression, columns) for name, expression in step.columns.items()}
            case Enrich():
                _check_enrich(step, columns)
                columns |= dict.fromkeys(step.spec.columns, Shaped(Type("string"), nullable=True))
            case Protect():
                columns = dict(_protected(step, columns))
            case Rename():
                if set(step.names) - columns.keys() or RESERVED & set(step.names.values()):
                    raise NotEqualError("a column to be renamed is not there, or its name is taken")
                renamed = {step.names.get(name, name): each for name, each in columns.items()}
                if len(renamed) < len(columns):
                    raise NotEqualError("two columns would have one name")
                columns = renamed
            case _:
                raise NotEqualError("which of equal rows is kept is Spark's choice")
    missing = [name for name in plan.partition_by if name not in columns or columns[name].type.kind == "float64"]
    if missing:
        raise NotEqualError(f"rows cannot be put next to each other by {missing[0]}")
    return Shape(have, columns)


def cased_columns(expression: Expression, *, within: bool = False) -> Iterator[str]:
    """Columns whose texts get capitals or lose them."""
    if within and expression.op == "column":
        yield str(expression.value)
    inside = within or (expression.op == "call" and expression.value in {"lower", "upper"})
    for part in expression.parts:
        yield from cased_columns(part, within=inside)


def _texts(work: Work) -> Mapping[str, Type]:
    found: dict[str, Type] = {}
    for file in work.files:
        found |= dict.fromkeys(column_names(file.columns), Type("string"))
    return found


def _is_sign(text: str) -> bool:
    return len(text) == 1 and text.isascii() and text not in "\r\n\0"


def _declared(column: ColumnSpec) -> Type:
    plain = ColumnSpec(column.name, column.type)
    for each in fields(column):
        if each.name not in _OF_CASTS | _OF_CHECKS and getattr(column, each.name) != getattr(plain, each.name):
            raise NotEqualError(f"column {column.name}: {each.name} is Spark's")
    found = type_of(column.type)
    if found is None or found.kind not in _TYPES or column.timezone not in ZONES:
        raise NotEqualError(f"column {column.name}: its type or timezone is Spark's")
    if column.format is not None and any(token.directive in WEEKDAYS for token in tokens_of(column.format)):
        raise NotEqualError(f"column {column.name}: days of the week are Spark's")
    return found


def _check(node: Expression, columns: Mapping[str, Shaped]) -> None:
    if node.op not in _OPERATIONS or (node.op == "call" and node.value not in _CALLS):
        raise NotEqualError(f"{node.value if node.op == 'call' else node.op} is Spark's")
    if node.op == "column":
        name = str(node.value)
        if name not in {"_source_file", "_ingested_at"} and (name not in columns or columns[name].type != node.type):
            raise NotEqualError(f"column {name} is not what an expression takes it for")
    if node.op == "cast" and (node.parts[0].type.kind, node.type.kind) == ("float64", "decimal"):
        # by Java's text of a float64, which is not always the shortest one
        raise NotEqualError("a cast of float64 to a decimal is Spark's")
    if node.op == "call" and node.value in {"lower", "upper"} and not _is_latin(node):
        raise NotEqualError("capitals beyond Latin letters are Spark's")
    for part in node.parts:
        _check(part, columns)


def _is_latin(node: Expression) -> bool:
    written = node.value if node.op == "literal" and isinstance(node.value, str) else ""
    return all(letter <= LAST_LATIN for letter in written) and all(_is_latin(part) for part in node.parts)


LAST_LATIN = "\u017f"
"""Up to this character engines agree on what is a capital (test_engines_agree.py tries them all)."""


def _derived(node: Expression, columns: Mapping[str, Shaped]) -> Shaped:
    _check(node, columns)
    return Shaped(node.type, nullable(node))


def nullable(node: Expression) -> bool:
    """Whether Spark takes the expression for one that can be null; Parquet then has an optional column.

    Raises:
        NotEqualError: that is up to Spark's optimizer.
    """
    if node.op == "column":
        return node.value not in {"_source_file", "_ingested_at"}
    if node.op == "literal":
        return node.value is None
    if node.op == "widen":
        return nullable(node.parts[0])
    if node.op == "is null":
        _ = nullable(node.parts[0])
        return False
    found = [nullable(part) for part in (node.parts[1::2] + node.parts[-1:] if node.op == "case" else node.parts)]
    if node.op == "case":
        conditions = [nullable(part) for part in node.parts[:-1:2]]
        if not all(conditions) and not any(_has_column(part) for part in node.parts[:-1:2]):
            raise NotEqualError("a condition that is always the same is up to Spark's optimizer")
    if node.op == "call" and node.value in {"coalesce", "greatest", "least"}:
        return all(found)
    if any(found):
        return True
    if node.op in {"=", "<>", "<", "<=", ">", ">=", "and", "or", "not", "in", "between", "like"} and _has_column(node):
        return False
    if node.op == "case":
        return False
    raise NotEqualError("an expression of no value that can be null is up to Spark's optimizer")


def _check_undecided(node: Expression) -> None:
    # where all rows have the reason, the fallout's column of reasons is never null, if Spark's optimizer sees it
    is_null = node.op == "literal" and node.value is None
    if is_null or (node.type.kind == "bool" and not _has_column(node)):
        raise NotEqualError("a condition that is always the same is up to Spark's optimizer")
    if node.op == "is null" and not nullable(node.parts[0]):
        raise NotEqualError("a condition that is always the same is up to Spark's optimizer")
    for part in node.parts:
        _check_undecided(part)


def _has_column(node: Expression) -> bool:
    return node.op == "column" or any(_has_column(part) for part in node.parts)


def _check_enrich(step: Enrich, columns: Mapping[str, Shaped]) -> None:
    spec = step.spec
    if spec.on not in columns or columns[spec.on].type.kind not in {"string", "int64"}:
        raise NotEqualError(f"reference table {spec.reference}: its keys are compared as Spark does")
    if set(spec.columns) & (columns.keys() | RESERVED):
        raise NotEqualError(f"reference table {spec.reference}: the rows have a column of that name")


def _protected(step: Protect, columns: Mapping[str, Shaped]) -> Iterator[tuple[str, Shaped]]:
    if set(step.columns) - columns.keys():
        raise NotEqualError("a column to be protected is not there")
    for name, each in columns.items():
        action = step.columns.get(name)
        if action is None:
            yield name, each
        elif action != "drop":
            if each.type.kind not in _PROTECTED:
                raise NotEqualError(f"column {name}: its text is Spark's")
            yield name, Shaped(Type("string"), each.nullable)


def columns_of_plan(plan: Plan) -> Sequence[str]:
    """The names of the declared columns, as tables have them."""
    return column_names([column.name for column in plan.columns])
