"""What an escape stands for besides the character behind it: no value (`\\N`), and characters (`\\n`, `\\t`).

A parser takes the escape away, and then `\\N` of MySQL and ClickHouse is the text `N`, and a tab of ClickHouse's and
PostgreSQL's is a `t`. So spellings of "no value" are looked for in the text as it is, and marked with a character that
no text has; and what a backslash and a letter stand for is put in the letter's place.
"""

import re

from lakeferry.formats.cards import FormatSpec

_MARK = b"\0"
"""Text with a NUL is refused before it is parsed."""


_CONTROLS = {b"t": b"\t", b"n": b"\n", b"r": b"\n", b"r\\n": b"\n", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
"""Letters behind a backslash that stand for a character, to MySQL, PostgreSQL (COPY), ClickHouse, Snowflake and Hive;
carriage returns are line ends, as everywhere in text."""
_CONTROL = re.compile(rb"\\[tnrbfv]")
_PAIR = re.compile(rb"\\(r\\n|[\s\S])")


def with_controls(records: bytes, escape: str | None) -> bytes:
    """Whole records with characters in place of letters that a backslash stands before; the backslash stays.

    A line end that comes so is escaped, and ends no record.
    """
    if escape != "\\" or _CONTROL.search(records) is None:
        return records
    return _PAIR.sub(lambda pair: b"\\" + _CONTROLS.get(pair[1], pair[1]), records)


class EscapedNulls:
    """The spellings of one feed.

    Attributes:
        plain: What a parser has to take for no value.
    """

    def __init__(self, form: FormatSpec) -> None:
        escape = form.escape
        escaped = [text for text in form.null_values if escape is not None and escape in text]
        self.plain: tuple[str, ...] = tuple(text for text in form.null_values if text not in escaped)
        self._pattern: re.Pattern[bytes] | None = None
        if escaped and escape is not None:
            self.plain += (_MARK.decode(),)
            self._pattern = _pattern(form, escape.encode(), [text.encode() for text in escaped])

    def marked(self, records: bytes) -> bytes:
        """Whole records with a mark for each value, quoted or not, that is one of these spellings."""
        if self._pattern is None:
            return records
        return self._pattern.sub(lambda match: match[0] if match["null"] is None else _MARK, records)


def _pattern(form: FormatSpec, escape: bytes, spellings: list[bytes]) -> re.Pattern[bytes]:
    """A spelling that is a whole value, or else what must be passed over as one: a quoted value, an escaped one."""
    signs = form.delimiter.encode(), form.quote.encode(), escape
    delimiter, quote, escape = (re.escape(sign) for sign in signs)
    begins, ends = rb"(?<![^" + delimiter + rb"\n])", rb"(?=[" + delimiter + rb"\n]|\Z)"
    spelling = b"|".join(map(re.escape, spellings))
    pair = escape + rb"(?s:.)"
    null = begins + rb"(?P<null>" + spelling + rb"|" + quote + rb"(?:" + spelling + rb")" + quote + rb")" + ends
    quoted = begins + quote + rb"(?:[^" + quote + escape + rb"]++|" + pair + rb"|" + quote * 2 + rb")*+" + quote
    text = rb"(?:" + pair + rb"[^" + delimiter + escape + rb"\n]*+)++"
    return re.compile(rb"|".join((null, quoted, text)))
