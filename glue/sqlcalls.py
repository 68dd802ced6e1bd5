"""Functions and casts of expressions as Spark SQL."""

from collections.abc import Sequence

from casts import cast_sql, spark_type
from lakeferry.expressions import Expression
from lakeferry.expressions.calls import strptime_format
from lakeferry.feeds import ColumnSpec

_DAYS, _MONTHS = 3_652_100, 120_000
"""More than there are from year 1 to 9999."""
_SAME_NAME = frozenset(
    {"length", "lower", "upper", "trim", "ltrim", "rtrim", "substring", "left", "right", "replace", "concat", "lpad",
     "rpad", "instr", "startswith", "endswith", "contains", "split_part", "get_json_object", "md5", "sha2", "round",
     "floor", "ceil", "nullif", "greatest", "least", "year", "quarter", "month", "day", "hour", "minute", "second",
     "datediff", "last_day", "trunc"}
)  # fmt: skip
"""Functions that Spark has under their name, with the same values (tests/glue/test_expressions_agree.py)."""
CALLS = _SAME_NAME | {"abs", "coalesce", "date_add", "date_sub", "add_months", "date_format", "to_date", "to_timestamp"}
"""All there are; `coalesce` is in `expressions.py`."""


def call_sql(node: Expression, parts: Sequence[str]) -> str:
    """A call."""
    name = str(node.value)
    if name == "abs":
        if node.type.is_integer:
            return (
                f"CASE WHEN {parts[0]} < 0 THEN try_subtract(CAST(0 AS {_type(node)}), {parts[0]}) ELSE {parts[0]} END"
            )
        return f"abs({parts[0]})"
    if name in {"date_add", "date_sub", "add_months"}:
        bound = _MONTHS if name == "add_months" else _DAYS
        moved = f"{name}({parts[0]}, CAST({parts[1]} AS int))"
        return (
            f"CASE WHEN {parts[1]} NOT BETWEEN -{bound} AND {bound} THEN NULL "
            f"WHEN {moved} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN {moved} END"
        )
    if name == "date_format":
        return f"date_format(CAST({parts[0]} AS timestamp), {parts[1]})"
    if name in {"to_date", "to_timestamp"}:
        form = strptime_format(str(node.parts[1].value))
        return _plain_only(parts[0], cast_sql(parts[0], ColumnSpec("", str(node.type), format=form)))
    return f"{name}({', '.join(parts)})"


def cast_to_sql(node: Expression, value: str) -> str:
    """A cast; null where there is no such value."""
    given, to = node.parts[0].type, node.type
    if given.kind == "string":
        if to.kind == "int":
            return _plain_only(value, f"try_cast({cast_sql(value, ColumnSpec('', 'int64'))} AS int)")
        return _plain_only(value, cast_sql(value, ColumnSpec("", str(to))))
    if given.kind == "float64" and to.kind == "int64":
        # Spark takes 2^63 for the greatest bigint
        least = "CAST('-9223372036854775808' AS double)"
        fits = f"{value} >= {least} AND {value} < -{least}"
        return f"CASE WHEN {fits} THEN try_cast({value} AS bigint) END"
    return f"try_cast({value} AS {_type(node)})"


def _plain_only(text: str, expression: str) -> str:
    """Spark's casts pass over line ends and tabs around a value; nobody else does."""
    return f"CASE WHEN NOT {text} RLIKE '[\\\\x00-\\\\x1F]' THEN {expression} END"


def failed_sql(node: Expression, value: str, parts: Sequence[str]) -> str:
    """Where an operation has no value although its operands are there."""
    is_text = (node.op == "cast" and node.parts[0].type.kind == "string") or node.value in {"to_date", "to_timestamp"}
    given = " AND ".join(
        # blanks are no value, as in a file
        f"trim({part}) <> ''" if is_text and not at else f"{part} IS NOT NULL"
        for at, part in enumerate(parts)
    )
    return f"({value} IS NULL AND {given})"


def _type(node: Expression) -> str:
    return "int" if node.type.kind == "int" else spark_type(str(node.type))
