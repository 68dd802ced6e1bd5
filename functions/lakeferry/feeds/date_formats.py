"""What a `format` of dates is made of: one table for the checks and the Glue job, so that both take the same texts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive of strptime.

    Attributes:
        pattern: What it takes, as a regular expression that RE2, Java and Python read alike.
        spark: Its letters in Spark's "Datetime Patterns for Formatting and Parsing"; None where Spark reads none.
        lenient: Spark's letter for `7` beside `07`, which cannot stand next to other digits; None where there is none.
        tail, cut_tail: What may follow that says nothing more; and what is cut off where the feed says so.
    """

    pattern: str
    spark: str | None
    lenient: str | None = None
    tail: str = ""
    cut_tail: str = ""


_TWO = "[0-9]{2}"
DIRECTIVES = {
    "Y": Directive("[0-9]{4}", "yyyy"),
    "y": Directive(_TWO, "yy"),
    "m": Directive(_TWO, "MM", "M"),
    "d": Directive(_TWO, "dd", "d"),
    "H": Directive(_TWO, "HH", "H"),
    "I": Directive(_TWO, "hh", "h"),
    "M": Directive(_TWO, "mm", "m"),
    "S": Directive(_TWO, "ss", "s"),
    # of nine letters Spark takes one digit to nine, and keeps six
    "f": Directive("[0-9]{1,6}", "SSSSSSSSS", tail="0{0,3}", cut_tail="[0-9]{0,3}"),
    "b": Directive("[A-Za-z]{3}", "MMM"),
    "B": Directive("[A-Za-z]+", "MMMM"),
    "a": Directive("[A-Za-z]{3}", None),
    "A": Directive("[A-Za-z]+", None),
    "p": Directive("[AaPp][Mm]", "a"),
    "j": Directive("[0-9]{3}", "DDD"),
    "z": Directive("Z|[+-][0-9]{2}:?[0-9]{2}", "[XXX][XX][X]"),
}
WEEKDAYS = frozenset("aA")
NUMERIC = frozenset("YymdHMSf")
"""Those that are digits of a date in their usual meaning, so that a text can be put into the order of ISO 8601."""


def fraction_of(*, cut: bool) -> str:
    """The digits of a fraction of a second, in a format or without one, as a regular expression without groups.

    Args:
        cut: Digits beyond microseconds are cut off, and not only zeros.
    """
    known = DIRECTIVES["f"]
    return known.pattern + (known.cut_tail if cut else known.tail)


@dataclass(frozen=True, slots=True)
class Token:
    """A directive, or the text between two.

    Attributes:
        directive: Its letter; None for a text.
        text: What stands there, of a text.
        alone: No directive is next to it.
        tail: What is taken behind it and says nothing, as a regular expression: digits beyond microseconds.
    """

    directive: str | None
    text: str
    alone: bool
    tail: str = ""

    @property
    def pattern(self) -> str:
        """What it takes, as a regular expression without groups."""
        return self.head + self.tail

    @property
    def head(self) -> str:
        """What it takes, but its tail."""
        if self.directive is None:
            return re.escape(self.text)
        found = DIRECTIVES[self.directive]
        return "[0-9]{1,2}" if self.alone and found.lenient else found.pattern


def tokens_of(text: str, *, cut: bool = False) -> list[Token]:
    """A format's directives and what is between them, in order; `KeyError` for the pattern of one that is not known.

    Args:
        cut: Digits beyond microseconds are cut off, and not only zeros.
    """
    found = [("" if letter == "%" else letter, rest or letter) for letter, rest in re.findall(r"%(.)|([^%]+)", text)]
    tokens = []
    for index, (letter, rest) in enumerate(found):
        beside = [found[at][0] for at in (index - 1, index + 1) if 0 <= at < len(found)]
        known = DIRECTIVES.get(letter)
        tail = "" if known is None else known.cut_tail if cut else known.tail
        tokens.append(Token(letter or None, rest, not any(beside), tail))
    return tokens


def is_numeric(tokens: Sequence[Token]) -> bool:
    """Whether it is a whole date, and digits are all that it is made of."""
    known = {token.directive for token in tokens if token.directive}
    return known <= NUMERIC and {"m", "d"} < known and len(known & {"Y", "y"}) == 1


def runs_on(tokens: Sequence[Token]) -> bool:
    """Whether a fraction begins right behind another directive, where Spark wants all of its six digits."""
    return any(one.directive and other.directive == "f" for one, other in pairwise(tokens))


_LETTERS = {
    "y": "%Y", "M": "%m", "d": "%d", "D": "%j", "H": "%H", "h": "%I", "m": "%M", "s": "%S", "S": "%f", "f": "%f",
    "a": "%p", "X": "%z", "x": "%z", "Z": "%z",
}  # fmt: skip
_LONG = {"yy": "%y", "MMM": "%b", "MMMM": "%B", "EEE": "%a", "EEEE": "%A"}
_RUN = re.compile(r"'([^']*)'|([A-Za-z])\2*")
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_PART_OF_A_DAY = re.compile(r"(?i)y{2,4}|dd|hh|mm|ss")


def column_format_problems(path: str, text: str) -> Iterator[str]:
    """A sentence if no date can be read by the format of a column."""
    found = [letter for letter in _DIRECTIVE.findall(text) if letter != "%"]
    listed = ", ".join(f"%{letter}" for letter in sorted(DIRECTIVES))
    if unknown := [f"%{letter}" for letter in found if letter not in DIRECTIVES]:
        yield f"{path}: a date is read by {listed} here, not by {', '.join(dict.fromkeys(unknown))}"
    elif twice := sorted({f"%{letter}" for letter in found if found.count(letter) > 1}):
        yield f"{path}: {', '.join(twice)} is there more than once"
    elif not found:
        example = _in_directives(text) if _PART_OF_A_DAY.search(text) else "%Y-%m-%d"
        yield f"{path}: {text[:60]!r} has no directive of Python's strptime; write {example}"


def _in_directives(text: str) -> str:
    """A format of Java, SQL or a spreadsheet, as strptime has it."""

    def directive(found: re.Match[str]) -> str:
        run = found[0]
        if found[1] is not None:
            return found[1]
        letter = run[0] if run[0] in _LETTERS else run[0].lower()
        return _LONG.get(run) or _LETTERS.get(letter, run)

    text = text.replace("HH24", "HH").replace("MI", "mm")
    if "YY" in text or "DD" in text:  # SQL and spreadsheets: all letters alike, so a month is what stands by a day
        text = text.replace("YY", "yy").replace("DD", "dd").replace("SS", "ss")
    if "mm" in text and "MM" not in text:
        day, hour = text.find("dd"), text.lower().find("hh")
        text = text.replace("mm", "MM", 1) if hour < 0 or day < hour else text
    return _RUN.sub(directive, text)
