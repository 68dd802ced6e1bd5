"""The stages over one folder, for tests of what they decide."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from fetch.core import fetch
from lakeferry.decode import DecodeKeys
from lakeferry.feeds import Feed, parse_feed
from lakeferry.file_at_work import FileAtWork, file_at_work
from lakeferry.ledger import Ledger
from lakeferry.models import FeedItem, FileItem
from lakeferry.runs.dead_letters import DeadLetterQueue
from lakeferry.servers import Server
from poll.core import Surroundings, poll
from reconcile.core import reconcile
from tests.conftest import RUN, feed_document
from tests.unit.conftest import SETTINGS, FolderServer
from upload.after import finish_remote
from upload.core import upload
from validate.core import validate

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOW = 1_795_400_000.0
CSV = b"order_id,amount\n1,2.50\n2,3.75\n"


def names(items: list[FileItem]) -> list[str]:
    return [item.remote.name for item in items]


def files(**changes: Any) -> dict[str, Any]:
    return {"directory": "/outgoing", "pattern": "*.csv", "settle_seconds": 0, **changes}


class Pipeline:
    """The stages over one folder, in calls a test can read."""

    def __init__(self, server: FolderServer, ledger: Ledger, s3: "S3Client") -> None:
        self.server, self.ledger, self.s3 = server, ledger, s3
        self.feed: Feed = parse_feed(feed_document())
        self.now = NOW
        self.meanwhile: Callable[[], object] = lambda: None

    @cached_property
    def queue(self) -> DeadLetterQueue:
        sqs = boto3.client("sqs")
        return DeadLetterQueue(
            sqs, sqs.create_queue(QueueName="dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()

    def configure(self, **changes: Any) -> None:
        self.feed = parse_feed(feed_document(**changes))

    def put(self, name: str, data: bytes, age: float = 3600) -> Path:
        path = self.server.root / "outgoing" / name
        path.write_bytes(data)
        os.utime(path, (NOW - age, NOW - age))
        return path

    def poll(
        self, run: str = RUN, running: Callable[[str], bool] = lambda run: True, polled_at: str | None = None
    ) -> list[FileItem]:
        around = Surroundings(
            lambda: self.server, self.ledger, self.s3, "work", "lake", running, clock=lambda: self.now, sleep=self.sleep
        )
        result = poll(self.feed, FeedItem("acme", "daily_sales", run, polled_at=polled_at), around)
        self.result = result
        if not result["files"]:  # there is no list then
            return []
        body = self.s3.get_object(Bucket=result["bucket"], Key=result["key"])["Body"].read()
        return [FileItem.from_event(found) for found in json.loads(body)]

    def fetch(self, item: FileItem, seconds: Callable[[], float] = lambda: 900) -> dict[str, Any]:
        return fetch(self.at_work(item), lambda: self.server, seconds)

    def validate(self, item: FileItem, keys: DecodeKeys | None = None) -> dict[str, Any]:
        return validate(self.at_work(item), self.ledger.feeds.get(item.feed_id), keys)

    def upload(self, item: FileItem) -> dict[str, Any]:
        return upload(self.at_work(item))

    def finish_remote(
        self, item: FileItem, connect: Callable[[], AbstractContextManager[Server]] | None = None
    ) -> str | None:
        return finish_remote(self.at_work(item), connect or (lambda: self.server))

    def at_work(self, item: FileItem) -> FileAtWork:
        return file_at_work(self.feed, item, self.ledger, self.s3, SETTINGS)

    def all(self, item: FileItem) -> str:
        assert self.fetch(item)["done"]
        self.validate(item)
        (key,) = self.upload(item)["raw_keys"]
        return str(key)

    def summary(self, run: str = RUN) -> dict[str, Any]:
        """The mail about a run that adds up."""
        listed = reconcile(self.ledger, self.s3, self.queue, SETTINGS, run)["mails"]
        mails = json.loads(self.s3.get_object(Bucket=listed["bucket"], Key=listed["key"])["Body"].read())
        found: dict[str, Any] = mails[0]
        assert found["event"] == "run_succeeded"
        return found

    def raw(self) -> dict[str, bytes]:
        listed = self.s3.list_objects_v2(Bucket="lake", Prefix="raw/").get("Contents", [])
        return {found["Key"]: self.s3.get_object(Bucket="lake", Key=found["Key"])["Body"].read() for found in listed}

    def open_uploads(self) -> list[str]:
        """What waits in S3 and is not visible: keys of uploads, and of what is staged."""
        staged = self.s3.list_objects_v2(Bucket="work", Prefix="staging/").get("Contents", [])
        return [found["Key"] for found in staged] + [
            found["Key"]
            for bucket in ("lake", "inbox")
            for found in self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        ]
