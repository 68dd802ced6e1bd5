"""States of a deployed stack's run: from the execution's history, and from those of its feeds' executions."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Any

from botocore.exceptions import ClientError

from cli.aws_problems import words_of
from cli.console.states import Entered, States, pretty
from cli.stack import Run
from lakeferry.reports.facts import shown
from lakeferry.reports.history import UNKNOWN

PAGES = 5
"""Of 1,000 events each that are read of one execution, with their data."""
CHILDREN = 200
"""Executions of feeds whose input is looked at."""
READ = 12
"""Of them whose history is read: one call each, and a viewer waits."""
_BAD = ("Failed", "TimedOut", "Aborted")


class ExecutionLog(States):
    """Its states, with what they were given."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []
        self.more = ""

    def data(self, at: int) -> str:
        """What a state was given, or gave, as JSON."""
        return pretty(self._texts[at]) if 0 <= at < len(self._texts) else ""

    def add(self, events: Iterable[Mapping[str, Any]], tenant: str = "", feed: str = "", execution: str = "") -> None:
        """Takes the events of one execution, in order; the event before an event says whose it is."""
        owner: dict[int, Entered | None] = {}
        for event in events:
            kind, number = str(event["type"]), int(event["id"])
            one = owner[number] = owner.get(int(event.get("previousEventId", 0)))
            if kind.endswith("StateEntered"):
                owner[number] = self._entered(event, tenant, feed, execution)
            elif kind.endswith("StateExited"):
                self._exited(event, one)
            elif one is not None and not kind.startswith("Execution"):
                _within(one, kind, event)

    def _entered(self, event: Mapping[str, Any], tenant: str, feed: str, execution: str) -> Entered:
        details = event["stateEnteredEventDetails"]
        one = Entered(
            number=len(self.entries),
            state=details["name"],
            tenant=tenant,
            feed=feed,
            item=f"{tenant}/{feed}" if feed else "",
            entered=event["timestamp"].astimezone(UTC),
            given=self._keep(details.get("input", "")),
            execution=execution,
        )
        self.entries.append(one)
        return one

    def _exited(self, event: Mapping[str, Any], one: Entered | None) -> None:
        details = event["stateExitedEventDetails"]
        if one is None or one.state != details["name"]:  # a Map's own end follows its last item's
            one = next((x for x in reversed(self.entries) if x.state == details["name"] and not x.left), None)
        if one is not None:
            one.left, one.gave = event["timestamp"].astimezone(UTC), self._keep(details.get("output", ""))
            one.outcome = "failed" if one.error else "good"

    def _keep(self, text: str) -> int:
        self._texts.append(text)
        return len(self._texts) - 1


def _within(one: Entered, kind: str, event: Mapping[str, Any]) -> None:
    if kind.endswith(_BAD):
        details: Mapping[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
        one.error = shown(f"{details.get('error', kind)}: {details.get('cause', '')}", 1_200)
    elif one.error and kind.endswith(("Scheduled", "Started", "Succeeded")):
        # it was tried again
        one.retries.append(one.error)
        one.error = ""


def read_log(states: Any, run: Run, tenant: str, feed_id: str) -> ExecutionLog:  # noqa: ANN401  (a boto3 client)
    """Reads the run's own states, and those of its feeds' executions.

    Args:
        tenant: Of this one's alone; empty for all.
        feed_id: Of this feed alone; empty for the first few.
    """
    log = ExecutionLog()
    log.add(_events(states, run.arn), execution=run.arn)
    found = 0
    try:
        for arn, its_tenant, feed in _children(states, run.arn):
            if (tenant and its_tenant != tenant) or (feed_id and f"{its_tenant}/{feed}" != feed_id):
                continue
            found += 1
            if found > READ:
                log.more = f"those of the first {READ} feeds are read: choose one for its own"
                break
            log.add(_events(states, arn), its_tenant, feed, arn)
    except ClientError as error:
        log.more = f"the executions of its feeds could not be read: {words_of(error)[:300]}"
    for one in log.entries:
        if one.outcome == "open" and run.status not in {"RUNNING", "SUCCEEDED"} and one.error:
            one.outcome = "failed"
    return log


def _events(states: Any, arn: str) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401
    token: dict[str, str] = {}
    for _ in range(PAGES):
        try:
            answer = states.get_execution_history(executionArn=arn, maxResults=1000, **token)
        except ClientError as error:
            if error.response["Error"]["Code"] in UNKNOWN:
                return
            raise
        yield from answer["events"]
        if not answer.get("nextToken"):
            return
        token = {"nextToken": answer["nextToken"]}


def _children(states: Any, run: str) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401
    """Executions of feeds: ARN, tenant, feed. Only their input tells whose they are."""
    try:
        maps = states.list_map_runs(executionArn=run).get("mapRuns", ())
    except ClientError as error:
        if error.response["Error"]["Code"] in UNKNOWN:
            return
        raise
    left = CHILDREN
    for one in maps:
        answer = states.list_executions(mapRunArn=one["mapRunArn"], maxResults=min(100, max(left, 1)))
        for child in answer["executions"]:
            left -= 1
            if left < 0:
                return
            value = _parsed(states.describe_execution(executionArn=child["executionArn"]).get("input", ""))
            if isinstance(value, Mapping) and "tenant" in value and "feed" in value:
                yield child["executionArn"], str(value["tenant"]), str(value["feed"])


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
