"""Ways through `statemachine/ingest.asl.json`, found by walking it: which states a run, a feed and a batch enter.

The file is walked by `tests/contract/walking.py`, which evaluates each expression in it; what the services answer is
the least that a run of that kind needs. So a state that is added, or a Map that takes another number of items, is in
the simulation without anybody writing it there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from local.template import load
from tests.contract.asl import ROOT, machine
from tests.contract.walking import Execution, Walk

RUN = "arn:aws:states:us-east-1:123456789012:execution:lakeferry-ingest:simulated"
FOLLOWING = {"Fetch files": "Validate files", "Validate files": "Upload files", "Upload files": "end"}


@dataclass(frozen=True)
class State:
    """One state of a way.

    Attributes:
        resource: What a Task calls: a function (`Poll`), or a service (`glue:startJobRun.sync`); empty of others.
        at_once: Of a Map: so many items together; None where a parameter or the feed says how many.
        timeout: Seconds, of a Task.
    """

    name: str
    type: str
    resource: str
    timeout: float
    at_once: int | None


@dataclass(frozen=True)
class Ways:
    """The states that each workflow enters, in order.

    Attributes:
        quiet: Of a feed where nothing is new, and `quiet_run` of a run in which nothing is.
    """

    run: tuple[State, ...]
    quiet_run: tuple[State, ...]
    feed: tuple[State, ...]
    quiet: tuple[State, ...]
    batch: tuple[State, ...]
    mail: tuple[State, ...]


@cache
def ways() -> Ways:
    """What is entered where all goes well."""
    busy, quiet = _walked(files=1), _walked(files=0)
    return Ways(
        run=_states(busy["run"]),
        quiet_run=_states(quiet["run"]),
        feed=_states(busy["feed"]),
        quiet=_states(quiet["feed"]),
        batch=_states(busy["batch"]),
        mail=_states(busy["mail"]),
    )


@cache
def parameters() -> Mapping[str, Any]:
    """The template's parameters, as they are unless somebody says otherwise."""
    return {name: one.get("Default") for name, one in load(ROOT / "template.yaml")["Parameters"].items()}


def _walked(files: int) -> dict[str, Execution]:
    feed = {"tenant": "acme", "feed": "sales", "run": RUN, "deadline": 2**31}
    batch = {"files": [{"path": "/a.csv"}], "failed": [], "outcomes": [], "wait": 0, "next": "Fetch files"}

    def stage(given: Any) -> Any:
        following = FOLLOWING[given["next"]]
        done = following == "end"
        return {
            **given,
            "next": following,
            "files": [] if done else given["files"],
            "outcomes": ["UPLOADED"] if done else [],
        }

    listed = {"bucket": "work", "key": "batches", "files": files, "max_connections": 4}
    attributes: dict[str, Any] = {}
    walk = Walk(
        {
            "ListFeedsFunctionArn": lambda _: {"bucket": "work", "key": "feeds", "feeds": 1},
            "PollFunctionArn": lambda _: listed,
            **{f"{name}FunctionArn": stage for name in ("Fetch", "Validate", "Upload")},
            "PlanCrawlFunctionArn": lambda _: {"crawl": False},
            "ReconcileFunctionArn": lambda _: {"mails": {"count": 1, "bucket": "work", "key": "mails"}},
            "glue:startJobRun.sync": lambda _: {"JobRunState": "SUCCEEDED"},
            "dynamodb:query": lambda _: {"Count": files, "Items": [{}] * files},
            "sns:publish": lambda _: {"MessageId": "m"},
        },
        {
            "feeds": [feed],
            "batches": [batch],
            "mails": [{"event": "run_succeeded", "subject": "s", "message": "m", "attributes": attributes}],
        },
    )
    run = walk.run({"trigger": "schedule", "time": "2026-11-30T08:00:00Z"}, RUN)
    if run.failed is not None:
        raise run.failed
    return {execution.workflow: execution for execution in walk.executions}


def _states(execution: Execution) -> tuple[State, ...]:
    found = bodies()
    return tuple(_state(name, found[name]) for name in execution.entered)


def _state(name: str, body: Mapping[str, Any]) -> State:
    resource = ""
    if body["Type"] == "Task":
        resource = body["Resource"].split(":::")[1].removeprefix("aws-sdk:")
        if resource == "lambda:invoke":
            resource = body["Arguments"]["FunctionName"].strip("${}").removesuffix("FunctionArn")
    at_once = None
    if body["Type"] == "Map":
        told = str(body["MaxConcurrency"]).strip("{}% ")
        at_once = int(told) if told.isdecimal() else None
    return State(name, body["Type"], resource, float(body.get("TimeoutSeconds", 0)), at_once)


@cache
def bodies() -> dict[str, Mapping[str, Any]]:
    """Every state at every depth, by its name, which is its own; before substitution."""
    found: dict[str, Mapping[str, Any]] = {}

    def gather(body: Mapping[str, Any]) -> None:
        for name, state in body["States"].items():
            found[name] = state
            if "ItemProcessor" in state:
                gather(state["ItemProcessor"])

    gather(machine())
    return found


def payload_of(word: str, items: int) -> int:
    """Bytes of a Map's result: so many outputs, each a text, in a JSON array."""
    return len(json.dumps([word])) - 2 + (items - 1) * (len(json.dumps(word)) + 2) + 2 if items else 2
