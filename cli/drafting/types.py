"""The type of a column, from its texts; whether it is right, the product's own checks say afterwards."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

NULLS = ("NULL", "null", "\\N", "N/A", "n/a", "NA", "#N/A", "None", "none", "NaN", "-", "?", "(null)")
"""Spellings of no value, where all others are of one type."""
_INTEGER = re.compile(r"[-+]?\d{1,18}")
_PLAIN = re.compile(r"[-+]?\d{1,20}\.(\d{1,10})")
_COMMA = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})*,(\d{1,10})|[-+]?\d+,(\d{1,10})")
_FLOAT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y%m%d", "%d-%b-%Y")
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%H:%M:%S%z", "%H:%M:%S.%f%z")
_ALIKE = {"%d/%m/%Y": "%m/%d/%Y", "%m/%d/%Y": "%d/%m/%Y"}


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column is.

    Attributes:
        settings: `type` and what goes with it.
        why: What of it is a guess; empty where it is sure.
        decimal: The mark its numbers have, where that is told by them.
        nulls: Spellings of no value among its texts.
    """

    settings: dict[str, Any]
    why: str = ""
    decimal: str | None = None
    nulls: tuple[str, ...] = ()


TEXT = Guess({"type": "string"})


def guess(texts: Iterable[str], *, comma: bool = False) -> Guess:
    """The type that all texts are of; without any it is a string, which takes everything.

    Args:
        comma: Numbers may have a decimal comma: the delimiter is another sign.
    """
    values = [text for text in texts if text.strip()]
    nulls = tuple(dict.fromkeys(text for text in values if text in NULLS))
    rest = [text for text in values if text not in nulls]
    if not rest:
        return Guess({"type": "string"}, "the sample has no value of it")
    found = _of(rest, comma=comma)
    if found.settings["type"] == "string":
        return found
    return Guess(found.settings, found.why, found.decimal, nulls)


def _of(values: Sequence[str], *, comma: bool) -> Guess:
    if all(map(_INTEGER.fullmatch, values)):
        return _of_digits(values)
    if all(_PLAIN.fullmatch(text) or _INTEGER.fullmatch(text) for text in values):
        return Guess({"type": _decimal(values, ".")}, "as many digits as the sample has, and some more", ".")
    if comma and all(_COMMA.fullmatch(text) or _INTEGER.fullmatch(text) for text in values):
        return Guess({"type": _decimal(values, ",")}, "as many digits as the sample has, and some more", ",")
    if all(map(_FLOAT.fullmatch, values)):
        return Guess({"type": "float64"})
    if {text.lower() for text in values} <= {"true", "false"}:
        return Guess({"type": "bool"})
    return _of_dates(values) or TEXT


def _of_digits(values: Sequence[str]) -> Guess:
    if any(len(text) > 1 and text.lstrip("-+").startswith("0") for text in values):
        return Guess({"type": "string"}, "numbers that begin with 0 are codes: as int64 the zeros would be lost")
    if all(len(text) == 8 and "1990" <= text[:4] <= "2100" for text in values) and _fit(values, "%Y%m%d"):
        return Guess({"type": "date", "format": "%Y%m%d"}, "eight digits that are dates, all of them")
    return Guess({"type": "int64"})


def _decimal(values: Sequence[str], mark: str) -> str:
    plain = [text.lstrip("-+").replace("." if mark == "," else ",", "").partition(mark) for text in values]
    scale = max(len(fraction) for _, _, fraction in plain)
    whole = max(len(digits) for digits, _, _ in plain)
    return f"decimal({min(38, max(12, whole + scale + 4))},{scale})"


def _of_dates(values: Sequence[str]) -> Guess | None:
    for form in _DATES:
        if _fit(values, form):
            return Guess({"type": "date", **_format(form)}, _doubt(form, values))
    for day in _DATES:
        for between in (" ", "T"):
            for clock in _CLOCKS:
                form = f"{day}{between}{clock}"
                if _fit(values, form):
                    return Guess({"type": "timestamp", "format": form}, _doubt(day, values) or _zone(form))
    return None


def _format(form: str) -> dict[str, str]:
    return {} if form == "%Y-%m-%d" else {"format": form}


def _zone(form: str) -> str:
    return "" if form.endswith("%z") else "local times of which zone? timezone is UTC unless you set it"


def _doubt(form: str, values: Sequence[str]) -> str:
    other = _ALIKE.get(form)
    days = [re.split(r"[ T]", text)[0] for text in values]
    return f"day and month could be the other way round, {other}" if other and _fit(days, other) else ""


def _fit(values: Sequence[str], form: str) -> bool:
    return all(map(_reads(form), values))


def _reads(form: str) -> Callable[[str], bool]:
    def reads(text: str) -> bool:
        try:
            return datetime.strptime(text, form).year >= 1
        except ValueError:
            return False

    return reads
