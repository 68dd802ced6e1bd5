"""What a local stack keeps between runs: tables, catalog, dead letters and where its objects are. Never secrets."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Protocol

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from lakeferry.aws.items import plain
from lakeferry.catalog.putting import taken_over
from local import moto_shims
from local.kept import read_json, write_atomically
from local.stack import Stack

_TABLE_FIELDS = {
    *("Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters"),
    *("ViewOriginalText", "ViewExpandedText"),
}
_TYPED = "!typed"
"""Key under which an item of a table stands as DynamoDB has it, where plain JSON could not hold it."""
_PARTITION_FIELDS = {"Values", "StorageDescriptor", "Parameters"}
_read = TypeDeserializer().deserialize


class Clients(Protocol):
    """Where clients come from."""

    def client(self, name: str) -> Any:
        """A boto3 client of this AWS."""


def _ids(aws: Stack, resource_type: str) -> dict[str, str]:
    """Logical to physical ids of one type of resource."""
    return {
        logical: aws.resources[logical]
        for logical, found in aws.template["Resources"].items()
        if found["Type"] == resource_type and logical in aws.resources
    }


def load(aws: Stack, folder: Path) -> None:
    """Takes up what an earlier run kept, and makes the buckets' objects files."""
    from moto.s3.models import s3_backends

    from local import s3_files
    from local.session import ACCOUNT

    backend = s3_backends[ACCOUNT]["aws"]
    objects = read_json(folder / "objects.json") or {}
    for logical, bucket in _ids(aws, "AWS::S3::Bucket").items():
        place = aws.folder if logical == "LakeBucket" else folder / "buckets" / logical
        s3_files.keep(backend, bucket, place, objects.get(logical, {}))
    for logical, name in _ids(aws, "AWS::DynamoDB::Table").items():
        load_table(aws, name, folder / "tables" / f"{logical}.json")
    load_catalog(aws, read_json(folder / "catalog.json") or {})
    for logical, url in _ids(aws, "AWS::SQS::Queue").items():
        load_queue(aws, url, folder / "queues" / f"{logical}.json")


def save(aws: Stack, folder: Path) -> None:
    """Writes it, each file all at once where it is another than before."""
    from moto.s3.models import s3_backends
    from moto.sqs.models import sqs_backends

    from local import s3_files
    from local.session import ACCOUNT, REGION

    backend = s3_backends[ACCOUNT]["aws"]
    for logical, name in _ids(aws, "AWS::DynamoDB::Table").items():
        save_table(name, folder / "tables" / f"{logical}.json")
    _write(folder / "catalog.json", json.dumps(_catalog(), default=str))
    for logical, url in _ids(aws, "AWS::SQS::Queue").items():
        # read beside the API: a receive would hide the messages for a while
        queue = sqs_backends[ACCOUNT][REGION].queues.get(url.rsplit("/", 1)[-1])
        if queue is not None:
            messages = [message.body for message in queue._messages]
            _write(folder / "queues" / f"{logical}.json", json.dumps(messages))
    buckets = _ids(aws, "AWS::S3::Bucket").items()
    objects = {logical: s3_files.describe(backend, bucket) for logical, bucket in buckets}
    _write(folder / "objects.json", json.dumps(objects))


def load_table(aws: Clients, table: str, path: Path) -> None:
    """Puts what is kept of a table into it."""
    from moto.dynamodb.models import dynamodb_backends

    from local.session import ACCOUNT, REGION

    backend = dynamodb_backends[ACCOUNT][REGION]
    for item in read_json(path) or []:
        kept = item.get(_TYPED)
        if kept is None:
            # beside the API, which takes a millisecond an item: a ledger may have many thousands
            backend.put_item(table, _of_plain(item))
        else:
            values = {name: _unpacked(value) for name, value in kept.items()}
            aws.client("dynamodb").put_item(TableName=table, Item=values)


def save_table(table: str, path: Path) -> None:
    """Keeps a table's items; what is kept as it is stays."""
    from moto.dynamodb.models import dynamodb_backends

    from local.session import ACCOUNT, REGION

    # beside the API, which takes a millisecond an item; what did not change since the last time is a text already
    with moto_shims.ITEMS:
        lines = [_line(item) for item in dynamodb_backends[ACCOUNT][REGION].get_table(table).all_items()]
    _write(path, "[\n" + ",\n".join(lines) + "\n]")


