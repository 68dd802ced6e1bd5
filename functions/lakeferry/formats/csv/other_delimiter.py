"""Whether a file of one column would have several with another delimiter: then the feed names the wrong one."""

import re

_BLANK_LINES = re.compile(rb"\n\n+")
_USUAL = (b";", b"\t", b"|", b",", b"~", b"^", b"\x01", b"\x1f")
"""Hive's and Unix's are the last two."""


class OtherDelimiter:
    """Looks at all lines of a file; a delimiter that does not split one of them as it does the others is none.

    Args:
        header: The header's text.
    """

    def __init__(self, header: bytes) -> None:
        self._counts = {sign: header.count(sign) for sign in _USUAL if sign in header}

    def take(self, records: bytes) -> None:
        """Takes whole records."""
        if not self._counts:
            return
        lines = _BLANK_LINES.sub(b"\n", b"\n" + records)[1:]
        for sign, count in [*self._counts.items()]:
            others = bytes(byte for byte in range(256) if byte not in sign + b"\n")
            if lines.translate(None, others) != (sign * count + b"\n") * lines.count(b"\n"):
                del self._counts[sign]

    def notes(self, rows: int) -> list[str]:
        """What a person should know."""
        if not rows or len(self._counts) != 1:
            return []
        ((sign, count),) = self._counts.items()
        return [
            f"it has one column, and {sign.decode()!r} would split each line into {count + 1}: set format.delimiter if "
            "that is right, and reprocess it"
        ]
