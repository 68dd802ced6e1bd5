"""What is wrong with a feed document, in sentences: no regular expression, no dump of the schema or of a value.

`jsonschema` says which keyword failed where; a person wants to know what the setting is, has, and should have.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol

from lakeferry.counting import count_of
from lakeferry.feeds.forms import COLUMN_TYPES, ELSEWHERE, FORMS, SIGNS, TYPES
from lakeferry.feeds.places import listed
from lakeferry.feeds.schedule import of_unix

Path = tuple[str | int, ...]
_SHOWN = 60
_NEVER = re.compile(r"(?!)")
_NUMBER = re.compile(r"-?[0-9][0-9.]*")
_BARE = {"boolean": re.compile("(?i)true|false|yes|no|on|off"), "integer": _NUMBER, "number": _NUMBER}
"""What is of the type once its quotes are gone."""
_MOST_NAMES = 12
_SIGN_SETTINGS = frozenset({"delimiter", "quote", "escape", "comment"})
_KNOWN_HOSTS = re.compile(r"(?:@revoked )?\S+ ((?:ssh|ecdsa|sk|rsa)[a-z0-9@.-]+ [A-Za-z0-9+/]+=*)")
_FINGERPRINT = re.compile(r"(?:\d+ )?(?:SHA256:|MD5:|[0-9a-f]{2}(?::[0-9a-f]{2}){7})", re.IGNORECASE)
_OWN_LOCAL_TIME = re.compile(r"\d:[0-5]\d(?::\d\d)?|\d\d:[0-5]\d:\d\d")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document.

    Attributes:
        path: Of the value it is about; of an unknown setting, of what that stands in.
        text: What is wrong there, and what to write.
        key: The unknown setting's name.
        about: Settings that are missing there, or that an unknown one was probably meant to be.
    """

    path: Path
    text: str
    key: str | None = None
    about: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{json_path(self.path)}: {self.text}"


