"""EventBridge rules with a schedule: moto keeps them and never fires them; a tick does."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local.stack import Stack


def fire(aws: Stack) -> list[str]:
    """Calls the targets of each enabled schedule rule, with the rule's own input: state machines and functions.

    Returns:
        ARNs of the executions of state machines.
    """
    events = aws.client("events")
    event = {"time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    started = []
    for rule in events.list_rules()["Rules"]:
        if rule.get("State") != "ENABLED" or "ScheduleExpression" not in rule:
            continue
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            if ":stateMachine:" in target["Arn"]:
                started.append(aws.start_execution(_input(target, event)))
            elif ":function:" in target["Arn"]:
                payload = json.dumps(_input(target, event))
                aws.client("lambda").invoke(FunctionName=target["Arn"], Payload=payload)
    return started


def _input(target: Mapping[str, Any], event: Mapping[str, str]) -> Any:
    if "InputTransformer" not in target:
        return json.loads(target.get("Input") or "{}")
    transformer = target["InputTransformer"]
    template: str = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        template = template.replace(f"<{name}>", json.dumps(event[path.removeprefix("$.")]))
    return json.loads(template)
