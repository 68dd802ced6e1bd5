"""What retention has deleted, noted with the files themselves: they stay known, so that no poll takes them again.

Noted before anything is deleted: a day of which a raw object is gone is not built anew from the rest.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakeferry.aws.tables import is_condition, update, utc_now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

RAW_DELETED_AT = "raw_deleted_at"
"""Attribute of a file whose raw objects were deleted by its feed's retention; ISO 8601 UTC."""
CURATED_DELETED_AT = "curated_deleted_at"
"""The same of its curated rows."""
MARKS = {"raw": RAW_DELETED_AT, "curated": CURATED_DELETED_AT}


def note_retired(table: "Table", entry: Mapping[str, Any], zone: str) -> bool:
    """Notes that a curated file is about to be deleted from a zone; False where it is not as it was read any more."""
    if MARKS[zone] in entry:
        return True
    return _changed(table, entry, {MARKS[zone]: utc_now()}, (), "#pending")


def take_back(table: "Table", entry: Mapping[str, Any], zone: str) -> None:
    """The file was not deleted after all."""
    _changed(table, entry, {}, (MARKS[zone],))


def _changed(
    table: "Table", entry: Mapping[str, Any], values: dict[str, str], remove: tuple[str, ...], absent: str = ""
) -> bool:
    condition = "#status = :curated AND #uploaded = :seen"
    names = {"#status": "status", "#uploaded": "uploaded_at"}
    if absent:
        condition, names = f"{condition} AND attribute_not_exists({absent})", names | {absent: absent.removeprefix("#")}
    try:
        update(
            table,
            (entry["feed_id"], entry["file_id"]),
            values,
            remove=remove,
            condition=condition,
            names=names,
            expected={":curated": "CURATED", ":seen": entry["uploaded_at"]},
        )
    except ClientError as error:
        if is_condition(error):
            return False
        raise
    return True
