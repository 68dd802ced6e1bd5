"""The job's work list: raw partitions with files that are not curated yet, and what the ledger knows of their files."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from lakeferry.aws.tables import is_condition, utc_now
from lakeferry.ledger import LANDED, Entry, Ledger
from lakeferry.ledger.files import PENDING
from lakeferry.ledger.outbox import TELL
from lakeferry.ledger.outputs import raw_keys_of
from lakeferry.ledger.retired import RAW_DELETED_AT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

JOB, FUNCTION = "Run Glue job", "Curate small"
"""States of the machine that curate: the ledger has the one that did."""
_WRITERS = 8
_AGAIN = "Backfill the whole day with --source server if the partner still has its files, or drop what came late"
_TYPES: Mapping[str, type[Any]] = {"path": str, "columns": list, "rows_landed": int, "uploaded_at": str}
"""What a landed file's ledger item tells, besides its keys and objects."""


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One raw partition, which is one curated partition: the unit that is rebuilt, fails and is published alone."""

    tenant: str
    feed: str
    dt: str

    def __str__(self) -> str:
        return f"{self.tenant}/{self.feed} dt={self.dt}"

    @property
    def ledger_key(self) -> str:
        return f"{self.tenant}/{self.feed}/{self.dt}"

    @property
    def values(self) -> list[str]:
        """The partition's values in the catalog, in the order of its keys."""
        return [self.tenant, self.feed, self.dt]

    @classmethod
    def parse(cls, ledger_key: str) -> Self:
        tenant, feed, dt = ledger_key.split("/", 2)
        return cls(tenant, feed, dt)


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One landed file as the ledger has it.

    Attributes:
        raw_keys: Objects in the raw zone, more than one where an archive was unpacked.
        columns: Header names in the file's own order.
        rows_landed: Data rows of all its raw objects.
        checked_as: Fingerprint of the checks that each of these rows has passed; empty where that is not known.
        uploaded_at: ISO 8601 UTC; also tells whether the file was delivered again since it was read.
        was_curated: People read its rows, or those of a version that it replaces.
        lacks: Why it cannot be read: what its ledger item should tell and does not. Empty for all others.
    """

    feed_id: str
    file_id: str
    path: str
    raw_keys: tuple[str, ...]
    columns: tuple[str, ...]
    rows_landed: int
    uploaded_at: str
    checked_as: str = ""
    was_curated: bool = False
    lacks: str = ""

    @classmethod
    def from_entry(cls, entry: Entry, read: Callable[[str], bytes]) -> Self:
        """Reads a ledger item; one that lacks something is that file's trouble, and no other's of the day.

        Args:
            read: Reads an object of the lake bucket: the list of an archive's many members.
        """
        raw_keys, lacks = _objects(entry, read)
        if RAW_DELETED_AT in entry:
            lacks = f"its raw objects were deleted by retention on {str(entry[RAW_DELETED_AT])[:10]}"
        told: dict[str, Any] = {name: entry.get(name) for name in _TYPES}
        if missing := [name for name, kind in _TYPES.items() if not isinstance(told[name], kind)]:
            lacks = f"its ledger item does not tell its {', '.join(missing)}"
            told |= {name: _TYPES[name]() for name in missing}
        return cls(
            feed_id=entry["feed_id"],
            file_id=entry["file_id"],
            path=told["path"] or entry["file_id"],
            raw_keys=raw_keys,
            columns=tuple(told["columns"]),
            rows_landed=told["rows_landed"],
            uploaded_at=told["uploaded_at"],
            checked_as=entry.get("checked_as", ""),
            was_curated="curated_at" in entry,
            lacks=f"{lacks}. {_AGAIN if RAW_DELETED_AT in entry else 'Reprocess the file'}" if lacks else "",
        )


def _objects(entry: Entry, read: Callable[[str], bytes]) -> tuple[tuple[str, ...], str]:
    """A file's raw objects, and why they are not known."""
    try:
        keys = raw_keys_of(entry, read)
    except (LookupError, TypeError, ValueError, FileNotFoundError) as error:
        return (), f"its ledger item does not tell its objects ({type(error).__name__})"
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return (), "the object that lists its members is gone"
    return keys, "" if keys else "its ledger item names no object"


@dataclass(frozen=True, slots=True)
class FileCounts:
    """What became of one file's rows.

    Attributes:
        dropped: Rows by the name of the rule that dropped them.
    """

    file: LandedFile
    curated: int
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """Rows that were read of the file."""
        return self.curated + sum(self.dropped.values())


def pending(ledger: Ledger) -> list[Partition]:
    """The partitions that need to be rebuilt."""
    return [Partition.parse(key) for key in ledger.pending_partitions()]


def landed_files(ledger: Ledger, partition: Partition, read: Callable[[str], bytes]) -> list[LandedFile]:
    """Every file of a partition, curated before or not: a partition is rebuilt from all of them."""
    found, replaced = [], set()
    for entry in ledger.of_partition(partition.ledger_key):
        status = entry.get("status")
        if "curated_at" in entry and status not in LANDED:
            replaced.add(entry.get("path"))
        if status in LANDED:
            found.append(LandedFile.from_entry(entry, read))
        elif "landed" in entry:
            # taken once more, or tried to be: until that lands, what is in the raw zone is as it was
            found.append(LandedFile.from_entry({**entry, "checked_as": "", **entry["landed"]}, read))
    return [replace(file, was_curated=file.was_curated or file.path in replaced) for file in found]


def mark_curated(table: "Table", run: str, counts: Iterable[FileCounts], engine: str, state: str = JOB) -> int:
    """Makes files CURATED and takes them off the work list.

    A file that was delivered again or replaced meanwhile is left alone: what was curated is not what is there now.

    Args:
        engine: Who has built the partition.
        state: In which state of the machine.

    Returns:
        How many were marked.
    """
    with ThreadPoolExecutor(max_workers=_WRITERS) as pool:
        return sum(pool.map(lambda item: _mark(table, run, item, engine, state), counts))


def mark_pending(table: "Table", counts: Iterable[FileCounts]) -> None:
    """Puts files on the work list again; those that are not as they were read any more are there, or gone."""
    for item in counts:
        try:
            table.update_item(
                Key={"feed_id": item.file.feed_id, "file_id": item.file.file_id},
                UpdateExpression="SET pending = :raw",
                ConditionExpression="#status IN (:uploaded, :curated) AND uploaded_at = :seen",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={
                    ":curated": "CURATED",
                    ":uploaded": "UPLOADED",
                    ":raw": PENDING,
                    ":seen": item.file.uploaded_at,
                },
            )
        except ClientError as error:
            if not is_condition(error):
                raise


def _mark(table: "Table", run: str, counts: FileCounts, engine: str, state: str) -> bool:
    now = utc_now()
    try:
        table.update_item(
            Key={"feed_id": counts.file.feed_id, "file_id": counts.file.file_id},
            UpdateExpression=(
                "SET #status = :curated, rows_curated = :rows, rows_dropped = :dropped, curated_run = :run, "
                "curated_by = :engine, curated_in = :state, curated_at = :now, updated_at = :now, "
                "outbox = :tell, tell_partition_curated = :now REMOVE pending, curated_deleted_at"
            ),
            ConditionExpression="#status IN (:uploaded, :curated) AND uploaded_at = :seen",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":curated": "CURATED",
                ":uploaded": "UPLOADED",
                ":rows": counts.curated,
                ":dropped": dict(counts.dropped),
                ":run": run,
                ":engine": engine,
                ":state": state,
                ":now": now,
                ":seen": counts.file.uploaded_at,
                ":tell": TELL,
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True
