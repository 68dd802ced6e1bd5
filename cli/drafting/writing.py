"""A drafted feed as a commented YAML file: plain enough to be read by whoever has never seen one."""

import json
import re
from typing import Any

import yaml

from cli.drafting.draft import Draft

GUESSED = "guessed:"
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]*")
_WHAT = {
    "$.tenant": "whose files these are",
    "$.feed": "what this feed is called",
    "$.files.pattern": "{date:...} is the business date",
    "$.server.secret": "name of the secret; the password is never in this file",
    "$.server.host_keys": "the server's pinned key",
    "$.decode": "what the files are wrapped in, outermost first",
    "$.dataset": "the table the rows go to",
    "$.sla": "which files are promised, by what local time",
}
_LINE = 100


def to_yaml(draft: Draft, header: str, schema: str = "") -> str:
    """The text of the file; it reads back as the document.

    Args:
        header: What the first comment says.
        schema: The line before it, by which editors find the schema.
    """
    lines = [*([schema] if schema else []), *(f"# {line}" for line in header.splitlines())]
    if any(draft.marks):
        lines.append(f"# What is a guess says so ({GUESSED}): compare it with what the partner tells you.")
    for name, value in draft.document.items():
        _write(lines, draft, f"$.{name}", name, value, 0)
    return "\n".join(lines) + "\n"


def _write(lines: list[str], draft: Draft, path: str, name: str, value: Any, level: int) -> None:  # noqa: ANN401
    indent = "  " * level
    mark = draft.marks.get(path)
    comment = f"{GUESSED} {mark}" if mark else _WHAT.get(path, "")
    is_block = isinstance(value, dict) and (level == 0 or len(json.dumps(value)) > _LINE) and value
    if is_block and not (path == "$.format" and _inner_marks(draft, path) == 0):
        lines.append(f"{indent}{scalar(name)}:{f'  # {comment}' if comment else ''}")
        for key, item in value.items():
            _write(lines, draft, f"{path}.{key}", key, item, level + 1)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        lines.append(f"{indent}{scalar(name)}:{f'  # {comment}' if comment else ''}")
        for at, item in enumerate(value):
            why = draft.marks.get(f"{path}[{at}]")
            lines.append(f"{indent}  - {flow(item)}{f'  # {GUESSED} {why}' if why else ''}")
    else:
        lines.append(f"{indent}{scalar(name)}: {flow(value)}{f'  # {comment}' if comment else ''}")


def _inner_marks(draft: Draft, path: str) -> int:
    return sum(found.startswith(f"{path}.") for found in draft.marks)


def flow(value: Any) -> str:  # noqa: ANN401  (any JSON value)
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:  # noqa: ANN401
    """A scalar, in quotes where YAML would read it otherwise."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=not value.isprintable())
