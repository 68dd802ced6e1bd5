"""check_sla as it is deployed: the template's table, topic and rule, the function as a process, real runs."""

import json
from datetime import UTC, datetime, timedelta

from lakeferry.sla.table import SlaTable
from local.sla import check_sla
from tests.e2e.conftest import World

SLA = {"expected_by": "06:30", "timezone": "UTC", "grace_minutes": 30}


def test_the_deployed_function_tells_what_is_late_and_that_it_came_once_each(world: World) -> None:
    tenant = world.tenant(sla=SLA)
    tenant.configure()
    counted = check_sla(world.aws)
    assert (counted["feeds"], counted["due"], counted["mails"]) == (1, 0, 0)
    # two days, each with a due time whose grace is over
    since = datetime.now(UTC) - timedelta(minutes=30)
    check_sla(world.aws, since=since - timedelta(days=2))
    table = SlaTable(world.aws.resource("dynamodb").Table(world.aws.resources["SlaTable"]))
    items = table.history(tenant.feed_id, "2", "3")
    late = [item.business_date for item in items if item.status == "BREACHED"]
    assert len(late) == 2
    (mail,) = [mail for mail in tenant.mails() if mail.attributes["event"] == "sla_breached"]
    assert mail.subject.startswith(f"[Lakeferry] {tenant.feed_id}: 2 due times missed")
    assert f"start-execution --state-machine-arn {world.aws.state_machine} " in mail.message
    for item in items:
        tenant.deliver(f"sales_{item.business_date.replace('-', '')}_1.csv")
    assert tenant.run()["status"] == "SUCCEEDED"
    check_sla(world.aws)
    check_sla(world.aws)
    after = {item.business_date: item for item in table.history(tenant.feed_id, "2", "3")}
    assert [after[day].status for day in late] == ["LATE", "LATE"]
    assert not any(item.is_open for item in after.values())
    told = [mail.attributes["event"] for mail in tenant.mails() if mail.attributes["event"].startswith("sla_")]
    assert [event for event in told if event != "sla_due"] == ["sla_breached", "sla_recovered"]
    assert world.aws.workers.invocations[-1].error is None


def test_it_has_a_rule_of_its_own_every_quarter_hour(world: World) -> None:
    events = world.aws.client("events")
    function = world.aws.client("lambda").get_function(FunctionName=world.aws.resources["CheckSlaFunction"])
    (rule,) = events.list_rule_names_by_target(TargetArn=function["Configuration"]["FunctionArn"])["RuleNames"]
    described = events.describe_rule(Name=rule)
    assert (described["ScheduleExpression"], described["State"]) == ("cron(0/15 * * * ? *)", "ENABLED")


def test_history_is_kept_between_local_runs(world: World) -> None:
    tenant = world.tenant(sla=SLA)
    tenant.configure()
    check_sla(world.aws, since=datetime.now(UTC) - timedelta(days=2))
    world.aws.save()
    kept = json.loads((world.aws.folder / ".lakeferry" / "tables" / "SlaTable.json").read_text())
    assert sum(tenant.feed_id in json.dumps(item) and "deadline" in json.dumps(item) for item in kept) == 2
