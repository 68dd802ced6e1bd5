"""Which names are a feed's, and the business date in them."""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from lakeferry.feeds import FilesSpec
from lakeferry.feeds.name_dates import DATE_DIRECTIVES, read_day
from lakeferry.feeds.patterns import compile_pattern

DATE = re.compile(r"\{date:([^{}]+)\}")
MOST_MISSED = 200
"""Names that are kept though they are not the feed's, to tell which of them may have been meant."""


class Pattern:
    """A glob with at most one `{date:strptime format}` in it, or a regular expression; whole names, case as given.

    Attributes:
        missed: The first names that were not wanted.
    """

    def __init__(self, files: FilesSpec, companions: Sequence[str] = ()) -> None:
        self.missed: list[str] = []
        self._format: str | None
        self._regex: Any  # of RE2 for what a feed's author wrote, of Python for what is made of a glob
        if files.regex is not None:
            self._regex, self._format = compile_pattern(files.regex), files.date_format
        else:
            self._regex, self._format = _compiled(files.pattern or "*")
        excluded = "|".join(fnmatch.translate(glob) for glob in files.exclude)
        self._excluded = re.compile(excluded) if excluded else None
        # what surrounds the name, or the stem, of the file that they belong to
        self._companions = {template: re.split(r"\{(?:name|stem)\}", template) for template in companions}

    def fits(self, name: str) -> bool:
        """Whether the name is this pattern's; a date in it may still not exist."""
        if self._regex.fullmatch(name) is None:
            return False
        return self._excluded is None or self._excluded.match(name) is None

    def wanted(self, name: str) -> bool:
        """Whether a listing has to tell about the name: one that fits, or the companion of one."""
        if self.fits(name) or (self._companions and any(self.belonging(name))):
            return True
        self.miss(name)
        return False

    def miss(self, name: str) -> None:
        """Keeps the name of a file that is not the feed's, if it is among the first."""
        if len(self.missed) < MOST_MISSED:
            self.missed.append(name)

    def belonging(self, name: str) -> Iterator[str]:
        """The templates of companions (`Feed.companions`) by which this name may belong to one of the feed's files."""
        for template, (before, after) in self._companions.items():
            if len(name) <= len(before) + len(after) or not (name.startswith(before) and name.endswith(after)):
                continue
            # a stem does not tell the whole name
            if "{stem}" in template or self.fits(name[len(before) : len(name) - len(after)]):
                yield template

    def business_date(self, name: str, mtime: int) -> date | None:
        """The date a file is for: from its name, else the UTC date of its modification time.

        Returns:
            None when the name is not this pattern's (a date that does not exist, such as 20260230, included).
        """
        match = self._regex.fullmatch(name)
        if match is None:
            return None
        if self._format is None:
            return datetime.fromtimestamp(mtime, UTC).date()
        try:
            return read_day(match["date"] or "", self._format)
        except ValueError:
            return None


def compile_glob(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A glob with at most one `{date:...}` in it, for whole names; the date is group `date`."""
    match = DATE.search(pattern)
    before, after = (pattern[: match.start()], pattern[match.end() :]) if match else (pattern, "")
    date_part = f"(?P<date>{_date_regex(match[1])})" if match else ""
    return re.compile(f"{_glob(before)}{date_part}{_glob(after)}", re.DOTALL | flags)


def _compiled(pattern: str) -> tuple[re.Pattern[str], str | None]:
    match = DATE.search(pattern)
    return compile_glob(pattern), match[1] if match else None


def _glob(text: str) -> str:
    # fnmatch.translate wraps its result in (?s:...)\Z; several are joined here, so the end anchor goes
    return fnmatch.translate(text).removesuffix(r"\Z").removesuffix(r"\z")


def _date_regex(text: str) -> str:
    out, position = [], 0
    for match in re.finditer(r"%(.)", text):
        out += [re.escape(text[position : match.start()]), DATE_DIRECTIVES[match[1]]]
        position = match.end()
    return "".join([*out, re.escape(text[position:])])
