"""Every setting of a feed document is explained: in the schema, on the reference page, and where an editor looks."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import ROOT
from tools import feed_reference

SCHEMA: dict[str, Any] = json.loads(feed_reference.SCHEMA.read_text("utf-8"))
SETTINGS = list(feed_reference.settings(SCHEMA))
EXAMPLES = sorted((ROOT / "feeds").rglob("*.yaml"))


def test_the_page_is_what_the_schema_says() -> None:
    assert feed_reference.PAGE.read_text("utf-8") == feed_reference.page(SCHEMA), (
        "run: python -m tools.feed_reference > docs/feed-reference.md"
    )
    assert len(SETTINGS) > 190


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.path)
def test_a_setting_says_what_it_is(setting: feed_reference.Setting) -> None:
    assert setting.schema.get("title")
    assert re.search(r"\w{2,}.*[.:)]$", setting.schema.get("description", ""), re.DOTALL), "a sentence that ends"
    speaks_for_itself = "enum" in setting.schema or setting.schema.get("type") == "boolean"
    assert speaks_for_itself or "properties" in setting.schema or "examples" in setting.schema


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.path)
def test_its_examples_and_default_are_allowed(setting: feed_reference.Setting) -> None:
    validator = Draft202012Validator({**setting.schema, "$defs": SCHEMA["$defs"]})
    values = [
        *setting.schema.get("examples", ()),
        *([setting.schema["default"]] if "default" in setting.schema else ()),
    ]
    for value in values:
        assert not list(validator.iter_errors(value)), value


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_names_its_schema_for_editors(path: Any) -> None:
    first = path.read_text("utf-8").splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert named
    assert (path.parent / named[1]).resolve() == feed_reference.SCHEMA
