"""`lakeferry feeds check`: documents, and those that a stack has stored."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from cli.__main__ import main
from cli.problems import NOTHING_MATCHED, WRONG_USE
from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from tests.conftest import feed_document
from tests.unit.cli_world import deployed


@pytest.fixture
def resources(aws: None) -> dict[str, str]:
    """Of a deployed stack, those that these commands ask for, by logical id."""
    return deployed()


@pytest.fixture
def stored(resources: dict[str, str]) -> Any:
    """The feeds table of a deployed stack."""
    return boto3.resource("dynamodb").Table(resources["FeedsTable"])


@pytest.fixture
def ledger(resources: dict[str, str]) -> Ledger:
    return Ledger(boto3.resource("dynamodb").Table(resources["LedgerTable"]))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a document; its path."""

    def write(tenant: str = "acme", **changes: Any) -> str:
        server = {**feed_document()["server"], "secret": f"lakeferry/{tenant}/x"}
        path = tmp_path / f"{tenant}.yaml"
        path.write_text(yaml.safe_dump(feed_document(tenant=tenant, server=server, **changes)), "utf-8")
        return str(path)

    return write


def test_stored_documents_that_would_be_refused_are_named(stored: Any, capsys: pytest.CaptureFixture[str]) -> None:
    put_feed(stored, feed_document())
    assert main(["feeds", "check", "--stack", "lakeferry"]) == 0
    assert capsys.readouterr().out == "1 stored documents checked, 0 refused\n"
    # written before there were such checks
    stored.put_item(Item=feed_document(feed="old", transform={"filter": "amuont rlike '(a+)+$'"}))
    assert main(["feeds", "check", "--stack", "lakeferry"]) == 1
    said = capsys.readouterr()
    assert said.out == "2 stored documents checked, 1 refused\n"
    assert said.err.startswith("acme/old: feed document of acme/old is not valid: $.transform.filter: has 'rlike'")


def test_a_document_is_checked_without_any_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "feed.yaml"
    path.write_text(yaml.safe_dump(feed_document(transform={"derive": {"net": "amuont / 1.2"}})), "utf-8")
    assert main(["feeds", "check", str(path)]) == 1
    assert "`transform.derive.net`: names the column 'amuont', which is not there" in capsys.readouterr().err
    path.write_text(yaml.safe_dump(feed_document(transform={"derive": {"net": "amount / 1.2"}})), "utf-8")
    assert main(["feeds", "check", str(path)]) == 0
    assert main(["feeds", "check"]) == WRONG_USE
    assert "Name documents, or the stack" in capsys.readouterr().err


