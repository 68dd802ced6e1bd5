"""EventBridge rules with a schedule: moto keeps them and never fires them; a tick does."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.aws import LocalAws


def fire(aws: "LocalAws") -> list[str]:
    """Starts the state machine targets of each enabled schedule rule, with the rule's own input.

    Returns:
        ARNs of the executions.
    """
    events = aws.client("events")
    started = []
    for rule in events.list_rules()["Rules"]:
        if rule.get("State") != "ENABLED" or "ScheduleExpression" not in rule:
            continue
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            if ":stateMachine:" in target["Arn"]:
                started.append(aws.start_execution(json.loads(target.get("Input") or "{}")))
    return started
