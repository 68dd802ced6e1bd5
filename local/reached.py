"""Where the AWS of a lake answers while a process works with it: others on this machine look there, not at the files.

The folder's tables are written as a run ends; until then only that process knows them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from local.kept import read_json, write_atomically
from local.lock import is_locked


class Reached(NamedTuple):
    """A running AWS: its endpoint on loopback, and its resources by logical id."""

    endpoint: str
    resources: Mapping[str, str]


def write(work_folder: Path, endpoint: str, resources: Mapping[str, str]) -> None:
    """Notes where it answers."""
    write_atomically(_path(work_folder), json.dumps({"endpoint": endpoint, "resources": dict(resources)}))


def remove(work_folder: Path) -> None:
    """It ends."""
    _path(work_folder).unlink(missing_ok=True)


def find(folder: Path) -> Reached | None:
    """The AWS that works with the lake of a folder; None where none does, also where one was killed."""
    found: Any = read_json(_path(folder / ".lakeferry")) if is_locked(folder) else None
    return None if found is None else Reached(found["endpoint"], found["resources"])


def _path(work_folder: Path) -> Path:
    return work_folder / "reached.json"
