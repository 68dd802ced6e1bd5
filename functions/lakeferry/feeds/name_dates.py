"""The date in a file's name: what it may be made of, which day it is, and what people write in its place.

A format has to give one day back: `strptime` takes `%Y-W%W` and answers January 1st for every week. A week of ISO 8601
stands for its Monday, a month for its first day.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta

_DIRECTIVE = re.compile(r"%([-_^#]?.?)", re.DOTALL)
DATE_DIRECTIVES = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}",
    "j": r"\d{3}", "b": r"[A-Za-z]{3}", "B": r"[A-Za-z]+", "G": r"\d{4}", "V": r"\d{2}", "u": r"[1-7]", "%": "%",
}  # fmt: skip
"""What a date in a file's name may be made of, and how each part looks there."""
IN_NAMES = frozenset(DATE_DIRECTIVES)
READ = frozenset("aAwdbBmyYHIpMSfzZjUWGuV%")
"""What a date is read by, where something else says how it looks; `%c`, `%x` and `%X` stand for several of them."""
WRITTEN = frozenset("aAwdbBmyYHIpMSjUWGuV%")
"""What a date is written with: the same on every system. A width, such as `%99999d`, is none of them."""

_INSTEAD = {
    "F": "%Y-%m-%d", "D": "%m%d%y", "T": "%H%M%S", "R": "%H%M", "e": "%d", "h": "%b", "k": "%H", "l": "%I", "C": "%Y",
    "g": "%G", "E": "%Y", "O": "%m", "P": "%p", "L": "%f", "N": "%f",
}  # fmt: skip
"""Directives of `date`, C, Java or Ruby that Python's strptime lacks, and what to write."""
_PADDED = " (two digits; for names with one, files.regex and date_format)"
_WEEKDAYS = frozenset("aAwu")
_TRIED = (date(2023, 1, 1), date(2024, 2, 29), date(2024, 12, 30), date(2026, 11, 29))
"""Days of which no two are alike: a year that begins on a Sunday, a leap day, an ISO year that is another's."""

_YEAR, _REST = r"(?:yyyy|YYYY|yy|YY)", r"(?:MMMM|MMM|MM|mm|dd|DD|jjj|DDD|ddd|ww|WW)"
_CLOCK = r"(?:HH24|hh24|HH|hh|MI|mi|MM|mm|SS|ss|ff|SSS)"
_LETTERS = re.compile(
    rf"(?<![A-Za-z])(?:{_YEAR}(?:[-_.]?{_REST}){{1,2}}|{_REST}[-_.]?(?:{_REST}[-_.]?)?{_YEAR})"
    rf"(?:[-_.T]?{_CLOCK}){{0,4}}(?![A-Za-z])"
)
"""A date as spreadsheets, databases and Java write it, in the middle of a pattern."""
_PART = re.compile(r"([A-Za-z])\1*(?:24)?")
_BARE = re.compile(r"%[YyG][-_.]?%[A-Za-z](?:[-_.T]?%[A-Za-z])*|%[mdbBj][-_.]?(?:%[mdbB][-_.]?)?%[Yy]")
"""Directives without `{date:...}` around them."""


def read_day(text: str, form: str) -> date:
    """The day that a text stands for.

    Raises:
        ValueError: it is no date of that format, or one that does not exist.
    """
    letters = set(_letters(form))
    if {"G", "V"} <= letters and not letters & _WEEKDAYS:
        text, form = f"{text} 1", f"{form} %u"
    return datetime.strptime(text, form).date()


def date_format_problems(path: str, text: str, known: frozenset[str]) -> Iterator[str]:
    """A sentence if a date cannot be read, or written, by the format."""
    found = Counter(_letters(text))
    if unknown := [letter for letter in found if letter not in known]:
        listed = ", ".join(f"%{letter}" for letter in unknown)
        yield f"{path}: a date is made of %{', %'.join(sorted(known))} here, not of {listed}{_instead(unknown, known)}"
    elif not set(found) - {"%"}:
        yield f"{path}: {_short(text)} has no directive of Python's strptime; write {in_directives(text)}"
    elif known is WRITTEN:
        return
    elif twice := [letter for letter, count in found.items() if count > 1 and letter != "%"]:
        yield f"{path}: %{', %'.join(twice)} is there more than once"
    elif not all(_gives_back(day, text) for day in _TRIED):
        yield f"{path}: {_short(text)} does not tell which day it is: {_missing(set(found))}"


