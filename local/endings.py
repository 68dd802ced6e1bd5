"""EventBridge rules on executions that ended: moto keeps them and never fires them; a run that was waited for does."""

import json
from typing import Any

from local.stack import Stack


def fire_ended(aws: Stack, described: dict[str, Any]) -> list[str]:
    """Invokes the function targets of each enabled rule that a run's end matches, with EventBridge's own event.

    Args:
        described: What DescribeExecution tells of the run.

    Returns:
        ARNs of the functions.

    Raises:
        RuntimeError: a function failed.
    """
    event = _event(described)
    events, functions = aws.client("events"), aws.client("lambda")
    invoked = []
    for rule in events.list_rules()["Rules"]:
        if rule.get("State") != "ENABLED" or not _matches(json.loads(rule.get("EventPattern") or "null"), event):
            continue
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            if ":function:" not in target["Arn"]:
                continue
            answer = functions.invoke(FunctionName=target["Arn"], Payload=json.dumps(event))
            if "FunctionError" in answer:
                raise RuntimeError(f"rule {rule['Name']}: {target['Arn']}: {answer['Payload'].read().decode()}")
            invoked.append(str(target["Arn"]))
    return invoked


def _event(described: dict[str, Any]) -> dict[str, Any]:
    detail = {
        "executionArn": described["executionArn"],
        "stateMachineArn": described["stateMachineArn"],
        "name": described["name"],
        "status": described["status"],
        "startDate": int(described["startDate"].timestamp() * 1000),
    }
    return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}


def _matches(pattern: Any, value: Any) -> bool:
    """EventBridge's matching, of patterns that list values."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(_matches(found, value.get(name)) for name, found in pattern.items())
    return isinstance(pattern, list) and value in pattern
