"""Deletes what is over, a day of a feed at a time: noted in the ledger first, then catalog, then objects.

Stopped anywhere, the next call goes on: what is noted is noted, and a folder that is still there is found again.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.errors import BalanceError
from lakeferry.feeds import Feed, parse_feed
from lakeferry.feeds.each import each_feed
from lakeferry.ledger import Entry, Ledger
from lakeferry.ledger.exports import LEDGER
from lakeferry.ledger.leases import LeasedError, Leases
from lakeferry.ledger.retired import MARKS, note_retired, take_back
from retain.due import Day, Found, due_days

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

NAMES = ("DaysRetired", "ObjectsRetired", "BytesRetired", "DaysKeptWaiting")
_AT_ONCE = 1_000
"""Objects that DeleteObjects takes (Amazon S3 API Reference)."""
_CHANGED = "PreconditionFailed"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What retention works with.

    Attributes:
        least: Days that everything is kept, whatever feeds say.
        has_time: Whether another day may be begun.
        told: Called with each day that was deleted, or that waits.
        failed: Called with a feed's document that cannot be read.
    """

    ledger: Ledger
    s3: "S3Client"
    glue: "GlueClient"
    lake_bucket: str
    database: str
    least: int
    has_time: Callable[[], bool]
    told: Callable[[Day], object]
    failed: Callable[[Mapping[str, Any], Exception], object]


def retain(documents: Iterable[Mapping[str, Any]], around: Surroundings, today: date) -> dict[str, int]:
    """Deletes all that is over.

    Returns:
        `NAMES`, and `left`: feeds that there was no time for.

    Raises:
        Exception: something could not be deleted of a feed; the others were served.
    """
    counts = Counter(dict.fromkeys((*NAMES, "left"), 0))

    def work(feed: Feed) -> None:
        for day in due_days(feed, around.ledger, around.s3, around.lake_bucket, today, around.least):
            if not around.has_time():
                counts["left"] += 1
                return
            _one(day, around, leases, today, counts)

    feeds = each_feed([one for one in documents if "retention" in one], parse_feed, around.failed)
    trouble: list[Exception] = []
    with Leases(around.ledger.table, uuid.uuid4().hex) as leases:
        for feed in feeds:
            try:
                work(feed)
            except Exception as error:  # whatever it is, somebody has to look: the call fails, after the others
                trouble.append(error)
    if trouble:
        raise trouble[0]
    return dict(counts)


def _one(day: Day, around: Surroundings, leases: Leases, today: date, counts: Counter[str]) -> None:
    reason = day.waits
    if day.zone in MARKS:
        try:
            # whoever builds the day has it; and nobody begins to while it is deleted
            leases.acquire(day.ledger_key)
        except LeasedError:
            reason = "it is being curated"
        else:
            try:
                reason = _noted(day, around)
                if not reason:
                    _forget(day, around, today)
            finally:
                leases.release(day.ledger_key)
    elif not reason:
        _forget(day, around, today)
    if reason:
        counts["DaysKeptWaiting"] += 1
        around.told(_with(day, reason))
        return
    counts.update(DaysRetired=1, ObjectsRetired=len(day.objects), BytesRetired=day.bytes)
    around.told(day)


def _noted(day: Day, around: Surroundings) -> str:
    """Notes it with each file; where that is not for all of them, with none, and tells why."""
    table = around.ledger.table
    marked = [entry for entry in day.entries if MARKS[day.zone] in entry]
    if day.waits:
        there = {one.key for one in day.objects}
        # of an earlier call that was killed before it deleted anything; what came since wants the day whole
        if day.zone == "raw" and marked and all(_keys(entry) and _keys(entry) <= there for entry in marked):
            side_by_side(lambda entry: take_back(table, entry, day.zone), marked)
        return day.waits
    done = side_by_side(lambda entry: note_retired(table, entry, day.zone), day.entries)
    if all(done):
        return ""
    new = [entry for entry, is_done in zip(day.entries, done, strict=True) if is_done and entry not in marked]
    side_by_side(lambda entry: take_back(table, entry, day.zone), new)
    return "a file of it was delivered again just now"


def _keys(entry: Entry) -> set[str]:
    return set(entry.get("raw_keys", ()))


def _forget(day: Day, around: Surroundings, today: date) -> None:
    """Says so in the exported ledger, takes it from the catalog, then deletes its objects."""
    feed = day.feed
    if day.entries:
        ids = [str(entry["file_id"]) for entry in day.entries]
        now = around.ledger.entries(feed.feed_id, ids)
        key = LEDGER.key(today.isoformat(), f"retention-{feed.tenant}-{feed.feed}-{day.dt}-{day.zone}")
        body = LEDGER.lines(now[one] for one in ids if one in now)
        around.s3.put_object(Bucket=around.lake_bucket, Key=key, Body=body, ContentType="application/json")
    if day.zone == "raw":
        _drop_partition(around, f"raw_{feed.tenant}_{feed.feed}", [day.dt])
    elif day.zone == "curated":
        _drop_partition(around, feed.dataset, [feed.tenant, feed.feed, day.dt])
    elif day.objects and day.objects[0].key.startswith("fallout/rows/"):
        _drop_partition(around, "fallout", [feed.tenant, feed.feed, day.dt])
    _delete(around, day.objects)


def _drop_partition(around: Surroundings, table: str, values: list[str]) -> None:
    try:
        answer = around.glue.batch_delete_partition(
            DatabaseName=around.database, TableName=table, PartitionsToDelete=[{"Values": values}]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return
        raise
    for refused in answer.get("Errors", ()):
        detail = refused["ErrorDetail"]
        if detail.get("ErrorCode") != "EntityNotFoundException":
            raise BalanceError(f"the Data Catalog kept {table} {values}: {detail.get('ErrorMessage')}")


def _delete(around: Surroundings, objects: Sequence[Found]) -> None:
    """Each only as it was listed: what was uploaded under its key since stays."""
    for start in range(0, len(objects), _AT_ONCE):
        listed: list[Any] = [{"Key": one.key, "ETag": one.etag} for one in objects[start : start + _AT_ONCE]]
        answer = around.s3.delete_objects(Bucket=around.lake_bucket, Delete={"Objects": listed, "Quiet": True})
        for refused in answer.get("Errors", ()):
            if refused.get("Code") != _CHANGED:
                raise BalanceError(f"{refused.get('Key')} could not be deleted: {refused.get('Message')}")


def _with(day: Day, reason: str) -> Day:
    return Day(day.feed, day.zone, day.dt, day.days, day.objects, day.entries, reason)
