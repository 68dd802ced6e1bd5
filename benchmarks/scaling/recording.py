"""Stage times of one local run, as a file: what the simulation is held against.

    PYTHONPATH=functions:glue:. python -m benchmarks.scaling.recording FILE [--feeds N] [--files N]

Makes a run of small files on the local AWS (servers, state machine, functions and job are the real ones) and notes when
each state was entered and left, whatever its depth. `tests/unit/test_scale.py` puts the times into the simulation and
compares how long the run took.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from benchmarks.laptop import Partner, rows
from benchmarks.measuring import told_run
from benchmarks.measuring.processes import run as run_program
from benchmarks.scaling.load import Load, Times
from benchmarks.scaling.machine import ways
from cli.cost.prices import Prices
from tests.servers import daemons

CONNECTIONS = 2


def record(feeds: int, files: int) -> dict[str, Any]:
    """Runs it; what the simulation needs of it.

    Args:
        files: Of each feed.
    """
    with tempfile.TemporaryDirectory() as name, daemons.openssh("MaxStartups 500") as daemon:
        base = Path(name)
        (base / "feeds").mkdir()
        partner = Partner(daemon, base / "feeds", {})
        for feed in range(feeds):
            folder = partner.feed(f"feed{feed}", "sales_{date:%Y%m%d}_*.csv", format={"type": "csv"})
            document = yaml.safe_load((base / "feeds" / f"feed{feed}.yaml").read_text())
            document["server"]["max_connections"] = CONNECTIONS
            (base / "feeds" / f"feed{feed}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
            for file in range(files):
                rows(folder / f"sales_20261128_{file:04d}.csv", 50, file * 10**5)
        (base / "secrets.yaml").write_text(yaml.safe_dump(partner.secrets))
        states = base / "states.jsonl"
        told = [sys.executable, "-m", told_run.__name__, "--all", str(states)]
        where = ["--lake", str(base / "lake"), "--secrets", str(base / "secrets.yaml")]
        run_program([*told, "run", str(base / "feeds"), *where])
        lines = [json.loads(line) for line in states.read_text("utf-8").splitlines()]
        events = [line for line in lines if "state" in line]
    return {"feeds": feeds, "files": files, "connections": CONNECTIONS, **times_in(events)}


def times_in(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the simulation needs of a run's events: seconds of each call, and what the engine takes between two."""
    began = min(event["time"] for event in events)
    by_item: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        by_item[event["item"]].append(event)
    feeds: dict[str, dict[str, Any]] = {}
    gaps: list[float] = []
    for item, own in by_item.items():
        seconds = _seconds(own)
        gaps += _gaps(own)
        if not item:
            continue
        feed = feeds.setdefault(item.split()[0], {"batches": []})
        if "Poll server" in seconds:
            feed["Poll"] = seconds["Poll server"]
        elif "Fetch files" in seconds:
            stages = {name: seconds.get(f"{name} files", 0) for name in ("Fetch", "Validate", "Upload")}
            feed["batches"].append({"began": own[0]["time"] - began, **stages})
    for feed in feeds.values():
        feed["batches"].sort(key=lambda batch: batch.pop("began"))
    run = _seconds(by_item[""])
    ended = max(event["time"] for event in by_item[""])
    return {
        "seconds": ended - began,
        "run": {state.name: run.get(state.name, 0) for state in ways().run if state.type == "Task"},
        "of_feeds": [feeds[name] for name in sorted(feeds)],
        "transition": statistics.median(gaps),
        "child": _child(by_item),
    }


def _seconds(events: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """How long each state took, entered once."""
    entered, found = {}, {}
    for event in events:
        if event["kind"] == "entered":
            entered[event["state"]] = event["time"]
        elif event["state"] in entered:
            found[event["state"]] = event["time"] - entered.pop(event["state"])
    return found


def _gaps(events: Sequence[Mapping[str, Any]]) -> list[float]:
    """From a state's end to the end of what decides what is next, or to the next one's begin."""
    return [
        after["time"] - before["time"]
        for before, after in pairwise(events)
        if before["kind"] == "exited" and after["kind"] == "entered"
    ]


def _child(by_item: Mapping[str, Sequence[Mapping[str, Any]]]) -> float:
    """From a Map's begin to that of its first item."""
    (entered,) = [one["time"] for one in by_item[""] if (one["kind"], one["state"]) == ("entered", "For each feed")]
    return float(min(own[0]["time"] for item, own in by_item.items() if item) - entered)


class RecordedTimes(Times):
    """The seconds of a recorded run, in place of rates."""

    def __init__(self, facts: Prices, load: Load, recorded: Mapping[str, Any]) -> None:
        super().__init__(facts, load)
        self._recorded = recorded
        self.transition, self.child = recorded["transition"], recorded["child"]

    def poll(self, feed: int) -> float:
        return float(self._recorded["of_feeds"][feed]["Poll"])

    def stage(self, stage: str, feed: int, number: int, batch: tuple[int, float]) -> float:
        return float(self._recorded["of_feeds"][feed]["batches"][number][stage])

    def of_state(self, name: str, resource: str, files: int, feeds: int) -> float:
        return float(self._recorded["run"].get(name, 0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--feeds", type=int, default=4)
    parser.add_argument("--files", type=int, default=25)
    options = parser.parse_args()
    os.umask(0o022)
    found = record(options.feeds, options.files)
    options.file.write_text(json.dumps(_rounded(found), indent=1) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
