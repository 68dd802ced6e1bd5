"""How numbers are spelled: one description for the checks, which read them, and the Glue job, which casts them.

U+2212, the minus sign that Swedish, Norwegian and many typeset numbers have, is read wherever a minus may stand before
a number: it means nothing else. What could be a cut or misplaced text (`2026-`, `1,234`) is read only where the feed
says so, and then the raw zone has the plain number.
"""

import re
from dataclasses import dataclass

MINUS = "\u2212"
SIGN = f"[+{MINUS}-]?"
"""A sign before a number, as a regular expression that RE2, Java and Python read alike."""
_ALIKE = ("'\u2019", " \u00a0\u2009\u202f")
"""Marks that look alike, and that one partner's programs mix: apostrophes, and blanks of any width."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """The feed's own spelling of numbers: `decimal`, `thousands` and `negative` of its format."""

    decimal: str = "."
    thousands: str | None = None
    negative: str = "leading"

    @property
    def is_plain(self) -> bool:
        """Whether numbers are spelled as everybody reads them."""
        return self == Spelling()

    @property
    def marks(self) -> str:
        """All signs that are taken for the thousands mark."""
        if self.thousands is None:
            return ""
        return next((alike for alike in _ALIKE if self.thousands in alike), self.thousands)

    @property
    def digits(self) -> str:
        """A number without its sign: a thousands mark stands where thousands end, so `1.5` is not taken for 15.

        With a comma, groups may be India's: `12,34,567`.
        """
        whole, point = "[0-9]+", re.escape(self.decimal)
        if self.thousands is not None:
            mark = f"[{self.marks}]"
            whole = f"[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+|{whole}"
            if self.thousands == ",":
                whole = f"[0-9]{{1,2}}(?:,[0-9]{{2}})+,[0-9]{{3}}|{whole}"
        return f"(?:(?:{whole})(?:{point}[0-9]*)?|{point}[0-9]+)"

    @property
    def other_negatives(self) -> dict[str, str]:
        """What a setting would read → how that looks, as a regular expression without an end."""
        found = {"trailing": rf"^ *{self.digits}[{MINUS}-] *", "parentheses": rf"^ *\( *{self.digits} *\) *"}
        return {f"format.negative: {name}": look for name, look in found.items() if name != self.negative}

    @property
    def hint(self) -> str:
        """What is particular about it, for messages."""
        found = [f" with {self.decimal!r} for the decimal mark"] if self.decimal != "." else []
        if self.negative != "leading":
            found.append(f" (a negative number is {'12.50-' if self.negative == 'trailing' else '(12.50)'} or -12.50)")
        return "".join(found)
