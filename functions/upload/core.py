"""Completes the uploads that validate filled, and makes the file the Glue job's work."""

from typing import TYPE_CHECKING, Any

from lakeferry.errors import BalanceError
from lakeferry.feeds import Feed
from lakeferry.lake import Upload, abort_upload, complete_upload, file_metadata
from lakeferry.ledger import LANDED, Entry, Ledger
from lakeferry.models import FileItem
from lakeferry.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def upload(feed: Feed, item: FileItem, ledger: Ledger, s3: "S3Client", settings: Settings) -> dict[str, Any]:
    """Makes one validated file visible in the raw zone.

    Called again after a lost answer it finds the object there and only writes the ledger.

    Returns:
        `raw_keys`: the objects that are visible; none for a version a newer one has replaced already.

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
    keys = [output["key"] for output in entry["outputs"]]
    others = _same_keys(item, entry["dt"], ledger)
    if any(other["mtime"] > item.mtime for other in others):
        for output in entry["outputs"]:
            abort_upload(s3, Upload(settings.lake_bucket, output["key"], output["upload_id"]))
        ledger.advance(item, status="SUPERSEDED")
        return {"raw_keys": []}
    for output in entry["outputs"]:
        waiting = Upload(settings.lake_bucket, output["key"], output["upload_id"])
        complete_upload(s3, waiting, output["bytes"], file_metadata(item.feed_id, item.file_id))
    values: dict[str, Any] = {"raw_keys": keys, "partition": f"{item.feed_id}/{entry['dt']}"}
    if feed.files.after.action != "keep":
        values["after_due"] = True
    ledger.land(item, values, superseded=[str(other["file_id"]) for other in others])
    return {"raw_keys": keys}


def _same_keys(item: FileItem, dt: str, ledger: Ledger) -> list[Entry]:
    """Landed versions of the same path and date: their raw objects are the ones this version replaces."""
    return [
        other
        for other in ledger.versions(item.feed_id, item.path)
        if other["file_id"] != item.file_id and other["status"] in LANDED and other["dt"] == dt
    ]
