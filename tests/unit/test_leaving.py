"""`lakeferry tenants remove`: what a tenant leaves behind is found everywhere, and nothing of another is touched."""

import json
from typing import Any

import boto3
import pytest

from cli.__main__ import main
from cli.leaving.erasing import erase
from cli.problems import FAILED, NOTHING_MATCHED
from cli.stack import Stack
from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.addresses import Approval
from lakeferry.ledger.documents import Documents
from lakeferry.models import report_key
from lakeferry.sla.table import CLOCKS
from tests.conftest import feed_document
from tests.unit.cli_world import deployed

STACK = ["--stack", "lakeferry"]
LETTER = {
    **{"version": 1, "kind": "feed", "feed": "orders", "stage": "Poll server", "error": "FileRejectedError"},
    **{"cause": "Broken.", "link": "https://x", "attempt": 1, "execution": "arn:e", "at": "2026-11-24T06:00:00.000Z"},
}
MINE, OTHERS = "acme", "acmeplus"
"""The one that leaves, and another whose name begins so."""


class Stored:
    """Both tenants, with something of each kind."""

    def __init__(self) -> None:
        self.resources = deployed()
        self.s3, self.glue, self.sqs = boto3.client("s3"), boto3.client("glue"), boto3.client("sqs")
        dynamodb = boto3.resource("dynamodb")
        self.feeds, self.sla = (dynamodb.Table(self.resources[name]) for name in ("FeedsTable", "SlaTable"))
        self.ledger = Ledger(dynamodb.Table(self.resources["LedgerTable"]))
        self.glue.create_table(
            DatabaseName="lakeferry",
            TableInput={
                "Name": "sales",
                "PartitionKeys": [{"Name": name, "Type": "string"} for name in ("tenant", "feed", "dt")],
            },
        )
        self.glue.create_table(
            DatabaseName="lakeferry", TableInput={"Name": "ice", "Parameters": {"table_type": "ICEBERG"}}
        )
        self.s3.put_bucket_versioning(
            Bucket=self.resources["LakeBucket"], VersioningConfiguration={"Status": "Enabled"}
        )
        for tenant in (MINE, OTHERS):
            self._fill(tenant)
        lines = [{"feed_id": f"{tenant}/orders", "path": "/a.csv"} for tenant in (MINE, OTHERS)]
        self.put("LakeBucket", "ledger/day=2026-11-24/run.json", *lines)
        self.put("LakeBucket", "sla/day=2026-11-24/all.json", lines[0])
        self.put("LakeBucket", "curated/quality/curated_on=2026-11-24/x.json", {"tenant": MINE}, {"tenant": OTHERS})

    def put(self, bucket: str, key: str, *lines: dict[str, Any]) -> None:
        body = "".join(json.dumps(line) + "\n" for line in lines) or "bytes"
        self.s3.put_object(Bucket=self.resources[bucket], Key=key, Body=body)

    def _fill(self, tenant: str) -> None:
        server = {**feed_document()["server"], "host": f"{tenant}.example", "secret": f"lakeferry/{tenant}/x"}
        document = feed_document(tenant=tenant, feed="orders", server=server, dataset=f"{tenant}_orders", notify={})
        put_feed(self.feeds, document)
        table, feed_id = self.ledger.table, f"{tenant}/orders"
        Documents(table).keep(feed_id, document, by="anna", why="put")
        self.ledger.asides.note_document("curate", document, ValueError("broken"))
        self.ledger.addresses.approve(Approval(tenant, f"data@{tenant}.example", "anna", "2026-11-24T06:00:00.000Z"))
        self.ledger.datasets.claim(f"{tenant}_orders", tenant)
        for file_id in ("!feed", "/a.csv#1#2"):
            table.put_item(Item={"feed_id": feed_id, "file_id": file_id, "status": "CURATED"})
        table.put_item(Item={"feed_id": f"{tenant}/gone_long_ago", "file_id": "/b.csv#1#2", "status": "CURATED"})
        table.put_item(Item={"feed_id": "!lease", "file_id": f"{tenant}/orders/2026-11-24"})
        self.sla.put_item(Item={"feed_id": feed_id, "due": "2026-11-24#2026-11-24"})
        self.sla.put_item(Item={"feed_id": CLOCKS, "due": feed_id, "checked_until": "2026-11-24T06:00:00Z"})
        for key in (
            *(f"raw/{tenant}_orders/dt=2026-11-24/a.csv", f"fallout/{tenant}_orders/dt=2026-11-24/r.txt"),
            *(f"fallout/rows/tenant={tenant}/feed=orders/x", f"curated/sales/tenant={tenant}/feed=orders/x.parquet"),
        ):
            self.put("LakeBucket", key)
            self.put("LakeBucket", key)  # a version before
        self.s3.delete_object(Bucket=self.resources["LakeBucket"], Key=f"raw/{tenant}_orders/dt=2026-11-24/a.csv")
        for run in ("run-1", "run-2") if tenant == MINE else ("run-2", "run-3"):
            self.put("LakeBucket", report_key(run, tenant))
            self.put("LakeBucket", report_key(run), {"of": "several tenants"})
        self.put("InboxBucket", f"{tenant}/orders/1/a.csv")
        self.put("WorkBucket", f"polls/{tenant}/orders")
        self.put("WorkBucket", f"staging/{tenant}_orders/1/0")
        self.glue.create_table(DatabaseName="lakeferry", TableInput={"Name": f"raw_{tenant}_orders"})
        for day in ("2026-11-23", "2026-11-24"):
            self.glue.create_partition(
                DatabaseName="lakeferry", TableName="sales", PartitionInput={"Values": [tenant, "orders", day]}
            )
        letter = {
            **LETTER,
            "tenant": tenant,
            "run": "arn:run",
            "file": None,
            "resume": {"trigger": "reprocess", "feeds": [feed_id]},
        }
        self.sqs.send_message(
            QueueUrl=self.resources["DeadLetterQueue"],
            MessageBody=json.dumps(letter),
            MessageGroupId=tenant,
            MessageDeduplicationId=tenant,
        )

    def everything(self) -> list[str]:
        """All there is, as text: of tables, buckets with all versions, catalog and queue."""
        found = [f"{item}" for table in (self.feeds, self.sla, self.ledger.table) for item in table.scan()["Items"]]
        for logical in ("LakeBucket", "InboxBucket", "WorkBucket"):
            bucket = self.resources[logical]
            listed = self.s3.list_object_versions(Bucket=bucket)
            found += [
                f"{logical} {one['Key']}" for one in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ()))
            ]
            for one in listed.get("Versions", ()):
                answer = self.s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
                found += answer["Body"].read().decode().splitlines()
        for table in self.glue.get_tables(DatabaseName="lakeferry")["TableList"]:
            found.append(table["Name"])
            pages = self.glue.get_partitions(DatabaseName="lakeferry", TableName=table["Name"])["Partitions"]
            found += [f"{one['Values']}" for one in pages]
        queue = self.resources["DeadLetterQueue"]
        letters = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [*found, *(one["Body"] for one in letters.get("Messages", ()))]


