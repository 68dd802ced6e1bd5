"""Matches file names against a feed's pattern and reads the business date from them."""

import fnmatch
import re
from datetime import UTC, date, datetime

_DATE = re.compile(r"\{date:([^{}]+)\}")
_DIRECTIVES = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}",
    "j": r"\d{3}", "b": r"[A-Za-z]{3}", "B": r"[A-Za-z]+", "%": "%",
}  # fmt: skip


class Pattern:
    """A glob with at most one `{date:strptime format}` in it, matched against whole names, case as given."""

    def __init__(self, text: str) -> None:
        match = _DATE.search(text)
        self._format = match[1] if match else None
        before, after = (text[: match.start()], text[match.end() :]) if match else (text, "")
        date_part = f"(?P<date>{_date_regex(match[1])})" if match else ""
        self._regex = re.compile(f"{_glob(before)}{date_part}{_glob(after)}", re.DOTALL)

    def fits(self, name: str) -> bool:
        """Whether the name is this pattern's; a date in it may still not exist."""
        return self._regex.fullmatch(name) is not None

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
            return datetime.strptime(match["date"], self._format).date()
        except ValueError:
            return None


def _glob(text: str) -> str:
    # fnmatch.translate wraps its result in (?s:...)\Z; several are joined here, so the end anchor goes
    return fnmatch.translate(text).removesuffix(r"\Z").removesuffix(r"\z")


def _date_regex(text: str) -> str:
    out, position = [], 0
    for match in re.finditer(r"%(.)", text):
        out += [re.escape(text[position : match.start()]), _DIRECTIVES.get(match[1], ".+")]
        position = match.end()
    return "".join([*out, re.escape(text[position:])])
