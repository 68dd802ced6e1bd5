"""The functions of the language: the one list that checks, the job and docs/expressions.md have in common.

Each computes its value from its arguments alone, and the same one wherever it runs. What is not here is no function.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MAX_PADDED = 1000
"""Characters lpad and rpad fill up to."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    Attributes:
        takes: Kind of each argument: a type; `integer`, `number`, `exact` (decimal, int, int64), `time` (date or
            timestamp), `any` (all such arguments of one type); `"…"` a literal of text, `1` one of a whole number.
        gives: A type; `same` is the arguments' own; `rounded` a decimal of fewer digits.
        required: How many arguments there must be; the rest may be left out.
        many: The last argument may be there more than once.
        can_fail: There are arguments for which there is no result: an error of the row.
        says: What it does, for docs.
        example, result: Shown in docs and computed in tests, as text.
    """

    takes: tuple[str, ...]
    gives: str
    says: str
    example: str
    result: str
    required: int = -1
    many: bool = False
    can_fail: bool = False

    @property
    def least(self) -> int:
        return len(self.takes) if self.required < 0 else self.required

    def takes_count(self, count: int) -> bool:
        return self.least <= count and (self.many or count <= len(self.takes))

    @property
    def count_words(self) -> str:
        """How many arguments it takes, for messages."""
        if self.many:
            return f"{self.least} or more"
        return str(self.least) if self.required < 0 else f"{self.least} to {len(self.takes)}"

    def kind(self, index: int) -> str:
        return self.takes[min(index, len(self.takes) - 1)]


_T = ("string",)
FUNCTIONS: Mapping[str, Function] = {
    # text
    "length": Function(_T, "int", "characters of a text", "length('Zürich')", "6"),
    "lower": Function(_T, "string", "in small letters", "lower('ÄB')", "äb"),
    "upper": Function(_T, "string", "in capitals", "upper('äb')", "ÄB"),
    "trim": Function(_T, "string", "without spaces at either end (spaces only, no tabs)", "trim(' a ')", "a"),
    "ltrim": Function(_T, "string", "without spaces at its beginning", "ltrim('  a')", "a"),
    "rtrim": Function(_T, "string", "without spaces at its end", "rtrim('a  ')", "a"),
    "substring": Function(
        ("string", "1", "1"), "string", "from a character on, counted from 1, or from the end if negative; how many",
        "substring('2026-11', 1, 4)", "2026", required=2),
    "left": Function(("string", "1"), "string", "its first characters", "left('CH-8001', 2)", "CH"),
    "right": Function(("string", "1"), "string", "its last characters", "right('CH-8001', 4)", "8001"),
    "replace": Function(
        ("string", "…", "…"), "string", "with a text in place of another; without a third argument it is taken out",
        "replace('1''000', '''', '')", "1000", required=2),
    "concat": Function(("string",), "string", "texts put together, as `||` does; null if one is",
                       "concat('a', 'b')", "ab", many=True),
    "lpad": Function(("string", "1", "…"), "string", f"filled up in front to a length (at most {MAX_PADDED:,}), or "
                     "cut to it", "lpad('7', 3, '0')", "007", required=2),
    "rpad": Function(("string", "1", "…"), "string", "the same at its end", "rpad('7', 3, '.')", "7..", required=2),
    "instr": Function(("string", "string"), "int", "where a text stands in it, from 1; 0 if nowhere",
                      "instr('a-b', '-')", "2"),
    "startswith": Function(("string", "string"), "bool", "whether it begins so", "startswith('CH1', 'CH')", "true"),
    "endswith": Function(("string", "string"), "bool", "whether it ends so", "endswith('a.csv', '.csv')", "true"),
    "contains": Function(("string", "string"), "bool", "whether a text is in it", "contains('abc', 'b')", "true"),
    "split_part": Function(("string", "…", "1"), "string", "the piece of that number, from 1, between marks; empty "
                           "where there are fewer", "split_part('a/b/c', '/', 2)", "b"),
    "get_json_object": Function(("string", "…"), "string", "a value within JSON, by a path such as `$.a[0].b`; null "
                                "where there is none. A number with a fraction passes through a float64",
                                "get_json_object('{\"a\": [1, 2]}', '$.a[1]')", "2"),
    "md5": Function(_T, "string", "MD5 in hexadecimal digits", "md5('a')", "0cc175b9c0f1b6a831c399e269772661"),
    "sha2": Function(("string", "1"), "string", "SHA-2 of 256 or 512 bits in hexadecimal digits",
                     "left(sha2('a', 256), 8)", "ca978112"),
    # numbers
    "abs": Function(("number",), "same", "without its sign", "abs(-2.5)", "2.5", can_fail=True),
    "round": Function(("exact", "1"), "rounded", "to that many digits after the point, halves away from zero",
                      "round(2.345, 2)", "2.35", required=1),
    "floor": Function(("decimal",), "floored", "the greatest whole number that is not above", "floor(-2.5)", "-3"),
    "ceil": Function(("decimal",), "floored", "the least whole number that is not below", "ceil(2.1)", "3"),
    # whatever
    "coalesce": Function(("any",), "same", "the first that is not null", "coalesce(NULL, 'none')", "none", many=True),
    "nullif": Function(("any", "any"), "first", "null if the two are equal, the first otherwise", "nullif(0, 1)", "0"),
    "greatest": Function(("any", "any"), "same", "the greatest that is not null", "greatest(1, 3, 2)", "3", many=True),
    "least": Function(("any", "any"), "same", "the least that is not null", "least(1, 3, 2)", "1", many=True),
    # dates and times
    "year": Function(("time",), "int", "the year", "year(DATE '2026-11-29')", "2026"),
    "quarter": Function(("time",), "int", "the quarter, 1 to 4", "quarter(DATE '2026-11-29')", "4"),
    "month": Function(("time",), "int", "the month, 1 to 12", "month(DATE '2026-11-29')", "11"),
    "day": Function(("time",), "int", "the day of the month", "day(DATE '2026-11-29')", "29"),
    "hour": Function(("timestamp",), "int", "the hour, 0 to 23", "hour(TIMESTAMP '2026-11-29 06:07:08')", "6"),
    "minute": Function(("timestamp",), "int", "the minute", "minute(TIMESTAMP '2026-11-29 06:07:08')", "7"),
    "second": Function(("timestamp",), "int", "the second, without its fraction",
                       "second(TIMESTAMP '2026-11-29 06:07:08')", "8"),
    "date_add": Function(("date", "integer"), "date", "so many days later", "date_add(DATE '2026-11-29', 3)",
                         "2026-12-02", can_fail=True),
    "date_sub": Function(("date", "integer"), "date", "so many days earlier", "date_sub(DATE '2026-11-29', 29)",
                         "2026-10-31", can_fail=True),
    "add_months": Function(("date", "integer"), "date", "so many months later; the month's last day where it is "
                           "shorter", "add_months(DATE '2026-01-31', 1)", "2026-02-28", can_fail=True),
    "datediff": Function(("date", "date"), "int", "days from the second to the first",
                         "datediff(DATE '2026-11-29', DATE '2026-11-01')", "28"),
    "last_day": Function(("date",), "date", "the last day of its month", "last_day(DATE '2026-02-03')", "2026-02-28"),
    "trunc": Function(("date", "…"), "date", "the first day of its 'year', 'quarter', 'month' or 'week' (Monday)",
                      "trunc(DATE '2026-11-29', 'month')", "2026-11-01"),
    "date_format": Function(("time", "…"), "string", "as text: yyyy, MM, dd, HH, mm, ss with anything but letters "
                            "between them", "date_format(DATE '2026-11-29', 'yyyy/MM')", "2026/11"),
    "to_date": Function(("string", "…"), "date", "a text as a date, by a format as in date_format",
                        "to_date('29.11.2026', 'dd.MM.yyyy')", "2026-11-29", can_fail=True),
    "to_timestamp": Function(("string", "…"), "timestamp", "a text as a timestamp, UTC, by a format",
                             "to_timestamp('20261129 060708', 'yyyyMMdd HHmmss')", "2026-11-29 06:07:08",
                             can_fail=True),
}  # fmt: skip
ALIASES: Mapping[str, str] = {
    "substr": "substring",
    "char_length": "length",
    "ifnull": "coalesce",
    "nvl": "coalesce",
    "ceiling": "ceil",
    "dayofmonth": "day",
}
"""Other names for the same."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the name that is most alike: ` (did you mean 'amount'?)`, or nothing."""
    # imported late: only messages need it
    import difflib

    found = difflib.get_close_matches(name, list(known)[:2000], n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""
