"""The ledger: one item for each file version, written conditionally, so that a file has one owner at a time.

A run owns a file while its execution is RUNNING. Every stage's write is conditional on the owner, so that
a Lambda of a dead run, still at work after another run took over, changes nothing.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from lakeferry.errors import ClaimLostError
from lakeferry.feeds import plain
from lakeferry.models import FileItem, key_path

if TYPE_CHECKING:
    from boto3.dynamodb.conditions import ConditionBase
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import Table

Entry = Mapping[str, Any]
"""One ledger item as plain JSON."""

IN_WORK = frozenset({"CLAIMED", "FETCHED", "VALIDATED"})
LANDED = frozenset({"UPLOADED", "CURATED"})
FINISHED = LANDED | {"DUPLICATE"}
"""The lake has its bytes, as this version or as another; what the feed wants to be done on the server may be left."""
ENDED = frozenset({"SUPERSEDED"})
"""Newer bytes are in the lake: nothing is left to be done, on the server neither."""
FEED_ITEM = "!feed"
"""Sort key of the item that holds a feed's own state; `!` sorts before any path."""
CONNECTIONS = "!connections"
"""Partition key of the items that are no files: who is connected to which server."""
RUNS = "!runs"
"""Partition key of the items that tell which run a scheduled event belongs to; the only ones that expire."""
TICK_SECONDS = 14 * 24 * 3600
"""For so long a scheduled event delivered once more starts no second run's work; EventBridge tries for a day."""
UNFINISHED = "unfinished"
"""Attribute, and sparse index with it as sort key: files that are claimed (`claimed#<time>`) or failed
(`failed#<run id>#<time>`)."""
PENDING = "raw"
"""Partition key of the sparse index that is the Glue job's work list."""

_SCHEMA = "schema_"
"""Attributes of a feed's item: `schema_<fingerprint>`, when files of that schema landed first."""
HISTORY = 50
"""Files a feed's item remembers at least; twice as many at most."""
_OF_CLAIMS = ("file_id", "run", "status", "after_due", "bytes_fetched", "validated_at")
_OF_FAILURES = ("error", "cause", "stage", "retryable", "failed_at", "failed_run")
_OF_VALIDATE = ("outputs", "validated_at")
_LANDED_AS = ("raw_keys", "outputs_key", "columns", "rows_landed", "uploaded_at")
_BATCH = 100
"""Keys a BatchGetItem call takes (Amazon DynamoDB API Reference, "BatchGetItem")."""


