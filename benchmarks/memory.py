#!/usr/bin/env python3
"""Peak memory and rate of the functions that touch a file's bytes, on one big file.

    PYTHONPATH=functions:. python benchmarks/memory.py [--gigabytes 2] [--gzip]

The real handlers run in processes of their own, as the local stack runs them, against an SFTP server on
loopback and rclone's S3 server on this disk. Needs requirements/bench.txt (`make bench` installs it).

    2.00 GB delivered, 23,050,000 rows; limit 512 MB
    PollFunction           0.6 s               peak   82.8 MB
    FetchFunction         13.7 s   146.4 MB/s  peak  133.1 MB
    ValidateFunction      20.4 s    98.2 MB/s  peak  208.2 MB
    UploadFunction         0.7 s               peak   63.5 MB

(2026-11-24, 2 cores with nothing else running, Python 3.11. On 2026-11-30, 0.5 GB, at load 11: peaks of 78.6, 130.6,
211.6 and 57.7 MB.)
"""

import argparse
import contextlib
import gzip
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.measuring.s3_servers import rclone_s3
from local import backends
from local.aws import LocalAws
from local.lambdas import Invocation
from local.partners import SftpPartner

PASSWORD = "benchmark"
RUN = "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest:benchmark"
LIMIT_MB = 512


def deliver(path: Path, size: int, *, compress: bool) -> int:
    """Writes a CSV file of about `size` bytes of text; its rows."""
    line = b"%012d,Zurich Airport,%d.%02d,2026-11-01 10:%02d:%02d,some words that fill the row up\n"
    rows = 0
    with gzip.open(path, "wb", compresslevel=1) if compress else path.open("wb") as file:
        file.write(b"order_id,store,amount,sold_at,note\n")
        written = 0
        while written < size:
            block = b"".join(line % (rows + i, i % 500, i % 100, i % 60, i % 60) for i in range(10_000))
            file.write(block)
            rows, written = rows + 10_000, written + len(block)
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    return rows


def main() -> int:
    """Runs one file through poll, fetch, validate and upload; 1 if a function went over the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--gzip", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR"))))
        for name in ("partner", "s3", "stack"):
            (root / name).mkdir()
        name = "sales_20261101.csv" + (".gz" if options.gzip else "")
        rows = deliver(root / "partner" / name, int(options.gigabytes * 1e9), compress=options.gzip)
        partner = stack.enter_context(SftpPartner(root / "partner", username="lake", password=PASSWORD))
        aws = stack.enter_context(LocalAws(folder=root / "stack"))
        names = [function.name for function in backends.functions()]
        endpoint = stack.enter_context(rclone_s3(root / "s3", names))
        calls = run(aws, partner, endpoint, name)
        report(calls, (root / "partner" / name).stat().st_size, rows)
        shutil.rmtree(root / "s3")
    return int(any((call.peak_bytes or 0) > LIMIT_MB * 1e6 or call.error for call in calls))


def run(aws: LocalAws, partner: SftpPartner, endpoint: str, name: str) -> list[Invocation]:
    """Calls the functions one after the other, as the state machine does."""
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        region_name="eu-west-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    for bucket in ("LakeBucket", "InboxBucket", "WorkBucket"):
        s3.create_bucket(Bucket=aws.resources[bucket])
    server = {"protocol": "sftp", "host": "127.0.0.1", "port": partner.port, "username": "lake"}
    document = {
        "tenant": "acme",
        "feed": "big",
        "server": {**server, "host_keys": [partner.host_key], "secret": "lakeferry/acme/big"},
        "files": {"directory": "/", "pattern": "sales_{date:%Y%m%d}.csv*", "settle_seconds": 0},
        "format": {"type": "csv"},
        "checks": {"columns": [{"name": "order_id", "type": "int64"}]},
        "dataset": "big",
    }
    aws.resource("dynamodb").Table(aws.resources["FeedsTable"]).put_item(Item=document)
    secret = json.dumps({"password": PASSWORD})
    aws.client("secretsmanager").create_secret(Name="lakeferry/acme/big", SecretString=secret)
    functions = {found.handler.split(".")[0]: found for found in backends.functions()}
    before = len(aws.workers.invocations)

    def call(which: str, event: dict[str, Any]) -> dict[str, Any]:
        function = functions[which]
        function = replace(function, environment={**function.environment, "AWS_ENDPOINT_URL_S3": endpoint})
        answer, failed = aws.workers.invoke(function, event)
        if failed:
            raise SystemExit(f"{which}: {answer}")
        return dict(json.loads(answer))

    found = call("poll", {"tenant": "acme", "feed": "big", "run": RUN})
    (item,) = json.loads(s3.get_object(Bucket=found["bucket"], Key=found["key"])["Body"].read())
    while not call("fetch", item)["done"]:
        pass
    call("validate", item)
    call("upload", item)
    return aws.workers.invocations[before:]


def report(calls: list[Invocation], size: int, rows: int) -> None:
    """One line a call."""
    print(f"{size / 1e9:.2f} GB delivered, {rows:,} rows; limit {LIMIT_MB} MB")
    for call in calls:
        name = call.function.split("-")[1]
        rate = f"{size / 1e6 / call.seconds:7.1f} MB/s" if name.startswith(("Fetch", "Validate")) else " " * 12
        print(
            f"{name:18} {call.seconds:7.1f} s {rate}  peak {(call.peak_bytes or 0) / 1e6:6.1f} MB  {call.error or ''}"
        )


if __name__ == "__main__":
    sys.exit(main())