def test_all_that_is_wrong_with_a_file_is_said_with_its_place_and_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "feed.yaml"
    document = yaml.safe_dump(feed_document(format={"type": "csw"}), sort_keys=False)
    path.write_text(document.replace("pattern", "patern"), "utf-8")
    assert main(["feeds", "check", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        f"{path}:12:3: `patern` is not a setting of `files`; did you mean `pattern`?",
        f'{path}:15:9: `format.type` is one of csv, jsonl, json, fixed_width, parquet, xlsx, xml, not "csw"; '
        "did you mean csv?",
        f"{path}: 2 problems",
    ]
    assert main(["feeds", "check", "--json", str(path)]) == 1
    said = capsys.readouterr()
    [answer] = map(json.loads, said.out.splitlines())
    assert said.err == ""
    assert answer["valid"] is False
    assert [(one["line"], one["column"], one["path"]) for one in answer["findings"]] == [
        (12, 3, "$.files"), (15, 9, "$.format.type")
    ]  # fmt: skip


def test_a_file_with_findings_is_not_put_and_the_others_are(
    stored: Any, tmp_path: Path, write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "twice.yaml"
    # the last one won, and nobody heard of it
    path.write_text(yaml.safe_dump(feed_document(tenant="globex")) + "dataset: other\n", "utf-8")
    assert main(["feeds", "put", str(path), write("acme")]) == 1
    assert "`dataset` is there twice, first in line" in capsys.readouterr().err
    assert [item["tenant"] for item in stored.scan()["Items"]] == ["acme"]


def test_whoever_puts_the_first_feed_of_a_dataset_owns_it_and_others_are_refused(
    stored: Any, write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["feeds", "put", write("globex")]) == 0
    assert main(["feeds", "put", write("acme")]) == 1
    assert capsys.readouterr().err.endswith(
        "dataset sales belongs to another tenant, so no rows of acme go there. Name another dataset, or ask the "
        "operator to share it: ./lakeferry datasets share sales --with acme --stack lakeferry (it belongs to globex)\n"
    )
    assert [item["tenant"] for item in stored.scan()["Items"]] == ["globex"]
    assert main(["feeds", "check", write("acme"), "--stack", "lakeferry"]) == 1
    assert "(it belongs to globex)" in capsys.readouterr().err
    assert main(["datasets", "share", "sales", "--with", "acme"]) == 0
    assert capsys.readouterr().out.startswith("sales belongs to globex, shared with acme. Files that were set aside")
    assert main(["feeds", "put", write("acme")]) == 0
    assert len(stored.scan()["Items"]) == 2
    capsys.readouterr()
    assert main(["datasets", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["sales", "globex", "acme", "feed"]
    assert main(["datasets", "unshare", "sales", "--with", "acme"]) == 0
    assert main(["feeds", "check", "--stack", "lakeferry"]) == 1
    said = capsys.readouterr()
    assert said.out.endswith("2 stored documents checked, 1 refused\n")
    assert said.err.startswith("acme/daily_sales: dataset sales belongs to another tenant")


def test_a_dataset_is_given_and_the_former_owner_is_out(
    ledger: Ledger, write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", "share", "sales", "--with", "acme"]) == NOTHING_MATCHED
    assert capsys.readouterr().err == "lakeferry: nobody owns sales yet: put a feed, or give it to a tenant first.\n"
    assert main(["datasets", "give", "sales", "--to", "globex"]) == 0
    assert main(["datasets", "give", "sales", "--to", "acme"]) == 0
    assert "globex may not write to it any more. To change that, share it with globex." in capsys.readouterr().out
    assert main(["feeds", "put", write("globex")]) == 1
    assert main(["datasets", "unshare", "sales", "--with", "acme"]) == 1
    assert "acme owns sales: give it to another tenant instead." in capsys.readouterr().err
    assert ledger.datasets.all()["sales"].tenants == ("acme",)
    for wrong in (["give", "Sales", "--to", "acme"], ["share", "sales", "--with", "Acme"]):
        assert main(["datasets", *wrong]) == WRONG_USE


def test_a_dry_check_says_what_would_be_refused_and_writes_nothing(
    stored: Any, resources: dict[str, str], ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    """As before an upgrade: there are rows and subscriptions, and neither owners nor approved addresses."""
    s3, sns = boto3.client("s3"), boto3.client("sns")
    for tenant in ("acme", "globex"):
        key = f"curated/sales/tenant={tenant}/feed=f/dt=2026-01-05/g/part-0.parquet"
        s3.put_object(Bucket=resources["LakeBucket"], Key=key, Body=b"x")
        server = {**feed_document()["server"], "secret": f"lakeferry/{tenant}/x"}
        notify = {"emails": ["data@acme.example"]}
        stored.put_item(Item=feed_document(tenant=tenant, server=server, notify=notify))
    policy = json.dumps({"feed_id": ["acme/daily_sales"]})
    topic = resources["NotificationTopic"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="data@acme.example", Attributes={"FilterPolicy": policy})
    assert main(["feeds", "check", "--stack", "lakeferry"]) == 0
    said = capsys.readouterr()
    assert said.out == "2 stored documents checked, 0 refused, 1 with addresses to approve\n"
    assert said.err == (
        "globex/daily_sales: no mails go to data@acme.example until: "
        "./lakeferry addresses approve globex data@acme.example --stack lakeferry\n"
    )
    assert ledger.table.scan()["Items"] == []
    assert main(["datasets", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["sales", "acme", "globex", "table"]
    assert main(["addresses", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["acme", "data@acme.example", "subscription"]


def test_of_stored_documents_that_name_a_dataset_nobody_owns_the_first_would(
    stored: Any, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    for tenant in ("acme", "globex"):
        stored.put_item(
            Item=feed_document(tenant=tenant, server={**feed_document()["server"], "secret": f"lakeferry/{tenant}/x"})
        )
    assert main(["feeds", "check", "--stack", "lakeferry"]) == 1
    assert "1 refused" in capsys.readouterr().out
    assert ledger.table.scan()["Items"] == []


def test_whoever_puts_a_feed_is_told_which_command_approves_its_addresses(
    stored: Any, ledger: Ledger, write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write("acme", notify={"emails": ["o'neil@acme.example", "data@acme.example"]})
    assert main(["feeds", "put", path]) == 0, "the feed is polled all the same"
    hint = capsys.readouterr().out.splitlines()[2]
    assert hint.startswith("  no mails go to o'neil@acme.example, data@acme.example until: ./lakeferry ")
    command = shlex.split(hint.partition("until: ./lakeferry ")[2])
    assert main(command) == 0
    assert "data@acme.example is approved for acme\n" in capsys.readouterr().out
    assert main(["feeds", "put", path]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["addresses", "remove", "acme", "data@acme.example"]) == 0
    assert main(["addresses", "remove", "acme", "data@acme.example"]) == NOTHING_MATCHED
    assert main(["addresses", "approve", "acme", "@acme.example"]) == 0
    assert {one.address for one in ledger.addresses.all()} == {"o'neil@acme.example", "@acme.example"}
    for wrong in (["acme", "nobody"], ["Acme", "a@x.example"], ["acme", "a@x..example"], ["acme", "@x.example\n"]):
        assert main(["addresses", "approve", *wrong]) == WRONG_USE


def test_a_folder_is_all_of_its_documents(
    write: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["feeds", "check", str(tmp_path)]) == WRONG_USE
    assert capsys.readouterr().err == f"lakeferry: {tmp_path} is a folder without a .yaml file.\n"
    paths = [write("acme"), write("globex")]
    assert main(["feeds", "check", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{paths[0]}: acme/daily_sales is valid",
        f"{paths[1]}: globex/daily_sales is valid",
    ]
