"""Which states of the machine a run entered, and how they ended: from the execution's history."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakeferry.reports.facts import Span, StateFacts

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_BAD = ("Failed", "TimedOut", "Aborted")
_GOOD = ("Succeeded",)
_WAITS = {"Wait for crawler"}
UNKNOWN = frozenset({"ExecutionDoesNotExist", "InvalidArn", "ValidationException"})
"""What Step Functions says of a run that it does not know, or no more."""
SPANS = 400
"""Spans that are kept: a crawler that runs for an hour is looked at as often."""


@dataclass(slots=True)
class _Entered:
    """A state that was entered, and whether the last thing in it went wrong."""

    name: str
    begun: datetime
    is_bad: bool = False


@dataclass(slots=True)
class History:
    """States and times of one execution; events are added in order.

    A state of a Map's items is entered once for each. The event before an event says whose it is, so items that are at
    work together are told apart.
    """

    states: dict[str, StateFacts] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    _open: dict[int, _Entered] = field(default_factory=dict)
    _owner: dict[int, int] = field(default_factory=dict)

    def add(self, event: Mapping[str, Any]) -> None:
        """Takes the next event, without its data."""
        kind, number = str(event["type"]), int(event["id"])
        when = event["timestamp"].astimezone(UTC)
        if kind.endswith("StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            self._open[number], self._owner[number] = _Entered(name, when), number
            self._state(name).open += 1
            return
        owner = self._owner[number] = self._owner.get(int(event.get("previousEventId", 0)), 0)
        if kind.endswith("StateExited"):
            self._exited(event["stateExitedEventDetails"]["name"], owner, when)
        elif (entered := self._open.get(owner)) is not None and not kind.startswith("Execution"):
            if kind.endswith(_BAD):
                entered.is_bad = True
            elif kind.endswith(_GOOD):
                entered.is_bad = False

    def _exited(self, name: str, owner: int, when: datetime) -> None:
        found = self._open.get(owner)
        if found is None or found.name != name:  # a Map's own end follows its last item's
            owner = next((number for number, one in self._open.items() if one.name == name), 0)
            found = self._open.get(owner)
        if found is None:
            return
        del self._open[owner]
        state = self._state(name)
        state.open -= 1
        state.failed += found.is_bad
        state.good += not found.is_bad
        self._span(found, when)

    def end(self, status: str, when: datetime | None) -> None:
        """The execution has ended: what is still open ended with it, as the execution did."""
        if status == "RUNNING":
            return
        for entered in self._open.values():
            state = self._state(entered.name)
            state.open -= 1
            state.good += status == "SUCCEEDED"
            state.failed += status != "SUCCEEDED"
            if when is not None:
                self._span(entered, when)
        self._open.clear()

    def _span(self, entered: _Entered, when: datetime) -> None:
        if len(self.spans) < SPANS and when > entered.begun:
            self.spans.append(Span(entered.name, entered.begun, when, entered.name in _WAITS))

    def _state(self, name: str) -> StateFacts:
        return self.states.setdefault(name, StateFacts())


def read_history(states: "SFNClient", run: str) -> Iterator[Mapping[str, Any]]:
    """Events of an execution in order, page by page; none where Step Functions does not know it (any more)."""
    token: dict[str, Any] = {}
    while True:
        try:
            page = states.get_execution_history(executionArn=run, maxResults=1000, includeExecutionData=False, **token)
        except ClientError as error:
            if error.response["Error"]["Code"] in UNKNOWN:
                return
            raise
        yield from page["events"]
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}


def history_of(events: Iterable[Mapping[str, Any]], status: str, ended: datetime | None) -> History:
    """What a run's events say."""
    history = History()
    for event in events:
        history.add(event)
    history.end(status, ended)
    return history
