"""Every command once with `--json`, and once with a name that is mistyped, on a stack with a history."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from cli.__main__ import main
from cli.app import built
from cli.dry_run import would_reprocess
from cli.problems import DONE, FAILED, NOTHING_MATCHED, WRONG_USE
from cli.stack import Stack
from lakeferry.feeds import put_feed
from tests.conftest import feed_document
from tests.unit.cli_world import deployed
from tools.cli_docs import commands

FEED = "acme/daily_sales"
RUN = "0f6d2c1e-1111-4222-8333-abcdefabcdef"
SLA = {"expected_by": "06:30", "timezone": "Europe/London"}


def entry(number: int, run: str, **more: Any) -> dict[str, Any]:
    """A file of the ledger."""
    path, size, mtime = f"/outgoing/sales_2026110{number}.csv", 10 * number, 1_790_000_000 + number
    return {
        **{"feed_id": FEED, "file_id": f"{path}#{size}#{mtime}", "path": path, "size": size, "mtime": mtime},
        **{"run": run, "dt": f"2026-11-0{number}", "attempts": 1, "claimed_at": f"2026-11-0{number}T07:00:00Z"},
        **more,
    }


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """One that all tests of this module share; none changes what another looks at."""
    from moto import mock_aws

    patch = pytest.MonkeyPatch()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "x")
    patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        made = deployed()
        feeds = boto3.resource("dynamodb").Table(made["FeedsTable"])
        ledger = boto3.resource("dynamodb").Table(made["LedgerTable"])
        put_feed(feeds, feed_document(sla=SLA, notify={"emails": ["data@acme.example"]}))
        server = {**feed_document()["server"], "secret": "lakeferry/globex/x"}
        put_feed(feeds, feed_document(tenant="globex", feed="returns", server=server, dataset="returns"))
        states = boto3.client("stepfunctions")
        arn = states.start_execution(stateMachineArn=made["IngestStateMachine"], name=RUN, input="{}")["executionArn"]
        ledger.put_item(Item=entry(1, arn, status="CURATED", rows_curated=3, raw_keys=["raw/acme_daily_sales/x.csv"]))
        failed = {"status": "FAILED", "error": "FileRejectedError", "cause": "bad rows", "stage": "Validate files"}
        ledger.put_item(Item=entry(2, arn, **failed, failed_at="2026-11-02T07:01:00Z", unfinished=f"failed#{RUN}#t"))
        ledger.put_item(Item=entry(3, arn, status="UPLOADED", pending="raw", partition=f"{FEED}/2026-11-03"))
        polled: dict[str, Any] = {
            "polled_at": "2026-11-03T07:00:00Z",
            "polled_by": arn,
            "entries": {"listed": 3, "taken": 3},
        }
        ledger.put_item(Item={"feed_id": FEED, "file_id": "!feed", "taken_at": "x", **polled})
        polled = {"polled_at": "x", "failed_polls": 2, "error": "LoginRejectedError", "cause": "no"}
        ledger.put_item(Item={"feed_id": "globex/returns", "file_id": "!feed", "failing_since": "x", **polled})
        # moto's Lambda wants Docker; what the function does is done here
        patch.setattr(Stack, "invoke", lambda self, function, event: would_reprocess(self, event))
        made["arn"] = arn
        yield made
    patch.undo()


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "feed.yaml"
    path.write_text(yaml.safe_dump(feed_document(sla=SLA, notify={"emails": ["data@acme.example"]})))
    return str(path)


@pytest.fixture
def new_document(tmp_path: Path) -> str:
    path = tmp_path / "new.yaml"
    server = {**feed_document()["server"], "secret": "lakeferry/newco/x"}
    path.write_text(yaml.safe_dump(feed_document(tenant="newco", server=server, dataset="newco_sales")))
    return str(path)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[Any], str]:
    """Calls with `--json`: exit code, the objects on standard output, standard error."""
    capsys.readouterr()
    code = main([*arguments, "--json"])
    said = capsys.readouterr()
    return code, [json.loads(line) for line in said.out.splitlines()], said.err


WORKS: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {
    ("runs",): ((), DONE),
    ("runs", "list"): ((), DONE),
    ("runs", "show"): ((RUN[:8],), DONE),
    ("runs", "report"): ((RUN[:8],), DONE),
    ("run",): ((FEED,), DONE),
    ("files",): (("--failed",), DONE),
    ("files", "show"): (("sales_20261102.csv",), DONE),
    ("failures",): ((), DONE),
    ("reprocess",): (("--feed", FEED), DONE),
    ("backfill",): (("--feed", FEED, "--from", "2026-11-01", "--to", "2026-11-02"), DONE),
    ("retention",): ((), DONE),
    ("tenants",): ((), DONE),
    ("tenants", "list"): ((), DONE),
    ("doctor",): ((), FAILED),
    ("cost",): ((), DONE),
    ("feeds", "list"): ((), DONE),
    ("feeds", "schema"): ((), DONE),
    ("feeds", "show"): ((FEED,), DONE),
    ("feeds", "check"): (("DOCUMENT",), DONE),
    ("feeds", "diff"): (("DOCUMENT",), DONE),
    ("feeds", "put"): (("NEW", "--yes"), DONE),
    ("feeds", "disable"): ((FEED,), DONE),
    ("feeds", "enable"): ((FEED,), DONE),
    ("feeds", "mute"): ((FEED, "--until", "1h"), DONE),
    ("feeds", "unmute"): ((FEED,), DONE),
    ("feeds", "history"): ((FEED,), DONE),
    ("feeds", "delete"): (("newco/daily_sales", "--yes"), DONE),
    ("sla", "attainment"): ((), DONE),
    ("sla", "list"): ((), DONE),
    ("sla", "calendar"): (("DOCUMENT",), DONE),
    ("datasets", "list"): ((), DONE),
    ("datasets", "give"): (("shared_one", "--to", "acme"), DONE),
    ("datasets", "share"): (("shared_one", "--with", "globex"), DONE),
    ("datasets", "unshare"): (("shared_one", "--with", "globex"), DONE),
    ("addresses", "approve"): (("acme", "data@acme.example"), DONE),
    ("addresses", "list"): ((), DONE),
    ("addresses", "remove"): (("acme", "data@acme.example"), DONE),
}
BESIDE = {("feeds", "test"), ("feeds", "draft"), ("tenants", "remove"), ("restore",), ("console",)}
"""These have tests of their own: they want a server, or a catalog, or are one."""
EMPTY = {("retention",), ("sla", "attainment"), ("sla", "list"), ("feeds", "history")}


def test_no_command_is_forgotten() -> None:
    assert dict(commands(built())).keys() - BESIDE == WORKS.keys()


@pytest.mark.parametrize("words", WORKS, ids=" ".join)
def test_every_command_answers_in_json(
    words: tuple[str, ...],
    stack: dict[str, str],
    document: str,
    new_document: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if words == ("doctor",):
        from cli.doctor import command

        # the stack has neither a rule nor a function, of which these ask
        looks = [look for look in command.IN_AWS if look.__name__ not in {"schedule", "quotas"}]
        monkeypatch.setattr(command, "IN_AWS", tuple(looks))
    if words in {("feeds", "put"), ("feeds", "delete")}:
        main(["feeds", "put", new_document, "--yes"])
    if words[:1] == ("addresses",):
        main(["addresses", "approve", "acme", "data@acme.example"])
    if words[:1] == ("datasets",):
        main(["datasets", "give", "shared_one", "--to", "acme"])
    arguments, expected = WORKS[words]
    given = [{"DOCUMENT": document, "NEW": new_document}.get(one, one) for one in arguments]
    code, answer, error = call(capsys, *words, *given)
    assert code == expected, error
    assert answer or words in EMPTY


def test_json_has_what_was_asked_for(stack: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    _, answer, _ = call(capsys, "files", "--failed")
    assert [(one["path"], one["error"]) for one in answer] == [("/outgoing/sales_20261102.csv", "FileRejectedError")]
    _, (run,), _ = call(capsys, "runs", "list", "--limit", "1")
    assert {"run", "arn", "status", "files", "failed"} <= run.keys()
    _, answer, _ = call(capsys, "runs", "show", RUN)
    assert [failure["error"] for failure in answer[-1]["failures"]] == ["FileRejectedError"]
    assert "Ask the partner" in answer[-1]["failures"][0]["do"] or answer[-1]["failures"][0]["do"]
    _, answer, _ = call(capsys, "failures")
    assert {one["error"] for one in answer} == {"FileRejectedError", "LoginRejectedError"}
    _, answer, _ = call(capsys, "failures", "--tenant", "globex")
    assert [one["error"] for one in answer] == ["LoginRejectedError"]
    _, answer, _ = call(capsys, "tenants")
    assert {one["tenant"]: one["failing"] for one in answer if one["tenant"] != "newco"} == {"acme": 0, "globex": 1}
    _, (shown,), _ = call(capsys, "feeds", "show", FEED)
    assert shown["sla"] == SLA


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("feeds", "show", "acme/daily_sale"), "there is no feed 'acme/daily_sale'; did you mean acme/daily_sales?"),
        (("feeds", "disable", "acme/dailysales"), "did you mean acme/daily_sales?"),
        (("feeds", "enable", "Acme/daily_sales"), "did you mean acme/daily_sales?"),
        (("feeds", "history", "acme/daily_salse"), "did you mean acme/daily_sales?"),
        (("feeds", "delete", "globex/return", "--yes"), "did you mean globex/returns?"),
        (("feeds", "list", "--tenant", "acne"), "there is no tenant 'acne'; did you mean acme?"),
        (("run", "acme/daily_sale"), "did you mean acme/daily_sales?"),
        (("runs", "show", "1f6d2c1e-1111-4222-8333-abcdefabcdef"), f"did you mean {RUN}?"),
        (("files", "--feed", "acme/daily_sale"), "did you mean acme/daily_sales?"),
        (("files", "--run", "1f6d2c1e-1111-4222-8333-abcdefabcdef"), f"did you mean {RUN}?"),
        (
            ("files", "show", "sale_20261102.csv"),
            "'sale_20261102.csv'; did you mean sales_20261102.csv",
        ),
        (("failures", "--feed", "acme/daily_sale"), "did you mean acme/daily_sales?"),
        (("failures", "--tenant", "globx"), "did you mean globex?"),
        (("reprocess", "--feed", "acme/daily_sale"), "did you mean acme/daily_sales?"),
        (("reprocess", "--tenant", "globx"), "did you mean globex?"),
        (("reprocess", "--file", "sales_2026112.csv"), "did you mean sales_20261102.csv"),
        (("backfill", "--feed", "acme/sales", "--from", "2026-11-01", "--to", "2026-11-01"), "acme/daily_sales"),
        (("sla", "list", "--feed", "acme/daily_sale"), "did you mean acme/daily_sales?"),
        (("sla", "attainment", "--feed", "acme/daily_sale"), "did you mean acme/daily_sales?"),
        (("datasets", "share", "sale", "--with", "acme"), "nobody owns sale yet"),
        (("datasets", "unshare", "sale", "--with", "acme"), "nobody owns sale yet"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_mistyped_is_answered_with_the_nearest(
    arguments: tuple[str, ...], told: str, stack: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer, error = call(capsys, *arguments)
    assert code == NOTHING_MATCHED
    assert answer == []
    assert told.removesuffix("?") in error, "other tests' feeds of this stack may be near, too"


def test_a_mistyped_stack_or_profile_is_answered_too(
    stack: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["runs", "--stack", "lakefery"]) == FAILED
    assert "Did you mean --stack lakeferry?" in capsys.readouterr().err
    (tmp_path / "config").write_text("[profile production]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert main(["runs", "--profile", "prodution"]) == NOTHING_MATCHED
    assert "there is no AWS profile 'prodution'; did you mean production?" in capsys.readouterr().err


def test_a_bare_name_is_enough_where_one_feed_has_it(stack: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, (shown,), _ = call(capsys, "feeds", "show", "returns")
    assert (code, shown["tenant"]) == (DONE, "globex")


def test_what_would_be_reprocessed_and_nothing_to_do_have_their_codes(
    stack: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer, _ = call(capsys, "reprocess", "--all")
    assert code == DONE
    assert answer[-1] == {"would_start": 1, "done": False}
    code, answer, _ = call(capsys, "reprocess", "--error", "NoSuchError")
    assert (code, answer[-1]["would_start"]) == (NOTHING_MATCHED, 0)
    code, _, error = call(capsys, "reprocess")
    assert code == WRONG_USE
    assert "name a --tenant" in error
    code, answer, _ = call(capsys, "backfill", "--feed", FEED, "--from", "2025-01-01", "--to", "2025-01-02")
    assert (code, answer[-1]["would_start"]) == (NOTHING_MATCHED, 0)
    code, _, error = call(capsys, "backfill", "--feed", FEED, "--from", "2026-11-05", "--to", "2026-11-01")
    assert code == WRONG_USE, error


def test_a_run_is_followed_to_its_end(
    stack: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cli.run import deployed as following

    def last_state(stack_of_run: Stack, run: str) -> str:
        stack_of_run.client("stepfunctions").stop_execution(executionArn=run, error="Stopped", cause="by hand")
        return "Run Glue job"

    monkeypatch.setattr(following, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(following, "_stage", last_state)
    capsys.readouterr()
    assert main(["run", FEED, "--follow"]) == FAILED
    told = capsys.readouterr().out
    assert "Run Glue job" in told
    assert "acme/daily_sales: not polled" in told, "the machine of this test does nothing"
    assert " ABORTED\n  why  " in told
    assert "Then take it again: lakeferry reprocess --all --yes --stack lakeferry" in told
    assert f"s3://{stack['LakeBucket']}/curated/sales/" in told
    assert 'in Athena: select * from "lakeferry"."sales" limit 10' in told


def test_who_has_no_credentials_is_told_what_to_do(
    stack: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert main(["runs"]) == FAILED
    said = capsys.readouterr()
    assert said.out == ""
    assert "no AWS region" in said.err or "no AWS credentials" in said.err
    assert len(said.err.splitlines()) == 1


def test_what_is_over_is_told_and_stays_and_a_file_that_was_deleted_says_when(
    stack: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    feeds = boto3.resource("dynamodb").Table(stack["FeedsTable"])
    ledger = boto3.resource("dynamodb").Table(stack["LedgerTable"])
    server = {**feed_document()["server"], "secret": "lakeferry/keeper/x"}
    put_feed(feeds, feed_document(tenant="keeper", server=server, dataset="kept", retention={"raw_days": 30}))
    key = "raw/keeper_daily_sales/dt=2026-11-01/a.csv"
    boto3.client("s3").put_object(Bucket=stack["LakeBucket"], Key=key, Body=b"1234")
    kept = {**entry(1, stack["arn"]), "feed_id": "keeper/daily_sales", "path": "/outgoing/kept.csv", "raw_keys": [key]}
    landed = {"status": "CURATED", "uploaded_at": "2026-11-01T07:00:00Z", "partition": "keeper/daily_sales/2026-11-01"}
    ledger.put_item(Item={**kept, **landed})
    try:
        code, answer, _ = call(capsys, "retention", "--on", "2099-01-01")
        assert (code, [{name: one[name] for name in ("feed", "zone", "dt", "bytes", "waits")} for one in answer]) == (
            DONE,
            [{"feed": "keeper/daily_sales", "zone": "raw", "dt": "2026-11-01", "bytes": 4, "waits": ""}],
        )
        assert call(capsys, "retention", "--on", "2099-01-01", "--feed", FEED)[1] == []
        assert call(capsys, "retention", "--on", "soon")[0] == WRONG_USE
        assert call(capsys, "retention", "--on", "2099-01-01", "--yes")[0] == FAILED, "a day to come is not deleted"
        assert boto3.client("s3").get_object(Bucket=stack["LakeBucket"], Key=key)["Body"].read() == b"1234"
        assert main(["files", "show", "kept.csv"]) == DONE
        assert f"lies at s3://{stack['LakeBucket']}/{key}" in capsys.readouterr().out
        ledger.put_item(Item={**kept, **landed, "raw_deleted_at": "2026-12-02T03:40:00.000Z"})
        assert main(["files", "show", "kept.csv"]) == DONE
        said = capsys.readouterr().out
        assert "2026-12-02T03:40:00.000Z  deleted from the raw zone by retention" in said
        assert "lies at" not in said
    finally:
        feeds.delete_item(Key={"tenant": "keeper", "feed": "daily_sales"})
        ledger.delete_item(Key={"feed_id": "keeper/daily_sales", "file_id": kept["file_id"]})
