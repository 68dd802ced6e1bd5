"""The ledger: one item for each file version, written conditionally, so that a file has one owner at a time.

A run owns a file while its execution is RUNNING. Every stage's write is conditional on the owner, so that
a Lambda of a dead run, still at work after another run took over, changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from lakeferry.aws.items import plain
from lakeferry.aws.side_by_side import side_by_side
from lakeferry.aws.tables import batch_get, is_condition, pages, stream_items, update, update_arguments, utc_now
from lakeferry.errors import ClaimLostError
from lakeferry.ledger.addresses import Addresses
from lakeferry.ledger.asides import Asides
from lakeferry.ledger.datasets import Datasets
from lakeferry.ledger.deliveries import Deliveries
from lakeferry.ledger.feed_states import FEED_ITEM, FeedStates
from lakeferry.ledger.mutes import Mutes
from lakeferry.ledger.outbox import tell
from lakeferry.ledger.redo import anew, as_before
from lakeferry.ledger.retired import CURATED_DELETED_AT, RAW_DELETED_AT
from lakeferry.ledger.versions import FIRST_LISTED, superseding
from lakeferry.models import FileItem, key_path

if TYPE_CHECKING:
    from boto3.dynamodb.conditions import ConditionBase
    from mypy_boto3_dynamodb.service_resource import Table

Entry = Mapping[str, Any]
"""One ledger item as plain JSON."""

IN_WORK = frozenset({"CLAIMED", "FETCHED", "VALIDATED"})
LANDED = frozenset({"UPLOADED", "CURATED"})
FINISHED = LANDED | {"DUPLICATE"}
"""The lake has its bytes, as this version or as another; what the feed wants to be done on the server may be left."""
ENDED = frozenset({"SUPERSEDED"})
"""Newer bytes are in the lake: nothing is left to be done, on the server neither."""
CONNECTIONS = "!connections"
"""Partition key of the items that are no files: who is connected to which server."""
UNFINISHED = "unfinished"
"""Attribute, and sparse index with it as sort key: files that are claimed (`claimed#<time>`) or failed
(`failed#<run id>#<time>`)."""
PENDING = "raw"
"""Partition key of the sparse index that is the Glue job's work list."""
ASIDE = "aside"
"""Partition key of the same index for files that are set aside: no job is started for them."""

DROPPED_AT = "dropped_at"
"""Attribute of a landed file that people took off the Glue job's work list for good: it owes no run a curated row."""
LEFT_AT = "left_at"
"""Attribute of a file in work whose run has no time left for it: any run may claim it, though that one still runs."""
LEFT_RUNS = "left_runs"
"""How many runs in a row left it so."""
_OF_CLAIMS = ("file_id", "run", "status", "after_due", "bytes_fetched", "validated_at", LEFT_AT, LEFT_RUNS)
_OF_FAILURES = ("error", "cause", "stage", "retryable", "failed_at", "failed_run")
_FAILED_CHECK, _CONFLICT = "ConditionalCheckFailed", "TransactionConflict"
"""Why DynamoDB cancels a transaction: what is there is not what was read, or is being written just now."""
CLAIMED_AT_ONCE = 100
"""Files that one transaction claims (Amazon DynamoDB API Reference, "TransactWriteItems")."""


