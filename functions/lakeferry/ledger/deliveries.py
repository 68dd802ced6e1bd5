"""Which chat channels have had a message: SNS, and Lambda, may hand one over again, and then only the others get it.

An item a message beside the files' items, for as long as it may come again.
"""

import time
from typing import TYPE_CHECKING

from lakeferry.aws.tables import update

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_DELIVERIES = "!delivered"
"""Partition key of these items, which are no files."""
_LIFE_SECONDS = 3 * 86_400
"""Lambda tries a call for six hours at most, however many there are ("Error handling for asynchronous invocation")."""


class Deliveries:
    """Reads and writes them in one ledger table."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def of(self, message: str) -> frozenset[str]:
        """What was noted of a message, read consistently."""
        key = {"feed_id": _DELIVERIES, "file_id": message}
        return frozenset(self._table.get_item(Key=key, ConsistentRead=True).get("Item", {}))

    def note(self, message: str, channel: str) -> None:
        """Keeps that nothing more of this message is to be sent there."""
        update(self._table, (_DELIVERIES, message), {channel: True, "expires_at": int(time.time()) + _LIFE_SECONDS})
