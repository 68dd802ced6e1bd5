"""Each look of `lakeferry doctor`: what is well, what is odd and what is broken, and what it says to do."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import yaml
from botocore.stub import Stubber

from cli.calling import Call
from cli.doctor import account, of_feeds, of_lake, of_stack
from cli.doctor.command import IN_AWS, ON_A_LAPTOP
from cli.doctor.finding import FAIL, OK, WARN, Finding
from cli.output import Output
from tests.conftest import feed_document

Answers = Mapping[tuple[str, str], Any]
NOW = datetime(2026, 11, 30, 6, tzinfo=UTC)
POLLED = {"polled_at": "2026-11-30T05:00:00Z"}
TOOK = {**POLLED, "taken_at": "2026-11-30T05:00:00Z"}


@pytest.fixture(autouse=True)
def at_six(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return NOW.astimezone(tz)

    for module in (account, of_stack):
        monkeypatch.setattr(module, "datetime", Clock)


def of_aws(answers: Answers, feeds: list[dict[str, Any]], states: dict[str, dict[str, Any]], runs: list[Any]) -> Any:
    """A stack whose services answer as told, in the shapes that botocore knows; an error is its code."""

    def client(service: Any) -> Any:
        made: Any = boto3.client(service)
        stubber = Stubber(made)
        for (name, method), answer in answers.items():
            if name != service:
                continue
            if isinstance(answer, str):
                stubber.add_client_error(method, answer)
            else:
                stubber.add_response(method, answer)
        stubber.activate()
        return made

    known: Callable[[list[str]], dict[str, Any]] = lambda ids: {one: states[one] for one in ids if one in states}  # noqa: E731
    return SimpleNamespace(
        secret_prefix="lakeferry/",
        name="lakeferry",
        client=client,
        physical=lambda logical: f"arn:aws:x:eu-west-1:123456789012:{logical}",
        feeds=SimpleNamespace(documents=feeds),
        ledger=SimpleNamespace(feeds=SimpleNamespace(known=known)),
        runs=lambda limit: runs[:limit],
    )


@pytest.fixture(autouse=True)
def documents(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (of_feeds, of_lake):
        monkeypatch.setattr(module, "feed_documents", lambda table: iter(table.documents))


def seen(
    look: Any,
    answers: Answers | None = None,
    *,
    feeds: list[dict[str, Any]] | None = None,
    states: dict[str, dict[str, Any]] | None = None,
    runs: list[Any] | None = None,
    **call: Any,
) -> list[Finding]:
    given = Call(Output(as_json=False), **{"stack_name": "lakeferry", **call})
    stack = of_aws(answers or {}, [feed_document()] if feeds is None else feeds, states or {}, runs or [])
    return list(look(given, stack))


def dated(skew: timedelta) -> dict[str, Any]:
    """An answer of STS whose clock is so far off ours."""
    headers = {"date": format_datetime(NOW - skew, usegmt=True)}
    return {"Account": "123456789012", "ResponseMetadata": {"HTTPHeaders": headers}}


def rule(state: str) -> dict[str, Any]:
    return {"Name": "HourlyRule", "State": state, "ScheduleExpression": "cron(0 * * * ? *)"}


def stack_of(status: str) -> dict[str, Any]:
    return {"Stacks": [{"StackName": "lakeferry", "StackStatus": status, "CreationTime": NOW}]}


def run(status: str, hours: float) -> Any:
    return SimpleNamespace(name="run-1", status=status, started=(NOW - timedelta(hours=hours)).isoformat())


def subscribed(*arns: str) -> dict[str, Any]:
    found = [
        {"Protocol": "email", "Endpoint": f"p{at}@acme.example", "SubscriptionArn": arn} for at, arn in enumerate(arns)
    ]
    return {"Subscriptions": found}


def waiting(count: int) -> dict[str, Any]:
    return {"Attributes": {"ApproximateNumberOfMessages": str(count)}}


def quota(count: int) -> dict[str, Any]:
    return {"AccountLimit": {"UnreservedConcurrentExecutions": count}}


STS, RULE, LIMIT = ("sts", "get_caller_identity"), ("events", "describe_rule"), ("lambda", "get_account_settings")
FORMATION, ALARMS = ("cloudformation", "describe_stacks"), ("cloudwatch", "describe_alarms")
TOPIC, QUEUE = ("sns", "list_subscriptions_by_topic"), ("sqs", "get_queue_attributes")
SECRET = ("secretsmanager", "describe_secret")
ALARM = {"AlarmName": "lakeferry/FunctionFailedAlarm", "AlarmDescription": "Look into the logs."}
RAISED = {"MetricAlarms": [{**ALARM, "StateValue": "ALARM"}, {**ALARM, "AlarmName": "x", "StateValue": "OK"}]}
PENDING = "PendingConfirmation"
CONFIRMED = "arn:aws:sns:eu-west-1:123456789012:topic:1"
BAD = {**feed_document(), "schedule": "never"}
CASES: list[tuple[Any, dict[str, Any], list[tuple[str, str, str]]]] = [
    (account.clock, {"answers": {STS: dated(timedelta(seconds=2))}}, [(OK, "+2 s beside AWS's", "")]),
    (account.clock, {"answers": {STS: dated(timedelta(seconds=-90))}}, [(WARN, "-90 s", "NTP")]),
    (account.clock, {"answers": {STS: dated(timedelta(minutes=10))}}, [(FAIL, "+600 s", "set this machine's clock")]),
    (account.quotas, {"answers": {LIMIT: quota(1000)}}, [(OK, "1,000 functions at a time", "")]),
    (account.quotas, {"answers": {LIMIT: quota(10)}}, [(WARN, "10 functions", "Service Quotas")]),
    (of_stack.health, {"answers": {FORMATION: stack_of("UPDATE_COMPLETE")}}, [(OK, "UPDATE_COMPLETE", "")]),
    (of_stack.health, {"answers": {FORMATION: stack_of("UPDATE_IN_PROGRESS")}}, [(WARN, "IN_PROGRESS", "wait")]),
    (
        of_stack.health,
        {"answers": {FORMATION: stack_of("UPDATE_ROLLBACK_COMPLETE")}},
        [(WARN, "ROLLBACK", "taken back")],
    ),
    (of_stack.health, {"answers": {FORMATION: stack_of("UPDATE_ROLLBACK_FAILED")}}, [(FAIL, "FAILED", "see why")]),
    (of_stack.schedule, {"answers": {RULE: rule("ENABLED")}}, [(OK, "runs start by cron(0 * * * ? *)", "")]),
    (
        of_stack.schedule,
        {"answers": {RULE: rule("DISABLED")}},
        [(WARN, "no run starts by itself", "ScheduleState=ENABLED")],
    ),
    (of_stack.last_run, {}, [(WARN, "there was none yet", "lakeferry run --follow")]),
    (of_stack.last_run, {"runs": [run("SUCCEEDED", 1)]}, [(OK, "run-1 SUCCEEDED", "")]),
    (of_stack.last_run, {"runs": [run("RUNNING", 0.1)]}, [(OK, "run-1 RUNNING", "")]),
    (of_stack.last_run, {"runs": [run("SUCCEEDED", 4)]}, [(WARN, "run-1 SUCCEEDED", "is the schedule enabled")]),
    (of_stack.last_run, {"runs": [run("FAILED", 1)]}, [(FAIL, "run-1 FAILED", "lakeferry failures")]),
    (of_stack.alarms, {"answers": {ALARMS: {"MetricAlarms": []}}}, [(OK, "none is raised", "")]),
    (of_stack.alarms, {"answers": {ALARMS: RAISED}}, [(WARN, "lakeferry/FunctionFailedAlarm", "Look into the logs.")]),
    (of_stack.subscriptions, {"answers": {TOPIC: subscribed()}}, [(WARN, "nobody gets any", "NotificationEmail")]),
    (of_stack.subscriptions, {"answers": {TOPIC: subscribed(CONFIRMED)}}, [(OK, "1 subscription confirmed", "")]),
    (
        of_stack.subscriptions,
        {"answers": {TOPIC: subscribed(CONFIRMED, PENDING)}},
        [(WARN, "not confirmed by p1@acme.example", "the link")],
    ),
    (of_stack.dead_letters, {"answers": {QUEUE: waiting(0)}}, [(OK, "none waits", "")]),
    (of_stack.dead_letters, {"answers": {QUEUE: waiting(2)}}, [(WARN, "2 messages", "lakeferry failures")]),
    (of_feeds.documents, {"feeds": []}, [(WARN, "there is none yet", "lakeferry feeds put")]),
    (of_feeds.documents, {}, [(OK, "1 document valid", "")]),
    (of_feeds.documents, {"feeds": [feed_document(), BAD]}, [(FAIL, "schedule", "correct the document")]),
    (
        of_feeds.polls,
        {"states": {"acme/daily_sales": TOOK}},
        [(OK, "every enabled feed was polled and took files", "")],
    ),
    (of_feeds.polls, {}, [(WARN, "was never polled", "lakeferry run acme/daily_sales")]),
    (of_feeds.polls, {"states": {"acme/daily_sales": POLLED}}, [(WARN, "never took a file", "lakeferry feeds test")]),
    (
        of_feeds.polls,
        {"states": {"acme/daily_sales": {**POLLED, "entries": {"fits_nothing": "42 names, 0 fit"}}}},
        [(WARN, "never took a file: 42 names, 0 fit", "")],
    ),
    (
        of_feeds.polls,
        {"states": {"acme/daily_sales": {**TOOK, "failed_polls": 3, "error": "LoginRejectedError", "cause": "no"}}},
        [(FAIL, "3 polls failed, LoginRejectedError: no", "")],
    ),
    (of_feeds.polls, {"feeds": [feed_document(enabled=False)]}, []),
    (of_feeds.secrets, {"answers": {SECRET: {"Name": "x"}}}, [(OK, "1 secret found", "")]),
    (
        of_feeds.secrets,
        {"answers": {SECRET: "ResourceNotFoundException"}},
        [(FAIL, "lakeferry/acme/daily_sales is missing", "create-secret")],
    ),
    (
        of_feeds.secrets,
        {"answers": {SECRET: {"Name": "x", "DeletedDate": NOW}}},
        [(FAIL, "is missing", "create-secret")],
    ),
    (of_lake.last_run, {"lake": Path("lake")}, [(WARN, "there was none yet", "lakeferry run --lake lake")]),
    (of_lake.last_run, {"lake": Path("lake"), "runs": [run("SUCCEEDED", 99)]}, [(OK, "run-1 SUCCEEDED", "")]),
    (
        of_lake.last_run,
        {"lake": Path("lake"), "runs": [run("KILLED", 1)]},
        [(FAIL, "run-1 KILLED", "lakeferry failures --lake lake")],
    ),
    (of_lake.secrets, {"lake": Path("lake")}, [(WARN, "1 secret not looked for", "--secrets FILE")]),
    (of_lake.secrets, {"lake": Path("lake"), "feeds": []}, []),
]
ELSEWHERE = {of_lake.packages, of_lake.space, account.credentials}
"""Looks at this machine, or before there is a stack: each has a test below."""


@pytest.mark.parametrize(
    ("look", "given", "expected"), CASES, ids=[f"{one[0].__name__}-{at}" for at, one in enumerate(CASES)]
)
def test_a_look_says_how_it_is_and_what_to_do(
    look: Any, given: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    found = seen(look, **given)
    assert [one.status for one in found] == [status for status, _, _ in expected], found
    for finding, (status, told, do) in zip(found, expected, strict=True):
        assert told in finding.told
        assert do in finding.do
        assert finding.do or status == OK, "what is not well says what to do"


def test_more_feeds_than_a_run_takes_are_told_before_there_are_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_feeds, "NEARLY_TOO_MANY", 2)
    feeds = [feed_document(), feed_document(), feed_document(enabled=False)]
    assert [one.status for one in seen(of_feeds.documents, feeds=feeds)] == [OK]
    _, told = seen(of_feeds.documents, feeds=[*feeds, feed_document()])
    assert (told.status, told.told[:34]) == (WARN, "3 are enabled; a run takes 16,000,")
    assert "a second stack" in told.do


def test_every_look_is_tested() -> None:
    assert {one[0] for one in CASES} | ELSEWHERE == {*IN_AWS, *ON_A_LAPTOP, account.credentials}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    has: dict[str, Any] = {"free": 50 * 10**9, "missing": set()}
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=has["free"]))
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in has["missing"] else find("json"))
    yield has
    assert find("json") is not None


def test_room_and_packages_of_this_machine(machine: dict[str, Any], tmp_path: Path) -> None:
    (disk,) = seen(of_lake.space, lake=tmp_path)
    assert (disk.status, disk.told) == (OK, "50.0 GB free")
    assert [one.status for one in seen(of_lake.packages)] == [OK]
    machine.update(free=10**9, missing={"duckdb", "pyspark"})
    (disk,) = seen(of_lake.space, lake=tmp_path)
    assert (disk.status, disk.do) == (WARN, "make room, or keep the lake elsewhere")
    packages, spark = seen(of_lake.packages)
    assert (packages.status, packages.told) == (FAIL, "missing: duckdb")
    assert (spark.status, "[laptop,spark]" in spark.do) == (WARN, True)


def test_secrets_of_a_file(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text(yaml.safe_dump({"lakeferry/acme/daily_sales": {"password": "x"}}), "utf-8")
    (found,) = seen(of_lake.secrets, lake=tmp_path, secrets=secrets)
    assert (found.status, found.told) == (OK, "1 secret found")
    secrets.write_text(yaml.safe_dump({"lakeferry/acme/other": {"password": "x"}}), "utf-8")
    (found,) = seen(of_lake.secrets, lake=tmp_path, secrets=secrets)
    assert found.status == FAIL
    assert "lacks lakeferry/acme/daily_sales" in found.told


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (
            {"Arn": "arn:aws:iam::123456789012:user/ops", "Account": "123456789012", "UserId": "x"},
            OK,
            "user/ops in account",
        ),
        ("ExpiredToken", FAIL, ""),
    ],
)
def test_whose_credentials_they_are(monkeypatch: pytest.MonkeyPatch, answer: Any, status: str, told: str) -> None:
    stack = of_aws({STS: answer}, [], {}, [])
    monkeypatch.setattr(
        "boto3.Session", lambda **options: SimpleNamespace(client=stack.client, region_name="eu-west-1")
    )
    (found,) = account.credentials(Call(Output(as_json=False), stack_name="lakeferry"))
    assert (found.status, told in found.told) == (status, True)
    assert bool(found.do) == (status == FAIL)