def utc_now() -> str:
    """The time as the ledger keeps it: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ledger:
    """Reads and conditional writes of one ledger table."""

    def __init__(self, table: "Table") -> None:
        self._table = table

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

    def known(self, feed_id: str, file_ids: Sequence[str]) -> dict[str, Entry]:
        """What `claim` has to know of these file versions; cost grows with the versions asked for, not with history."""
        keys = [(feed_id, file_id) for file_id in file_ids]
        return {entry["file_id"]: entry for entry in self._batch_get(keys, _OF_CLAIMS)}

    def of_run(self, run: str) -> list[Entry]:
        """Every file a run claimed, read consistently (the index only tells which)."""
        return [entry for entry in self._of_index("by_run", "run", run) if entry["file_id"] != FEED_ITEM]

    def polls_of_run(self, run: str) -> list[Entry]:
        """The feeds' own items where the run's poll left something that a person should hear of."""
        keys = self._query_index("by_run", "run", run, file_id=FEED_ITEM)
        found = self._batch_get([(str(key["feed_id"]), FEED_ITEM) for key in keys])
        return sorted((entry for entry in found if entry.get("run") == run), key=lambda entry: str(entry["feed_id"]))

    def of_partition(self, partition: str) -> list[Entry]:
        """Every landed file of one raw partition, `tenant/feed/dt`."""
        return self._of_index("by_partition", "partition", partition)

    def pending_partitions(self) -> list[str]:
        """Raw partitions with files that are UPLOADED and not yet CURATED: the Glue job's work list."""
        keys = self._query_index("pending", "pending", PENDING)
        found = {key["partition"] for key in keys}
        return sorted(str(partition) for partition in found)

    def pending_schemas(self) -> dict[str, set[str]]:
        """Schema fingerprints of the files that are the Glue job's work, by feed."""
        keys = [(str(key["feed_id"]), str(key["file_id"])) for key in self._query_index("pending", "pending", PENDING)]
        found: dict[str, set[str]] = {}
        for entry in self._batch_get(keys, ("feed_id", "schema_fingerprint")):
            found.setdefault(entry["feed_id"], set()).add(entry.get("schema_fingerprint", ""))
        return found

    def schemas_since(self, feed_id: str, fingerprints: Iterable[str]) -> dict[str, str]:
        """When each of a feed's schemas was asked for first, as `utc_now` writes it; kept in the feed's item."""
        names = {f"#s{at}": _SCHEMA + fingerprint for at, fingerprint in enumerate(sorted(fingerprints))}
        kept = self._table.update_item(
            Key={"feed_id": feed_id, "file_id": FEED_ITEM},
            UpdateExpression="SET " + ", ".join(f"{name} = if_not_exists({name}, :now)" for name in names),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":now": utc_now()},
            ReturnValues="ALL_NEW",
        )["Attributes"]
        return {name.removeprefix(_SCHEMA): str(kept[name]) for name in names.values()}

    def versions(self, feed_id: str, path: str) -> list[Entry]:
        """Every version of one remote path."""
        found = self.query(Key("feed_id").eq(feed_id) & Key("file_id").begins_with(f"{key_path(path)}#"))
        return [entry for entry in found if entry["path"] == path]

    def query(self, condition: "ConditionBase", index: str | None = None) -> list[Entry]:
        """Whole items a key condition finds, read consistently; of an index, its keys are read and then the items."""
        arguments: dict[str, Any] = {"KeyConditionExpression": condition}
        arguments |= {"ConsistentRead": True} if index is None else {"IndexName": index}
        found = self._items(arguments)
        if index is None:
            return [plain(item) for item in found]
        return self._batch_get([(str(item["feed_id"]), str(item["file_id"])) for item in found])

    def feed_state(self, feed_id: str) -> Entry:
        """What is kept of a feed as a whole; empty for one never polled."""
        return self.get(feed_id, FEED_ITEM) or {}

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
            return entry["run"] == run or not is_running(entry["run"])
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
        if entry is not None and entry["status"] in IN_WORK and entry["run"] == item.run:
            return True
        expected: dict[str, Any] = {}
        now = utc_now()
        values: dict[str, Any] = {"run": item.run, "claimed_at": now, "status": _resume_status(entry)}
        if values["status"] not in LANDED:  # those are claimed for what is to be done on the server only
            values[UNFINISHED] = f"claimed#{now}"
        remove = list(_OF_FAILURES)
        if entry is None:
            values |= {"path": item.path, "size": item.size, "mtime": item.mtime, "dt": dt}
            condition = "attribute_not_exists(file_id)"
        else:
            condition = "#run = :old_run AND #status = :old_status"
            expected = {":old_run": entry["run"], ":old_status": entry["status"]}
            if source is not None:
                again, dropped = _anew(entry, source)
                values |= {**again, UNFINISHED: f"claimed#{now}"}
                remove += dropped
        try:
            self._update(
                (item.feed_id, item.file_id),
                values,
                add={"attempts": 1},
                remove=remove,
                condition=condition,
                names={"#run": "run", "#status": "status"},
                expected=expected,
            )
        except ClientError as error:
            if _is_condition(error):
                return False
            raise
        return True

    def advance(self, item: FileItem, *, remove: Sequence[str] = (), **values: Any) -> None:  # noqa: ANN401
        """Writes attributes of a file this run owns.

        Raises:
            ClaimLostError: another run owns it by now; nothing was written.
        """
        try:
            self._update(
                (item.feed_id, item.file_id),
                values,
                remove=remove,
                condition="#run = :owner",
                names={"#run": "run"},
                expected={":owner": item.run},
            )
        except ClientError as error:
            if _is_condition(error):
                raise _lost(item) from error
            raise

    def land(self, item: FileItem, values: Mapping[str, Any], *, superseded: Sequence[str]) -> None:
        """Makes a file UPLOADED and pending, and the versions it replaces SUPERSEDED, in one transaction.

        Raises:
            ClaimLostError: another run owns it by now; nothing was written.
        """
        updates = [
            self._update_arguments(
                (item.feed_id, item.file_id),
                {**values, "status": "UPLOADED", "pending": PENDING, "uploaded_at": utc_now()},
                remove=(UNFINISHED, "landed"),
                condition="#run = :owner",
                names={"#run": "run"},
                expected={":owner": item.run},
            )
        ]
        updates += [
            self._update_arguments(
                (item.feed_id, file_id),
                {"status": "SUPERSEDED", "superseded_by": item.file_id},
                remove=("pending", "partition", "landed", UNFINISHED),
            )
            for file_id in superseded
        ]
        try:
            # the resource's own client turns Python values into DynamoDB's types
            self._client().transact_write_items(TransactItems=[{"Update": update} for update in updates])  # type: ignore[typeddict-item]
        except ClientError as error:
            reasons = error.response.get("CancellationReasons") or []
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
                raise _lost(item) from error
            raise

    def make_pending(self, entry: Entry) -> bool:
        """Gives a curated file to the Glue job once more; False where it is not CURATED (any more)."""
        try:
            self._update(
                (entry["feed_id"], entry["file_id"]),
                {"pending": PENDING},
                condition="#status = :curated",
                names={"#status": "status"},
                expected={":curated": "CURATED"},
            )
        except ClientError as error:
            if _is_condition(error):
                return False
            raise
        return True

    # -- feeds and runs as a whole

    def note_poll(self, feed_id: str, run: str, left: Mapping[str, Any] | None = None) -> Entry:
        """Keeps that a feed was polled, for schedules that are not every run; what is kept of failed polls ends.

        Args:
            left: What a person should hear of, if anything; `polls_of_run` finds it.

        Returns:
            `since`, `polls` and `error` of the failed polls before this one; empty where there were none.
        """
        told: dict[str, Any] = {"polled_at": utc_now(), "polled_by": run}
        gone = ["failing_since", "failed_polls", "failed_at", "failed_run", "error", "cause"]
        if left:
            told |= {"run": run, "left": left}
        else:
            gone += ["run", "left"]
        before = self._update((feed_id, FEED_ITEM), told, remove=gone)
        if "failed_polls" not in before:
            return {}
        return {"since": before["failing_since"], "polls": before["failed_polls"], "error": before["error"]}

    def note_landed(self, item: FileItem, rows: int, columns: Sequence[str]) -> None:
        """Keeps how many rows a file had that landed, and its columns, for the checks of the feed's next ones.

        Files of one feed land at the same time; so the list only grows here, and is cut when it is long.
        """
        key = {"feed_id": item.feed_id, "file_id": FEED_ITEM}
        answer = self._table.update_item(
            Key=key,
            UpdateExpression="SET recent = list_append(if_not_exists(recent, :none), :one), last_columns = :columns",
            ExpressionAttributeValues={
                ":none": [],
                ":one": [{"file": _short(item.file_id), "rows": rows}],
                ":columns": list(columns),
            },
            ReturnValues="UPDATED_NEW",
        )
        count = len(answer["Attributes"]["recent"])  # type: ignore[arg-type]
        if count <= 2 * HISTORY:
            return
        try:
            self._table.update_item(
                Key=key,
                UpdateExpression="REMOVE " + ", ".join(f"recent[{index}]" for index in range(count - HISTORY)),
                ConditionExpression="size(recent) = :count",
                ExpressionAttributeValues={":count": count},
            )
        except ClientError as error:
            if not _is_condition(error):
                raise

    def history(self, item: FileItem) -> tuple[tuple[int, ...], tuple[str, ...] | None]:
        """What `note_landed` kept of other files of the feed: rows, newest first, and the last columns."""
        state = self.feed_state(item.feed_id)
        rows: dict[str, int] = {}
        for landed in reversed(state.get("recent", [])):
            rows.setdefault(landed["file"], landed["rows"])
        rows.pop(_short(item.file_id), None)
        columns = state.get("last_columns")
        return tuple(rows.values()), None if columns is None else tuple(columns)

    def take_tick(self, tick: str, run: str) -> bool:
        """Whether the scheduled event of that time is `run`'s: EventBridge may deliver one twice."""
        values = {"run_of_tick": run, "expires_at": int(datetime.now(UTC).timestamp()) + TICK_SECONDS}
        try:
            self._update(
                (RUNS, f"schedule#{tick}"),
                values,
                condition="attribute_not_exists(#tick) OR #tick = :mine",
                names={"#tick": "run_of_tick"},
                expected={":mine": run},
            )
        except ClientError as error:
            if _is_condition(error):
                return False
            raise
        return True

    # -- the work

    def _client(self) -> "DynamoDBClient":
        return self._table.meta.client

    def _query_index(self, index: str, key: str, value: str, **sort_key: str) -> Iterator[dict[str, Any]]:
        condition: Any = Key(key).eq(value)
        for name, wanted in sort_key.items():
            condition &= Key(name).eq(wanted)
        yield from self._items({"IndexName": index, "KeyConditionExpression": condition})

    def _items(self, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """All pages of a query."""
        while True:
            page = self._table.query(**arguments)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _of_index(self, index: str, key: str, value: str) -> list[Entry]:
        keys = [(str(item["feed_id"]), str(item["file_id"])) for item in self._query_index(index, key, value)]
        entries = [entry for entry in self._batch_get(keys) if entry.get(key) == value]
        return sorted(entries, key=lambda entry: (entry["feed_id"], entry["file_id"]))

    def _batch_get(self, keys: Sequence[tuple[str, str]], attributes: Sequence[str] = ()) -> list[Entry]:
        batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
        if len(batches) <= 1:
            return [entry for batch in batches for entry in self._get_batch(batch, attributes)]
        with ThreadPoolExecutor(max_workers=min(8, len(batches))) as pool:
            return [
                entry
                for found in pool.map(lambda batch: self._get_batch(batch, attributes), batches)
                for entry in found
            ]

    def _get_batch(self, keys: Iterable[tuple[str, str]], attributes: Sequence[str]) -> list[Entry]:
        asked: dict[str, Any] = {
            "Keys": [{"feed_id": feed_id, "file_id": file_id} for feed_id, file_id in keys],
            "ConsistentRead": True,
        }
        if attributes:
            names = {f"#a{index}": name for index, name in enumerate(attributes)}
            asked |= {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        request: dict[str, Any] = {self._table.name: asked}
        found: list[Entry] = []
        while request:
            answer = self._client().batch_get_item(RequestItems=request)
            found += [plain(item) for item in answer["Responses"].get(self._table.name, [])]
            request = answer.get("UnprocessedKeys", {})
        return found

    def _update(self, key: tuple[str, str], values: Mapping[str, Any], **rest: Any) -> Entry:  # noqa: ANN401
        """Writes, and tells what was there before."""
        arguments = self._update_arguments(key, values, **rest)
        arguments.pop("TableName")
        before: Entry = plain(self._table.update_item(**arguments, ReturnValues="ALL_OLD").get("Attributes") or {})
        return before

    def _update_arguments(
        self,
        key: tuple[str, str],
        values: Mapping[str, Any],
        *,
        add: Mapping[str, int] | None = None,
        remove: Sequence[str] = (),
        condition: str | None = None,
        names: Mapping[str, str] | None = None,
        expected: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        values = {**values, "updated_at": utc_now()}
        all_names, all_values = dict(names or {}), dict(expected or {})
        assignments = []
        for index, (name, value) in enumerate(values.items()):
            all_names[f"#v{index}"] = name
            all_values[f":v{index}"] = value
            assignments.append(f"#v{index} = :v{index}")
        expression = "SET " + ", ".join(assignments)
        if add:
            all_names |= {f"#a{index}": name for index, name in enumerate(add)}
            all_values |= {f":a{index}": value for index, value in enumerate(add.values())}
            expression += " ADD " + ", ".join(f"#a{index} :a{index}" for index in range(len(add)))
        if remove:
            all_names |= {f"#r{index}": name for index, name in enumerate(remove)}
            expression += " REMOVE " + ", ".join(f"#r{index}" for index in range(len(remove)))
        arguments: dict[str, Any] = {
            "TableName": self._table.name,
            "Key": {"feed_id": key[0], "file_id": key[1]},
            "UpdateExpression": expression,
            "ExpressionAttributeNames": {k: v for k, v in all_names.items() if k in f"{expression} {condition}"},
            "ExpressionAttributeValues": all_values,
        }
        if condition:
            arguments["ConditionExpression"] = condition
        return arguments


def _short(file_id: str) -> str:
    return hashlib.sha256(file_id.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _resume_status(entry: Entry | None) -> str:
    """The last stage that ended well; a FAILED entry's own status does not tell."""
    if entry is None or entry["status"] == "RELEASED":
        return "CLAIMED"
    if entry["status"] != "FAILED":
        return str(entry["status"])
    if "validated_at" in entry:
        return "VALIDATED"
    return "FETCHED" if "bytes_fetched" in entry else "CLAIMED"


def _anew(entry: Entry, source: str) -> tuple[dict[str, Any], list[str]]:
    """Values and attributes to remove for taking a file once more.

    What is in the lake stays part of its partition, as it was, until the new upload replaces it (`landed`).
    """
    from_inbox = source == "inbox" and "bytes_fetched" in entry
    values: dict[str, Any] = {"status": "FETCHED" if from_inbox else "CLAIMED"}
    remove = list(_OF_VALIDATE)
    if entry["status"] in LANDED:
        values["landed"] = {name: entry[name] for name in _LANDED_AS if name in entry}
    if not from_inbox:
        values["refetch"] = True
        remove += ["bytes_fetched", "fetched_at", "inbox_upload_id"]
    return values, remove


def _lost(item: FileItem) -> ClaimLostError:
    return ClaimLostError(
        f"{item.path} of feed {item.feed_id} is not claimed by run {item.run} (any more): its owner goes on with it."
    )


def _is_condition(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
