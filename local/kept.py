"""Files that are kept between runs: written all at once, so that a process that is killed leaves the one before."""

import json
from pathlib import Path
from typing import Any


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file's text all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """A JSON file's value; None where there is none."""
    return json.loads(path.read_text("utf-8")) if path.exists() else None
