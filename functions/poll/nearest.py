"""Of names of which none is the feed's, the one that was most likely meant, and what it differs in."""

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lakeferry.counting import count_of
from lakeferry.feeds import FilesSpec
from lakeferry.feeds.patterns import compile_pattern
from lakeferry.mails.text import excerpt
from poll.pattern import DATE, Pattern, compile_glob

_SHOWN = 120
"""Characters of a name."""
_TOKEN = re.compile(r"\{[^{}]*\}|\[[!^]?\]?[^\]]*\]|.", re.DOTALL)


class _Way(NamedTuple):
    """A way to differ.

    Attributes:
        nearness: The nearest name is told.
        is_so: Whether a name differs so.
        says: In what.
    """

    nearness: float
    is_so: Callable[[str], object]
    says: str


def nearest_of(files: FilesSpec, names: Sequence[str], count: int) -> str:
    """Such as "42 names, 0 fit; nearest: SALES_20261128.csv, differs in upper and lower case".

    Args:
        names: The first that the listing has.
        count: How many it has.
    """
    told = f"{count_of(count, 'name')}, 0 fit"
    ways = list(_ways(files))
    found = [(way.nearness, way.says, name) for name in names for way in ways if way.is_so(name)]
    if not found:
        return told
    _, says, name = max(found, key=lambda one: one[0])
    return f"{told}; nearest: {_cut(name)}, {says}"


def _ways(files: FilesSpec) -> list[_Way]:
    is_excluded = [fnmatch.translate(glob) for glob in files.exclude]
    ways = [_Way(9, Pattern(files).fits, "has a date in it that does not exist")]
    ways += [
        _Way(5.5, re.compile(found).match, f"is excluded by files.exclude, {glob}")
        for glob, found in zip(files.exclude, is_excluded, strict=True)
    ]
    return ways + (_of_glob(files.pattern or "*") if files.regex is None else _of_regex(files.regex))


def _of_regex(regex: str) -> list[_Way]:
    return [
        _Way(8, compile_pattern(f"(?i:{regex})").fullmatch, "differs in upper and lower case"),
        _Way(5, compile_pattern(regex).search, "fits in part only; files.regex has to fit the whole name"),
        _Way(0, bool, "does not fit files.regex"),
    ]


def _of_glob(pattern: str) -> list[_Way]:
    def like(glob: str) -> Callable[[str], object]:
        return compile_glob(glob, re.IGNORECASE).fullmatch

    whole, stripped = like(pattern), like(pattern)
    ways = [
        _Way(8, whole, "differs in upper and lower case"),
        _Way(7, lambda name: stripped(name.strip()), "differs in blanks around it"),
        _Way(5, like(f"{pattern}*"), "goes on where files.pattern ends, which may end with *"),
        _Way(5, like(f"*{pattern}"), "begins before files.pattern does, which may begin with *"),
    ]
    if dated := DATE.search(pattern):
        ways.append(_Way(6, like(DATE.sub("*", pattern)), f"differs in the date, {dated[0]}"))
    tokens = _TOKEN.findall(pattern)
    for count in range(len(tokens)):
        begun, rest = _cut("".join(tokens[:count])), _cut("".join(tokens[count:]))
        says = f"differs after {begun}, where {rest} is expected" if count else f"differs from {rest} at its beginning"
        ways.append(_Way(4 * count / len(tokens), like("".join(tokens[:count]) + "*"), says))
    return ways


def _cut(text: str) -> str:
    return excerpt(text, _SHOWN)
