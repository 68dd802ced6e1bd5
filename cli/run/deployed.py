"""Follows a run of a stack in AWS: Step Functions says its stage, the ledger its files, the log what it waits for."""

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from cli.run.live import View
from cli.run.progress import Progress
from cli.stack import Run, Stack

LOOK_SECONDS = 3.0
_DRAW_SECONDS = 0.5


def follow(stack: Stack, run: Run, progress: Progress, view: View, *, look_seconds: float | None = None) -> Run:
    """Shows the run until it has ended; the run as it is then."""
    since = int(datetime.fromisoformat(run.started).timestamp() * 1000)
    found, look_seconds = run, LOOK_SECONDS if look_seconds is None else look_seconds
    while True:
        found = stack.run(run.arn) or found
        is_over = found.status != "RUNNING"
        progress.stage = _stage(stack, run.arn) or progress.stage
        for wait in _waits(stack, since):
            progress.waits_for(*wait)
            since = max(since, int(time.time() * 1000) - 10_000)
        view.show(progress, progress.look(at_once=is_over))
        if is_over:
            return found
        drawn_until = time.monotonic() + look_seconds
        while time.monotonic() < drawn_until:
            time.sleep(min(_DRAW_SECONDS, look_seconds))
            view.show(progress, [])


def _stage(stack: Stack, run: str) -> str:
    """The state that was entered last."""
    history = stack.client("stepfunctions").get_execution_history(
        executionArn=run, reverseOrder=True, maxResults=25, includeExecutionData=False
    )
    entered = (
        one["stateEnteredEventDetails"]["name"] for one in history["events"] if "stateEnteredEventDetails" in one
    )
    return str(next(entered, ""))


def _waits(stack: Stack, since: int) -> Iterator[tuple[str, str, float]]:
    """What functions said that they wait for, as their log has it; nothing where one may not read it."""
    with contextlib.suppress(ClientError):
        found = stack.client("logs").filter_log_events(
            logGroupName=stack.physical("FunctionLogGroup"), filterPattern="{ $.waits_seconds > 0 }", startTime=since
        )
        for event in found["events"]:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                yield _wait(json.loads(event["message"]), event["timestamp"])


def _wait(line: Any, at: int) -> tuple[str, str, float]:  # noqa: ANN401  (a JSON line)
    of = f"{line['tenant']}/{line['feed']}" if "tenant" in line and "feed" in line else ""
    return of, str(line["message"]), float(line["waits_seconds"]) - (time.time() - at / 1000)
