"""`checks.json_schema` of the feed document: a schema that somebody else wrote, and that is to end on every record.

A few lines can ask for more work than anybody has time for: forty schemas, each of them twice the one before. So what
is asked of one value is counted before it is asked, references followed.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from lakeferry.feeds.keywords import checking

MOST_OBJECTS = 1_500
"""What is written; each costs 0.2 ms to check."""
MOST_SCHEMAS = 10_000
"""Schemas that stand in each other, each counted wherever it is referred to."""
_MOST_ROUNDS = 1
"""Ways in which a schema that contains itself may do so."""
_HOLDERS = frozenset(
    {"properties", "patternProperties", "dependentSchemas", "dependencies", "allOf", "anyOf", "oneOf", "items"}
    | {"prefixItems", "additionalProperties", "additionalItems", "unevaluatedProperties", "unevaluatedItems"}
    | {"propertyNames", "contains", "not", "if", "then", "else", "extends", "contentSchema"}
)
"""Keywords below which schemas are applied; those below `$defs` are when they are referred to."""
_BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})
"""Of these: the ones that hold schemas by a name of the author's choice."""
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def record_schema_problems(schema: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the schema, with its place in it."""
    if _objects(schema) > MOST_OBJECTS:
        yield f"$.checks.json_schema: has more than {MOST_OBJECTS:,} objects; a few definitions may be enough"
        return
    # imported late, as in document.py
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    kind = validator_for(schema, default=Draft202012Validator)
    problem = next(checking(kind)(kind.META_SCHEMA).iter_errors(schema), None)
    if problem is not None:
        yield f"$.checks.json_schema{problem.json_path.removeprefix('$')}: {problem.message}"
    for reference in _references(schema):
        if not reference.startswith("#"):
            yield f"$.checks.json_schema: {reference!r} is another document; references must begin with #"
    try:
        _Count(schema).of(schema)
    except _TooManyError as error:
        yield f"$.checks.json_schema: {error}"


class _TooManyError(Exception):
    """Says of what."""


class _Count:
    """Counts what one value is held against; where references lead nowhere, the compiler says so."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._known: dict[int, tuple[int, dict[int, int]]] = {}
        self._open: dict[int, int] = {}

    def of(self, schema: Any) -> int:  # noqa: ANN401  (any JSON value)
        """How many schemas stand in this one, itself included."""
        if not isinstance(schema, Mapping):
            return 1
        key = id(schema)
        if key in self._open:
            self._come_back({key: 1})
            return 1
        if key not in self._known:
            self._open[key] = 0
            before = dict(self._open)
            found = 1 + sum(map(self.of, self._within(schema)))
            del self._open[key]
            # whoever refers to this one again comes back to the same places again
            self._known[key] = found, {open_: self._open[open_] - before[open_] for open_ in self._open}
            if found > MOST_SCHEMAS:
                raise _TooManyError(
                    f"one value is held against more than {MOST_SCHEMAS:,} schemas, those that are referred to counted "
                    "each time; simplify it"
                )
            return found
        found, rounds = self._known[key]
        self._come_back(rounds)
        return found

    def _come_back(self, rounds: Mapping[int, int]) -> None:
        for key in rounds.keys() & self._open.keys():
            self._open[key] += rounds[key]
            if self._open[key] > _MOST_ROUNDS:
                raise _TooManyError(
                    "a schema contains itself in more than one place, so that the work could double with each level "
                    "of a record; write the levels out that records have"
                )

    def _within(self, schema: Mapping[str, Any]) -> Iterator[Any]:
        for keyword, value in schema.items():
            if keyword in _REFERENCES and isinstance(value, str):
                yield self._target(value)
            elif keyword not in _HOLDERS:
                continue
            elif keyword in _BY_NAME and isinstance(value, Mapping):
                yield from value.values()
            elif isinstance(value, list):
                yield from value
            else:
                yield value

    def _target(self, reference: str) -> Any:  # noqa: ANN401  (any JSON value)
        if reference != "#" and not reference.startswith("#/"):
            return self._anchored(self._root, reference[1:])
        found: Any = self._root
        for part in reference[2:].split("/") if reference != "#" else ():
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and int(name[:9]) < len(found):
                found = found[int(name[:9])]
            elif isinstance(found, Mapping) and name in found:
                found = found[name]
            else:
                return None
        return found

    def _anchored(self, value: Any, name: str) -> Any:  # noqa: ANN401  (any JSON value)
        if isinstance(value, Mapping):
            if name in (value.get("$anchor"), value.get("$dynamicAnchor")) or value.get("$id") == f"#{name}":
                return value
            inner = list(value.values())
        else:
            inner = value if isinstance(value, list) else []
        return next((found for each in inner if (found := self._anchored(each, name)) is not None), None)


def _objects(value: Any) -> int:  # noqa: ANN401  (any JSON value)
    if isinstance(value, Mapping):
        return 1 + sum(map(_objects, value.values()))
    return sum(map(_objects, value)) if isinstance(value, list) else 0


def _references(schema: Any) -> Iterator[str]:  # noqa: ANN401  (any JSON value)
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key in _REFERENCES and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)
