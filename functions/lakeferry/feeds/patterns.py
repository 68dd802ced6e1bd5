"""Regular expressions that feeds bring along, matched by RE2: its time grows with the text, whatever the expression.

Python's own engine tries `(a+)+$` in 2^n ways on n characters. RE2 has no look-around and no back-references for that.
In it `$` is the end of the text, as in the ECMA expressions of JSON Schema; in Python a line break may follow.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2

_MEMORY = 2 * 1024 * 1024
"""Bytes that one compiled expression may take, its caches included."""
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_LARGEST_COUNT = 1000
"""RE2's own; a larger one it takes for text in braces."""


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Any:  # noqa: ANN401  (the library has no types)
    """The compiled expression; its methods and those of its matches are called as those of `re`.

    Raises:
        ValueError: it is none, or too large.
    """
    if any(int(count[:9]) > _LARGEST_COUNT for found in _COUNT.findall(text) for count in found if count):
        raise ValueError(f"nothing may be repeated more than {_LARGEST_COUNT:,} times")
    options = re2.Options()
    options.log_errors, options.max_mem = False, _MEMORY
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from error


def pattern_problems(path: str, text: str) -> Iterator[str]:
    """A sentence if the text is no regular expression, or one that RE2 does not have."""
    try:
        compile_pattern(text)
    except ValueError as error:
        yield f"{path}: is not a regular expression ({error}). RE2 has no look-around, no back-references and no \\Z"
