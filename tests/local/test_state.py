"""What a local stack keeps from one run to the next."""

import json
import os
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

from local import state
from local.aws import LocalAws, _free_port, _Last
from local.ledger_view import dead_letters, tables
from local.still import StillLake

ODD: dict[str, Any] = {
    **{
        "feed_id": "!dataset",
        "file_id": "sales",
        "shared": {"globex", "initech"},
        "numbers": {Decimal("1.5"), Decimal(2)},
    },
    "within": [
        {"bytes": Binary(b"\xff\x00"), "all": {Binary(b"a")}, "ratio": Decimal("0.10"), "none": None, "on": True}
    ],
}
"""What JSON cannot hold."""
TEMPLATE = Path(__file__).parent / "stack" / "template.yaml"


def test_a_stack_has_the_port_of_the_one_before_if_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(_Last, "port", taken.getsockname()[1])
        assert _free_port("127.0.0.1") == 0
    assert _free_port("127.0.0.1") == _Last.port > 0


def test_tables_catalog_queue_and_objects_come_back_and_secrets_are_never_written(tmp_path: Path) -> None:
    with LocalAws(template=TEMPLATE, folder=tmp_path) as aws:
        table = aws.resource("dynamodb").Table(aws.resources["LedgerTable"])
        table.put_item(
            Item={"feed_id": "acme/one", "file_id": "x#1#2", "size": 10**15, "names": ["a", "b"], "on": True}
        )
        table.put_item(Item=ODD)
        glue = aws.client("glue")
        columns = [{"Name": "a", "Type": "int"}]
        glue.create_table(
            DatabaseName="small",
            TableInput={
                "Name": "t",
                "PartitionKeys": [{"Name": "dt", "Type": "string"}],
                "StorageDescriptor": {"Columns": columns},
            },
        )
        view = {
            "Name": "v",
            "Owner": "acme",
            "TableType": "VIRTUAL_VIEW",
            "ViewOriginalText": "/* Presto View: e30= */",
            "StorageDescriptor": {"Columns": columns},
        }
        glue.create_table(DatabaseName="small", TableInput=view)
        partition = {"Values": ["2026-11-01"], "StorageDescriptor": {"Columns": columns, "Location": "s3://l/x/"}}
        glue.create_partition(DatabaseName="small", TableName="t", PartitionInput=partition)
        message = {"tenant": "acme", "text": 'ä "quoted"'}
        aws.client("sqs").send_message(QueueUrl=aws.resources["DeadLetterQueue"], MessageBody=json.dumps(message))
        aws.client("secretsmanager").create_secret(Name="lakeferry/acme/one", SecretString='{"password": "hunter2"}')
        bucket = aws.resources["LakeBucket"]
        etag = aws.client("s3").put_object(Bucket=bucket, Key="raw/x.csv", Body=b"1", Metadata={"file-id": "f"})["ETag"]
    with LocalAws(template=TEMPLATE, folder=tmp_path) as aws:
        table = aws.resource("dynamodb").Table(aws.resources["LedgerTable"])
        assert sorted(table.scan()["Items"], key=lambda item: str(item["feed_id"])) == [
            ODD,
            {"feed_id": "acme/one", "file_id": "x#1#2", "size": 10**15, "names": ["a", "b"], "on": True},
        ]
        (found,) = aws.client("glue").get_partitions(DatabaseName="small", TableName="t")["Partitions"]
        assert found["StorageDescriptor"]["Location"] == "s3://l/x/"
        table = aws.client("glue").get_table(DatabaseName="small", Name="v")["Table"]
        assert (table["ViewOriginalText"], table["Owner"]) == (view["ViewOriginalText"], "acme")
        assert [row[1:3] for row in tables(aws)] == [["t", "1"], ["v", "view"]]
        assert dead_letters(aws) == [message]
        assert dead_letters(aws) == [message]
        told = aws.client("s3").head_object(Bucket=aws.resources["LakeBucket"], Key="raw/x.csv")
        assert (told["ETag"], told["Metadata"]) == (etag, {"file-id": "f"})
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[StillLake]:
    with StillLake(tmp_path) as lake:
        yield lake


