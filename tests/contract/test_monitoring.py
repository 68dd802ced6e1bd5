"""monitoring.yaml, the words of its alarms and the runbook name the same alarms; nothing arrives nowhere unseen."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from moto.events.models import EventPattern

from check_sla.handler import METRICS
from describe.core import JOB, counted
from lakeferry.mails.alarms import ALARM_PLAIN, CARDS
from lakeferry.mails.failures import EXECUTION_FAILED_PLAIN
from local.template import load
from tests.contract.asl import states
from tests.contract.rendered import Rendered, render

ROOT = Path(__file__).parent.parent.parent
ALARMS: dict[str, dict[str, Any]] = {
    name: found["Properties"] | {"Condition": found.get("Condition")}
    for name, found in load(ROOT / "monitoring.yaml")["Resources"].items()
    if found["Type"] == "AWS::CloudWatch::Alarm"
}
GIVEN: dict[str, Any] = load(ROOT / "template.yaml")["Resources"]["Monitoring"]["Properties"]["Parameters"]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
MOST_METRICS = 10


def metrics(alarm: str) -> list[dict[str, Any]]:
    """What an alarm watches: namespace, name, dimensions."""
    properties = ALARMS[alarm]
    if "MetricName" in properties:
        return [properties]
    return [found["MetricStat"]["Metric"] for found in properties["Metrics"] if "MetricStat" in found]


def watched(name: str) -> list[str]:
    """What has an alarm on the metric: logical ids of the root template."""
    found = []
    for alarm in ALARMS:
        for metric in metrics(alarm):
            if metric["MetricName"] == name:
                given = GIVEN[metric["Dimensions"][0]["Value"]["Ref"]]
                found.append(given.get("Ref") or given["Fn::GetAtt"][0])
    return found


@pytest.fixture(scope="module")
def stack() -> Rendered:
    return render("lakeferry")


def test_each_alarm_has_its_words_and_its_page_and_nothing_else_has() -> None:
    assert set(ALARMS) == set(CARDS)
    assert re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE) == list(ALARMS)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_names_its_stack_and_its_page(name: str) -> None:
    properties, card = ALARMS[name], CARDS[name]
    assert properties["AlarmName"] == {"Fn::Sub": "${StackName}/" + name}
    description = properties["AlarmDescription"]
    assert description.endswith(f" (docs/runbook.md#{name.lower()})")
    assert not re.search(r'["\n<>]', description), "a plain mail has it within quotes"
    page = RUNBOOK.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert page.strip().startswith(f"{card.severity.capitalize()}{', plain text' if card.is_plain else ''}. ")
    assert ("- Look: " in page, "- Do: " in page) == (True, True)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_goes_to_the_topic_itself_only_where_no_mail_can_be_made_of_it(name: str) -> None:
    assert ALARMS[name].get("AlarmActions", []) == ([{"Ref": "Topic"}] if CARDS[name].is_plain else [])


@pytest.mark.parametrize("name", ALARMS)
def test_nothing_is_missed_before_it_was_there_or_where_the_schedule_is_off(name: str) -> None:
    properties = ALARMS[name]
    assert properties["TreatMissingData"] == ("missing" if CARDS[name].is_silence else "notBreaching")
    is_missed = name.endswith("MissingAlarm")
    assert properties["Condition"] == ("IsScheduled" if is_missed else None)
    assert CARDS[name].is_silence == (is_missed and name != "RunMissingAlarm")


@pytest.mark.parametrize("name", ALARMS)
def test_metric_math_stays_within_what_an_alarm_takes(name: str) -> None:
    found = metrics(name)
    assert 1 <= len(found) <= MOST_METRICS
    ids = [one["Id"] for one in ALARMS[name].get("Metrics", [])]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]\w*", one) for one in ids)


def test_the_cost_page_counts_what_alarms_watch() -> None:
    watched = sum(len(metrics(name)) for name in ALARMS)
    text = (ROOT / "docs" / "cost.md").read_text("utf-8")
    assert f"{len(ALARMS)} alarms on {watched} metrics of AWS's and ours: ${watched / 10:.2f} a stack" in text


def test_the_metrics_of_our_own_that_alarms_watch_are_written() -> None:
    ours = {one["MetricName"] for name in ALARMS for one in metrics(name) if one["Namespace"] == "Lakeferry"}
    assert ours == {"RunsMissed", "JobsFailed", "LineageWaiting"}
    assert "RunsMissed" in METRICS.values()
    event = {"event": "run_failed", "stage": JOB}
    assert counted(event) == {"RunsFailed": 1, "JobsFailed": 1}
    assert counted(event | {"stage": "List feeds"}) == {"RunsFailed": 1, "JobsFailed": 0}
    assert counted({"event": "file_failed"}) == {"RunsFailed": 0, "JobsFailed": 0}
    assert [state.name for state in states() if state.name == JOB] == [JOB]


def test_every_rule_is_watched_and_what_it_cannot_deliver_is_kept(stack: Rendered) -> None:
    rules = stack.of_type("AWS::Events::Rule")
    # the night's retention can wait: what its rule could not deliver lies in the queue below, which has an alarm
    assert sorted([*watched("FailedInvocations"), "RetainFunctionEveryDay"]) == sorted(rules)
    for name, rule in rules.items():
        for target in rule["Targets"]:
            assert target["DeadLetterConfig"] == {"Arn": stack.arns["UndeliveredQueue"]}, name
    to_the_mails = {
        name
        for name, rule in rules.items()
        for target in rule["Targets"]
        if target["Arn"] in {stack.arns["NotifyFunction"], stack.arns["NotificationTopic"]}
    }
    of_mails = {metric["Dimensions"][0]["Value"]["Ref"] for metric in metrics("MailRuleFailedAlarm")}
    assert {GIVEN[name]["Ref"] for name in of_mails} == to_the_mails, "no mail could be made of these"


def test_every_function_is_watched_for_throttles(stack: Rendered) -> None:
    functions = set(stack.of_type("AWS::Lambda::Function"))
    # called by a deployment, which fails with it; each night, and what Lambda gives up on lies in the undelivered queue
    assert set(watched("Throttles")) == functions - {"JobFilesFunction", "RetainFunction"}


def test_a_function_that_is_called_asynchronously_says_where_its_failures_go(stack: Rendered) -> None:
    rules = [target["Arn"] for rule in stack.of_type("AWS::Events::Rule").values() for target in rule["Targets"]]
    topic = [found["Endpoint"] for found in stack.of_type("AWS::SNS::Subscription").values()]
    called = {name for name in stack.of_type("AWS::Lambda::Function") if stack.arns[name] in {*rules, *topic}}
    assert len(called) == len({arn for arn in {*rules, *topic} if ":function:" in arn})
    destinations = {
        found["FunctionName"]: found["DestinationConfig"]["OnFailure"]["Destination"]
        for found in stack.of_type("AWS::Lambda::EventInvokeConfig").values()
    }
    assert set(destinations) == {stack.names[name] for name in called}
    for name in called:
        destination = destinations[stack.names[name]]
        if name in {"NotifyFunction", "DeliverFunction"}:  # the rules on their failures tell
            assert destination.endswith(":event-bus/default")
        else:
            assert destination == stack.arns["UndeliveredQueue"]
            assert watched("Errors").count(name) == 1, "its failure is an alarm"


def test_the_undelivered_queue_is_one_that_rules_and_lambda_take(stack: Rendered) -> None:
    queue = stack.of_type("AWS::SQS::Queue")["UndeliveredQueue"]
    assert not queue.get("FifoQueue")
    assert queue["KmsMasterKeyId"] == stack.names["DataKey"]
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    (policy,) = [
        found for name, found in stack.of_type("AWS::SQS::QueuePolicy").items() if name == "UndeliveredQueuePolicy"
    ]
    (allowed,) = [found for found in policy["PolicyDocument"]["Statement"] if found["Effect"] == "Allow"]
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
    for name in ("CheckSlaFunctionRole", "ExportLedgerFunctionRole"):
        actions = json.dumps(stack.policies(name))
        assert "sqs:SendMessage" in actions
        assert "kms:GenerateDataKey" in actions


@pytest.mark.parametrize(
    ("alarm", "matches"),
    [
        ("lakeferry/RunMissingAlarm", True),
        ("lakeferry-prod/RunMissingAlarm", False),
        ("other/RunMissingAlarm", False),
        ("lakeferry", False),
    ],
)
def test_the_rule_takes_this_stacks_alarms_only(stack: Rendered, alarm: str, matches: bool) -> None:
    pattern = stack.of_type("AWS::Events::Rule")["NotifyFunctionAlarm"]["EventPattern"]
    event = {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "detail": {"alarmName": alarm, "state": {"value": "ALARM"}},
    }
    assert EventPattern.load(json.dumps(pattern)).matches_event(event) is matches


@pytest.mark.parametrize(
    ("rule", "lines"), [("UnmailedExecutionRule", EXECUTION_FAILED_PLAIN), ("UnmailedAlarmRule", ALARM_PLAIN)]
)
def test_the_mails_of_last_resort_are_worded_in_the_same_room(rule: str, lines: tuple[str, ...]) -> None:
    (target,) = load(ROOT / "template.yaml")["Resources"][rule]["Properties"]["Targets"]
    text = target["InputTransformer"]["InputTemplate"]
    text = text if isinstance(text, str) else text["Fn::Sub"][0]
    assert [json.loads(line) for line in text.splitlines()] == list(lines)
    assert set(re.findall(r"<(\w+)>", text)) == set(target["InputTransformer"]["InputPathsMap"])
