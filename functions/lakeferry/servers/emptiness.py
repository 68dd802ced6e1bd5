"""Servers that call a folder without files an error: what they say then, whatever their protocol."""

import re

_EMPTY = re.compile(
    r"\bno\b.{0,20}\b(files?|entr(y|ies)|director(y|ies)|match(es)?|members?|data|items?|messages?)\b"
    r"|\bnot found\b|\bempty\b|\b0 files",
    re.IGNORECASE,
)
"""What they say of it, as far as it differs from what they say of a folder that may not be read."""
_REFUSED = re.compile(r"permission|denied|access|allowed|privilege|authori|rights", re.IGNORECASE)


def says_empty(words: str) -> bool:
    """Whether a refusal to list a folder that is there means that nothing is in it."""
    return _EMPTY.search(words) is not None and not says_forbidden(words)


def says_forbidden(words: str) -> bool:
    """Whether a refusal is about who may do it."""
    return _REFUSED.search(words) is not None
