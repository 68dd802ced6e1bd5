"""The reference of feed documents, made from their schema.

python -m tools.feed_reference > docs/feed-reference.md
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "functions" / "lakeferry" / "feed_schema.json"
PAGE = ROOT / "docs" / "feed-reference.md"
HEAD = """# Feed reference

Every setting of a feed document, made from `functions/lakeferry/feed_schema.json` by `tools/feed_reference.py`. `[]` is
an entry of a list. Editors that know YAML schemas complete and explain them: each example in `feeds/` names the schema
in its first line, and so does each draft. `lakeferry feeds schema > feed_schema.json` puts it beside feeds of your own;
their first line is `# yaml-language-server: $schema=feed_schema.json` then. Its `$id` has the version, and the docs
site has it by version, `schema/feed-<version>.json`, and the newest as `schema/feed.json`.

What belongs together is explained in [files](files.md), [servers](servers.md), [decoding](decoding.md),
[formats](formats.md), [checks](formats-and-checks.md), [promises](sla.md), [expressions](expressions.md) and
[the curated zone](curated-zone.md).
"""


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        path: Its name with those of what it is in: `server.proxy.host`, `checks.columns[].name`.
        required: Whether what it is in must have it.
    """

    path: str
    schema: Mapping[str, Any]
    required: bool


def settings(schema: Mapping[str, Any], path: str = "") -> Iterator[Setting]:
    """All settings in the schema's order, each before those within it."""
    for name, found in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield Setting(here, found, name in schema.get("required", ()))
        yield from settings(found, here)
    for key in ("items", "additionalProperties"):
        if isinstance(inner := schema.get(key), Mapping):
            yield from settings(inner, f"{path}[]")


def kind(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        return kind(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(kind(each, defs) for each in schema["anyOf"])
    named = schema.get("type", "anything")
    if isinstance(named, list):
        return " or ".join(_WORDS[each] for each in named)
    if named == "array":
        inner = schema.get("items", {})
        return f"list of {kind(inner, defs)}" if inner.get("type") != "object" else "list of settings"
    if named in ("integer", "number"):
        return _WORDS[named] + _range(schema)
    return _WORDS[named]


_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "object": "settings",
    "array": "list",
}


def _range(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    above = "over" if "exclusiveMinimum" in schema else "from"
    most = None if most is not None and most >= 2**62 else most
    parts = [f"{above} {least}" if least is not None else "", f"to {most}" if most is not None else ""]
    return "".join(f" {part}" for part in parts if part)


def row(setting: Setting, defs: Mapping[str, Any]) -> str:
    """A line of the table."""
    schema = setting.schema
    default = f"`{_text(schema['default'])}`" if "default" in schema else "required" if setting.required else ""
    example = f"`{_text(schema['examples'][0])}`" if "examples" in schema else ""
    cells = (f"`{setting.path}`", kind(schema, defs), default, schema.get("description", ""), example)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) or value != value.strip() else value


def page(schema: Mapping[str, Any]) -> str:
    """The whole page: a table for each part of the document."""
    parts: dict[str, list[Setting]] = {}
    for setting in settings(schema):
        top = setting.path.partition(".")[0].partition("[")[0]
        parts.setdefault(top if "properties" in schema["properties"][top] else "", []).append(setting)
    text = HEAD
    for top, found in parts.items():
        text += f"\n## {f'`{top}`' if top else 'The document'}\n\n"
        text += "| setting | value | default | meaning | example |\n|---|---|---|---|---|\n"
        text += "".join(row(setting, schema.get("$defs", {})) + "\n" for setting in found)
    return text


if __name__ == "__main__":
    print(page(json.loads(SCHEMA.read_text("utf-8"))), end="")
