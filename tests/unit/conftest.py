"""The stack's tables and buckets, and a server that is a folder."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import boto3
import pytest

from lakeferry.errors import FileChangedError
from lakeferry.ledger import Ledger
from lakeferry.models import RemoteFile
from lakeferry.servers import Sink, every_name, none_known
from lakeferry.servers.checksums import Checksum
from lakeferry.servers.listed import Listed
from lakeferry.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

    from tests.unit.pipeline import Pipeline
    from tests.unit.sla_world import Fault, World

ACCOUNT = "123456789012"
SETTINGS = Settings(
    ledger_table="ledger",
    feeds_table="feeds",
    lake_bucket="lake",
    inbox_bucket="inbox",
    work_bucket="work",
    part_bytes=5 * 1024 * 1024,
    max_attempts=3,
)


class FolderServer:
    """A `Server` over a local folder, so that a test can change a file between two calls.

    The contract suite runs the real servers; this one is for the stages' own decisions.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reads: list[int] = []
        self.lists_minutes = False
        self.asked: list[str] = []
        self.unread: list[str] = []
        self.listed = Listed()
        self.limit: int | None = None
        self.checksums: list[Checksum | None] = []
        self.closed = 0

    def __enter__(self) -> Self:
        self.listed = Listed(len(self.unread), unread=len(self.unread))  # of this connection
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed += 1

    def abort(self) -> None:
        self.closed += 1

    def _local(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def list_files(
        self,
        directory: str,
        *,
        recursive: bool = False,
        wanted: Callable[[str], bool] = every_name,
        is_known: Callable[[RemoteFile], bool] = none_known,
    ) -> Iterator[RemoteFile]:
        for found in sorted(self._local(directory).iterdir()):
            self.listed.entries += 1
            if found.is_dir():
                self.listed.others += 1
                continue
            if not wanted(found.name):
                self.listed.unwanted += 1
                continue
            remote = self.stat(f"{directory.rstrip('/')}/{found.name}")
            if self.lists_minutes:
                coarse = remote.mtime // 60 * 60
                if is_known(RemoteFile(remote.path, remote.size, coarse, coarse)):
                    continue
                self.asked.append(found.name)
                remote = RemoteFile(remote.path, remote.size, remote.mtime, coarse)
            yield remote

    def stat(self, path: str) -> RemoteFile:
        try:
            found = self._local(path).stat()
        except FileNotFoundError as error:
            raise FileChangedError(f"{path} is gone") from error
        return RemoteFile(path, found.st_size, int(found.st_mtime))

    def read(self, path: str, offset: int, sink: Sink, size: int | None = None) -> int:
        """Hands on 1 MiB pieces; at most `limit` bytes, as a connection that is cut does."""
        if not self._local(path).exists():
            raise FileChangedError(f"{path} is gone")
        self.reads.append(offset)
        sent = 0
        with self._local(path).open("rb") as file:
            file.seek(offset)
            while data := file.read(1024 * 1024 if self.limit is None else min(1024 * 1024, self.limit - sent)):
                sent += len(data)
                if not sink(memoryview(data)):
                    break
        return sent

    def checksum(self, path: str, seconds: float) -> Checksum | None:
        return self.checksums.pop(0) if self.checksums else None

    def move(self, path: str, target: str) -> None:
        self._local(target).parent.mkdir(parents=True, exist_ok=True)
        self._local(path).rename(self._local(target))

    def delete(self, path: str) -> None:
        if not self._local(path).exists():
            raise FileChangedError(f"{path} is gone")
        self._local(path).unlink()


@pytest.fixture
def server(tmp_path: Path) -> FolderServer:
    (tmp_path / "outgoing").mkdir()
    return FolderServer(tmp_path)


@pytest.fixture
def s3(aws: None) -> "S3Client":
    return new_buckets()


def new_buckets() -> "S3Client":
    """The stack's, empty."""
    from moto.s3.models import s3_backends

    for bucket in ("lake", "inbox", "work"):
        s3_backends[ACCOUNT]["aws"].create_bucket(bucket, "eu-west-1")
    return boto3.client("s3")


@pytest.fixture
def feeds_table(aws: None) -> "Table":
    return new_feeds_table()


def new_feeds_table() -> "Table":
    """Without a feed."""
    return new_table("feeds", "tenant", "feed")


@pytest.fixture
def sla_table(aws: None) -> "Table":
    indexes = {"open": ("open", "due", "ALL"), "outbox": ("outbox", "due", "KEYS_ONLY")}
    return new_table("sla", "feed_id", "due", indexes)


@pytest.fixture
def ledger(aws: None) -> Ledger:
    return new_ledger()


def new_ledger() -> Ledger:
    """Without an item."""
    indexes = {
        "by_run": ("run", "file_id", "KEYS_ONLY"),
        "by_partition": ("partition", "file_id", "KEYS_ONLY"),
        "pending": ("pending", "partition", "KEYS_ONLY"),
        "unfinished": ("feed_id", "unfinished", "KEYS_ONLY"),
        "outbox": ("outbox", "feed_id", "KEYS_ONLY"),
    }
    return Ledger(new_table("ledger", "feed_id", "file_id", indexes))


def new_table(name: str, key: str, sort: str, indexes: Mapping[str, tuple[str, str, str]] = {}) -> "Table":
    """Of texts, as moto makes it of a call (tests/unit/test_kept_clients.py): the call costs ten times as much."""
    from moto.dynamodb.models import dynamodb_backends

    attributes = {key, sort} | {name for one in indexes.values() for name in one[:2]}
    dynamodb_backends[ACCOUNT]["eu-west-1"].create_table(
        name,
        schema=_schema(key, sort),
        attr=[{"AttributeName": name, "AttributeType": "S"} for name in sorted(attributes)],
        global_indexes=[
            {"IndexName": name, "KeySchema": _schema(*keys), "Projection": {"ProjectionType": kind}}
            for name, (*keys, kind) in indexes.items()
        ],
        billing_mode="PAY_PER_REQUEST",
        **dict.fromkeys(("throughput", "indexes", "streams", "sse_specification", "warm_throughput")),
        deletion_protection_enabled=False,
        tags=[],
    )
    return boto3.resource("dynamodb").Table(name)


def _schema(key: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": key, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


@pytest.fixture
def pipeline(server: FolderServer, ledger: Ledger, s3: "S3Client") -> "Pipeline":
    from tests.unit.pipeline import Pipeline

    return Pipeline(server, ledger, s3)


@pytest.fixture
def world(feeds_table: "Table", ledger: Ledger, sla_table: "Table") -> "World":
    """One feed with an SLA, looked at a quarter of an hour before it is due."""
    from tests.unit.sla_world import World, minutes

    world = World(feeds_table, ledger, boto3.resource("dynamodb").Table("ledger"), sla_table)
    world.put()
    world.check(minutes(-15))
    return world


@pytest.fixture
def fault(world: "World") -> Iterator[Callable[[str, "Fault"], None]]:
    """Installs a fault in an operation of SNS, or of the SLA table's DynamoDB."""
    installed: list[tuple[Any, str, Fault]] = []

    def install(event: str, fault: "Fault") -> None:
        for client in (world.sns, world.sla_table.meta.client):
            client.meta.events.register_first(f"before-send.{event}", fault)
            installed.append((client, event, fault))

    yield install
    for client, event, fault in installed:
        client.meta.events.unregister(f"before-send.{event}", fault)
