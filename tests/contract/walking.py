"""Walks `statemachine/ingest.asl.json` as Step Functions does, with services that a test stands in for.

What is real: the file, every expression in it, every edge taken, the deals of lists to executions. What is not: time
(waits and intervals take none) and the services, whose answers the test gives.

How it counts. Each event has a name of Step Functions' own ("HistoryEvent", AWS Step Functions API Reference); a test
holds the names to botocore's list. A Distributed Map's items are executions, each with a history of its own; an inline
Map's write into the history that they are in. Bytes are those of the UTF-8 JSON of a state's input, output, arguments
and result, and of each variable as it is assigned: what "Step Functions service quotas" bounds with 256 KiB each.

Of a Distributed Map only the first `most` items are walked; each of the others takes over the result of one of them, of
the later half in turn: the first mail, the summary, is like no other.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.expressions import evaluate
from tests.contract.asl import PATH

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "hash": lambda text, algorithm: hashlib.sha256(text.encode()).hexdigest(),
    "parse": json.loads,
}
"""Of Step Functions' own that the machine calls; all others are JSONata's."""
SUBSTITUTED = {"Partition": "aws", "MaxFeedsAtOnce": "100", "MaxAttempts": "5", "SmallRuns": "job"}
WHICH = {"For each feed": "feed", "For each batch": "batch", "For each mail": "mail"}
PAYLOAD = 262_144
"""Bytes ("Step Functions service quotas")."""


class StateFailedError(Exception):
    """What a service, or a Fail state, ends with."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error, cause)
        self.error, self.cause = error, cause

    def to_json(self) -> dict[str, str]:
        return {"Error": self.error, "Cause": self.cause}


@dataclass
class Execution:
    """One execution, walked to its end.

    Attributes:
        workflow: `run`, `feed`, `batch` or `mail`.
        entered: Its states in order, those of inline Maps among them.
        stand_for: How many items the children of each Map stand for, those that were not walked among them.
        largest: Bytes of the largest input, output, arguments, result and variable.
    """

    workflow: str
    arn: str
    input: Any
    events: Counter[str] = field(default_factory=lambda: Counter(ExecutionStarted=1))
    entered: list[str] = field(default_factory=list)
    children: list["Execution"] = field(default_factory=list)
    stand_for: dict[str, int] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    largest: Counter[str] = field(default_factory=Counter)
    output: Any = None
    failed: StateFailedError | None = None

    def measure(self, part: str, value: Any) -> None:
        self.largest[part] = max(self.largest[part], len(json.dumps(value, ensure_ascii=False).encode()))

    def called(self, service: str) -> list[Any]:
        """Arguments of its own calls of a service."""
        return [arguments for name, arguments in self.calls if name == service]


def definition() -> dict[str, Any]:
    """The machine with what the template puts into it."""
    text = re.sub(r"\$\{(\w+)\}", lambda found: SUBSTITUTED.get(found[1], found[1]), PATH.read_text("utf-8"))
    loaded: dict[str, Any] = json.loads(text)
    return loaded


