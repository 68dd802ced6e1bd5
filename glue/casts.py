"""Text to a declared type, guarded: what is not clearly a value of that type becomes null, never something near it.

Spark's own casts are too kind for data that is checked: `'1.005'` as `decimal(10,2)` is rounded, `'1d'` is a double,
`'06:07'` is a timestamp of today; tabs around a value count for nothing, and digits of other scripts for digits. So a
regular expression says what is accepted, and `TRY_CAST` does the rest. Regular expressions take most of a row's time,
so the usual form of a value is told by a few cheap comparisons before.

What is accepted is what the checks accept (`lakeferry/checks/casts.py`), no less and no more, and blanks are what may
stand around it: tests/glue/test_casts_agree.py holds the two together.
"""

import re
from collections.abc import Sequence

from lakeferry.errors import FeedInvalidError
from lakeferry.expressions import Type
from lakeferry.feeds import ColumnSpec
from lakeferry.feeds.date_formats import DIRECTIVES, WEEKDAYS, Token, fraction_of, runs_on, tokens_of
from lakeferry.feeds.number_spellings import MINUS, SIGN

SPARK_TYPES = {
    "string": "string",
    "int64": "bigint",
    "float64": "double",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}

_NUMBER = f"{SIGN}([0-9]+[.]?[0-9]*|[.][0-9]+)"
_OFFSET = "(Z|[+-][0-9]{2}:?[0-9]{2})"
_CLOCK = "[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}({})?)?"
_YEAR = "(?!0000)[0-9]{4}"
"""There is no year 0."""
_DAY = f"{_YEAR}-[0-9]{{2}}-[0-9]{{2}}"


def spark_type(declared: str) -> str:
    """The Spark SQL name of a type as feeds declare it."""
    return SPARK_TYPES.get(declared, declared)


def sql_type(of: Type) -> str:
    """The Spark SQL name of an expression's type."""
    return "int" if of.kind == "int" else spark_type(str(of))


def quoted(name: str) -> str:
    """A column name as an SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Text as an SQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def cast_sql(text: str, column: ColumnSpec) -> str:
    """SQL expression: a text as `column` declares it, or null where it is not a value of that type.

    Args:
        text: The name of a column of text, quoted: it is there several times.

    Raises:
        FeedInvalidError: its `format` has a directive that is not supported.
    """
    if column.type == "string":
        return text
    if column.type == "int64":
        # only signs at an end pass for nothing: within, each has to be a digit
        return (
            f"CASE WHEN {_ends(f'trim({text})', '0')} THEN try_cast({text} AS bigint) "
            f"WHEN {_whole(f'trim({text})', f'{MINUS}[0-9]+')} THEN try_cast({_plain_minus(text)} AS bigint) END"
        )
    if column.type == "float64":
        pattern = f"{_NUMBER}([eE][+-]?[0-9]+)?|[nN][aA][nN]|[+-]?[iI]nf(inity)?"
        usual = f"{_ends(text, '.')} AND NOT {text} LIKE '%x%' AND NOT {text} LIKE '%X%'"
        return _guarded(text, pattern, "try_cast({} AS double)", usual)
    if column.type == "bool":
        return (
            f"CASE WHEN lower(trim({text})) IN ('true', 't', 'yes', 'y', '1') THEN true "
            f"WHEN lower(trim({text})) IN ('false', 'f', 'no', 'n', '0') THEN false END"
        )
    if column.type == "date":
        return _date_sql(text, column)
    if column.type == "timestamp":
        return _timestamp_sql(text, column)
    return _decimal_sql(text, column.type)


def _guarded(text: str, pattern: str, expression: str, usual: str) -> str:
    """The expression, for values of the usual form or else for what matches the pattern.

    Args:
        expression: With `{}` for the text.
    """
    given, other = expression.format(text), expression.format(_plain_minus(text))
    return f"CASE WHEN {usual} THEN {given} WHEN {_whole(f'trim({text})', pattern)} THEN {other} END"


def _plain_minus(text: str) -> str:
    """The text with the minus that Spark knows."""
    return f"translate({text}, '{MINUS}', '-')"


def _whole(text: str, pattern: str) -> str:
    r"""The text matches as a whole; `$` would let a line break through at its end."""
    return f"{text} RLIKE {literal(f'^({pattern})' + chr(92) + 'z')}"


def _ends(text: str, least: str) -> str:
    """The first character is a digit, sign or point, and the last one too, from `least` on: nothing is around them."""
    return f"substr({text}, 1, 1) BETWEEN '+' AND '9' AND substr({text}, -1) BETWEEN '{least}' AND '9'"


def _decimal_sql(text: str, declared: str) -> str:
    scale = int(declared[declared.index(",") + 1 : -1])
    point = f"locate('.', {text})"
    usual = (
        f"({point} = 0 OR length({text}) - {point} <= {scale}) AND NOT {text} LIKE '%e%' AND NOT {text} LIKE '%E%' "
        # Java takes the digits of any script
        f"AND {_ends(text, '.')} AND octet_length({text}) = length({text})"
    )
    # digits beyond the scale only where they are zeros: nothing is rounded
    return _guarded(text, f"{SIGN}[0-9]*([.][0-9]{{0,{scale}}}0*)?", f"try_cast({{}} AS {declared})", usual)


def _date_sql(text: str, column: ColumnSpec) -> str:
    if column.format is not None:
        return f"CAST({_parsed_sql(text, column)} AS date)"
    usual = f"length({text}) = 10 AND {_iso_day(text)} AND substr({text}, 10) BETWEEN '0' AND '9'"
    return _guarded(text, _DAY, "try_cast({} AS date)", usual)


def _iso_day(text: str) -> str:
    return (
        f"substr({text}, 1, 1) BETWEEN '0' AND '9' AND substr({text}, 1, 4) <> '0000' "
        f"AND substr({text}, 5, 1) = '-' AND substr({text}, 8, 1) = '-'"
    )


def _timestamp_sql(text: str, column: ColumnSpec) -> str:
    if column.format is not None:
        parsed = _parsed_sql(text, column)
        return parsed if "%z" in column.format else _in_zone(parsed, column.timezone)
    local = _in_zone(f"try_cast({text} AS timestamp)", column.timezone)
    # 2026-01-05 06:07:08; anything else at its end would tell a zone
    usual = (
        f"length({text}) = 19 AND {_iso_day(text)} AND substr({text}, 14, 1) = ':' AND substr({text}, 17, 1) = ':' "
        f"AND substr({text}, 19) BETWEEN '0' AND '9'"
    )
    # Spark wants the colon in +02:00, ISO 8601 does not
    colon = f"regexp_replace(trim({text}), '([+-][0-9]{{2}})([0-9]{{2}})$', '$1:$2')"
    clock = _CLOCK.format(f"[.]{fraction_of(cut=column.beyond_microseconds == 'cut')}")
    return (
        f"CASE WHEN {usual} THEN {local} "
        f"WHEN {_whole(f'trim({text})', f'{_DAY}[T ]{clock} ?{_OFFSET}')} THEN try_cast({colon} AS timestamp) "
        f"WHEN {_whole(f'trim({text})', f'{_DAY}([T ]{clock})?')} THEN {local} END"
    )


def _in_zone(expression: str, timezone: str) -> str:
    """The session's zone is UTC, so a local time was parsed as if it were UTC."""
    return expression if timezone == "UTC" else f"to_utc_timestamp({expression}, {literal(timezone)})"


