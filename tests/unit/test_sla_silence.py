"""The pipeline itself is dead: told once, and that it is back. Executions are those of moto's Step Functions."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from check_sla import handler
from check_sla.core import Surroundings, check
from lakeferry.errors import CheckIncompleteError
from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from lakeferry.mails.topic import Topic
from lakeferry.sla.table import SlaTable
from tests.conftest import ROOT, called, feed_document
from tests.unit.sla_world import NOTHING_LATE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

STATES = {"Good": {"Type": "Succeed"}, "Bad": {"Type": "Fail"}, "Long": {"Type": "Wait", "Seconds": 3600, "End": True}}
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def aws() -> Iterator[None]:
    from moto import mock_aws

    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield


class Pipeline:
    """A stack whose runs end as one wants."""

    def __init__(self, feeds: "Table", ledger: Ledger, sla_table: "Table") -> None:
        self.sns, self.states = boto3.client("sns"), boto3.client("stepfunctions")
        self.topic = self.sns.create_topic(Name="mails")["TopicArn"]
        choice = {
            "Type": "Choice",
            "Choices": [{"Variable": "$.how", "StringEquals": how, "Next": how} for how in STATES],
        }
        self.machine = self.states.create_state_machine(
            name="lakeferry-ingest",
            definition=json.dumps({"StartAt": "Begin", "States": {"Begin": choice, **STATES}}),
            roleArn="arn:aws:iam::123456789012:role/r",
        )["stateMachineArn"]
        self.around = Surroundings(
            feeds,
            ledger,
            SlaTable(sla_table),
            Topic(self.sns, self.topic),
            self.states,
            self.machine,
            timedelta(hours=2),
        )
        self._runs = 0

    def run(self, how: str = "Good") -> datetime:
        """Starts a run and waits until it has ended; now."""
        self._runs += 1
        run = self.states.start_execution(
            stateMachineArn=self.machine, name=f"run-{self._runs}", input=json.dumps({"how": how})
        )["executionArn"]
        while how != "Long" and self.states.describe_execution(executionArn=run)["status"] == "RUNNING":
            pass
        return datetime.now(UTC)

    def checks(self, begin: datetime, hours: float) -> None:
        """A check each quarter hour."""
        for quarter in range(int(hours * 4) + 1):
            check(self.around, begin + quarter * timedelta(minutes=15))

    def mails(self) -> list[tuple[str, str, str]]:
        from moto.sns.models import sns_backends

        (topic,) = sns_backends["123456789012"]["eu-west-1"].topics.values()
        return [(one[3]["event"]["Value"], one[2], one[1]) for one in topic.sent_notifications]


@pytest.fixture
def pipeline(feeds_table: "Table", ledger: Ledger, sla_table: "Table") -> Pipeline:
    return Pipeline(feeds_table, ledger, sla_table)


def test_runs_that_finish_are_no_news(pipeline: Pipeline) -> None:
    begin = pipeline.run()
    pipeline.checks(begin, 1.75)
    assert pipeline.mails() == []


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (None, "was started at"),
        ("Bad", "run-2, was started at [0-9: -]+ UTC and ended FAILED"),
        ("Long", "run-2, was started at [0-9: -]+ UTC and is still RUNNING"),
    ],
)
def test_no_run_finished_for_two_hours_is_told_once_and_that_they_do_again(
    pipeline: Pipeline, how: str | None, why: str
) -> None:
    begin = pipeline.run()
    if how:
        pipeline.run(how)
    pipeline.checks(begin, 6)
    ((event, subject, message),) = pipeline.mails()
    assert (event, subject) == ("pipeline_silent", "[Lakeferry] pipeline: no run finished for 2 h")
    assert message.startswith(f"WHAT  No run of the pipeline has SUCCEEDED since {begin:%Y-%m-%d %H:%M} UTC")
    assert re.search(why, message)
    assert f"list-executions --state-machine-arn {pipeline.machine}" in message


def test_silence_ends_with_the_next_run_that_succeeds_and_the_next_silence_is_another(pipeline: Pipeline) -> None:
    begin = pipeline.run()
    pipeline.checks(begin, 3)
    # moto's clock is this machine's, so the run that ends the silence ends a little after the one before
    ended = begin
    while int(ended.timestamp()) <= int(begin.timestamp()) + 1:
        ended = pipeline.run()
    pipeline.checks(begin + timedelta(hours=3.25), 6)
    assert [mail[0] for mail in pipeline.mails()] == ["pipeline_silent", "pipeline_recovered", "pipeline_silent"]


def test_a_stack_whose_runs_never_succeeded_is_silent_from_when_it_was_watched(pipeline: Pipeline) -> None:
    pipeline.checks(NOW, 1.75)
    assert pipeline.mails() == []
    pipeline.checks(NOW + timedelta(hours=2), 5)
    ((_, subject, message),) = pipeline.mails()
    assert subject.endswith("no run finished for 2 h")
    assert "has SUCCEEDED so far" in message
    assert "No run was ever started." in message


def test_a_schedule_that_was_off_is_no_silence_until_two_hours_after_it_is_on_again(pipeline: Pipeline) -> None:
    begin = pipeline.run()
    pipeline.checks(begin, 1)
    pipeline.checks(begin + timedelta(days=30), 1.75)
    assert pipeline.mails() == []
    pipeline.checks(begin + timedelta(days=30, hours=2), 1)
    assert [mail[0] for mail in pipeline.mails()] == ["pipeline_silent"]


def test_a_dead_pipeline_does_not_hide_late_files_and_they_say_so(pipeline: Pipeline) -> None:
    begin = pipeline.run()
    sla = {"expected_by": f"{begin + timedelta(hours=4):%H:%M}", "timezone": "UTC"}
    put_feed(pipeline.around.feeds, feed_document(sla=sla))
    pipeline.checks(begin, 5)
    assert [mail[0] for mail in pipeline.mails()] == ["pipeline_silent", "sla_breached"]
    assert f"WHY  No run of the pipeline has finished since {begin:%Y-%m-%d %H:%M} UTC." in pipeline.mails()[1][2]


def test_feeds_are_looked_at_when_step_functions_cannot_be_asked(pipeline: Pipeline) -> None:
    put_feed(pipeline.around.feeds, feed_document(sla={"expected_by": "12:00", "timezone": "UTC"}))
    noon = NOW.replace(hour=12, minute=0, second=0)
    pipeline.states.delete_state_machine(stateMachineArn=pipeline.machine)
    for moment in (noon - timedelta(hours=1), noon):
        with pytest.raises(CheckIncompleteError, match="the pipeline: StateMachineDoesNotExist"):
            check(pipeline.around, moment)
    assert [mail[0] for mail in pipeline.mails()] == ["sla_breached"]


def test_the_handler_takes_the_rules_event(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        "LEDGER_TABLE": "ledger", "FEEDS_TABLE": "feeds", "SLA_TABLE": "sla", "LAKE_BUCKET": "lake",
        "INBOX_BUCKET": "inbox", "WORK_BUCKET": "work", "TOPIC_ARN": pipeline.topic,
        "STATE_MACHINE_ARN": pipeline.machine, "SILENT_AFTER_MINUTES": "120",
    }  # fmt: skip
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    handler.clients.cache_clear()
    put_feed(pipeline.around.feeds, feed_document(sla={"expected_by": "12:00", "timezone": "UTC"}))
    event: Any = json.loads((ROOT / "events" / "check_sla.json").read_text())
    assert handler.handler(event, called()) == {
        "feeds": 1,
        "due": 0,
        "mails": 0,
        "open": 0,
        "invalid": 0,
        **NOTHING_LATE,
    }
    handler.clients.cache_clear()
