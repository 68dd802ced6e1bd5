"""Keys and certificates as text, after what editors, shells and consoles do to it."""

import re

_LINE_CHARACTERS = 64
_ONE_LINE = re.compile(r"(-----BEGIN [A-Z0-9 ]+-----)[ \t]*([A-Za-z0-9+/= \t]+?)[ \t]*(-----END [A-Z0-9 ]+-----)")


def as_it_was_meant(text: str) -> str:
    """Without a byte order mark and indents; with the line breaks that were written out, or lost."""
    text = text.lstrip("\ufeff").strip()
    if "\n" not in text:
        text = text.replace("\\r", "").replace("\\n", "\n").replace("\r", "\n").strip()
    text = _ONE_LINE.sub(_with_breaks, text)
    return "\n".join(line.strip() for line in text.splitlines()) + "\n"


def _with_breaks(found: re.Match[str]) -> str:
    begin, body, end = found.groups()
    joined = re.sub(r"\s", "", body)
    lines = (joined[at : at + _LINE_CHARACTERS] for at in range(0, len(joined), _LINE_CHARACTERS))
    return "\n".join([begin, *lines, end, ""])
