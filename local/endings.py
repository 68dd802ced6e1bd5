"""EventBridge rules on events of AWS: moto keeps them and never fires them; a run that was waited for does."""

import json
from typing import Any

from local.stack import Stack


def fire_ended(aws: Stack, described: dict[str, Any]) -> list[str]:
    """Fires the rules on executions that ended.

    Args:
        described: What DescribeExecution tells of the run.
    """
    return fire(aws, _event(described))


def fire(aws: Stack, event: dict[str, Any]) -> list[str]:
    """Invokes the function targets of each enabled rule that an event matches.

    Returns:
        ARNs of the functions.

    Raises:
        RuntimeError: a function failed.
    """
    from moto.events.models import EventPattern

    events, functions = aws.client("events"), aws.client("lambda")
    invoked = []
    for rule in events.list_rules()["Rules"]:
        pattern = rule.get("EventPattern")
        if rule.get("State") != "ENABLED" or not pattern or not EventPattern.load(pattern).matches_event(event):
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
        "error": described.get("error"),
        "cause": described.get("cause"),
    }
    return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
