"""Expressions with a type at every node: what checks and engines compute, each by its own means.

Nothing is implicit in this tree: where a value is taken as another type, a node says so. What an operation may have no
result for (a sum that does not fit, a division by 0, a text that is no date) says `can_fail`: that is an error of the
row, unless TRY makes null of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from lakeferry.expressions.types import Type

Literal = int | float | str | bool | Decimal | date | datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """One node.

    Attributes:
        op: `column`, `literal`, `+ - * / % negate`, `= <> < <= > >=`, `like`, `in`, `between`, `is null`, `not`, `and`,
            `or`, `case`, `cast` (with rounding and errors), `widen` (to a type that has all values), `try`, `call`.
        value: A column's name in small letters, a literal, a pattern, a function's name.
        can_fail: This operation, not those below it, may have no result.
        growth: How many times as long as the longest value of its row a text can be.
    """

    op: str
    type: Type
    parts: tuple["Expression", ...] = ()
    value: Literal = None
    can_fail: bool = False
    growth: int = 1


@dataclass(frozen=True, slots=True)
class Scope:
    """The columns an expression may look at.

    Attributes:
        columns: Name in small letters → type.
        is_open: Any other name is a column of text too: the feed declares none.
    """

    columns: Mapping[str, Type]
    is_open: bool = False
