"""The stack tells what happened: state machine, functions and job note it, and function emit puts it on the bus."""

import json
from typing import Any

import pytest

from local.endings import fire
from tests.e2e.conftest import World
from tests.unit.test_alarm_mails import changed

pytestmark = pytest.mark.slow


def _subscribe(world: World, tenants: list[str]) -> str:
    """A queue that gets what is told of these tenants."""
    sqs, events = world.aws.client("sqs"), world.aws.client("events")
    queue: str = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="told", EventPattern=json.dumps({"source": ["lakeferry"], "detail": {"tenant": tenants}}))
    events.put_targets(Rule="told", Targets=[{"Id": "queue", "Arn": arn}])
    return queue


def _told(world: World, queue: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    while messages := world.aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            event = json.loads(message["Body"])
            found.append((event["detail-type"], event["detail"]))
            world.aws.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_what_lands_is_curated_or_fails_is_told_once_each(world: World) -> None:
    works, fails, other = world.tenant(), world.tenant(), world.tenant()
    for tenant in (works, other):
        tenant.configure()
    fails.configure(secret=False)
    works.deliver("sales_20261123_a.csv")
    works.deliver("sales_20261123_b.csv.gz", truncate=True)
    other.deliver("sales_20261123_secret.csv")
    queue = _subscribe(world, [works.name, fails.name])
    run = world.aws.start_execution({"trigger": "test", "feeds": [works.feed_id, fails.feed_id, other.feed_id]})
    assert world.aws.wait(run)["status"] == "SUCCEEDED"
    world.aws.invoke("EmitFunction", {})
    told = _told(world, queue)
    assert sorted(kind for kind, _ in told) == ["Feed Failed", "File Failed", "File Landed", "Partition Curated"]
    by_kind = dict(told)
    assert by_kind["File Landed"]["path"].endswith("/sales_20261123_a.csv")
    assert by_kind["Partition Curated"]["prefix"].startswith(f"curated/{works.name}/tenant={works.name}/")
    assert by_kind["File Failed"]["path"].endswith("_b.csv.gz")
    assert (by_kind["File Failed"]["error"], by_kind["File Failed"]["retried"]) == ("FileRejectedError", False)
    assert by_kind["Feed Failed"]["tenant"] == fails.name
    assert "secret.csv" not in json.dumps(told)
    assert world.aws.invoke("EmitFunction", {}) == {"events": 0, "items": 0}


def test_an_alarm_is_mailed_by_the_deployed_rule_and_function(world: World) -> None:
    event = changed("RunMissingAlarm", "ALARM", "OK")
    for name in ("lakeferry-prod", "other"):  # of another stack
        event["detail"]["alarmName"] = f"{name}/RunMissingAlarm"
        assert fire(world.aws, event) == []
    event["detail"]["alarmName"] = "lakeferry/RunMissingAlarm"
    assert len(fire(world.aws, event)) == 1
    mail = world.aws.mails()[-1]
    assert (mail.attributes["event"], mail.attributes["severity"]) == ("alarm_raised", "critical")
    names = {one["AlarmName"] for one in world.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert "lakeferry/RunMissingAlarm" in names
