"""Blanks before values, and delimiters that end a line and separate nothing: taken away, where the feed says so.

What is left is RFC 4180 and a rectangle, which is all that readers of the raw zone know: Spark and Athena take a blank
before a quote for the value's beginning, and a last empty field for a column more.
"""

import re

from lakeferry.formats.cards import FormatSpec

_BLANKS = b" \t"


def blanks_of(form: FormatSpec) -> bytes:
    """What may stand before a value and counts for nothing, inside of a character class; empty for nothing."""
    if not form.skip_initial_space:
        return b""
    return re.escape(bytes(sign for sign in _BLANKS if sign not in form.delimiter.encode() + form.quote.encode()))


class InitialBlanks:
    """Takes the blanks at the beginning of values away."""

    def __init__(self, form: FormatSpec) -> None:
        self._pattern: re.Pattern[bytes] | None = None
        if blanks := blanks_of(form):
            signs = _Signs(form)
            # blanks behind an escaped delimiter are within a value
            kept = signs.quoted + (rb"|" + signs.pair + rb"[" + blanks + rb"]*+" if signs.pair else b"")
            begins = rb"(?<![^" + signs.delimiter + rb"\n])"
            self._pattern = re.compile(rb"(" + kept + rb")|" + begins + rb"[" + blanks + rb"]++")

    def removed(self, records: bytes) -> bytes:
        """Whole records, each value from its first sign or quote on."""
        if self._pattern is None:
            return records
        return self._pattern.sub(rb"\1", records)


class TrailingDelimiters:
    """Takes empty fields beyond the columns away; a field that has something stays, and makes a bad row.

    Args:
        columns: How many the file has.
    """

    def __init__(self, form: FormatSpec, columns: int) -> None:
        signs = _Signs(form)
        self._quote = form.quote.encode()
        self._delimiter = form.delimiter.encode()
        value = rb"(?:" + signs.quoted + rb"|" + signs.unquoted + rb")"
        more = rb"(?:" + signs.delimiter + value + rb")"
        # blanks alone are no value, as everywhere
        blank = rb"" if self._delimiter == b" " else rb" *+"
        ends = rb"(?:" + signs.delimiter + rb"(?:" + signs.quote * 2 + rb"|" + blank + rb"))++\n"
        # each match is one record, so none begins within a quoted value
        self._pattern = re.compile(
            rb"(" + value + more + rb"{%d}+)" % (columns - 1) + ends + rb"|" + value + more + rb"*+\n"
        )

    def removed(self, records: bytes) -> bytes:
        """Whole records, those that have nothing beyond the columns cut there."""
        if not any(sign in records for sign in (self._delimiter + b"\n", self._delimiter + self._quote * 2, b" \n")):
            return records
        return self._pattern.sub(self._record, records)

    def _record(self, match: re.Match[bytes]) -> bytes:
        kept: bytes | None = match[1]
        if kept is None:
            return match[0]
        # a row without any value must not become a blank line, which is none
        return (kept or self._quote * 2) + b"\n"


class _Signs:
    """A feed's delimiter, quote and escape as patterns of values; possessive, so the time is linear in the length."""

    def __init__(self, form: FormatSpec) -> None:
        self.delimiter, self.quote = re.escape(form.delimiter.encode()), re.escape(form.quote.encode())
        escape = re.escape((form.escape or "").encode())
        self.pair = escape + rb"(?s:.)" if escape else b""
        pair = rb"|" + self.pair if escape else b""
        quote, doubled = self.quote, rb"|" + self.quote * 2
        self.quoted = quote + rb"(?:[^" + quote + escape + rb"]++" + doubled + pair + rb")*+" + quote
        plain = rb"[^" + self.delimiter + quote + escape + rb"\n]++"
        self.unquoted = rb"(?:" + plain + pair + rb")*+"
