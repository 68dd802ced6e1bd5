"""Runs over a real server and moto's S3 and DynamoDB: the state machine's part of poll, fetch, validate and upload."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import boto3

from fetch.core import fetch
from lakeferry.clients import Clients
from lakeferry.errors import FileChangedError, LakeferryError
from lakeferry.feeds import parse_feed
from lakeferry.file_at_work import FileAtWork, file_at_work
from lakeferry.ledger import CONNECTIONS
from lakeferry.models import FeedItem, FileItem
from lakeferry.partner import connect
from poll.core import Surroundings, poll
from poll.given import claim_given
from tests.conftest import RUN, feed_document
from tests.contract.conftest import Partner
from tests.servers.proxy import Proxy
from tests.unit.conftest import SETTINGS
from upload.after import finish_remote
from upload.core import upload
from validate.core import validate

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Result = TypeVar("Result")
TRIES = 5
"""As the state machine: once, and four times again (statemachine/ingest.asl.json)."""
WAIT_SECONDS = 5


class Runs:
    """One feed of a partner, run after run; each run finds the one before ended.

    Attributes:
        errors: Names of the errors of the last run, in order, those that were tried again included.
        took: Names of the files that the last run claimed.
    """

    def __init__(self, partner: Partner, s3: "S3Client", *, files: dict[str, Any] | None = None, **server: Any) -> None:
        secret = "lakeferry/acme/daily_sales"
        boto3.client("secretsmanager").create_secret(Name=secret, SecretString=json.dumps(dict(partner.secret)))
        spec = {key: value for key, value in asdict(partner.spec).items() if value not in (None, (), False)}
        spec |= {"secret": secret, "host_keys": list(partner.spec.host_keys), **server}
        if not spec["host_keys"]:
            del spec["host_keys"]
        spec.pop("algorithms")
        chosen = {"directory": partner.at("/outgoing"), "pattern": "*.csv", "settle_seconds": 0, **(files or {})}
        self.feed = parse_feed(feed_document(server=spec, files=chosen))
        self.aws = Clients(SETTINGS)
        self.s3 = s3
        self.errors: list[str] = []
        self.took: list[str] = []
        self.left: dict[str, Any] = {}
        self._number = 0

    def run(self, given: Sequence[str] = ()) -> dict[str, bytes]:
        """One run; what is in the raw zone then, by key.

        Args:
            given: Ledger keys of the files to take, as reprocess gives them; without any the server is polled.
        """
        self._number += 1
        self.errors, self.took = [], []
        item = FeedItem("acme", "daily_sales", f"{RUN}-{self._number}", tuple(given) or None)
        try:
            files = self._tried_again(lambda: self._poll(item))
        except LakeferryError:
            return self.raw()
        self.took = [file.remote.name for file in files]
        for file in files:
            try:
                self._take(file)
            except FileChangedError:
                self.aws.ledger.advance(file, status="RELEASED")
            except LakeferryError as error:
                self.aws.ledger.advance(file, status="FAILED", retryable=error.retryable)
        return self.raw()

    def _poll(self, item: FeedItem) -> list[FileItem]:
        around = Surroundings(
            lambda: connect(self.aws, self.feed, WAIT_SECONDS, 900),
            self.aws.ledger, self.s3, "work", "lake", lambda run: False, time.time, time.sleep,
        )  # fmt: skip
        self.left = (poll if item.files is None else claim_given)(self.feed, item, around)
        if not self.left["files"]:
            return []
        body = self.s3.get_object(Bucket=self.left["bucket"], Key=self.left["key"])["Body"].read()
        return [FileItem.from_event(found) for found in json.loads(body)]

    def _take(self, file: FileItem) -> None:
        while not self._tried_again(lambda: self._fetch(file))["done"]:
            pass
        validate(self._work(file), self.aws.ledger.feeds.get(file.feed_id))
        upload(self._work(file))
        finish_remote(self._work(file), lambda: connect(self.aws, self.feed, WAIT_SECONDS, 900))

    def _fetch(self, file: FileItem) -> dict[str, Any]:
        return fetch(self._work(file), lambda: connect(self.aws, self.feed, WAIT_SECONDS, 900), lambda: 900)

    def _work(self, file: FileItem) -> FileAtWork:
        return file_at_work(self.feed, file, self.aws.ledger, self.s3, SETTINGS)

    def _tried_again(self, do: Callable[[], Result]) -> Result:
        for left in reversed(range(TRIES)):
            try:
                return do()
            except LakeferryError as error:
                self.errors.append(type(error).__name__)
                if not error.retryable or not left:
                    raise
        raise AssertionError

    def raw(self) -> dict[str, bytes]:
        """The raw zone's objects by key."""
        listed = self.s3.list_objects_v2(Bucket="lake", Prefix="raw/").get("Contents", [])
        return {found["Key"]: self.s3.get_object(Bucket="lake", Key=found["Key"])["Body"].read() for found in listed}

    def failed(self) -> list[str]:
        """Ledger keys of the files that wait for reprocess."""
        items = boto3.resource("dynamodb").Table("ledger").scan(ConsistentRead=True)["Items"]
        return [str(item["file_id"]) for item in items if item.get("status") == "FAILED"]

    def statuses(self) -> list[str]:
        """Of every file version in the ledger."""
        items = boto3.resource("dynamodb").Table("ledger").scan(ConsistentRead=True)["Items"]
        return sorted(str(item["status"]) for item in items if "status" in item)

    def assert_nothing_leaks(self, proxy: Proxy | None = None) -> None:
        """No upload that is not completed, no place among the connections, no thread, no connection."""
        open_uploads = [
            upload["Key"]
            for bucket in ("lake", "inbox")
            for upload in self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        ]
        assert open_uploads == []
        items = boto3.resource("dynamodb").Table("ledger").scan(ConsistentRead=True)["Items"]
        for item in items:
            if item["feed_id"] == CONNECTIONS:
                assert item["connected"] == item["waiting"] == {}
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("part")] == []
        deadline = time.monotonic() + 10
        while proxy is not None and proxy.open and time.monotonic() < deadline:
            time.sleep(0.01)
        assert proxy is None or proxy.open == 0