class Ledger:
    """Reads and conditional writes of one ledger table.

    Attributes:
        feeds: What it keeps of feeds as a whole.
        asides: And of those for which something could not be done.
        mutes: And for how long nobody is to hear of one's outage.
        datasets: Who may write to which.
        addresses: Which may get mails of which tenants.
        table: What all of it is in.
        deliveries: Which chat channels have had a message.
    """

    def __init__(self, table: "Table", shared: "Table | None" = None) -> None:
        """
        Args:
            shared: The same table as whoever may use the keys that are no feed's, where `table` is one tenant's alone.
        """
        shared = shared or table
        self.table = self._table = table
        self.feeds = FeedStates(table, shared)
        self.asides = Asides(shared)
        self.mutes = Mutes(table)
        self.datasets = Datasets(shared)
        self.addresses = Addresses(shared)
        self.deliveries = Deliveries(shared)

    # -- reading

    def get(self, feed_id: str, file_id: str) -> Entry | None:
        """One item, strongly consistent."""
        item = self._table.get_item(Key={"feed_id": feed_id, "file_id": file_id}, ConsistentRead=True).get("Item")
        return None if item is None else plain(item)

    def owned(self, item: FileItem) -> Entry:
        """The item of a file this run holds the claim of.

        Raises:
            ClaimLostError: another run holds it, or nobody claimed it.
        """
        entry = self.get(item.feed_id, item.file_id)
        if entry is None or entry.get("run") != item.run:
            raise _lost(item)
        return entry

    def entries(self, feed_id: str, file_ids: Sequence[str]) -> dict[str, Entry]:
        """The whole items of those file versions that the ledger has, strongly consistent."""
        keys = [(feed_id, file_id) for file_id in file_ids]
        return {entry["file_id"]: entry for entry in batch_get(self._table, keys)}

    def known(self, feed_id: str, file_ids: Sequence[str]) -> dict[str, Entry]:
        """What `claim` has to know of these file versions; cost grows with the versions asked for, not with history."""
        keys = [(feed_id, file_id) for file_id in file_ids]
        return {entry["file_id"]: entry for entry in batch_get(self._table, keys, _OF_CLAIMS)}

    def of_run(self, run: str, attributes: Sequence[str] = (), tenant: str = "") -> Iterator[Entry]:
        """Every file a run claimed, by `file_id`, read consistently (the index only tells which) as they are asked for.

        A run may have more files than a function has memory for: keep what you need of each, not the items.

        Args:
            attributes: These and the key's alone; empty for the whole items, which may have 400 KB.
            tenant: Of this one alone: no item of another is read.
        """
        found = self._of_index("by_run", "run", run, attributes, tenant)
        return (entry for entry in found if entry["file_id"] != FEED_ITEM)

    def of_partition(self, partition: str, attributes: Sequence[str] = ()) -> Iterator[Entry]:
        """Every landed file of one raw partition, `tenant/feed/dt`, in the same way."""
        return self._of_index("by_partition", "partition", partition, attributes)

    def pending_partitions(self) -> list[str]:
        """Raw partitions with files that are UPLOADED and not yet CURATED: the Glue job's work list."""
        keys = self._query_index("pending", "pending", PENDING)
        found = {key["partition"] for key in keys}
        return sorted(str(partition) for partition in found)

    def pending_count(self, waiting: str = PENDING) -> int:
        """How many files wait for the Glue job, or were set aside (`ASIDE`)."""
        arguments: dict[str, Any] = {"IndexName": "pending", "Select": "COUNT"}
        arguments["KeyConditionExpression"], count = Key("pending").eq(waiting), 0
        while True:
            page = self._table.query(**arguments)
            count += page["Count"]
            if "LastEvaluatedKey" not in page:
                return count
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def pending_schemas(self) -> dict[str, set[str]]:
        """Schema fingerprints of the files that are the Glue job's work, by feed."""
        keys = map(_key_of, self._query_index("pending", "pending", PENDING))
        found: dict[str, set[str]] = {}
        for entry in stream_items(self._table, keys, ("schema_fingerprint",)):
            found.setdefault(entry["feed_id"], set()).add(entry.get("schema_fingerprint", ""))
        return found

    def versions(self, feed_id: str, path: str) -> list[Entry]:
        """Every version of one remote path."""
        found = self.query(Key("feed_id").eq(feed_id) & Key("file_id").begins_with(f"{key_path(path)}#"))
        return [entry for entry in found if entry["path"] == path]

    def query(self, condition: "ConditionBase") -> list[Entry]:
        """Whole items a key condition finds, read consistently."""
        return list(pages(self._table.query, KeyConditionExpression=condition, ConsistentRead=True))

    def of_unfinished(self, condition: "ConditionBase", attributes: Sequence[str] = ()) -> Iterator[Entry]:
        """What a condition on the index `unfinished` finds, read as `of_run` does."""
        keys = map(_key_of, pages(self._table.query, IndexName=UNFINISHED, KeyConditionExpression=condition))
        entries = stream_items(self._table, keys, (*attributes, UNFINISHED) if attributes else ())
        return (entry for entry in entries if UNFINISHED in entry)

    # -- claiming

    def is_done_with(self, entry: Entry) -> bool:
        """Whether no poll will ever take the file version again, unless somebody changes the ledger by hand."""
        status = entry["status"]
        return status == "FAILED" or status in ENDED or (status in FINISHED and not entry.get("after_due"))

    def is_free(self, entry: Entry | None, run: str, is_running: Callable[[str], bool]) -> bool:
        """Whether a poll of `run` may take the file version; one that FAILED comes back by `reprocess` only.

        Args:
            entry: What the ledger has of it.
            is_running: Tells whether the execution of that ARN is still RUNNING.
        """
        if entry is None:
            return True
        status = entry["status"]
        if status == "RELEASED":
            return True
        if status in IN_WORK or (status in FINISHED and entry.get("after_due")):
            return entry["run"] == run or not is_held(entry, is_running)
        return False

    def claim(self, item: FileItem, *, dt: str, entry: Entry | None, source: str | None = None) -> bool:
        """Claims a free file version; False when another run was quicker.

        The status of one that was in work is kept, so that its stages go on where they stopped; one that
        failed goes back to the last stage that ended well.

        Args:
            dt: Business date, `YYYY-MM-DD`.
            entry: What `known` told, on which the claim is conditional.
            source: For a whole `entry` of a file to take anew: from the `inbox`, or from the `server`.
        """
        arguments = self._claim_arguments(item, dt, entry, source)
        if arguments is None:
            return True
        try:
            self._table.meta.client.update_item(**arguments)
        except ClientError as error:
            if is_condition(error):
                return False
            raise
        return True

    def claim_all(self, found: Sequence[tuple[FileItem, str, Entry | None]]) -> list[bool]:
        """Claims many, as few calls as it takes; where another run was quicker with one, each goes on its own.

        Args:
            found: Each with its business date and entry, as `claim` takes them.
        """
        if len(found) == 1:
            return [self.claim(item, dt=dt, entry=entry) for item, dt, entry in found]
        arguments = [self._claim_arguments(item, dt, entry, None) for item, dt, entry in found]
        updates = [{"Update": update} for update in arguments if update is not None]
        try:
            if updates:
                # a repeated call counts once: botocore gives each its own token
                self._table.meta.client.transact_write_items(TransactItems=updates)  # type: ignore[arg-type]
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            return side_by_side(lambda one: self.claim(one[0], dt=one[1], entry=one[2]), found)
        return [True] * len(found)

    def _claim_arguments(
        self, item: FileItem, dt: str, entry: Entry | None, source: str | None
    ) -> dict[str, Any] | None:
        """None for one that is the run's already."""
        if entry is not None and entry["status"] in IN_WORK and entry["run"] == item.run:
            return None
        expected: dict[str, Any] = {}
        now = utc_now()
        values: dict[str, Any] = {"run": item.run, "claimed_at": now, "status": _resume_status(entry)}
        if values["status"] not in LANDED:  # those are claimed for what is to be done on the server only
            values[UNFINISHED] = f"claimed#{now}"
        remove = [*_OF_FAILURES, LEFT_AT]
        if entry is None:
            values |= {"path": item.path, "size": item.size, "mtime": item.mtime, "dt": dt, FIRST_LISTED: now}
            condition = "attribute_not_exists(file_id)"
        else:
            condition = "#run = :old_run AND #status = :old_status"
            expected = {":old_run": entry["run"], ":old_status": entry["status"]}
            if source is not None:
                again, dropped = anew(entry, source, is_in_lake=entry["status"] in LANDED)
                values |= {**again, UNFINISHED: f"claimed#{now}"}
                remove += dropped
        return update_arguments(
            self._table,
            (item.feed_id, item.file_id),
            values,
            add={"attempts": 1},
            remove=remove,
            condition=condition,
            names={"#run": "run", "#status": "status"},
            expected=expected,
        )

    def advance(self, item: FileItem, *, was: str | None = None, remove: Sequence[str] = (), **values: Any) -> None:  # noqa: ANN401
        """Writes attributes of a file this run owns.

        Args:
            was: Its status as it was read. A call of the same run that is further along has written by then what is
                written here, or something newer: then nothing is.

        Raises:
            ClaimLostError: another run owns it by now; nothing was written.
        """
        arguments = update_arguments(
            self._table, (item.feed_id, item.file_id), values, remove=remove, **_owned_by(item.run, was)
        )
        try:
            self._table.meta.client.update_item(**arguments)
        except ClientError as error:
            if not is_condition(error):
                raise
            self._check_owner(item, was, error)

    def leave(self, item: FileItem, *, is_attempt: bool) -> bool:
        """Gives up the claim of a file in work for which the run has no time left; what there is of it stays.

        Args:
            is_attempt: Whether it was begun and nothing came of it; else the claim does not count as one.

        Returns:
            False where it is in work no more: it has landed.

        Raises:
            ClaimLostError: another run owns it by now.
        """
        arguments = update_arguments(
            self._table,
            (item.feed_id, item.file_id),
            {LEFT_AT: utc_now()},
            add={LEFT_RUNS: 1, "attempts": 0 if is_attempt else -1},
            condition="#run = :owner AND attribute_not_exists(#left) AND #status IN (:claimed, :fetched, :validated)",
            names={"#run": "run", "#left": LEFT_AT, "#status": "status"},
            expected={":owner": item.run, ":claimed": "CLAIMED", ":fetched": "FETCHED", ":validated": "VALIDATED"},
        )
        try:
            self._table.meta.client.update_item(**arguments)
        except ClientError as error:
            if not is_condition(error):
                raise
            return LEFT_AT in self._check_owner(item, "", error)
        return True

    def land(
        self, item: FileItem, values: Mapping[str, Any], *, superseded: Sequence[Entry], was: str | None = None
    ) -> bool:
        """Makes a file UPLOADED and pending, and the versions it replaces SUPERSEDED, in one transaction.

        Args:
            superseded: As they were read. Nothing is written where one of them is another by now.
            was: Its status as it was read.

        Returns:
            False where nothing was written for that reason: look at the versions again.

        Raises:
            ClaimLostError: another run owns it by now, or it was given up; nothing was written.
        """
        now = utc_now()
        updates = [
            update_arguments(
                self._table,
                (item.feed_id, item.file_id),
                {**values, "status": "UPLOADED", "pending": PENDING, "uploaded_at": now, **tell("file_landed", now)},
                remove=(UNFINISHED, "landed", LEFT_RUNS, DROPPED_AT, RAW_DELETED_AT, CURATED_DELETED_AT),
                **_owned_by(item.run, was),
            )
        ]
        updates += [superseding(self._table, other, item.file_id) for other in superseded]
        # the resource's own client turns Python values into DynamoDB's types
        client = self._table.meta.client
        try:
            if superseded:
                client.transact_write_items(TransactItems=[{"Update": update} for update in updates])  # type: ignore[typeddict-item]
            else:
                client.update_item(**updates[0])
        except ClientError as error:
            own, *others = [reason.get("Code") for reason in error.response.get("CancellationReasons") or [{}]]
            if not is_condition(error) and own != _FAILED_CHECK:
                if _CONFLICT in {own, *others} or _FAILED_CHECK in others:
                    return False
                raise
            entry = self._check_owner(item, was, error)
            if entry["status"] not in LANDED:
                raise _lost(item) from error
        return True

    def give_way(self, item: FileItem, newer: Entry, *, was: str, remove: Sequence[str]) -> bool:
        """Makes a file SUPERSEDED by a newer version, if that is still what it was; False: look again.

        Raises:
            ClaimLostError: another run owns the file by now.
        """
        own: Any = update_arguments(
            self._table,
            (item.feed_id, item.file_id),
            {"status": "SUPERSEDED", "superseded_by": newer["file_id"]},
            remove=remove,
            **_owned_by(item.run, was),
        )
        check: Any = {
            "TableName": self._table.name,
            "Key": {"feed_id": newer["feed_id"], "file_id": newer["file_id"]},
            "ConditionExpression": "#status = :seen",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":seen": newer["status"]},
        }
        try:
            self._table.meta.client.transact_write_items(TransactItems=[{"Update": own}, {"ConditionCheck": check}])
        except ClientError as error:
            mine, *others = [reason.get("Code") for reason in error.response.get("CancellationReasons") or [{}]]
            if mine == _FAILED_CHECK:
                self._check_owner(item, was, error)
                return True
            if _CONFLICT in {mine, *others} or _FAILED_CHECK in others:
                return False
            raise
        return True

    def make_pending(self, entry: Entry) -> bool:
        """Gives a curated file to the Glue job once more; False where it is not CURATED, or retired from raw."""
        try:
            update(
                self._table,
                (entry["feed_id"], entry["file_id"]),
                {"pending": PENDING},
                condition="#status = :curated AND attribute_not_exists(#retired)",
                names={"#status": "status", "#retired": RAW_DELETED_AT},
                expected={":curated": "CURATED"},
            )
        except ClientError as error:
            if is_condition(error):
                return False
            raise
        return True

    def go_back(self, feed_id: str, file_id: str) -> bool:
        """Of a file that is in the lake and could not be taken once more: it is again what it was before.

        False where it is no such file (any more).
        """
        entry = self.get(feed_id, file_id)
        if entry is None or entry["status"] != "FAILED" or "landed" not in entry:
            return False
        values, remove = as_before(entry)
        try:
            update(
                self._table,
                (feed_id, file_id),
                values,
                remove=(*remove, *_OF_FAILURES, UNFINISHED, LEFT_AT, LEFT_RUNS),
                condition="#run = :run AND #status = :failed",
                names={"#run": "run", "#status": "status"},
                expected={":run": entry["run"], ":failed": "FAILED"},
            )
        except ClientError as error:
            if is_condition(error):
                return False
            raise
        return True

    def set_aside(self, feed_id: str, file_id: str, uploaded_at: str | None) -> None:
        """Takes a file off the Glue job's work list that fails by its feed's fault; one landed anew stays on it.

        Args:
            uploaded_at: When what failed was landed; None where its item does not say.
        """
        self._move(feed_id, file_id, PENDING, ASIDE, uploaded_at)

    def files_aside(self, feed_id: str) -> list[tuple[str, str]]:
        """Keys of a feed's files that are set aside."""
        condition = Key("pending").eq(ASIDE) & Key("partition").begins_with(f"{feed_id}/")
        return [_key_of(key) for key in pages(self._table.query, IndexName="pending", KeyConditionExpression=condition)]

    def take_up(self, feed_id: str) -> int:
        """Gives a feed's files that were set aside to the Glue job once more; tells how many there were."""
        keys = self.files_aside(feed_id)
        side_by_side(lambda key: self._move(*key, ASIDE, PENDING), keys)
        return len(keys)

    # -- the work

    def _move(self, feed_id: str, file_id: str, before: str, after: str, uploaded_at: str | None = None) -> None:
        names, expected = {"#pending": "pending"}, {":before": before}
        condition = "#pending = :before"
        if uploaded_at is not None:
            condition += " AND #uploaded_at = :seen"
            names["#uploaded_at"], expected[":seen"] = "uploaded_at", uploaded_at
        try:
            update(
                self._table,
                (feed_id, file_id),
                {"pending": after},
                condition=condition,
                names=names,
                expected=expected,
            )
        except ClientError as error:
            if not is_condition(error):
                raise

    def _check_owner(self, item: FileItem, was: str | None, error: ClientError) -> Entry:
        """After a write whose condition did not hold: what is there, if it is the run's and only further along.

        Raises:
            ClaimLostError: it is another run's.
        """
        entry = self.get(item.feed_id, item.file_id)
        if was is None or entry is None or entry.get("run") != item.run:
            raise _lost(item) from error
        return entry

    def _query_index(self, index: str, key: str, value: str) -> Iterator[dict[str, Any]]:
        yield from pages(self._table.query, IndexName=index, KeyConditionExpression=Key(key).eq(value))

    def _of_index(
        self, index: str, key: str, value: str, attributes: Sequence[str], tenant: str = ""
    ) -> Iterator[Entry]:
        keys = map(_key_of, self._query_index(index, key, value))
        if tenant:
            keys = (one for one in keys if one[0].startswith(f"{tenant}/"))  # type: ignore[assignment]
        entries = stream_items(self._table, keys, (*attributes, key) if attributes else ())
        return (entry for entry in entries if entry.get(key) == value)


