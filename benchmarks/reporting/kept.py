"""What each script found and printed, a file a script, so that a run of hours goes on where it ended.

`NAME.json` says what `NAME.py` printed, and under which circumstances; `NAME.data.json` is what it wrote itself, of
those of `WITH_JSON`. Files of several days and commits may stand beside each other: each says its own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measuring.circumstances import is_of_this_commit

WITH_JSON = ("load", "scale", "whole")
DATA = ".data"


@dataclass(frozen=True)
class Outcome:
    """What a script came to.

    Attributes:
        code: 1 says that a target was missed; None where only its data are kept.
        data: What it wrote as JSON; None where it writes none, or failed.
        circumstances: `circumstances.begun`; empty where only its data are kept.
    """

    script: str
    code: int | None
    said: str
    data: Any = None
    circumstances: dict[str, Any] = field(default_factory=dict)


def data_file(folder: Path, script: str) -> Path:
    """Where a script's own JSON is."""
    return folder / f"{script}{DATA}.json"


def keep(folder: Path, outcome: Outcome, options: Sequence[str]) -> None:
    """Writes what a script printed; its own JSON it has written itself."""
    told = {
        "script": outcome.script,
        "options": list(options),
        "circumstances": outcome.circumstances,
        "code": outcome.code,
        "said": outcome.said.splitlines(),
    }
    (folder / f"{outcome.script}.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")


def is_done(folder: Path, script: str, options: Sequence[str]) -> bool:
    """Whether it ran to its end on this commit, with these options."""
    file = folder / f"{script}.json"
    if not file.exists():
        return False
    told = json.loads(file.read_text("utf-8"))
    as_before = told["options"] == list(options) and is_of_this_commit(told["circumstances"])
    return as_before and told["code"] in {0, 1}


def outcomes(folder: Path) -> list[Outcome]:
    """All that is kept, by the scripts' names."""
    names = {file.name.removesuffix(".json").removesuffix(DATA) for file in folder.glob("*.json")}
    return [_outcome(folder, name) for name in sorted(names)]


def _outcome(folder: Path, name: str) -> Outcome:
    data, file = data_file(folder, name), folder / f"{name}.json"
    found = json.loads(data.read_text("utf-8")) if data.exists() else None
    if not file.exists():
        return Outcome(name, None, "", found)
    told = json.loads(file.read_text("utf-8"))
    return Outcome(name, told["code"], "\n".join(told["said"]), found, told["circumstances"])
