"""check_sla as it is deployed: the template's table, topic and rule, the function in a process of its own."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakeferry.feeds import put_feed
from lakeferry.sla.table import SlaTable
from local.aws import LocalAws
from local.schedule import check_sla
from tests.conftest import feed_document


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws(folder=tmp_path_factory.mktemp("sla")) as aws:
        put_feed(
            aws.resource("dynamodb").Table(aws.resources["FeedsTable"]),
            feed_document(sla={"expected_by": "06:30", "timezone": "UTC", "grace_minutes": 30}),
        )
        yield aws


def test_the_deployed_function_tells_what_is_late_and_tells_it_once(aws: LocalAws) -> None:
    assert check_sla(aws) == {"feeds": 1, "due": 0, "mails": 0, "open": 0, "invalid": 0}
    counted = check_sla(aws, since=datetime.now(UTC) - timedelta(days=2))
    assert counted["due"] == 2
    (mail,) = [mail for mail in aws.mails() if mail.attributes["event"] == "sla_breached"]
    assert mail.subject.startswith("[Lakeferry] acme/daily_sales: ")
    assert {"tenant": "acme", "feed": "daily_sales", "severity": "error"}.items() <= mail.attributes.items()
    assert f"start-execution --state-machine-arn {aws.state_machine} " in mail.message
    sent = len(aws.mails())
    check_sla(aws)
    assert len(aws.mails()) == sent


def test_it_has_a_rule_of_its_own_every_quarter_hour(aws: LocalAws) -> None:
    events = aws.client("events")
    function = aws.client("lambda").get_function(FunctionName=aws.resources["CheckSlaFunction"])
    (rule,) = events.list_rule_names_by_target(TargetArn=function["Configuration"]["FunctionArn"])["RuleNames"]
    described = events.describe_rule(Name=rule)
    assert (described["ScheduleExpression"], described["State"]) == ("cron(0/15 * * * ? *)", "ENABLED")


def test_history_is_kept_between_local_runs(aws: LocalAws, tmp_path: Path) -> None:
    aws.save()
    kept = json.loads((aws.folder / ".lakeferry" / "tables" / "SlaTable.json").read_text())
    table = SlaTable(aws.resource("dynamodb").Table(aws.resources["SlaTable"]))
    assert len(kept) == len(table.history("acme/daily_sales", "2", "3")) + 2  # the feed's clock, and the pipeline's