def is_held(entry: Entry, is_running: Callable[[str], bool]) -> bool:
    """Whether the run that claimed a file is at work on it still."""
    return LEFT_AT not in entry and is_running(entry["run"])


def _owned_by(run: str, was: str | None) -> dict[str, Any]:
    """The condition that a file is still the run's and, where `was` says so, still in that status."""
    if was is None:
        return {"condition": "#run = :owner", "names": {"#run": "run"}, "expected": {":owner": run}}
    return {
        "condition": "#run = :owner AND #status = :was",
        "names": {"#run": "run", "#status": "status"},
        "expected": {":owner": run, ":was": was},
    }


def _key_of(item: Entry) -> tuple[str, str]:
    return str(item["feed_id"]), str(item["file_id"])


def _resume_status(entry: Entry | None) -> str:
    """The last stage that ended well; a FAILED entry's own status does not tell."""
    if entry is None or entry["status"] == "RELEASED":
        return "CLAIMED"
    if entry["status"] != "FAILED":
        return str(entry["status"])
    if "validated_at" in entry:
        return "VALIDATED"
    return "FETCHED" if "bytes_fetched" in entry else "CLAIMED"


def _lost(item: FileItem) -> ClaimLostError:
    return ClaimLostError(
        f"{item.path} of feed {item.feed_id} is not claimed by run {item.run} (any more): its owner goes on with it."
    )
