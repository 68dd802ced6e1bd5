"""Completes the uploads that validate filled, and makes the file the Glue job's work."""

from typing import TYPE_CHECKING, Any

from lakeferry.errors import BalanceError
from lakeferry.feeds import Feed
from lakeferry.lake import Upload, abort_upload, complete_upload, file_metadata
from lakeferry.ledger import LANDED, UNFINISHED, Entry, Ledger
from lakeferry.models import FileItem
from lakeferry.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def upload(feed: Feed, item: FileItem, ledger: Ledger, s3: "S3Client", settings: Settings) -> dict[str, Any]:
    """Makes one validated file visible in the raw zone.

    Called again after a lost answer it finds the object there and only writes the ledger.

    Returns:
        `raw_keys`: the objects that are visible; none for a version that a newer one has replaced already,
        or whose bytes are there already.

    Raises:
        BalanceError: rows or bytes do not add up; nothing became visible.
        ClaimLostError: another run owns the file.
    """
    entry = ledger.owned(item)
    if entry["status"] in LANDED:
        return {"raw_keys": entry["raw_keys"]}
    if entry["rows_read"] != entry["rows_landed"] + entry["rows_rejected"]:
        raise BalanceError(
            f"{item.path}: {entry['rows_read']} rows were read, {entry['rows_landed']} landed and "
            f"{entry['rows_rejected']} were rejected. Reprocess the file."
        )
    values: dict[str, Any]
    keys = [output["key"] for output in entry["outputs"]]
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
    for output in entry["outputs"]:
        waiting = Upload(settings.lake_bucket, output["key"], output["upload_id"])
        complete_upload(s3, waiting, output["bytes"], file_metadata(item.feed_id, item.file_id))
    values = {"raw_keys": keys, "partition": f"{item.feed_id}/{entry['dt']}"}
    if feed.files.after.action != "keep":
        values["after_due"] = True
    ledger.land(item, values, superseded=[str(other["file_id"]) for other in others])
    return {"raw_keys": keys}


def _drop(
    item: FileItem,
    entry: Entry,
    ledger: Ledger,
    s3: "S3Client",
    settings: Settings,
    values: dict[str, Any],
) -> dict[str, Any]:
    """Nothing of this version becomes visible."""
    for output in entry["outputs"]:
        abort_upload(s3, Upload(settings.lake_bucket, output["key"], output["upload_id"]))
    ledger.advance(item, remove=(UNFINISHED, "landed", "partition", "pending"), **values)
    return {"raw_keys": []}
