"""Which of two versions of one path is the newer one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lakeferry.aws.tables import update_arguments

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

FIRST_LISTED = "first_listed_at"
"""Attribute: when a poll first claimed the version. Written once, and by no later claim."""


def is_newer(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a ledger item is of a later delivery than another one of the same path.

    What counts is when it was listed first, not its own time: a correction may be a copy that was kept, or restored,
    with its time. Items from before that was written are older than those that have it, and go by their times. Of any
    two versions one is the newer, the same whoever asks: two uploads at the same time have to agree.
    """
    return _order(one) > _order(other)


def _order(version: Mapping[str, Any]) -> tuple[str, int, str]:
    return str(version.get(FIRST_LISTED, "")), int(version["mtime"]), str(version.get("file_id", ""))


def superseding(table: "Table", version: Mapping[str, Any], by: str) -> dict[str, Any]:
    """The write that makes a version SUPERSEDED, if it is what it was when it was read: it may have landed since.

    Args:
        by: Ledger key of the version that replaces it.
    """
    return update_arguments(
        table,
        (version["feed_id"], version["file_id"]),
        {"status": "SUPERSEDED", "superseded_by": by},
        remove=("pending", "partition", "landed", "unfinished"),
        condition="#status = :seen AND #run = :by",
        names={"#status": "status", "#run": "run"},
        expected={":seen": version["status"], ":by": version["run"]},
    )
