"""Completes the uploads that validate filled, and makes the file the Glue job's work."""

from typing import TYPE_CHECKING, Any

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.errors import BalanceError
from lakeferry.feeds import Feed
from lakeferry.lake import Upload, abort_upload, complete_upload, delete_objects, file_metadata, list_parts
from lakeferry.ledger import ENDED, FINISHED, LANDED, UNFINISHED, Entry, Ledger
from lakeferry.ledger.outputs import MAX_INLINE, outputs_of, raw_keys_of
from lakeferry.models import FileItem
from lakeferry.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def upload(feed: Feed, item: FileItem, ledger: Ledger, s3: "S3Client", settings: Settings) -> dict[str, Any]:
    """Makes one validated file visible in the raw zone.

    Called again after a lost answer it finds the object there and only writes the ledger.

    Returns:
        `raw_keys`: the objects that are visible, the first 100 of an archive's; none for a version that a newer one
        has replaced already, or whose bytes are there already.

    Raises:
        BalanceError: rows or bytes do not add up; nothing became visible.
        ClaimLostError: another run owns the file.
    """
    entry = ledger.owned(item)
    if entry["status"] in FINISHED | ENDED:
        is_visible = entry["status"] in LANDED
        return {"raw_keys": _shown(outputs_of(entry, s3, settings.lake_bucket)) if is_visible else []}
    if entry["rows_read"] != entry["rows_landed"] + entry["rows_rejected"]:
        raise BalanceError(
            f"{item.path}: {entry['rows_read']} rows were read, {entry['rows_landed']} landed and "
            f"{entry['rows_rejected']} were rejected. Reprocess the file."
        )
    values: dict[str, Any]
    outputs = outputs_of(entry, s3, settings.lake_bucket)
    versions = [other for other in ledger.versions(item.feed_id, item.path) if other["file_id"] != item.file_id]
    # one that is being taken once more is in the lake all the while
    landed = [other for other in versions if other["status"] in LANDED or "landed" in other]
    # their raw objects are the ones this version replaces
    others = [other for other in landed if other["dt"] == entry["dt"]]
    if feed.files.same_content == "skip":
        for other in landed:
            if other["sha256"] == entry["sha256"]:
                due = feed.files.after.action != "keep"
                values = {"status": "DUPLICATE", "duplicate_of": other["file_id"], "after_due": due}
                return _drop(item, entry, ledger, s3, settings, values)
    if any(other["mtime"] > item.mtime for other in others):
        return _drop(item, entry, ledger, s3, settings, {"status": "SUPERSEDED"})
    _complete(item, outputs, s3, settings.lake_bucket)
    for other in versions:
        # what of an earlier delivery never came is not waited for any more
        if other["status"] == "FAILED" and "inbox_upload_id" in other:
            abort_upload(s3, Upload(settings.inbox_bucket, other["inbox_key"], other["inbox_upload_id"]))
    keys = [output["key"] for output in outputs]
    values = {"partition": f"{item.feed_id}/{entry['dt']}"}
    if len(keys) <= MAX_INLINE:
        values["raw_keys"] = keys
    if feed.files.after.action != "keep":
        values["after_due"] = True
    ledger.land(item, values, superseded=[str(other["file_id"]) for other in others])
    _delete_stale([*others, *([entry] if "landed" in entry else [])], keys, s3, settings.lake_bucket)
    ledger.feeds.note_landed(item, entry["rows_read"], entry["columns"])
    return {"raw_keys": _shown(outputs)}


def _shown(outputs: list[dict[str, Any]]) -> list[str]:
    """What fits into the payload of a state."""
    return [output["key"] for output in outputs[:MAX_INLINE]]


def _complete(item: FileItem, outputs: list[dict[str, Any]], s3: "S3Client", bucket: str) -> None:
    """Makes each output visible, after the bytes of all of them were compared."""
    metadata = file_metadata(item.feed_id, item.file_id)

    def check(output: dict[str, Any]) -> None:
        parts = list_parts(s3, Upload(bucket, output["key"], output["upload_id"]))
        if parts is not None and sum(part["Size"] for part in parts) != output["bytes"]:
            raise BalanceError(
                f"{item.path}: S3 does not hold the {output['bytes']} bytes of {output['name']} that were written; "
                "nothing was made visible. Reprocess the file."
            )

    if len(outputs) > 1:
        side_by_side(check, outputs)
    side_by_side(
        lambda output: complete_upload(
            s3, Upload(bucket, output["key"], output["upload_id"]), output["bytes"], metadata
        ),
        outputs,
    )


def _delete_stale(others: list[Entry], keys: list[str], s3: "S3Client", bucket: str) -> None:
    """Objects of what was replaced, where there is none of that name now: members that are gone."""
    stale: set[str] = set()
    for other in others:
        before = {**other, **other.get("landed", {})}
        stale |= set(raw_keys_of(before, lambda key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    delete_objects(s3, bucket, sorted(stale - set(keys)))


def _drop(
    item: FileItem,
    entry: Entry,
    ledger: Ledger,
    s3: "S3Client",
    settings: Settings,
    values: dict[str, Any],
) -> dict[str, Any]:
    """Nothing of this version becomes visible."""
    side_by_side(
        lambda output: abort_upload(s3, Upload(settings.lake_bucket, output["key"], output["upload_id"])),
        outputs_of(entry, s3, settings.lake_bucket),
    )
    ledger.advance(item, remove=(UNFINISHED, "landed", "partition", "pending"), **values)
    return {"raw_keys": []}