@pytest.fixture
def stored(aws: None, monkeypatch: pytest.MonkeyPatch) -> Stored:
    # moto's CloudFormation knows no databases of Glue
    physical = Stack.physical
    monkeypatch.setattr(
        Stack, "physical", lambda self, name: "lakeferry" if name == "GlueDatabase" else physical(self, name)
    )
    boto3.client("glue").create_database(DatabaseInput={"Name": "lakeferry"})
    return Stored()


def of(tenant: str, texts: list[str]) -> list[str]:
    """Those that name exactly that tenant."""
    return sorted(text for text in texts if tenant in text.replace(OTHERS if tenant == MINE else "\0", ""))


def test_all_of_a_tenant_goes_and_nothing_of_another(stored: Stored, capsys: pytest.CaptureFixture[str]) -> None:
    others = [text for text in of(OTHERS, stored.everything()) if MINE not in text.replace(OTHERS, "")]
    assert len(others) > 20
    assert main(["tenants", "remove", MINE, "--yes", *STACK]) == 0
    told = capsys.readouterr().out
    assert "aws secretsmanager delete-secret --secret-id lakeferry/acme/x" in told
    assert "DELETE FROM ice WHERE tenant = 'acme'" in told
    assert "2 reports of yours that name its files until they expire (400 days)" in told
    assert "    run-1, run-2\n" in told
    assert of(MINE, stored.everything()) == []
    assert of(OTHERS, stored.everything()) == sorted(others)
    assert main(["tenants", "remove", MINE, "--yes", *STACK]) == NOTHING_MATCHED


def test_without_yes_nothing_changes_and_all_is_told(stored: Stored, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(stored.everything())
    assert main(["tenants", "remove", MINE, *STACK]) == 0
    told = capsys.readouterr().out
    assert "LakeBucket raw/acme_: 3 object versions" in told
    assert "LakeBucket reports/tenants/acme/: 2 object versions" in told
    assert "    run-1, run-2\n" in told
    assert "2 curated partitions" in told
    assert "lakeferry tenants remove acme --yes --stack lakeferry" in told
    assert sorted(stored.everything()) == before


def test_who_is_not_there_is_told_with_the_nearest_name(stored: Stored, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tenants", "remove", "acmee", "--yes", *STACK]) == NOTHING_MATCHED
    assert "acme" in capsys.readouterr().err


def test_a_dataset_that_others_write_to_has_to_be_given_first(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    stored.ledger.datasets.share("acme_orders", [OTHERS])
    before = sorted(stored.everything())
    assert main(["tenants", "remove", MINE, "--yes", *STACK]) == FAILED
    assert "lakeferry datasets give" in capsys.readouterr().err
    assert sorted(stored.everything()) == before


def test_while_a_run_is_going_nothing_is_erased(stored: Stored, capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("stepfunctions").start_execution(stateMachineArn=stored.resources["IngestStateMachine"])
    before = sorted(stored.everything())
    assert main(["tenants", "remove", MINE, "--yes", *STACK]) == FAILED
    assert "Runs are going" in capsys.readouterr().err
    assert sorted(stored.everything()) == before


@pytest.mark.parametrize("stop", [1, 3, 5, 7])
def test_one_that_was_stopped_is_ended_by_the_next(stored: Stored, stop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*arguments: Any) -> Any:
        for number, one in enumerate(erase(*arguments), 1):
            yield one
            if number == stop:
                raise KeyboardInterrupt

    monkeypatch.setattr("cli.tenants.erase", stopped)
    main(["tenants", "remove", MINE, "--yes", *STACK])
    assert of(MINE, stored.everything())
    monkeypatch.setattr("cli.tenants.erase", erase)
    assert main(["tenants", "remove", MINE, "--yes", *STACK]) == 0
    assert of(MINE, stored.everything()) == []