def load_queue(aws: Clients, url: str, path: Path) -> None:
    """Sends what is kept of a queue to it."""
    for message in read_json(path) or []:
        name = hashlib.sha256(message.encode()).hexdigest()
        once = {"MessageGroupId": name, "MessageDeduplicationId": name} if url.endswith(".fifo") else {}
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=message, **once)


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text("utf-8") != text:
        write_atomically(path, text)


def _line(item: Any) -> str:
    """An item of moto's as JSON, which stays with it as long as it is the same."""
    known: str | None = item.__dict__.get(moto_shims.LINE)
    if known is None:
        values = {name: value.to_regular_json() for name, value in item.attrs.items()}
        if _is_plain({"M": values}):
            told = {name: plain(_read(value)) for name, value in values.items()}
        else:
            told = {_TYPED: {name: _packed(value) for name, value in values.items()}}
        known = item.__dict__[moto_shims.LINE] = json.dumps(told)
    return known


def _is_plain(value: dict[str, Any]) -> bool:
    """Whether JSON can hold it: it knows neither sets nor bytes."""
    ((kind, held),) = value.items()
    if kind in {"L", "M"}:
        return all(map(_is_plain, held.values() if kind == "M" else held))
    return kind not in {"B", "BS", "SS", "NS"}


def _packed(value: Any) -> Any:
    """A value as the API shows it, with bytes as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _packed(item) for name, item in value.items()}
    return [_packed(item) for item in value] if isinstance(value, list) else value


def _unpacked(value: dict[str, Any]) -> dict[str, Any]:
    """`{"S": "a"}` and such, as it was."""
    ((kind, held),) = value.items()
    if kind in {"B", "BS"}:
        held = [base64.b64decode(item) for item in held] if kind == "BS" else base64.b64decode(held)
    elif kind == "L":
        held = [_unpacked(item) for item in held]
    elif kind == "M":
        held = {name: _unpacked(item) for name, item in held.items()}
    return {kind: held}


def _of_plain(item: dict[str, Any]) -> dict[str, Any]:
    write = TypeSerializer()
    # numbers with a fraction pass through their text: DynamoDB takes no floats
    exact = json.loads(json.dumps(item), parse_float=_decimal)
    return {name: write.serialize(value) for name, value in exact.items()}


def _decimal(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)


def _catalog() -> dict[str, Any]:
    """Databases, their tables and the tables' partitions, read beside the API as all else."""
    from moto.glue.models import glue_backends

    from local.session import ACCOUNT, REGION

    return {
        database.name: [
            {
                "table": {key: value for key, value in table.as_dict().items() if key in _TABLE_FIELDS},
                "partitions": [
                    {key: value for key, value in found.as_dict().items() if key in _PARTITION_FIELDS}
                    for found in list(table.partitions.values())
                ],
            }
            for table in list(database.tables.values())
        ]
        for database in glue_backends[ACCOUNT][REGION].get_databases()
    }


def load_catalog(aws: Clients, kept: dict[str, Any]) -> None:
    """Puts what is kept of the Data Catalog into it."""
    glue = aws.client("glue")
    names = {database["Name"] for database in glue.get_databases()["DatabaseList"]}
    for database, tables in kept.items():
        if database not in names:
            glue.create_database(DatabaseInput={"Name": database})
        # those that every stack has are there already, and stay as this version has them
        there = {table["Name"]: table for table in glue.get_tables(DatabaseName=database)["TableList"]}
        for found in tables:
            if table := there.get(found["table"]["Name"]):
                today: Any = {key: value for key, value in table.items() if key in _TABLE_FIELDS}
                glue.update_table(DatabaseName=database, TableInput=taken_over(found["table"], today))
            else:
                glue.create_table(DatabaseName=database, TableInput=found["table"])
            for start in range(0, len(found["partitions"]), 100):
                glue.batch_create_partition(
                    DatabaseName=database,
                    TableName=found["table"]["Name"],
                    PartitionInputList=found["partitions"][start : start + 100],
                )
