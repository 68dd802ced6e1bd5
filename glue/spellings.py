"""Numbers as the feed spells them → plain ones, where rows landed as delivered.

Rows of text formats land written anew, with plain numbers; those of JSON and XML land as they are. What is a number of
the feed's spelling is what the checks take for one (`plainly_spelled` in `lakeferry/checks/exact_casts.py`):
tests/glue/test_casts_agree.py holds the two together.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from casts import literal, quoted
from columns import column_names
from lakeferry.feeds.number_spellings import MINUS, SIGN, Spelling
from plan import Plan

_NUMBERS = ("int64", "float64", "decimal")


def respelled(raw: DataFrame, plan: Plan) -> DataFrame:
    """The delivered columns of numbers with plain ones; all else as it was."""
    spelling = plan.spelling
    if spelling is None:
        return raw
    numbers = column_names([column.name for column in plan.delivered if column.type.startswith(_NUMBERS)])
    plain = {
        name: F.expr(plain_number_sql(quoted(name), spelling))
        for name in numbers
        if name in raw.columns and raw.schema[name].dataType == StringType()
    }
    return raw.withColumns(plain) if plain else raw


def plain_number_sql(text: str, spelling: Spelling) -> str:
    """SQL expression: a number as everybody reads it; what is no number of that spelling stays none.

    Args:
        text: The name of a column of text, quoted.
    """
    digits = spelling.digits
    signed = text
    if spelling.negative == "parentheses":
        signed = _replaced(signed, rf"^ *\( *({digits}) *\) *\z", "-$1")
    elif spelling.negative == "trailing":
        signed = _replaced(_replaced(signed, rf"^ *({digits})[{MINUS}-] *\z", "-$1"), rf"^ *({digits})[+] *\z", "$1")
    number = rf"^ *{SIGN}{digits}(?:[eE][+-]?[0-9]+)? *\z"
    plain, other = signed, signed
    if spelling.marks:
        # translate drops what it has no letter for
        plain = f"translate({plain}, {literal(spelling.marks)}, '')"
    if spelling.decimal != ".":
        plain = f"replace({plain}, {literal(spelling.decimal)}, '.')"
        # a point where a comma is the mark must not become a value
        other = f"replace({signed}, '.', '·')"
    return f"CASE WHEN {signed} RLIKE {literal(number)} THEN {plain} ELSE {other} END"


def _replaced(text: str, pattern: str, by: str) -> str:
    return f"regexp_replace({text}, {literal(pattern)}, {literal(by)})"