def bare_date_problems(path: str, pattern: str) -> Iterator[str]:
    """A sentence if what is left of a pattern without its `{date:...}` was meant as a date, and would fit no name."""
    if bare := _BARE.search(pattern):
        yield f"{path}: {bare[0]} is a date only in braces; write {{date:{bare[0]}}}"
    elif letters := _LETTERS.search(pattern):
        meant = letters[0]
        yield (
            f"{path}: {meant} fits a name that has these letters in it; for a date write "
            f"{{date:{in_directives(meant)}}} (and [{meant[0]}]{meant[1:]} for the letters)"
        )


def in_directives(text: str) -> str:
    """A date in letters, such as `yyyymmdd`, as strptime has it; `%Y%m%d` for what is none."""
    found, is_clock = [], False
    position = 0
    for part in _PART.finditer(text):
        letter = part[1].lower()
        length = len(part[0].removesuffix("24"))
        is_clock |= letter == "h"
        directive = {
            "y": "%Y" if length > 2 else "%y",
            "m": "%M" if is_clock else {3: "%b", 4: "%B"}.get(length, "%m"),
            "d": "%j" if length == 3 else "%d",
            "j": "%j", "w": "%V", "h": "%H", "s": "%S", "f": "%f", "i": "",
        }.get(letter, part[0])  # fmt: skip
        found += [text[position : part.start()], directive]
        position = part.end()
    form = "".join([*found, text[position:]])
    if "%V" in form:
        form = form.replace("%Y", "%G")
    letters = _letters(form)
    is_one = set(letters) <= IN_NAMES and len(letters) == len(set(letters)) and letters
    return form if is_one and all(_gives_back(day, form) for day in _TRIED) else "%Y%m%d"


def _letters(form: str) -> list[str]:
    return _DIRECTIVE.findall(form)


def _gives_back(day: date, form: str) -> bool:
    """Whether the day, or the Monday of its week, or the first of its month, is what is read of what is written."""
    try:
        found = read_day(datetime(day.year, day.month, day.day, 13, 7, 9).strftime(form), _of_zone(form))
    except ValueError:
        return False
    letters = set(_letters(form))
    if letters & set("GV") and letters & set("YymbBdj"):
        return False  # two dates, of which `strptime` takes one or none
    if "V" in letters and not letters & _WEEKDAYS:
        return found == day - timedelta(days=day.weekday())
    if not letters & (_WEEKDAYS | set("djUW")):
        return found == day.replace(day=1) and bool(letters & set("mbB"))
    return found == day


def _of_zone(form: str) -> str:
    # a day without a zone writes none
    return re.sub("%[zZ]", "", form)


def _missing(letters: set[str]) -> str:
    if letters & set("UW") and not letters & _WEEKDAYS:
        return "for weeks, write %G-W%V (ISO 8601), or add the day of the week: %Y-W%W-%w"
    if "V" in letters or "G" in letters:
        return "weeks of ISO 8601 are %G and %V together and alone, with the day of the week or without (its Monday)"
    if not letters & set("yY"):
        return "it has no year (%Y or %y); leave the date out, and the day of the file's time counts"
    return "it has no month and day (%m%d), no day of the year (%j) and no week (%G-W%V)"


def _instead(unknown: list[str], known: frozenset[str]) -> str:
    """What to write in place of directives that are not known."""
    hints = []
    for letter in unknown:
        if letter == "s":
            hints.append("leave %s, seconds, out: without a date the day of the file's time counts")
        elif letter in {"U", "W"}:
            hints.append("for a week write %G-W%V (ISO 8601; its Monday is the day)")
        elif len(letter) > 1 and letter[1] in known:
            hints.append(f"write %{letter[1]} for %{letter}{_PADDED}")
        elif letter in _INSTEAD:
            hints.append(f"write {_INSTEAD[letter]} for %{letter}{_PADDED if letter in 'ekl' else ''}")
    return f"; {'; '.join(hints)}" if hints else ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
