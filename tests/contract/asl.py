"""Reads `statemachine/ingest.asl.json` for the tests: its states at every depth, and where they are."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PATH = ROOT / "statemachine" / "ingest.asl.json"
OWN = re.compile(r"[A-Z]\w+Error$")


@dataclass(frozen=True)
class State:
    """A state and the scope it is in: `run`, `feed`, `batch`, `file` or `mail`."""

    name: str
    scope: str
    body: dict[str, Any]

    @property
    def function(self) -> str | None:
        """Substitution of the Lambda it calls."""
        if self.body.get("Resource") != "arn:${Partition}:states:::lambda:invoke":
            return None
        return str(self.body["Arguments"]["FunctionName"])[2:-1]


def machine() -> dict[str, Any]:
    """The definition as it stands, before substitution."""
    loaded: dict[str, Any] = json.loads(PATH.read_text("utf-8"))
    return loaded


def scopes() -> dict[str, dict[str, Any]]:
    """The workflows: the run, one feed of it, one file of that; and one mail about what landed."""
    run = machine()
    feed = run["States"]["For each feed"]["ItemProcessor"]
    batch = feed["States"]["For each batch"]["ItemProcessor"]
    file = batch["States"]["For each failed file"]["ItemProcessor"]
    mail = run["States"]["For each mail"]["ItemProcessor"]
    return {"run": run, "feed": feed, "batch": batch, "file": file, "mail": mail}


def states() -> list[State]:
    """Every state at every depth."""
    return [State(name, scope, body) for scope, found in scopes().items() for name, body in found["States"].items()]


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, items of nested Maps left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key != "ItemProcessor":
                yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def next_states(body: dict[str, Any]) -> set[str]:
    """Where a state can go."""
    found = {body.get("Next"), body.get("Default")}
    found |= {choice["Next"] for choice in body.get("Choices", [])}
    found |= {catch["Next"] for catch in body.get("Catch", [])}
    return {name for name in found if name}
