"""A feed's expressions as Spark's columns, kept to the values of their row."""

from collections.abc import Iterator
from typing import Any

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds.reach import reach_problem

_BEYOND = ("Subquery", "Exists", "ListQuery", "Star", "Regex", "TableValued", "Generator")
"""Parts of names of classes of `org.apache.spark.sql.catalyst` that look at more than named columns."""


def row_expression(spark: SparkSession, text: str) -> Column:
    """The column that an expression computes.

    Raises:
        FeedInvalidError: it reaches beyond its row: another table, all columns there are, a setting of the job.
    """
    if problem := reach_problem(text):
        raise FeedInvalidError(f"the expression {text!r} {problem}.")
    tree = spark._jsparkSession.sessionState().sqlParser().parseExpression(text)
    for node in _nodes(tree):
        if any(part in node for part in _BEYOND):
            raise FeedInvalidError(f"the expression {text!r} reads more than the columns it names ({node}).")
    return F.expr(f"({text})")


def _nodes(tree: Any) -> Iterator[str]:  # noqa: ANN401  (an object of the JVM)
    yield tree.getClass().getSimpleName()
    children = tree.children()
    for index in range(children.size()):
        yield from _nodes(children.apply(index))
