"""Dates and timestamps of a strptime format, converted a column at a time.

Columns repeat their days, so distinct values are converted and then looked up. Formats of digits alone are
rearranged to ISO 8601 by a regular expression and converted by Arrow, which knows the calendar (its own `strptime`
takes 31/02).
Formats with names of months, AM and PM or offsets go value by value.
"""

import re
from datetime import UTC, datetime

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.exact_casts import cast_each, without_year_0
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds.date_formats import DIRECTIVES, is_numeric, runs_on, tokens_of

_WIDTHS = {"Y": b"0000", "m": b"00", "d": b"00", "H": b"00", "M": b"00", "S": b"00"}
_TIME_FIELDS = ("H", "M", "S")


class DatetimeFormat:
    """One format of a column.

    Attributes:
        iso_shape: What its values look like, 0 for any digit, if that is ISO 8601 in full; Arrow takes it as it is.
    """

    def __init__(self, text: str, of_type: pa.DataType, *, cut: bool = False) -> None:
        """Args:
        cut: Digits beyond microseconds are cut off, and not only zeros.
        """
        self._format, self._type = text, of_type
        tokens = tokens_of(text, cut=cut)
        self._directives = [token.directive for token in tokens if token.directive]
        known = set(self._directives)
        if not known <= DIRECTIVES.keys() or len(known) < len(self._directives):
            raise FeedInvalidError(
                f"format {text!r} has a directive that is not supported, or one twice; supported are "
                f"%{', %'.join(sorted(DIRECTIVES))}."
            )
        self._is_numeric = is_numeric(tokens)
        if runs_on(tokens) and not self._is_numeric:
            raise FeedInvalidError(f"format {text!r} has %f right behind another directive; put the sign between them.")
        self._pattern = "".join(
            f"(?P<{token.directive}>{token.head}){token.tail and f'({token.tail})'}"
            if token.directive
            else token.pattern
            for token in tokens
        )
        self._compiled = re.compile(self._pattern)
        shape = b"".join(
            _WIDTHS.get(token.directive, b"?") if token.directive else token.text.encode() for token in tokens
        )
        is_iso = shape in {b"0000-00-00", b"0000-00-00 00:00:00", b"0000-00-00T00:00:00"}
        order = ["Y", "m", "d", "H", "M", "S"]
        self.iso_shape = shape if is_iso and self._directives == order[: len(self._directives)] else None

    def fast(self, text: Column) -> Column | None:
        """Converts a column if all of it is of the format; None if something is not."""
        values = self.exact(text)
        return values if values.null_count == text.null_count else None

    def exact(self, text: Column) -> Column:
        """Converts what is of the format; null for the rest."""
        coded = text.dictionary_encode()
        return self._distinct(coded.dictionary).take(coded.indices)

    def _distinct(self, text: Column) -> Column:
        return self._by_arrow(text) if self._is_numeric else self._one_by_one(text)

    def _by_arrow(self, text: Column) -> Column:
        numbered = {name: rf"\{index}" for name, index in self._compiled.groupindex.items()}
        pattern = re.sub(r"\(\?P<\w>", "(", self._pattern)
        matches = kernels.match_substring_regex(text, f"^(?:{pattern})$")
        text = kernels.if_else(matches, text, pa.scalar(None, pa.string()))
        year = numbered["Y"] if "Y" in numbered else "20" + numbered["y"]
        iso = f"{year}-{numbered['m']}-{numbered['d']}"
        if set(_TIME_FIELDS) & numbered.keys():
            iso += " " + ":".join(numbered.get(name, "00") for name in _TIME_FIELDS)
            iso += "." + numbered["f"] if "f" in numbered else ""
        text = kernels.replace_substring_regex(text, f"^{pattern}$", iso)
        for _ in range(2):  # 7 becomes 07; twice, for those next to each other
            text = kernels.replace_substring_regex(text, r"([- :])([0-9])([-. :]|$)", r"\10\2\3")
        instants = cast_each(text, pa.timestamp("us"))
        return without_year_0(instants.cast(pa.date32()) if self._type == pa.date32() else instants)

    def _one_by_one(self, text: Column) -> Column:
        found = [None if value is None else self._parse(value) for value in text.to_pylist()]
        if self._type == pa.date32():
            return pa.array([None if value is None else value.date() for value in found], pa.date32())
        return pa.array(found, self._type)

    def _parse(self, text: str) -> datetime | None:
        match = self._compiled.fullmatch(text)
        if match is None:
            return None
        if "f" in self._directives:  # Python's takes six digits
            start, stop = match.span(self._compiled.groupindex["f"] + 1)
            text = text[:start] + text[stop:]
        try:
            found = datetime.strptime(text, self._format)
            if "y" in self._directives:  # of this century, as in the Glue job; Python draws the line at 69
                found = found.replace(year=2000 + int(match["y"]))
        except ValueError:
            return None
        # a day of the week that it is not, and day 366 of a year that has none
        if any(match[name].lower() != found.strftime(f"%{name}").lower() for name in "aAj" if name in self._directives):
            return None
        return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