class Walk:
    """One run.

    Attributes:
        executions: All that were walked, in the order in which they began.
    """

    def __init__(
        self,
        services: Mapping[str, Callable[[Any], Any]],
        lists: Mapping[str, list[Any]],
        *,
        most: int = 4,
        failed_item: Callable[[StateFailedError], Any] = lambda error: None,
    ) -> None:
        """
        Args:
            services: By function (`PollFunctionArn`) or service call (`sqs:sendMessage`), from arguments to result.
            lists: What an ItemReader finds, by key.
            failed_item: What a Map's result has in place of an item's output whose execution failed.
        """
        self._services, self._lists, self._most, self._failed_item = services, lists, most, failed_item
        self.executions: list[Execution] = []

    def run(self, given: Any, arn: str) -> Execution:
        """Walks the whole machine."""
        return self._execute("run", definition(), given, arn)

    def _execute(self, workflow: str, body: Mapping[str, Any], given: Any, arn: str) -> Execution:
        execution = Execution(workflow, arn, given)
        self.executions.append(execution)
        try:
            execution.output = self._states(execution, body, given, {})
            execution.events["ExecutionSucceeded"] += 1
        except StateFailedError as error:
            execution.failed = error
            execution.events["ExecutionFailed"] += 1
        return execution

    def _states(self, execution: Execution, body: Mapping[str, Any], given: Any, variables: dict[str, Any]) -> Any:
        name: str | None = body["StartAt"]
        while name is not None:
            name, given = _Step(self, execution, variables, name, body["States"][name], given).take()
        return given

    def ask(self, resource: str, arguments: Any) -> tuple[str, Any]:
        """Name of the service and its answer."""
        service = resource.split(":::")[1].removeprefix("aws-sdk:")
        if service == "lambda:invoke":
            service = arguments["FunctionName"]
            return service, {"Payload": self._services[service](arguments["Payload"])}
        return service, self._services[service](arguments)

    def distributed(self, execution: Execution, name: str, body: Mapping[str, Any], key: str) -> list[Any]:
        """Results of a Distributed Map's items, as it has them."""
        items = self._lists[key]
        walked = [
            self._execute(WHICH[name], body["ItemProcessor"], item, f"{execution.arn}/{body['Label']}:{number}")
            for number, item in enumerate(items[: self._most])
        ]
        execution.children += walked
        execution.stand_for[name] = len(items)
        results = [self._failed_item(one.failed) if one.failed else one.output for one in walked]
        later = results[len(results) // 2 :]
        return results + [later[number % len(later)] for number in range(len(walked), len(items))]

    inline = _states


@dataclass
class _Step:
    """One state, entered once."""

    walk: Walk
    execution: Execution
    variables: dict[str, Any]
    name: str
    body: Mapping[str, Any]
    given: Any

    def take(self) -> tuple[str | None, Any]:
        """What comes next, None after an end, and what it is given."""
        kind = self.body["Type"]
        self.execution.entered.append(self.name)
        self._note(f"{kind}StateEntered")
        self.execution.measure("input", self.given)
        following: Mapping[str, Any] = self.body
        more: dict[str, Any] = {}
        try:
            if kind == "Choice":
                following = self._chosen()
            elif kind in ("Task", "Map"):
                more["result"] = self._task() if kind == "Task" else self._map()
            elif kind == "Fail":
                raise StateFailedError(self._value(self.body["Error"]), self._value(self.body["Cause"]))
        except StateFailedError as error:
            catches = [one for one in self.body.get("Catch", ()) if _fits(one["ErrorEquals"], error.error)]
            if not catches:
                raise
            following, more = catches[0], {"errorOutput": error.to_json()}
        output = self._left(following, more)
        self._note(f"{kind}StateExited")
        return following.get("Next", following.get("Default")), output

    def _left(self, following: Mapping[str, Any], more: Mapping[str, Any]) -> Any:
        """Output, after the assignments: both see the variables as they were."""
        plain = next(iter(more.values()), self.given)
        output = self._value(following["Output"], more) if "Output" in following else plain
        assigned = self._value(following.get("Assign", {}), more)
        for value in assigned.values():
            self.execution.measure("variable", value)
        self.variables.update(assigned)
        self.execution.measure("output", output)
        return output

    def _chosen(self) -> Mapping[str, Any]:
        for choice in self.body["Choices"]:
            if self._value(choice["Condition"]) is True:
                return dict(choice)
        return {"Next": self.body["Default"]}

    def _task(self) -> Any:
        arguments = self._value(self.body["Arguments"])
        self.execution.measure("arguments", arguments)
        left = [one["MaxAttempts"] for one in self.body.get("Retry", ())]
        while True:
            self._note("TaskScheduled", "TaskStarted")
            try:
                service, result = self.walk.ask(self.body["Resource"], arguments)
            except StateFailedError as error:
                self._note("TaskFailed")
                fitting = [
                    at for at, one in enumerate(self.body.get("Retry", ())) if _fits(one["ErrorEquals"], error.error)
                ]
                if not fitting or left[fitting[0]] == 0:
                    raise
                left[fitting[0]] -= 1
                continue
            if self.body["Resource"].endswith(".sync"):
                self._note("TaskSubmitted")
            self._note("TaskSucceeded")
            self.execution.calls.append((service, arguments))
            self.execution.measure("result", result)
            return result

    def _map(self) -> list[Any]:
        processor = self.body["ItemProcessor"]
        self._note("MapStateStarted")
        if processor["ProcessorConfig"]["Mode"] == "DISTRIBUTED":
            self._note("MapRunStarted")
            key = self._value(self.body["ItemReader"]["Arguments"])["Key"]
            results = self.walk.distributed(self.execution, self.name, self.body, key)
            self._note("MapRunSucceeded")
        else:
            results = []
            for item in self._value(self.body["Items"]):
                self._note("MapIterationStarted")
                # an item sees the variables around it and assigns its own
                results.append(self.walk.inline(self.execution, processor, item, dict(self.variables)))
                self._note("MapIterationSucceeded")
        self.execution.measure("result", results)
        if self.execution.largest["result"] > PAYLOAD:
            self._note("MapStateFailed")
            raise StateFailedError("States.DataLimitExceeded", f"The result of {self.name!r} is over {PAYLOAD} bytes")
        self._note("MapStateSucceeded")
        return results

    def _note(self, *events: str) -> None:
        self.execution.events.update(events)

    def _value(self, value: Any, more: Mapping[str, Any] | None = None) -> Any:
        execution = {"Id": self.execution.arn, "Input": self.execution.input, "StartTime": "2026-11-24T06:00:00Z"}
        states = {"input": self.given, "context": {"Execution": execution}, **(more or {})}
        return evaluated(value, {**self.variables, "states": states})


def evaluated(value: Any, variables: Mapping[str, Any]) -> Any:
    """A field of a state, with every expression in it evaluated."""
    if isinstance(value, dict):
        return {key: evaluated(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluated(item, variables) for item in value]
    if not (isinstance(value, str) and value.startswith("{%")):
        return value
    expression = value[2:-2].strip()
    asked = {name: variables[name] for name in set(re.findall(r"\$(\w+)", expression)) if name in variables}
    declared = "".join(f"${name}:={json.dumps(found)};" for name, found in asked.items())
    result = evaluate(f"({declared}{expression})", FUNCTIONS)
    return None if result is None else json.loads(json.dumps(result))


def _fits(names: list[str], error: str) -> bool:
    return error in names or "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")