def _parsed_sql(text: str, column: ColumnSpec) -> str:
    """The text as a timestamp by the column's `format`."""
    tokens = tokens_of(column.format or "", cut=column.beyond_microseconds == "cut")
    unknown = [token.directive for token in tokens if token.directive and token.directive not in DIRECTIVES]
    if unknown:
        raise FeedInvalidError(
            f"column {column.name}: format {column.format!r} has %{unknown[0]}, which is not supported; "
            f"use %{', %'.join(sorted(DIRECTIVES))}."
        )
    trimmed = given = f"trim({text})"
    if runs_on(tokens):
        return _by_place_sql(trimmed, tokens)
    if any(token.directive in WEEKDAYS for token in tokens):
        # Spark reads no day of the week; that it is the right one, the checks have seen
        parts = [f"({token.pattern})" if token.directive not in WEEKDAYS else token.pattern for token in tokens]
        kept = [token for token in tokens if token.directive not in WEEKDAYS]
        numbers = iter(range(1, len(kept) + 1))
        order = "".join("|" if token.directive in WEEKDAYS else f"${next(numbers)}" for token in tokens)
        trimmed = f"regexp_replace({trimmed}, {literal('^' + ''.join(parts) + '$')}, {literal(order)})"
    if any("'" in token.text for token in tokens):
        trimmed = f"translate({trimmed}, {literal(chr(39))}, '|')"
    # Spark takes the year 0, 005 for a day, and a time without the offset that the format has
    accepted = _whole(given, "".join(f"(?:{_YEAR if token.directive == 'Y' else token.pattern})" for token in tokens))
    return f"CASE WHEN {accepted} THEN try_to_timestamp({trimmed}, {literal(spark_pattern(tokens))}) END"


def _by_place_sql(trimmed: str, tokens: Sequence[Token]) -> str:
    """Digits put into the order of ISO 8601, as the checks do."""
    pattern = "".join(
        f"({_YEAR if token.directive == 'Y' else token.head}){token.tail}" if token.directive else token.pattern
        for token in tokens
    )
    directives = [token.directive for token in tokens if token.directive]
    place = {letter: f"${number}" for number, letter in enumerate(directives, 1)}
    year = place.get("Y") or f"20{place['y']}"
    clock = ":".join(place.get(letter, "00") for letter in "HMS")
    iso = f"{year}-{place['m']}-{place['d']} {clock}.{place['f']}"
    moved = f"regexp_replace({trimmed}, {literal(f'^{pattern}$')}, {literal(iso)})"
    return f"CASE WHEN {_whole(trimmed, pattern)} THEN try_cast({moved} AS timestamp) END"


def spark_pattern(tokens: Sequence[Token]) -> str:
    """A strptime format as a Spark datetime pattern; `|` stands for a day of the week, and for a quote."""
    pattern = ""
    for token in tokens:
        if token.directive is None:
            # with fractions Spark takes patterns apart itself, and does not find the end of some quotes
            pattern += re.sub("[A-Za-z]+", r"'\g<0>'", token.text.replace("'", "|"))
            continue
        directive = DIRECTIVES[token.directive]
        letters = directive.lenient if token.alone and directive.lenient else directive.spark
        pattern += "|" if letters is None else letters
    return pattern
