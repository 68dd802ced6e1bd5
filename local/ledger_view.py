"""The ledger, the dead-letter queue and the catalog of a local stack, as rows a console prints."""

import json
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from lakeferry.aws.items import plain
from lakeferry.ledger.feed_states import FEED_ITEM
from local.session import ACCOUNT, REGION

if TYPE_CHECKING:
    from local.aws import LocalAws


def files(aws: "LocalAws", feed_id: str = "") -> list[dict[str, Any]]:
    """Every file version the ledger knows, or knows of one feed, by feed and path."""
    table = aws.resource("dynamodb").Table(aws.resources["LedgerTable"])
    read, arguments = table.scan, dict[str, Any]()
    if feed_id:
        read, arguments = table.query, {"KeyConditionExpression": Key("feed_id").eq(feed_id)}
    found = []
    while True:
        page = read(**arguments)
        found += [
            plain(item)
            for item in page["Items"]
            # what is kept beside files is under keys that no feed has
            if item["file_id"] != FEED_ITEM and not item["feed_id"].startswith("!")
        ]
        if "LastEvaluatedKey" not in page:
            return sorted(found, key=lambda entry: (entry["feed_id"], entry["path"], entry["mtime"]))
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def file_rows(entries: list[dict[str, Any]]) -> list[list[str]]:
    """Columns: feed, file, status, bytes, rows read, rows curated, rows dropped, error."""
    return [
        [
            entry["feed_id"],
            entry["path"].rsplit("/", 1)[-1],
            entry["status"],
            f"{entry['size']:,}",
            f"{entry.get('rows_read', '')}",
            f"{entry.get('rows_curated', '')}",
            ", ".join(f"{count} {rule}" for rule, count in sorted(entry.get("rows_dropped", {}).items()) if count),
            entry.get("error", ""),
        ]
        for entry in entries
    ]


FILE_COLUMNS = ["feed", "file", "status", "bytes", "read", "curated", "dropped", "error"]


def dead_letters(aws: "LocalAws") -> list[dict[str, Any]]:
    """The messages in the dead-letter queue; they stay there."""
    # beside the API, which hides for a while what it shows
    return [json.loads(message.body) for message in queue_of(aws.resources["DeadLetterQueue"]).messages]


def queue_of(url: str) -> Any:
    """moto's queue of this URL."""
    from moto.sqs.models import sqs_backends

    return sqs_backends[ACCOUNT][REGION].queues[url.rsplit("/", 1)[-1]]


def objects(aws: "LocalAws", bucket: str, prefix: str = "") -> dict[str, int]:
    """Keys and bytes of a bucket."""
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {found["Key"]: found["Size"] for page in pages for found in page.get("Contents", [])}


def tables(aws: "LocalAws") -> list[list[str]]:
    """Columns: database, table, partitions, columns."""
    glue = aws.client("glue")
    rows = []
    for database in glue.get_databases()["DatabaseList"]:
        for table in glue.get_tables(DatabaseName=database["Name"])["TableList"]:
            pages = glue.get_paginator("get_partitions").paginate(
                DatabaseName=database["Name"], TableName=table["Name"]
            )
            partitions = sum(len(page["Partitions"]) for page in pages)
            described = table["StorageDescriptor"]["Columns"]
            columns = ", ".join(f"{column['Name']} {column['Type']}" for column in described[:_SHOWN])
            columns += f" and {len(described) - _SHOWN} more" if described[_SHOWN:] else ""
            kind = "view" if table.get("TableType") == "VIRTUAL_VIEW" else str(partitions)
            rows.append([database["Name"], table["Name"], kind, columns])
    return sorted(rows)


_SHOWN = 12
"""Columns of a table that are named."""

TABLE_COLUMNS = ["database", "table", "partitions", "columns"]
