"""moto's AWS for the benchmarks: its ledger can be filled without a hundred thousand calls."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from moto.backends import get_backend
from moto.server import ThreadedMotoServer

from benchmarks.measuring.polling import BUCKET, LEDGER, RUN
from lakeferry.models import RemoteFile

ACCOUNT, REGION = "123456789012", "eu-west-1"
ACCESS: dict[str, Any] = {"region_name": REGION, "aws_access_key_id": "local", "aws_secret_access_key": "local"}


@contextlib.contextmanager
def running() -> Iterator[str]:
    """A server in this process, with an empty ledger and a bucket; its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        client: Any = boto3.client("dynamodb", endpoint_url=endpoint, **ACCESS)
        keys = ("feed_id", "file_id")
        client.create_table(
            TableName=LEDGER,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=True)
            ],
        )
        s3: Any = boto3.client("s3", endpoint_url=endpoint, **ACCESS)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield endpoint
    finally:
        server.stop()
        for service in ("dynamodb", "s3"):
            get_backend(service)[ACCOUNT][REGION if service == "dynamodb" else "aws"].reset()


def fill(folder: Path, directory: str) -> None:
    """Puts each file of the folder into the ledger, as one that an earlier run took in."""
    table: Any = get_backend("dynamodb")[ACCOUNT][REGION].tables[LEDGER]
    for path in folder.iterdir():
        found = path.stat()
        remote = RemoteFile(f"{directory}/{path.name}", found.st_size, int(found.st_mtime))
        table.put_item(
            {
                "feed_id": {"S": "acme/many"},
                "file_id": {"S": remote.file_id},
                "path": {"S": remote.path},
                "size": {"N": str(remote.size)},
                "mtime": {"N": str(remote.mtime)},
                "status": {"S": "CURATED"},
                "run": {"S": RUN.format("before")},
                "attempts": {"N": "1"},
            }
        )
