"""The language of a feed's expressions: text → tree → typed tree, which checks and the job compute.

Nothing here evaluates anything, and nothing but what is listed gets through: `checks/expressions.py` computes the typed
tree on Arrow columns, `glue/expressions.py` writes it as SQL.
"""

from lakeferry.expressions.functions import ALIASES, FUNCTIONS, Function
from lakeferry.expressions.parser import parse
from lakeferry.expressions.syntax import ExpressionError, Node, columns_of, placed, render
from lakeferry.expressions.tree import Expression, Scope
from lakeferry.expressions.types import Type, type_of
from lakeferry.expressions.typing_rules import condition, typed

__all__ = [
    "ALIASES",
    "FUNCTIONS",
    "Expression",
    "ExpressionError",
    "Function",
    "Node",
    "Scope",
    "Type",
    "columns_of",
    "compiled",
    "condition_of",
    "parse",
    "render",
    "type_of",
]


def compiled(text: str, scope: Scope) -> Expression:
    """An expression with its types.

    Raises:
        ExpressionError: it is none, or does not fit the columns.
    """
    try:
        node = parse(text)
        expression = typed(node, scope)
        if expression.type.kind == "null":
            raise ExpressionError("is NULL of no type: write CAST(NULL AS type)", node.at)
    except ExpressionError as error:
        raise placed(error, text) from error
    return expression


def condition_of(text: str, scope: Scope) -> Expression:
    """An expression that is true or false.

    Raises:
        ExpressionError: as `compiled`, or it is something else.
    """
    try:
        node = parse(text)
        return condition(typed(node, scope), node)
    except ExpressionError as error:
        raise placed(error, text) from error
