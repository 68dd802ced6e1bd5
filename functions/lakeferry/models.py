"""The JSON shapes that pass between states, and what a server lists."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote

MAX_PATH_BYTES = 600
"""Of a path in a ledger key, which is metadata of S3 objects too: they take 2 KB (Amazon S3 User Guide, "Working with
object metadata"), and a byte that is not ASCII is three of them. DynamoDB's sort keys would take 1,024."""


_SURELY_SHORT = MAX_PATH_BYTES // 4
"""Characters, of four bytes at most each: nearly no path needs a closer look."""


def key_path(path: str) -> str:
    """The path as it begins a ledger key: one too long ends in its SHA-256."""
    encoded = path.encode("utf-8", "surrogateescape")
    if len(encoded) <= MAX_PATH_BYTES:
        return path
    return encoded[: MAX_PATH_BYTES - 65].decode("utf-8", "ignore") + "~" + hashlib.sha256(encoded).hexdigest()


def file_id_of(path: str, size: int, mtime: int) -> str:
    """The ledger's sort key, `path#size#mtime`; the path as `key_path` has it."""
    if len(path) > _SURELY_SHORT:
        path = key_path(path)
    return f"{path}#{size}#{mtime}"


# not frozen, which would make one three times as slow: a listing has a hundred thousand
@dataclass(slots=True, unsafe_hash=True)
class RemoteFile:
    """One version of one remote file; nobody changes one.

    Attributes:
        path: Full remote path as text.
        size: Bytes.
        mtime: Modification time as the server tells it, UTC epoch seconds.
        listed_mtime: What a listing showed instead, no more exact than a minute or a day; None where it shows `mtime`.
    """

    path: str
    size: int
    mtime: int
    listed_mtime: int | None = field(default=None, compare=False)

    @property
    def file_id(self) -> str:
        """The ledger's sort key of this version."""
        return file_id_of(self.path, self.size, self.mtime)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class FeedItem:
    """Input of `Poll server`: one feed of one run.

    Attributes:
        run: ARN of the top-level state machine execution.
        files: Ledger keys of exactly the files to take; the server is not asked then. None: what is new there.
        source: Of given files that are in the lake already: `inbox` takes them anew from the bytes as delivered,
            `server` from the server. None leaves those alone.
        time: When the run was due, ISO 8601 UTC; None where nobody says.
        deadline: When the run's feeds end, UTC epoch seconds; None where nobody says.
        polled_at: What the ledger had noted of the feed's last poll as the run began, empty where there was none; None
            where nobody says.
        part: Seconds that the feed may keep its slot as long as others wait for one; None: as long as the run lasts.
        is_last: The last of the list: once it has its slot, nobody waits.
        began: When the feed got its slot, as the state machine adds it; UTC epoch seconds.
        in_batches: Whether the files are dealt into batches: executions that began before there were any want a list
            of files.
    """

    tenant: str
    feed: str
    run: str
    files: tuple[str, ...] | None = None
    source: str | None = None
    time: str | None = None
    deadline: int | None = None
    polled_at: str | None = None
    part: int | None = None
    is_last: bool = False
    began: float | None = None
    in_batches: bool = False

    @property
    def feed_id(self) -> str:
        return f"{self.tenant}/{self.feed}"

    @property
    def part_ends(self) -> int | None:
        """When another that waits for the slot should have it, UTC epoch seconds."""
        return None if self.part is None or self.began is None else int(self.began + self.part)

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        files, began = event.get("files"), event.get("began")
        return cls(
            tenant=event["tenant"],
            feed=event["feed"],
            run=event["run"],
            files=None if files is None else tuple(files),
            source=event.get("source"),
            time=event.get("time"),
            deadline=event.get("deadline"),
            polled_at=event.get("polled_at"),
            part=event.get("part"),
            is_last=bool(event.get("is_last", False)),
            began=None if began is None else datetime.fromisoformat(str(began)).timestamp(),
            in_batches=bool(event.get("in_batches", False)),
        )

    def to_json(self) -> dict[str, Any]:
        """The item as `For each feed` reads it, without what is None or False, or what the machine adds."""
        fields = {name: value for name, value in asdict(self).items() if name not in ("in_batches", "began")}
        return {name: value for name, value in fields.items() if value is not None and value is not False}


@dataclass(frozen=True, slots=True)
class FileItem:
    """One claimed file of one run; `lakeferry.batches` has those that travel together."""

    tenant: str
    feed: str
    run: str
    path: str
    size: int
    mtime: int

    @property
    def feed_id(self) -> str:
        return f"{self.tenant}/{self.feed}"

    @property
    def remote(self) -> RemoteFile:
        return RemoteFile(path=self.path, size=self.size, mtime=self.mtime)

    @property
    def file_id(self) -> str:
        return self.remote.file_id

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        return cls(
            tenant=event["tenant"],
            feed=event["feed"],
            run=event["run"],
            path=event["path"],
            size=int(event["size"]),
            mtime=int(event["mtime"]),
        )

    def to_json(self) -> dict[str, Any]:
        """As executions read it that began before files travelled in batches, with the ledger key."""
        return {**asdict(self), "feed_id": self.feed_id, "file_id": self.file_id}


def run_id_of(run: str) -> str:
    """The execution's name: the last part of its ARN."""
    return run.rsplit(":", 1)[-1]


CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""Where the console is, by partition (template.yaml's mapping `Console`)."""


def link_of(run: str) -> str:
    """Where the console shows the execution of that ARN."""
    console, region = _console(run)
    return f"https://{console}/states/home?region={region}#/v2/executions/details/{run}"


def report_folder(run: str, tenant: str = "") -> str:
    """Where a run's report lies in the lake: known from the ARN alone, so that mails can name it before it is written.

    `operator` is beside the tenants, not among them, so none can be called so.

    Args:
        tenant: Whose part; empty for the operator's, which is the whole.
    """
    return f"reports/{f'tenants/{tenant}' if tenant else 'operator'}/{run_id_of(run)}/"


def report_key(run: str, tenant: str = "") -> str:
    """The report's first page."""
    return f"{report_folder(run, tenant)}index.html"


def report_link(run: str, bucket: str, tenant: str = "") -> str:
    """Where the console shows the report, to who may see the lake's bucket; a presigned address would soon be dead."""
    console, region = _console(run)
    key = quote(report_key(run, tenant), safe="/")
    return f"https://{console}/s3/object/{bucket}?region={region}&prefix={key}"


def _console(run: str) -> tuple[str, str]:
    """The console's host, and the region."""
    _, partition, _, region, *_ = run.split(":")
    return f"{region}.{CONSOLES.get(partition, CONSOLES['aws'])}", region


def stack_of(run: str) -> str:
    """Name of the stack whose state machine ran the execution of that ARN."""
    return run.split(":")[6].removesuffix("-ingest")
