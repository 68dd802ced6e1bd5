"""What each state of a run was given, gave and took, kept in the lake's folder as it happens.

moto drops what the items of a Distributed Map went through, and all else with its process. `lakeferry console` reads
it, of this process's runs while they go on and of those that have ended.
"""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.stack import Event

KEPT = 200
"""Runs whose states are kept; the oldest go."""
LONGEST = 6_000
"""Characters of what a state was given or gave: a batch of files may have 256 KiB, and a page shows none of that."""
FILES = 500
"""Files of a batch that are named."""
MOST = 20_000
"""States of one run; with more it only grows, and nobody reads it."""


class Journal:
    """Keeps the states of a lake's runs, a file each."""

    def __init__(self, work_folder: Path) -> None:
        self._folder = work_folder / "states"
        self._lock = threading.Lock()
        self._count: dict[str, int] = {}

    def tidy(self) -> None:
        """Removes those of the oldest runs."""
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = sorted(self._folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-KEPT]:
            path.unlink(missing_ok=True)

    def note(self, event: Event, place: int, data: object) -> None:
        """Adds a line.

        Args:
            place: The same for all states of one thread of a run: what is left there is what was entered there last.
            data: What the state was given, or gave, or its error.
        """
        with self._lock:
            self._count[event.run] = count = self._count.get(event.run, 0) + 1
            if count > MOST:
                return
            text = json.dumps(data, default=str)
            line = {
                **{"at": event.time, "kind": event.kind, "state": event.state, "type": event.type, "place": place},
                **{"item": event.item, **_about(event), "data": text[:LONGEST], "cut": max(0, len(text) - LONGEST)},
            }
            # a run goes on whatever becomes of its journal: a full disk is told by what needs the disk
            with contextlib.suppress(OSError), self._path(event.run).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def read(self, run: str) -> Iterator[dict[str, Any]]:
        """The lines of a run, in order; one that is being written is left out."""
        path = self._path(run)
        if not path.exists():
            return
        with path.open(encoding="utf-8") as file:
            for line in file:
                with contextlib.suppress(ValueError):
                    yield json.loads(line)

    def _path(self, run: str) -> Path:
        name = "".join(letter for letter in run.rsplit(":", 1)[-1] if letter.isalnum() or letter in "-_")
        return self._folder / f"{name}.jsonl"


def _about(event: Event) -> dict[str, Any]:
    """Whose item it is: a tenant's, a feed's, some files'."""
    value = event.value
    if not isinstance(value, Mapping) or "feed" not in value:
        return {}
    about = {"tenant": str(value.get("tenant", "")), "feed": str(value["feed"])}
    if event.kind != "entered":
        return about
    files = [value] if "path" in value else [one for one in value.get("files") or () if isinstance(one, Mapping)]
    return {**about, "files": [str(one.get("path", "")) for one in files[:FILES]]}
