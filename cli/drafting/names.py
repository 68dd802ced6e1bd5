"""A pattern with the place of the date, from names that a partner has given."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import takewhile

from lakeferry.decode.chain import LAYERS
from lakeferry.feeds import FilesSpec
from lakeferry.feeds.files import files_problems
from lakeferry.feeds.name_dates import DATE_DIRECTIVES, read_day
from poll.pattern import Pattern

_FORMS = (
    "%Y%m%d%H%M%S", "%Y%m%dT%H%M%S", "%Y%m%d_%H%M%S", "%Y%m%d-%H%M%S", "%Y-%m-%dT%H-%M-%S", "%Y%m%d%H%M", "%Y%m%d",
    "%Y-%m-%d", "%Y_%m_%d", "%Y.%m.%d", "%d-%m-%Y", "%d.%m.%Y", "%d_%m_%Y", "%d%m%Y", "%G-W%V", "%GW%V", "%Y-%m",
    "%Y%m", "%y%m%d",
)  # fmt: skip
"""In the order in which they are tried: what says more comes first."""
_FIRST_YEAR, _LAST_YEAR = 1990, 2100
_COMPANIONS = (
    ("marker", (".done", ".ok", ".ready", ".trg", ".fin", ".complete")),
    ("checksum_file", (".sha256", ".sha1", ".md5")),
)
_PIECE = re.compile(r"\d+")
_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Inferred:
    """What names come to.

    Attributes:
        like: The names that the pattern was made of.
        marker, checksum_file: Templates of names that stand beside the files.
    """

    pattern: str
    date_form: str | None
    like: tuple[str, ...]
    marker: str | None = None
    checksum_file: str | None = None


def infer(names: Sequence[str], chosen: str) -> Inferred:
    """The pattern of the names that are like the chosen one."""
    form = next((form for form in _FORMS if _split(chosen, form)), None)
    like = [name for name in names if _is_like(name, chosen, form)] or [chosen]
    if chosen not in like:
        like.append(chosen)
    pattern = _pattern(like, form)
    companions = {}
    for setting, suffixes in _COMPANIONS:
        found = next((end for end in suffixes if sum(name + end in names for name in like) * 2 > len(like)), None)
        companions[setting] = None if found is None else "{name}" + found
    return Inferred(pattern, form, tuple(like), **companions)


def ending_of(name: str) -> tuple[list[str], str]:
    """The layers that a name's suffixes tell, outermost first, and the name without them."""
    layers: list[str] = []
    while True:
        found = next(((layer, short) for layer, one in LAYERS.items() if (short := one.stripped(name))), None)
        if found is None or len(layers) >= 4:
            return layers, name
        layers.append(found[0])
        name = found[1]


def groups(names: Sequence[str]) -> list[Inferred]:
    """Patterns of all names, those with most names first: files of other feeds lie in the same folder."""
    left, found = list(names), list[Inferred]()
    while left and len(found) < 20:
        one = infer(left, left[0])
        own = Pattern(FilesSpec("/", one.pattern))
        taken = {name for name in left if own.fits(name)} | {left[0]}
        beside = {
            name + (end or "{}")[len("{name}") :] for name in taken for end in (one.marker, one.checksum_file) if end
        }
        found.append(one)
        left = [name for name in left if name not in taken and name not in beside]
    return sorted(found, key=lambda one: -len(one.like))


def _split(name: str, form: str) -> tuple[str, str, str] | None:
    """What stands before the date, the date, and what stands behind it."""
    pattern = re.sub(r"%(.)", lambda found: DATE_DIRECTIVES[found[1]], re.escape(form).replace(r"\%", "%"))
    for found in re.finditer(rf"(?<!\d)(?:{pattern})(?!\d)", name):
        try:
            day = read_day(found[0], form)
        except ValueError:
            continue
        if _FIRST_YEAR <= day.year <= _LAST_YEAR and day != date.max:
            return name[: found.start()], found[0], name[found.end() :]
    return None


def _is_like(name: str, chosen: str, form: str | None) -> bool:
    if form is not None and _split(name, form) is None:
        return False
    return _ends(name) == _ends(chosen) and _begins(name) == _begins(chosen)


def _begins(name: str) -> str:
    return re.match(r"[^\d_.\-]*", name)[0].lower()  # type: ignore[index]  # it matches at least nothing


def _ends(name: str) -> tuple[tuple[str, ...], str]:
    layers, stem = ending_of(name)
    return tuple(layers), stem.rpartition(".")[2] if "." in stem else ""


def _pattern(names: Sequence[str], form: str | None) -> str:
    if form is None:
        pattern = _glob(names) if len(set(names)) > 1 else _PIECE.sub("*", _literal(names[0]))
        return _sound(pattern, names)
    splits = [_split(name, form) for name in names]
    before = [one[0] for one in splits if one]
    after = [one[2] for one in splits if one]
    behind = _glob(after) if len(set(after)) > 1 else _PIECE.sub("*", _literal(after[0]))
    return _sound(f"{_glob(before)}{{date:{form}}}{behind}", names)


def _glob(texts: Sequence[str]) -> str:
    """What they have in common at their beginning and end, and `*` in between."""
    if len(set(texts)) == 1:
        return _literal(texts[0])
    begin = _common(texts)
    rest = [text[len(begin) :] for text in texts]
    end = _common([text[::-1] for text in rest])[::-1]
    # what happens to begin or end alike within a number or a word is not what they have in common
    begin = re.sub(r"\d+$", "", begin)
    if any(text[:1].isalpha() for text in rest):
        begin = re.sub(r"[^\W\d_]+$", "", begin)
    end = re.sub(r"^[^\W_]+", "", end)
    return f"{_literal(begin)}*{_literal(end)}"


def _common(texts: Sequence[str]) -> str:
    alike = takewhile(lambda signs: len(set(signs)) == 1, zip(*texts, strict=False))
    return "".join(signs[0] for signs in alike)


def _literal(text: str) -> str:
    return re.sub(r"[{}]", "?", re.sub(r"[\[*?]", r"[\g<0>]", text))


def _sound(pattern: str, names: Sequence[str]) -> str:
    """The pattern, or a wider one where a rule has something against it, or a name does not fit it."""
    files = {"directory": "/", "pattern": pattern}
    if not list(files_problems(files)):
        own = Pattern(FilesSpec("/", pattern))
        if all(own.fits(name) and own.business_date(name, 0) for name in names):
            return pattern
    layers = Counter(name.partition(".")[2] for name in names)
    ending = layers.most_common(1)[0][0]
    return f"*.{_literal(ending)}" if ending and not list(files_problems({**files, "pattern": f"*.{ending}"})) else "*"


def slug_of(text: str) -> str:
    """A name of a feed from another name."""
    found = _SLUG.sub("_", text.lower()).strip("_")
    found = found if found[:1].isalpha() else f"f_{found}"
    found = found[:47].strip("_")
    return found if len(found) > 1 else "feed"