def json_path(path: Path) -> str:
    """`$.checks.columns[0].type`."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


class _Error(Protocol):
    """What is read of a `ValidationError`, once it is known what it is of."""

    validator: Any
    validator_value: Any
    instance: Any
    schema: Any
    context: Any
    absolute_path: Any
    absolute_schema_path: Any


def told(error: _Error, schema: Mapping[str, Any]) -> Iterator[Problem]:
    """The sentences of one error of the schema."""
    path: Path = tuple(error.absolute_path)
    if "propertyNames" in error.absolute_schema_path:
        yield Problem(path, _of_name(error), key=str(error.instance))
        return
    tell = _KEYWORDS.get(str(error.validator))
    if tell is not None:
        yield from tell(error, path, schema)
        return
    yield Problem(path, f"{_setting(path)} has a value that it cannot have: {shown(error.instance)}")


def shown(value: Any) -> str:  # noqa: ANN401  (any JSON value)
    """A value as a document has it; of lists and mappings, what they are."""
    if isinstance(value, list):
        return f"a list of {count_of(len(value), 'value')}"
    if isinstance(value, Mapping):
        return "settings" if value else "nothing"
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    text = _clean(text)
    return f'"{text}"' if isinstance(value, str) else text


def _clean(text: str) -> str:
    text = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def near(name: str, names: Iterable[str], cutoff: float = 0.7) -> str | None:
    """The name that was probably meant."""
    known = {each.lower(): each for each in names}
    if len(name) > max(map(len, known), default=0) * (2 / cutoff - 1):
        return None  # by its length alone (difflib, "ratio"), which is known at once: a document may have a long one
    found = get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=cutoff)
    return known[found[0]] if found else None


def _setting(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return "a feed"
    at = "" if isinstance(path[-1], str) else f", {_nth(int(path[-1]))} of its values,"
    return f"`{'.'.join(names[-2:])}`{at}"


def _nth(index: int) -> str:
    number = index + 1
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"the {number}{ending}"


def _section(path: Path) -> str:
    """What an unknown or missing setting stands in."""
    names = [part for part in path if isinstance(part, str)]
    return f"`{'.'.join(names)}`" if names else "a feed"


def _unknown(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    properties = error.schema.get("properties", {})
    for name in sorted(set(error.instance) - set(properties)):
        said = f"`{_clean(name)}` is not a setting of {_section(path)}"
        if hint := ELSEWHERE.get(name.lower()):
            yield Problem(path, f"{said}; {hint}", key=name)
        elif meant := near(name, properties):
            if meant in error.instance:
                yield Problem(path, f"{said}; there is `{meant}`, which is set already", key=name)
            else:
                yield Problem(path, f"{said}; did you mean `{meant}`?", key=name, about=frozenset({meant}))
        elif homes := [home for home in _homes(name, schema) if home != _section(path)]:
            yield Problem(path, f"{said}; it is one of {listed(homes[:3])}", key=name)
        else:
            known = [f"`{each}`" for each in properties]
            more = f", … ({len(known)} in all)" if len(known) > _MOST_NAMES else ""
            yield Problem(path, f"{said}; these are: {', '.join(known[:_MOST_NAMES])}{more}", key=name)


def _homes(name: str, schema: Mapping[str, Any], path: Path = ()) -> Iterator[str]:
    """Where in the document a setting of that name is one."""
    for each, inner in schema.get("properties", {}).items():
        if each == name:
            yield _section(path)
        yield from _homes(name, inner, (*path, each))
        if isinstance(inner.get("items"), Mapping):
            yield from _homes(name, inner["items"], (*path, each))


def _required(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    for name in error.validator_value:
        if name not in error.instance:
            why = " for this action" if "then" in error.absolute_schema_path else ""
            yield Problem(path, f"{_section(path)} needs `{name}`{why}", about=frozenset({name}))


def _type(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    kinds = [error.validator_value] if isinstance(error.validator_value, str) else list(error.validator_value)
    wanted = " or ".join(TYPES[kind] for kind in kinds)
    value, hint = error.instance, ""
    if value is None:
        yield Problem(path, f"{_setting(path)} has no value; write {wanted}, or take the line out")
        return
    if "string" in kinds and isinstance(value, bool):
        hint = "; put it in quotes: YAML reads yes, no, on and off as true or false"
    elif "string" in kinds and isinstance(value, int | float):
        clock = f"{value // 60:02}:{value % 60:02}" if path[-1:] == ("expected_by",) and isinstance(value, int) else ""
        hint = f'; put it in quotes: "{clock or value}"'
    elif isinstance(value, str) and _BARE.get(kinds[0], _NEVER).fullmatch(value):
        hint = "; write it without quotes"
    elif "array" in kinds and not isinstance(value, Mapping):
        hint = "; write it as a list, in [brackets]"
    yield Problem(path, f"{_setting(path)} has to be {wanted}, not {shown(value)}{hint}")


def _enum(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    values = [str(value) for value in error.validator_value]
    meant = near(error.instance, values, 0.6) if isinstance(error.instance, str) else None
    if isinstance(error.instance, str) and not meant:
        meant = next((each for each in values if error.instance.lower().startswith(each.lower())), None)
    hint = f"; did you mean {meant}?" if meant else ""
    # blanks of any width are one mark
    together = dict.fromkeys("a blank" if value.isspace() else shown(value) for value in values)
    listed_values = ", ".join(
        value.strip('"') if value[1:-1].replace("_", "a").isalnum() else value for value in together
    )
    yield Problem(path, f"{_setting(path)} is one of {listed_values}, not {shown(error.instance)}{hint}")


def _pattern(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    text = str(error.instance)
    names = [part for part in path if isinstance(part, str)]
    for setting, hint_of in _HINTS.items():
        if names[-1:] == [setting] and (hint := hint_of(text)):
            yield Problem(path, f"{_setting(path)} {hint}")
            return
    meaning = FORMS.get(str(error.validator_value), "of another form")
    yield Problem(path, f"{_setting(path)} is {meaning}; yours is {shown(text)}")


def _of_host_key(text: str) -> str:
    if "PRIVATE KEY" in text:
        return "has a private key: that belongs into the secret; here is the server's public key, from `ssh-keyscan`"
    if _FINGERPRINT.match(text):
        return (
            "has a fingerprint, which only says what a key looks like; here is the key itself: run `ssh-keyscan` and "
            "compare"
        )
    if found := _KNOWN_HOSTS.match(text):
        return f"has a line of known_hosts: leave out what stands before the key's type, {shown(found[1])}"
    return ""


def _of_schedule(text: str) -> str:
    fields = text.split()
    if len(fields) not in (5, 6) or "(" in text:
        return ""
    return f"has to name its kind, and a cron expression of EventBridge has six fields: `{of_unix(fields)}`"


def _of_type(text: str) -> str:
    meant = COLUMN_TYPES.get(re.split(r"[ (]", text.lower())[0])
    return f"is not {shown(text)}; write {meant}" if meant else ""


def _of_time(text: str) -> str:
    if not _OWN_LOCAL_TIME.fullmatch(text):
        return ""
    return f'is a time of two digits each: write "{text[:-3] if text.count(":") == 2 else text:0>5}"'


_HINTS = {"host_keys": _of_host_key, "schedule": _of_schedule, "type": _of_type, "expected_by": _of_time}
"""What a text was meant to be, by the setting; nothing where that cannot be told."""


def _length(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    text, limit = str(error.instance), int(error.validator_value)
    if path[-1:] and path[-1] in _SIGN_SETTINGS and path[0] == "format":
        meant = SIGNS.get(text.lower())
        hint = f": write {meant}" if meant else ""
        if meant == SIGNS["tab"]:
            hint = f": a tab is {meant}, in double quotes with one backslash"
        said = f"is one character, not the {count_of(len(text), 'character')} {_clean(text)}" if text else "is empty"
        yield Problem(path, f"{_setting(path)} {said}{hint}")
    elif not text:
        yield Problem(path, f"{_setting(path)} is empty; write a text, or take the line out")
    elif error.validator == "minLength":
        yield Problem(path, f"{_setting(path)} has at least {count_of(limit, 'character')}")
    else:
        yield Problem(
            path,
            f"{_setting(path)} has at most {count_of(limit, 'character')}, and yours has {len(text):,}: {shown(text)}",
        )


_RANGES = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than", "exclusiveMaximum": "below"}


def _range(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    said = _RANGES[str(error.validator)]
    yield Problem(path, f"{_setting(path)} is {said} {error.validator_value:,}, not {shown(error.instance)}")


def _items(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    said = "at least" if error.validator == "minItems" else "at most"
    limit, count = int(error.validator_value), len(error.instance)
    yield Problem(path, f"{_setting(path)} has {said} {count_of(limit, 'value')}, and yours has {count or 'none'}")


def _unique(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    yield Problem(path, f"{_setting(path)} has something twice")


def _not(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    yield Problem(path, f"{_setting(path)} cannot be {shown(error.instance)}")


def _one_of(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    names = [f"`{name}`" for choice in error.validator_value for name in choice.get("required", ())]
    if not isinstance(error.instance, Mapping):
        return  # what it is not, another error says
    said = "has only one of" if any(name.strip("`") in error.instance for name in names) else "needs"
    joined = f"{', '.join(names[:-1])} {'and' if said.startswith('has') else 'or'} {names[-1]}"
    about = frozenset(name.strip("`") for name in names)
    yield Problem(path, f"{_section(path)} {said} {joined}", about=about)


def _any_of(error: _Error, path: Path, schema: Mapping[str, Any]) -> Iterator[Problem]:
    kinds = [TYPES[choice["type"]] for choice in error.validator_value]
    inner = [each for each in error.context or () if each.validator != "type"]
    if inner:
        yield from told(inner[0], schema)
    else:
        yield Problem(path, f"{_setting(path)} has to be {' or '.join(kinds)}, not {shown(error.instance)}")


def _of_name(error: _Error) -> str:
    meaning = FORMS.get(str(error.validator_value), "of another form")
    return f"{_setting(tuple(error.absolute_path))}: a name in it is {meaning}; yours is {shown(error.instance)}"


_KEYWORDS = {
    "additionalProperties": _unknown,
    "required": _required,
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "minLength": _length,
    "maxLength": _length,
    "minimum": _range,
    "maximum": _range,
    "exclusiveMinimum": _range,
    "exclusiveMaximum": _range,
    "minItems": _items,
    "maxItems": _items,
    "uniqueItems": _unique,
    "not": _not,
    "oneOf": _one_of,
    "anyOf": _any_of,
}
