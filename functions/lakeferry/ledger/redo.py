"""A file that is in the lake and is taken once more: what is kept of it meanwhile, and what it goes back to."""

from collections.abc import Mapping
from typing import Any

_IN_LAKE = ("raw_keys", "outputs_key", "columns", "checked_as", "rows_landed", "uploaded_at")
"""What the Glue job and the next upload have to know of it."""
_COUNTED = (
    "outputs", "rows_read", "rows_rejected", "bytes_raw", "sha256", "schema_fingerprint", "drift", "notes",
    "bad_rows", "bad_rows_key", "report_key", "validated_at",
)  # fmt: skip
"""What Validate may write anew."""
_FETCHED = ("bytes_fetched", "fetched_at", "verified_by")
_BEFORE = ("status", *_IN_LAKE, *_COUNTED, *_FETCHED)
_OF_THE_REDO = ("landed", "refetch", "inbox_upload_id", "bytes_came", "wrong_checksum", "uploads_begun")
_MOST_WORDS = 1000


def anew(entry: Mapping[str, Any], source: str, *, is_in_lake: bool) -> tuple[dict[str, Any], list[str]]:
    """Values and attributes to remove for taking a file once more.

    What is in the lake stays part of its partition, as it was, until the new upload replaces it (`landed`).

    Args:
        source: From the `inbox`, or from the `server`.
    """
    kept = entry.get("landed", {})
    fetched = entry.get("bytes_fetched", kept.get("bytes_fetched"))
    from_inbox = source == "inbox" and fetched is not None
    values: dict[str, Any] = {"status": "FETCHED" if from_inbox else "CLAIMED"}
    remove = ["outputs", "validated_at"]
    if is_in_lake:
        values["landed"] = {name: entry[name] for name in _BEFORE if name in entry}
    if from_inbox:
        values["bytes_fetched"] = fetched
        remove += ["refetch", "inbox_upload_id"]
    else:
        values["refetch"] = True
        remove += ["bytes_fetched", "fetched_at", "inbox_upload_id"]
    return values, remove


def as_before(entry: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Values and attributes to remove for what a redo has failed of: the lake has it, and always had."""
    landed = entry["landed"]
    values = {"status": "CURATED", "bytes_fetched": entry["size"], **landed}
    values["redo_error"] = f"{entry.get('error')}: {entry.get('cause', '')}"[:_MOST_WORDS]
    values["redo_failed_at"] = entry.get("failed_at", "")
    # an item whose redo began before all of this was kept has its counts still, as far as Validate has not come
    gone = [name for name in _BEFORE if name not in values] if "status" in landed else []
    return values, [*gone, *_OF_THE_REDO]
