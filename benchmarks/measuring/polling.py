"""Polls of one feed in a process of its own, each beside the bare listing of its directory.

    python -m benchmarks.measuring.polling JOB

JOB is a file written by `measure`; AWS is where AWS_ENDPOINT_URL says. Prints JSON.
"""

import json
import os
import pickle
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.measuring.clients import PATHS
from benchmarks.measuring.processes import as_json, run
from lakeferry.feeds import Feed, ServerSpec, parse_feed
from lakeferry.ledger import Ledger
from lakeferry.models import FeedItem, FileItem
from lakeferry.servers import open_server

RUN = "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest:poll-{}"
LEDGER, BUCKET = "ledger", "work"
NAME = "sales_{:06d}.csv"


@dataclass(frozen=True)
class Job:
    """
    Attributes:
        folder: The feed's directory, here on this machine; `directory` is the same on the server.
        listed: How many files are in it.
        new: How many come in before each poll.
        first: Number of the first run.
    """

    spec: ServerSpec
    secret: dict[str, str]
    folder: Path
    directory: str
    listed: int
    new: int
    rounds: int
    first: int


@dataclass(frozen=True)
class Polled:
    """One poll and one bare listing, seconds each.

    Attributes:
        calls: Of AWS by the poll, by operation.
    """

    bare: float
    poll: float
    bare_cpu: float
    poll_cpu: float
    calls: Mapping[str, int]
    files: int


def measure(job: Job, folder: Path, endpoint: str) -> tuple[list[Polled], int]:
    """The rounds, and the bytes that the process had resident at most."""
    file = folder / "job"
    file.write_bytes(pickle.dumps(job))
    cost = run([sys.executable, "-m", __spec__.name, str(file)], as_json, env={**PATHS, "AWS_ENDPOINT_URL": endpoint})
    return [Polled(**one) for one in cost.answer["rounds"]], cost.peak_bytes


def deliver(folder: Path, first: int, count: int) -> None:
    """Small files, an hour old."""
    then = time.time() - 40 * 3600
    for number in range(first, first + count):
        path = folder / NAME.format(number)
        path.write_bytes(b"1\n")
        os.utime(path, (then + number % 3600, then + number % 3600))


def feed_of(spec: ServerSpec, directory: str) -> Feed:
    document = {
        "tenant": "acme",
        "feed": "many",
        "server": {
            "protocol": "sftp",
            "host": "127.0.0.1",
            "username": "lake",
            "secret": "lakeferry/acme/many",
            "host_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0jzL2cHqD1L3oHT2P6xNc8iK0x5f0mSg2j8uVvJ3aR"],
        },
        "files": {"directory": directory, "pattern": "sales_*.csv", "settle_seconds": 60},
        "format": {"type": "csv"},
        "dataset": "many",
    }
    return replace(parse_feed(document), server=spec)


def clients(count: Callable[[str], None]) -> tuple[Any, Ledger]:
    """S3 and the ledger; every call is counted."""
    session = boto3.Session(region_name="eu-west-1", aws_access_key_id="local", aws_secret_access_key="local")
    session.events.register("before-call", lambda model, **_: count(model.name))
    s3 = session.client("s3", config=Config(s3={"addressing_style": "path"}))
    resource = session.resource("dynamodb", config=Config(max_pool_connections=16))
    return s3, Ledger(resource.Table(LEDGER))


def one_round(job: Job, number: int, s3: Any, ledger: Ledger, calls: Counter[str]) -> Polled:
    from poll.core import Surroundings, poll  # the script that imports this module has the package's name

    feed = feed_of(job.spec, job.directory)
    deliver(job.folder, job.listed + number * job.new, job.new)
    started, processor = time.monotonic(), time.process_time()
    with open_server(job.spec, job.secret) as server:
        # none of them matters, so no server is asked for more than its listing
        for _ in server.list_files(job.directory, wanted=lambda name: False):
            raise AssertionError("nothing was wanted")
    bare, bare_cpu = time.monotonic() - started, time.process_time() - processor
    item = FeedItem("acme", "many", RUN.format(number))
    around = Surroundings(
        connect=lambda: open_server(job.spec, job.secret),
        ledger=ledger,
        s3=s3,
        work_bucket=BUCKET,
        lake_bucket=BUCKET,
        is_running=lambda run: False,
        clock=time.time,
        sleep=time.sleep,
    )
    calls.clear()
    started, processor = time.monotonic(), time.process_time()
    found = poll(feed, item, around)
    took, took_cpu = time.monotonic() - started, time.process_time() - processor
    counted = dict(calls)
    listed = json.loads(s3.get_object(Bucket=BUCKET, Key=found["key"])["Body"].read()) if found["files"] else []
    for one in listed:
        ledger.advance(FileItem.from_event(one), status="CURATED")
    return Polled(bare, took, bare_cpu, took_cpu, counted, found["files"])


def main() -> None:
    job: Job = pickle.loads(Path(sys.argv[1]).read_bytes())
    calls: Counter[str] = Counter()
    s3, ledger = clients(lambda name: calls.update([name]))
    rounds = [one_round(job, number, s3, ledger, calls) for number in range(job.first, job.first + job.rounds)]
    print(json.dumps({"rounds": [asdict(one) for one in rounds]}))


if __name__ == "__main__":
    main()