def _kept(path: Path) -> list[dict[str, Any]]:
    state.save_table("LedgerTable", path)
    kept: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return sorted(kept, key=lambda item: item["file_id"])


def test_what_changes_after_a_table_was_kept_is_kept_the_next_time(lake: StillLake, tmp_path: Path) -> None:
    table, path = lake.resource("dynamodb").Table("LedgerTable"), tmp_path / "kept.json"
    one, two = {"feed_id": "f", "file_id": "1", "n": 1}, {"feed_id": "f", "file_id": "2", "n": 2}
    for item in (one, two):
        table.put_item(Item=item)
    assert _kept(path) == [one, two]

    def update(expression: str, **more: Any) -> None:
        table.update_item(
            Key={"feed_id": "f", "file_id": "1"},
            UpdateExpression=expression,
            ExpressionAttributeValues={":v": Decimal(7)},
            **more,
        )

    update("SET n = :v")
    assert _kept(path) == [one | {"n": 7}, two]
    table.put_item(Item=two | {"n": 3})
    assert _kept(path) == [one | {"n": 7}, two | {"n": 3}]
    with pytest.raises(ClientError):
        update("SET n = n + :v", ConditionExpression="n = :v AND attribute_exists(missing)")
    assert _kept(path) == [one | {"n": 7}, two | {"n": 3}]
    change = {
        "TableName": "LedgerTable",
        "Key": {"feed_id": "f", "file_id": "1"},
        "UpdateExpression": "SET n = n + :v",
        "ExpressionAttributeValues": {":v": 1},
    }
    nothing = {
        "TableName": "LedgerTable",
        "Key": {"feed_id": "f", "file_id": "3"},
        "ConditionExpression": "attribute_exists(feed_id)",
    }
    with pytest.raises(ClientError):
        table.meta.client.transact_write_items(TransactItems=[{"Update": change}, {"ConditionCheck": nothing}])
    assert _kept(path) == [one | {"n": 7}, two | {"n": 3}]
    table.meta.client.transact_write_items(TransactItems=[{"Update": change}])
    table.delete_item(Key={"feed_id": "f", "file_id": "2"})
    assert _kept(path) == [one | {"n": 8}]


def test_a_table_that_did_not_change_is_not_written_again(lake: StillLake, tmp_path: Path) -> None:
    table, path = lake.resource("dynamodb").Table("LedgerTable"), tmp_path / "kept.json"
    table.put_item(Item={"feed_id": "f", "file_id": "1"})
    _kept(path)
    os.utime(path, (1, 1))
    _kept(path)
    assert path.stat().st_mtime == 1
    table.put_item(Item={"feed_id": "f", "file_id": "2"})
    _kept(path)
    assert path.stat().st_mtime > 1


def test_a_catalog_is_kept_as_its_api_tells_of_it(lake: StillLake) -> None:
    glue = lake.client("glue")
    glue.create_database(DatabaseInput={"Name": "d"})
    columns = [{"Name": "a", "Type": "int"}]
    described = {"Name": "t", "StorageDescriptor": {"Columns": columns}, "Parameters": {"a": "b"}, "Retention": 1}
    glue.create_table(DatabaseName="d", TableInput=described)
    glue.update_table(DatabaseName="d", TableInput=described | {"Owner": "acme"})
    for day in range(1, 4):
        glue.create_partition(
            DatabaseName="d",
            TableName="t",
            PartitionInput={"Values": [f"{day}"], "StorageDescriptor": {"Location": "x"}},
        )
    (table,) = glue.get_tables(DatabaseName="d")["TableList"]
    partitions = glue.get_partitions(DatabaseName="d", TableName="t")["Partitions"]
    (kept,) = state._catalog()["d"]
    assert kept["table"] == {key: value for key, value in table.items() if key in state._TABLE_FIELDS}
    assert kept["table"]["Owner"] == "acme"
    assert kept["partitions"] == [
        {key: value for key, value in one.items() if key in state._PARTITION_FIELDS} for one in partitions
    ]
