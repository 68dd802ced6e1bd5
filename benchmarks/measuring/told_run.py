"""`lakeferry`, with each state of the run noted as it is entered and left, and each call of a function.

python -m benchmarks.measuring.told_run [--all] STATES.jsonl run ...

States of the run as a whole; with `--all` also of its feeds and batches. The last line has the CPU seconds of this
process, which are the engine's: state machine, moto, start and what the command prints.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from cli.__main__ import main
from local.aws import LocalAws
from local.lambdas import Function
from local.stack import Event


class ToldAws(LocalAws):
    """The local AWS, telling of its runs' states to a file."""

    states: IO[str]
    is_all = False

    def _start(self) -> None:
        super()._start()
        self.on_event(self._note)
        lock, invoke = threading.Lock(), self.workers.invoke

        def noted(function: Function, event: Any) -> tuple[str, bool]:
            began = time.time()
            try:
                return invoke(function, event)
            finally:
                call = {"kind": "called", "function": function.handler, "began": began, "ended": time.time()}
                with lock:
                    self.states.write(json.dumps(call) + "\n")

        self.workers.invoke = noted  # type: ignore[method-assign]

    def _note(self, event: Event) -> None:
        if event.item and not self.is_all:
            return
        noted = {"kind": event.kind, "state": event.state, "time": event.time}
        self.states.write(json.dumps(noted | ({"item": event.item} if self.is_all else {})) + "\n")


def seconds_in(path: Path, is_wanted: Callable[[str], bool]) -> float:
    """How long runs were in states of these names; no second counts twice."""
    spans, entered = [], dict[str, float]()
    for event in _lines(path):
        if event["kind"] not in {"entered", "exited", "failed"} or not is_wanted(event["state"]):
            continue
        if event["kind"] == "entered":
            entered[event["state"]] = event["time"]
        elif (began := entered.pop(event["state"], None)) is not None:
            spans.append((began, event["time"]))
    return _covered(spans)


def seconds_of_calls(path: Path) -> float:
    """How long some function was at work."""
    return _covered([(line["began"], line["ended"]) for line in _lines(path) if line["kind"] == "called"])


def engines_cpu(path: Path) -> float:
    """CPU seconds of the engine."""
    return sum(float(line["cpu_seconds"]) for line in _lines(path) if line["kind"] == "engine")


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _covered(spans: Iterable[tuple[float, float]]) -> float:
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
        ToldAws.states.write(json.dumps({"kind": "engine", "cpu_seconds": time.process_time()}) + "\n")
    sys.exit(code)
