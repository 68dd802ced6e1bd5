"""Makes what validate has left waiting visible, and gives it to the Glue job as its work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.counting import count_of
from lakeferry.errors import BalanceError
from lakeferry.file_at_work import FileAtWork
from lakeferry.lake import Upload, abort_upload, delete_objects
from lakeferry.ledger import ENDED, FINISHED, LANDED, UNFINISHED, Entry
from lakeferry.ledger.feed_states import Landed
from lakeferry.ledger.outputs import MAX_INLINE, outputs_of, raw_keys_of
from lakeferry.ledger.versions import is_newer
from lakeferry.waiting import staged_keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of one file.

    Attributes:
        raw_keys: Objects that are visible, the first 100 of an archive's; none for a version that a newer one has
            replaced already, or whose bytes are there already.
        landed: For the history of the feed; None where nothing landed now.
        staged: Keys in the work bucket that nobody needs any more.
        after_due: Whether something is to be done on the server.
    """

    raw_keys: Sequence[str] = ()
    landed: Landed | None = None
    staged: Sequence[str] = ()
    after_due: bool = False


def upload(work: FileAtWork) -> dict[str, Any]:
    """Makes one validated file visible in the raw zone, and keeps what is kept of it.

    Returns:
        `raw_keys`: see `Uploaded`.

    Raises:
        BalanceError: rows or bytes do not add up; nothing became visible.
        ClaimLostError: another run owns the file.
    """
    done = land(work)
    settle(work, [done])
    return {"raw_keys": list(done.raw_keys)}


def settle(work: FileAtWork, done: Sequence[Uploaded]) -> None:
    """What is done once for many files of a feed, of which `work` is any."""
    work.ledger.feeds.note_landed(work.item.feed_id, [one.landed for one in done if one.landed is not None])
    delete_objects(work.s3, work.settings.work_bucket, [key for one in done for key in one.staged])


def land(work: FileAtWork) -> Uploaded:
    """Makes the file visible, but for what `settle` does.

    Called again after a lost answer it finds the object there and only writes the ledger.
    """
    item, entry, ledger, lake = work.item, work.entry, work.ledger, work.settings.lake_bucket
    outputs = outputs_of(entry, work.s3, lake)
    if work.status in FINISHED | ENDED:
        shown = _shown(outputs) if work.status in LANDED else ()
        # what a call left that was killed after this file had landed
        return Uploaded(shown, staged=staged_keys(outputs), after_due=bool(entry.get("after_due")))
    if entry["rows_read"] != entry["rows_landed"] + entry["rows_rejected"]:
        raise BalanceError(
            f"{item.path}: {count_of(int(entry['rows_read']), 'row')} read, {entry['rows_landed']} landed and "
            f"{entry['rows_rejected']} rejected. Reprocess the file."
        )
    due = work.feed.files.after.action != "keep"
    versions = [other for other in ledger.versions(item.feed_id, item.path) if other["file_id"] != item.file_id]
    # one that is being taken once more is in the lake all the while
    landed = [other for other in versions if other["status"] in LANDED or "landed" in other]
    # their raw objects are the ones this version replaces
    others = [other for other in landed if other["dt"] == entry["dt"]]
    if work.feed.files.same_content == "skip":
        for other in landed:
            if other["sha256"] == entry["sha256"]:
                values = {"status": "DUPLICATE", "duplicate_of": other["file_id"], "after_due": due}
                return _drop(work, outputs, values)
    if any(is_newer(other, entry) for other in others):
        return _drop(work, outputs, {"status": "SUPERSEDED"})
    replaced = [*others, *([entry] if "landed" in entry else [])]
    # before anything: no call of an earlier version that is still about can copy it over this one
    for other in others:
        work.waiting.clear(outputs_of(other, work.s3, lake))
    _reveal(work, outputs)
    for other in versions:
        # what of an earlier delivery never came is not waited for any more
        if other["status"] == "FAILED" and "inbox_upload_id" in other:
            abort_upload(work.s3, Upload(work.settings.inbox_bucket, other["inbox_key"], other["inbox_upload_id"]))
    keys = [output["key"] for output in outputs]
    new: dict[str, Any] = {"partition": f"{item.feed_id}/{work.dt}"}
    if len(keys) <= MAX_INLINE:
        new["raw_keys"] = keys
    if due:
        new["after_due"] = True
    if "landed" in entry:  # a promise was kept when the file came first
        new["arrived_at"] = entry.get("arrived_at") or entry["landed"].get("uploaded_at") or entry["uploaded_at"]
    ledger.land(item, new, superseded=[str(other["file_id"]) for other in others], was=work.status)
    _delete_stale(replaced, keys, work.s3, lake)
    kept = Landed(item.file_id, entry["rows_read"], entry["columns"])
    return Uploaded(_shown(outputs), kept, staged_keys(outputs), due)


def _shown(outputs: list[dict[str, Any]]) -> list[str]:
    """What fits into the payload of a state."""
    return [output["key"] for output in outputs[:MAX_INLINE]]


def _reveal(work: FileAtWork, outputs: list[dict[str, Any]]) -> None:
    """Makes each output visible, after the bytes of all of them were compared."""
    waiting = work.waiting

    def check(output: dict[str, Any]) -> None:
        if not waiting.holds(output) and not waiting.is_visible(output):
            raise BalanceError(
                f"{work.item.path}: S3 does not hold the {output['bytes']} bytes of {output['name']} that were "
                "written; nothing was made visible. Reprocess the file."
            )

    if len(outputs) > 1:
        side_by_side(check, outputs)
    side_by_side(waiting.reveal, outputs)


def _delete_stale(others: list[Entry], keys: list[str], s3: "S3Client", bucket: str) -> None:
    """Objects of what was replaced, where there is none of that name now: members that are gone."""
    stale: set[str] = set()
    for other in others:
        before = {**other, **other.get("landed", {})}
        stale |= set(raw_keys_of(before, lambda key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    delete_objects(s3, bucket, sorted(stale - set(keys)))


def _drop(work: FileAtWork, outputs: list[dict[str, Any]], values: dict[str, Any]) -> Uploaded:
    """Nothing of this version becomes visible."""
    work.waiting.drop(outputs)
    work.advance(remove=(UNFINISHED, "landed", "partition", "pending"), **values)
    return Uploaded(after_due=bool(values.get("after_due")))
