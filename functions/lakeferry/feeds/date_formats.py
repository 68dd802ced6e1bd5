"""What a `format` of dates is made of: one table for the checks and the Glue job, so that both take the same texts."""

import re
from collections.abc import Sequence
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
