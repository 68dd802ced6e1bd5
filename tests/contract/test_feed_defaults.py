"""What the schema of feed documents calls a default is what Lakeferry takes where a document says nothing."""

import copy
import dataclasses
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lakeferry.feeds import Feed, parse_feed
from lakeferry.formats import CARDS
from tests.conftest import feed_document

SCHEMA = json.loads((Path(__file__).parents[2] / "functions/lakeferry/feed_schema.json").read_text("utf-8"))
MINIMAL = feed_document()
WHOLE = feed_document(
    server={**MINIMAL["server"], "algorithms": {}, "proxy": {"type": "socks5", "host": "proxy", "port": 1080}},
    files={"directory": "/out", "pattern": "*", "size": {}, "after": {"action": "keep"}, "batch": {}},
    decode_options={},
    format={"type": "csv", "trailer": {"starts_with": "T"}},
    checks={
        "rows": {"deviation": {"ratio": 1}},
        "columns": [{"name": "at", "type": "timestamp"}],
        "header": {},
        "drift": {},
        "expressions": [{"name": "known", "expression": "at IS NOT NULL"}],
        "bad_rows": {},
        "control_file": {"pattern": "{stem}.ctl"},
    },
    sla={"expected_by": "06:30", "timezone": "UTC", "holidays": {}},
    catalog={},
    curate={},
    retention={},
    transform={
        "flatten": [{"name": "city", "path": "address.city"}],
        "rules": [{"name": "known", "expression": "at IS NOT NULL", "action": "drop"}],
        "enrich": [{"reference": "stores", "on": "id", "columns": ["city"]}],
        "deduplicate": {"keys": ["id"]},
    },
    notify={"channels": [{"type": "slack", "url_secret": "slack_url"}]},
)
"""Each object that a document can have, with what is required in it and nothing else."""

ASKED_FOR = {("$.server", "port"), ("$.checks.columns", "start"), ("$.checks.columns", "length")}
"""What stands in the code for "nothing is said" is no default: the port is the protocol's, and where a column needs its
place, the document has to say it."""


def parts(schema: Any) -> list[Any]:
    """A schema's object, whether it is that, an item of a list, or one of several things that may stand there."""
    found = [each for each in [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())] if "properties" in each]
    return [each for each in found if each.get("type") == "object"] or (
        parts(schema["items"]) if "items" in schema else []
    )


def spec_in(hint: Any) -> Any:
    """The dataclass in `X`, `X | None` or `tuple[X, ...]`; None where there is none."""
    if dataclasses.is_dataclass(hint):
        return hint
    if typing.get_origin(hint) in (types.UnionType, typing.Union, tuple):
        return next((spec for each in typing.get_args(hint) if (spec := spec_in(each))), None)
    return None


def objects(schema: Any = SCHEMA, spec: Any = Feed, path: str = "$") -> Iterator[tuple[str, Any, Any]]:
    """JSON path, schema and dataclass of each object in a document."""
    yield path, schema, spec
    hints = typing.get_type_hints(spec)
    for name, inner in schema["properties"].items():
        for found in parts(inner):
            field = "decode_options" if name == "decode_options" else name
            yield from objects(found, spec_in(hints[field]), f"{path}.{name}")


OBJECTS = {path: (schema, spec) for path, schema, spec in objects()}
DEFAULTS = [
    (path, name, setting["default"])
    for path, (schema, _) in OBJECTS.items()
    for name, setting in schema["properties"].items()
    if "default" in setting
]


def object_at(document: dict[str, Any], path: str) -> dict[str, Any]:
    """The object of a document at a path; of a list its first."""
    found: Any = document
    for name in path.split(".")[1:]:
        found = found[name]
        found = found[0] if isinstance(found, list) else found
    assert isinstance(found, dict)
    return found


def document_for(path: str, name: str) -> dict[str, Any]:
    """A document with an object at the path in which the setting may be."""
    document = copy.deepcopy(WHOLE)
    if path == "$.format":
        card = next(card for card in CARDS.values() if name in card.settings)
        document["format"] = {"type": card.name, **dict.fromkeys(card.needs, "a/b")}
        if card.has_places:
            document["checks"]["columns"] = [{"name": "at", "type": "string", "start": 1, "length": 2}]
    return document


def test_the_document_has_each_object_of_the_schema() -> None:
    assert all(isinstance(object_at(WHOLE, path), dict) for path in OBJECTS)
    assert len(OBJECTS) > 20
    parse_feed(WHOLE)


@pytest.mark.parametrize(("path", "name", "default"), DEFAULTS, ids=[f"{path}.{name}" for path, name, _ in DEFAULTS])
def test_a_default_that_is_written_out_changes_nothing(path: str, name: str, default: Any) -> None:
    document = document_for(path, name)
    silent = parse_feed(document)
    assert name not in object_at(document, path)
    object_at(document, path)[name] = default
    assert parse_feed(document) == silent


@pytest.mark.parametrize("path", OBJECTS)
def test_each_default_of_the_code_stands_in_the_schema(path: str) -> None:
    schema, spec = OBJECTS[path]
    settings = {field.name: field for field in dataclasses.fields(spec)}
    assert set(settings) == set(schema["properties"])
    for name, field in settings.items():
        if (path, name) in ASKED_FOR or name in schema.get("required", ()):
            continue
        made = field.default_factory
        default = field.default if made is dataclasses.MISSING else made()
        assert default is not dataclasses.MISSING, f"{path}.{name} may be left out, and {spec.__name__} wants it"
        if default in (None, (), {}, frozenset()) or dataclasses.is_dataclass(default):
            assert "default" not in schema["properties"][name], f"{path}.{name} has a default that the code has not"
        else:
            assert "default" in schema["properties"][name], f"{path}.{name} is {default!r} where nothing is said"
