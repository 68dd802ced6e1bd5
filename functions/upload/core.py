"""Makes what validate has left waiting visible, and gives it to the Glue job as its work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.counting import count_of
from lakeferry.errors import BalanceError, TransferInterruptedError
from lakeferry.file_at_work import FileAtWork
from lakeferry.lake import Upload, abort_upload, delete_objects
from lakeferry.ledger import ENDED, FINISHED, LANDED, UNFINISHED, Entry
from lakeferry.ledger.feed_states import Landed
from lakeferry.ledger.outputs import MAX_INLINE, outputs_of, raw_keys_of
from lakeferry.waiting import staged_keys
from upload.versions import Versions, is_waiting

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LOOKS = 10
"""So often the other versions of a path are looked at anew: each look that was in vain, one of them has gone on."""
_OF_DROPPED = (UNFINISHED, "landed", "partition", "pending")
"""Attributes of a version of which nothing becomes visible, that it has no more."""


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
    item, entry, lake = work.item, work.entry, work.settings.lake_bucket
    outputs = outputs_of(entry, work.s3, lake)
    if work.status in FINISHED | ENDED:
        shown = _shown(outputs) if work.status in LANDED else ()
        # what a call left that was killed after this file had landed, or given way
        if work.status in ENDED:
            work.waiting.drop(outputs)
        return Uploaded(shown, staged=staged_keys(outputs), after_due=bool(entry.get("after_due")))
    if entry["rows_read"] != entry["rows_landed"] + entry["rows_rejected"]:
        raise BalanceError(
            f"{item.path}: {count_of(int(entry['rows_read']), 'row')} read, {entry['rows_landed']} landed and "
            f"{entry['rows_rejected']} rejected. Reprocess the file."
        )
    due = work.feed.files.after.action != "keep"
    for _ in range(_LOOKS):
        try:
            done = _settled(work, outputs, Versions.of(work), due=due)
        except BalanceError:
            # a newer version has taken away what waited; else something is wrong
            if Versions.of(work).newer_than(entry) is None:
                raise
        else:
            if done is not None:
                return done
    raise TransferInterruptedError(
        f"{item.path}: other versions of it changed {_LOOKS} times while it was uploaded. It is tried again."
    )


def _settled(work: FileAtWork, outputs: list[dict[str, Any]], versions: Versions, *, due: bool) -> Uploaded | None:
    """What becomes of the file beside those versions; None where one of them has changed meanwhile."""
    item, entry, ledger, lake = work.item, work.entry, work.ledger, work.settings.lake_bucket
    if work.feed.files.same_content == "skip":
        for other in versions.landed:
            if other["sha256"] == entry["sha256"]:
                work.waiting.drop(outputs)
                values = {"status": "DUPLICATE", "duplicate_of": other["file_id"], "after_due": due}
                work.advance(remove=_OF_DROPPED, **values)
                return Uploaded(after_due=due)
    if newer := versions.newer_than(entry):
        if not ledger.give_way(item, newer, was=work.status, remove=_OF_DROPPED):
            return None
        work.waiting.drop(outputs)
        return Uploaded()
    rivals = versions.rivals
    if len(outputs) > 1 or any(map(is_waiting, rivals)):  # one alone is compared as it becomes visible
        _check(work, outputs)
    # before anything: no call of an earlier version that is still about can copy it over this one
    for other in rivals:
        (work.waiting.drop if is_waiting(other) else work.waiting.clear)(outputs_of(other, work.s3, lake))
    side_by_side(work.waiting.reveal, outputs)
    for other in versions.found:
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
    if not ledger.land(item, new, superseded=rivals, was=work.status):
        return None
    if any(map(is_waiting, rivals)):
        # a copy of one of them may have been under way: from here on none is
        hidden = [output for output in outputs if not work.waiting.is_visible(output)]
        side_by_side(work.waiting.reveal, hidden)
    _delete_stale([*rivals, *([entry] if "landed" in entry else [])], keys, work.s3, lake)
    kept = Landed(item.file_id, entry["rows_read"], entry["columns"])
    return Uploaded(_shown(outputs), kept, staged_keys(outputs), due)


def _shown(outputs: list[dict[str, Any]]) -> list[str]:
    """What fits into the payload of a state."""
    return [output["key"] for output in outputs[:MAX_INLINE]]


def _check(work: FileAtWork, outputs: list[dict[str, Any]]) -> None:
    """Compares the bytes of all outputs, before any is visible or anything else is given up for them.

    Raises:
        BalanceError: S3 does not hold what was written.
    """
    waiting = work.waiting

    def check(output: dict[str, Any]) -> None:
        if not waiting.holds(output) and not waiting.is_visible(output):
            raise BalanceError(
                f"{work.item.path}: S3 does not hold the {output['bytes']} bytes of {output['name']} that were "
                "written; nothing was made visible. Reprocess the file."
            )

    side_by_side(check, outputs)


def _delete_stale(others: list[Entry], keys: list[str], s3: "S3Client", bucket: str) -> None:
    """Objects of what was replaced, where there is none of that name now: members that are gone."""
    stale: set[str] = set()
    for other in others:
        if is_waiting(other):  # all, some or none of them became visible before it was stopped
            stale |= {output["key"] for output in outputs_of(other, s3, bucket)}
        if other["status"] in LANDED or "landed" in other:
            before = {**other, **other.get("landed", {})}
            stale |= set(raw_keys_of(before, lambda key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    delete_objects(s3, bucket, sorted(stale - set(keys)))
