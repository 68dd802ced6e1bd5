"""`lakeferry cost`: the ledger's own figures become a bill, tenants apart."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from cli.__main__ import main
from cli.cost.bill import total
from cli.cost.command import EVERYBODY
from cli.cost.ledgered import done
from cli.cost.prices import prices
from cli.cost.work import Work, usage_of
from cli.stack import DeployedAws, Run, Stack
from lakeferry.feeds import put_feed
from tests.conftest import feed_document
from tests.unit.cli_world import deployed

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)
FILES = {"acme/daily_sales": 60, "globex/returns": 2}
MEGABYTE = 1_000_000


def file(feed_id: str, number: int, run: str, **more: Any) -> dict[str, Any]:
    path, size = f"/outgoing/{number:04}.csv", MEGABYTE
    named = {"feed_id": feed_id, "file_id": f"{path}#{size}#{number}", "path": path, "size": size, "mtime": number}
    return {**named, "run": run, "dt": "2026-11-29", "status": "CURATED", "curated_run": run, **more}


class Ran(Stack):
    """A stack whose runs a test names: moto's begin when they are started."""

    begun: list[Run]

    def runs(self, limit: int) -> list[Run]:
        return self.begun[:limit]


def run_at(hours_ago: float, **more: Any) -> Run:
    started = NOW - timedelta(hours=hours_ago)
    return Run(f"arn:run:{hours_ago}", "SUCCEEDED", started.isoformat(timespec="seconds"), 60.0, **more)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ran]:
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        made = deployed()
        feeds = boto3.resource("dynamodb").Table(made["FeedsTable"])
        put_feed(feeds, feed_document())
        server = {**feed_document()["server"], "secret": "lakeferry/globex/x"}
        more = {"server": server, "dataset": "returns", "schedule": "rate(4 hours)"}
        put_feed(feeds, feed_document(tenant="globex", feed="returns", **more))
        found = Ran("lakeferry", DeployedAws("lakeferry", None, None))
        # eight hourly runs, the newest first; files came in two of them
        found.begun = [run_at(hour) for hour in range(1, 9)]
        with boto3.resource("dynamodb").Table(made["LedgerTable"]).batch_writer() as ledger:
            for feed_id, files in FILES.items():
                for number in range(files):
                    ledger.put_item(file(feed_id, number, found.begun[1].arn))
            ledger.put_item(file("acme/daily_sales", 100, found.begun[4].arn, status="UPLOADED", curated_run="other"))
            ledger.put_item(file("acme/daily_sales", 101, found.begun[4].arn, status="FAILED"))
            ledger.put_item({"feed_id": "acme/daily_sales", "file_id": "!feed", "run": found.begun[4].arn})
        yield found


def test_the_ledgers_figures_are_counted_by_tenant(stack: Ran) -> None:
    found = done(stack, SINCE, NOW)
    assert found is not None
    assert (found.runs, found.job_runs, found.busy_hours, found.hours) == (8, 2, 2, 8)
    acme, globex = found.tenants["acme"], found.tenants["globex"]
    assert (acme.feeds, acme.polls, acme.taking_polls) == (1, 8, 2)
    assert (acme.files, acme.bytes, acme.batches) == (61, 61 * MEGABYTE, 5), "60 files are 4 batches of 15; and one"
    assert (globex.polls, globex.taking_polls, globex.files, globex.batches) == (2, 1, 2, 1), "every four hours"
    assert (len(acme.partitions), len(globex.partitions)) == (2, 1)
    assert found.work() == Work(
        **{"hours": 8, "busy_hours": 2, "feeds": 2, "runs": 2, "idle_runs": 6, "polls": 10, "taking_polls": 3},
        **{"batches": 6, "files": 63, "bytes": 63 * MEGABYTE, "partitions": 3},
    )


def test_runs_of_another_time_and_those_that_name_feeds_are_no_polls_of_all(stack: Ran) -> None:
    stack.begun = [*stack.begun, run_at(0.5, input={"feeds": []}), run_at(24 * 40)]
    found = done(stack, SINCE, NOW)
    assert found is not None
    assert (found.runs, found.tenants["acme"].polls) == (9, 8)
    assert found.hours == 24 * 30, "an older run says that it stood all the time"
    stack.begun = [run_at(24 * 40)]
    assert done(stack, SINCE, NOW) is None


def test_a_feed_whose_schedule_cannot_be_read_is_polled_by_each_run(stack: Ran) -> None:
    feeds = boto3.resource("dynamodb").Table(stack.physical("FeedsTable"))
    put_feed(feeds, feed_document(feed="odd"))
    key, odd = {"tenant": "acme", "feed": "odd"}, {":odd": "now and then"}  # written by nobody's command
    feeds.update_item(Key=key, UpdateExpression="SET schedule = :odd", ExpressionAttributeValues=odd)
    put_feed(feeds, feed_document(feed="off", enabled=False))
    found = done(stack, SINCE, NOW)
    assert found is not None
    assert (found.tenants["acme"].feeds, found.tenants["acme"].polls) == (3, 16)


def called(stack: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    ago = (datetime.now(UTC) - NOW).total_seconds() / 3600
    shifted = [
        Run(run.arn, run.status, (datetime.fromisoformat(run.started) + timedelta(hours=ago)).isoformat(), 60.0)
        for run in stack.begun
    ]
    monkeypatch.setattr(Stack, "runs", lambda self, limit: shifted)
    capsys.readouterr()
    assert main(["cost", *arguments]) == 0
    return capsys.readouterr().out


def test_tenants_and_what_is_everybodys_are_the_bill(
    stack: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    *rows, bill = [json.loads(line) for line in called(stack, monkeypatch, capsys, "--json").splitlines()]
    assert [row["tenant"] for row in rows] == ["acme", "globex", EVERYBODY]
    assert bill["dollars"] == pytest.approx(sum(row["dollars"] for row in rows))
    assert bill["dollars"] == pytest.approx(sum(bill["services"].values()))
    found = done(stack, SINCE, NOW)
    assert found is not None
    assert bill["dollars"] == pytest.approx(total(usage_of(found.work(), prices()), prices()), rel=0.01)
    assert bill["dollars_in_30_days"] == pytest.approx(bill["dollars"] * 720 / 8, rel=0.01)
    assert rows[0]["dollars"] > 5 * rows[1]["dollars"] > 0
    assert (bill["runs"], bill["job_runs"], rows[0]["files"]) == (8, 2, 61)


def test_a_person_reads_tenants_services_and_what_is_not_in_it(
    stack: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = called(stack, monkeypatch, capsys)
    assert "globex" in said
    assert "Step Functions" in said
    assert "in all" in said
    assert "8 runs, 2 of them with a job; list prices of us-east-1, looked up on" in said
    assert "without secrets, NAT gateways, storage and queries" in said


def test_a_stack_without_runs_says_so(
    stack: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.begun = []
    assert called(stack, monkeypatch, capsys, "--days", "7") == "no runs in the last 7 days\n"
