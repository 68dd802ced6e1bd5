"""A stack in AWS as a whole."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cli.calling import Call
from cli.doctor.finding import FAIL, OK, WARN, Finding
from cli.stack import Stack
from lakeferry.counting import count_of
from lakeferry.mails.alarms import is_raised
from lakeferry.mails.subscriptions import PENDING
from lakeferry.mails.subscriptions import subscriptions as subscriptions_of

_SILENT_AFTER = timedelta(hours=3)
_SHOWN = 10


def health(call: Call, stack: Stack) -> Iterator[Finding]:
    """Whether CloudFormation is done with it."""
    (found,) = stack.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    status = found["StackStatus"]
    if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}:
        yield Finding("stack", OK, f"{stack.name} is {status}")
    elif status.endswith("_IN_PROGRESS"):
        yield Finding("stack", WARN, f"{stack.name} is {status}", "wait until CloudFormation is done")
    elif status == "UPDATE_ROLLBACK_COMPLETE":
        do = f"the last deployment was taken back: aws cloudformation describe-stack-events --stack-name {stack.name}"
        yield Finding("stack", WARN, f"{stack.name} is {status}", do)
    else:
        do = f"see why: aws cloudformation describe-stack-events --stack-name {stack.name}"
        yield Finding("stack", FAIL, f"{stack.name} is {status}", do)


def schedule(call: Call, stack: Stack) -> Iterator[Finding]:
    """The rule that starts runs."""
    rule = stack.client("events").describe_rule(Name=stack.physical("HourlyRule").rsplit("/", 1)[-1])
    if rule["State"] == "ENABLED":
        yield Finding("schedule", OK, f"runs start by {rule['ScheduleExpression']}")
    else:
        do = "deploy with ScheduleState=ENABLED once the first feeds are well (docs/deploy.md)"
        yield Finding("schedule", WARN, "no run starts by itself: the rule is disabled", do)


def last_run(call: Call, stack: Stack) -> Iterator[Finding]:
    """How it ended, and when."""
    latest = stack.runs(1)
    if not latest:
        yield Finding("last run", WARN, "there was none yet", f"start one: lakeferry run --follow {call.where}")
        return
    (run,) = latest
    told = f"{run.name} {run.status}, started {run.started.replace('T', ' ')[:16]} UTC"
    if run.status not in {"SUCCEEDED", "RUNNING"}:
        yield Finding("last run", FAIL, told, f"see why: lakeferry failures {call.where}")
    elif datetime.now(UTC) - datetime.fromisoformat(run.started) > _SILENT_AFTER:
        yield Finding("last run", WARN, told, "is the schedule enabled, and less frequent than that on purpose?")
    else:
        yield Finding("last run", OK, told)


def alarms(call: Call, stack: Stack) -> Iterator[Finding]:
    """Those of the stack that are raised: called `<stack>/<alarm>` (monitoring.yaml)."""
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack.name}/")
    raised = [one for page in pages for one in page["MetricAlarms"] if is_raised(one)]
    for one in raised[:_SHOWN]:
        yield Finding("alarm", WARN, one["AlarmName"], one.get("AlarmDescription", ""))
    if not raised:
        yield Finding("alarms", OK, "none is raised")


def subscriptions(call: Call, stack: Stack) -> Iterator[Finding]:
    """Mail addresses that have not confirmed: they get nothing."""
    found = list(subscriptions_of(stack.client("sns"), stack.physical("NotificationTopic")))
    waiting = sorted(address for address, arn in found if arn == PENDING)
    if not found:
        do = "deploy with NotificationEmail, or name notify.emails in a feed and approve them"
        yield Finding("mails", WARN, "nobody gets any: the topic has no mail subscription", do)
    elif waiting:
        do = "ask them for the mail of AWS Notifications with the link; it came once, and may be junk to them"
        yield Finding("mails", WARN, f"not confirmed by {', '.join(waiting[:_SHOWN])}", do)
    else:
        yield Finding("mails", OK, f"{count_of(len(found), 'subscription')} confirmed")


def dead_letters(call: Call, stack: Stack) -> Iterator[Finding]:
    """What waits for somebody."""
    attributes = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.physical("DeadLetterQueue"), AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    waiting = int(attributes["ApproximateNumberOfMessages"])
    if waiting:
        told = f"{count_of(waiting, 'message')} in the dead-letter queue"
        yield Finding("failures", WARN, told, f"see them: lakeferry failures {call.where}")
    else:
        yield Finding("failures", OK, "none waits in the dead-letter queue")
