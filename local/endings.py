"""EventBridge rules on events of AWS: moto keeps them and never fires them; a run that was waited for does.

Its reports are written by who waited (`local.report`), with what function `report_run` writes them with: that process
knows how commands name the lake, and has no function to wait for.
"""

import json
from collections.abc import Sequence
from typing import Any

from local.stack import Stack


def fire_ended(aws: Stack, described: dict[str, Any]) -> list[str]:
    """Fires the rules on executions that ended.

    Args:
        described: What DescribeExecution tells of the run.
    """
    return fire(aws, ended_event(described), without=("ReportRunFunction",))


def fire(aws: Stack, event: dict[str, Any], without: Sequence[str] = ()) -> list[str]:
    """Invokes the function targets of each enabled rule that an event matches.

    Args:
        without: Functions, by logical id, that are left out.

    Returns:
        ARNs of the functions.

    Raises:
        RuntimeError: a function failed.
    """
    from moto.events.models import EventPattern

    events, functions = aws.client("events"), aws.client("lambda")
    invoked, left_out = [], {aws.resources.get(name) for name in without}
    for rule in events.list_rules()["Rules"]:
        pattern = rule.get("EventPattern")
        if rule.get("State") != "ENABLED" or not pattern or not EventPattern.load(pattern).matches_event(event):
            continue
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            if ":function:" not in target["Arn"] or target["Arn"].rpartition(":")[2] in left_out:
                continue
            answer = functions.invoke(FunctionName=target["Arn"], Payload=json.dumps(event))
            if "FunctionError" in answer:
                raise RuntimeError(f"rule {rule['Name']}: {target['Arn']}: {answer['Payload'].read().decode()}")
            invoked.append(str(target["Arn"]))
    return invoked


def ended_event(described: dict[str, Any]) -> dict[str, Any]:
    """What EventBridge would tell of it."""
    detail = {
        "executionArn": described["executionArn"],
        "stateMachineArn": described["stateMachineArn"],
        "name": described["name"],
        "status": described["status"],
        "startDate": int(described["startDate"].timestamp() * 1000),
        "stopDate": int(described["stopDate"].timestamp() * 1000),
        "error": described.get("error"),
        "cause": described.get("cause"),
    }
    return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
