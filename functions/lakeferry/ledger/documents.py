"""Feed documents as they were before each change, so that a change can be taken back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from boto3.dynamodb.conditions import Key

from lakeferry.aws.tables import pages, utc_now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

DOCUMENTS = "!document"
"""Partition key of these items, which are no files; their sort key is `<tenant>/<feed>#<until>`."""
KEPT = 20
"""Versions of a feed; the oldest go."""


@dataclass(frozen=True, slots=True)
class Version:
    """A document that was replaced, disabled, enabled or deleted.

    Attributes:
        until: When another took its place. ISO 8601 UTC.
        by: Who did that, as the command line knows them.
        why: `put`, `disable`, `enable` or `delete`.
    """

    feed_id: str
    until: str
    by: str
    why: str
    document: Mapping[str, Any]

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """An item as the table has it."""
        feed_id, _, until = str(item["file_id"]).partition("#")
        return cls(feed_id, until, item["by"], item["why"], json.loads(item["document"]))


class Documents:
    """Reads and writes them in one ledger table."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def keep(self, feed_id: str, document: Mapping[str, Any], *, by: str, why: str) -> None:
        """Keeps a document that is about to be replaced."""
        # as text: DynamoDB takes no floats, and an item has little more room than the largest document
        text = json.dumps(document, sort_keys=True, default=_number)
        item = {"feed_id": DOCUMENTS, "file_id": f"{feed_id}#{utc_now()}", "by": by, "why": why, "document": text}
        self._table.put_item(Item=item)
        for old in self.versions(feed_id)[KEPT:]:
            self._table.delete_item(Key={"feed_id": DOCUMENTS, "file_id": f"{feed_id}#{old.until}"})

    def versions(self, feed_id: str) -> list[Version]:
        """Those that are kept of a feed, the newest first."""
        condition = Key("feed_id").eq(DOCUMENTS) & Key("file_id").begins_with(f"{feed_id}#")
        found = pages(self._table.query, KeyConditionExpression=condition, ConsistentRead=True)
        return sorted(map(Version.from_item, found), key=lambda one: one.until, reverse=True)


def _number(value: object) -> int | float:
    number = float(value)  # type: ignore[arg-type]  # a Decimal, as boto3 reads numbers
    return int(number) if number.is_integer() else number
