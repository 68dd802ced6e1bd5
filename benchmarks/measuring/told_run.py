"""`lakeferry`, with each state of the run noted as it is entered and left.

python -m benchmarks.measuring.told_run [--all] STATES.jsonl run ...

Of the run as a whole; with `--all` also of its feeds and batches.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

from cli.__main__ import main
from local.aws import LocalAws
from local.stack import Event


class ToldAws(LocalAws):
    """The local AWS, telling of its runs' states to a file."""

    states: IO[str]
    is_all = False

    def _start(self) -> None:
        super()._start()
        self.on_event(self._note)

    def _note(self, event: Event) -> None:
        if event.item and not self.is_all:
            return
        noted = {"kind": event.kind, "state": event.state, "time": event.time}
        self.states.write(json.dumps(noted | ({"item": event.item} if self.is_all else {})) + "\n")


def seconds_in(path: Path, is_wanted: Callable[[str], bool]) -> float:
    """How long runs were in states of these names; no second counts twice."""
    spans, entered = [], dict[str, float]()
    for line in path.read_text("utf-8").splitlines():
        event = json.loads(line)
        if not is_wanted(event["state"]):
            continue
        if event["kind"] == "entered":
            entered[event["state"]] = event["time"]
        elif (began := entered.pop(event["state"], None)) is not None:
            spans.append((began, event["time"]))
    total = until = 0.0
    for began, ended in sorted(spans):
        total += max(ended - max(began, until), 0)
        until = max(until, ended)
    return total


if __name__ == "__main__":
    import local.aws

    if sys.argv[1] == "--all":
        ToldAws.is_all = True
        sys.argv.remove("--all")
    with Path(sys.argv[1]).open("a", encoding="utf-8") as ToldAws.states:
        local.aws.LocalAws = ToldAws  # type: ignore[misc]  # what the command line makes one of
        code = main(sys.argv[2:])
    sys.exit(code)
