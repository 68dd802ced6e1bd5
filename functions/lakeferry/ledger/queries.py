"""What people and reprocess ask the tables: which feeds there are, and which files are open."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import ConditionBase, Key

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.aws.tables import pages
from lakeferry.ledger import UNFINISHED, Entry, Ledger
from lakeferry.ledger.feed_states import FEED_ITEM

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def feed_documents(feeds: "Table", tenant: str = "") -> Iterator[dict[str, Any]]:
    """Every feed document, valid or not; of one tenant no other's is read."""
    if tenant:
        return pages(feeds.query, KeyConditionExpression=Key("tenant").eq(tenant), ConsistentRead=True)
    return pages(feeds.scan, ConsistentRead=True)


def feed_ids(feeds: "Table", tenant: str = "") -> list[str]:
    """`tenant/feed` of every feed, or of one tenant's."""
    return sorted(f"{document['tenant']}/{document['feed']}" for document in feed_documents(feeds, tenant))


def unfinished(ledger: Ledger, feed_id: str, prefix: str = "", attributes: Sequence[str] = ()) -> Iterator[Entry]:
    """Files of a feed that are claimed or failed, read consistently (the index only tells which), as `of_run` does.

    Args:
        prefix: `failed#`, `failed#<run id>#` or `claimed#` for those alone.
        attributes: These and the key's alone; empty for the whole items.
    """
    condition: ConditionBase = Key("feed_id").eq(feed_id)
    if prefix:
        condition = condition & Key(UNFINISHED).begins_with(prefix)
    return ledger.of_unfinished(condition, attributes)


LOOKED_BACK = 60
"""Business dates before today whose files are looked for."""
_AT_ONCE = 10


def latest_files(ledger: Ledger, feed_id: str, now: datetime, most: int) -> list[Entry]:
    """Files of a feed that landed, of the latest business dates, the oldest first; a feed of years is not read whole.

    A Query a date, ten at once, from tomorrow back until there are enough; and their items, a hundred a call.
    """
    found: list[Entry] = []
    days = [(now + timedelta(days=1 - back)).date() for back in range(LOOKED_BACK + 2)]
    for start in range(0, len(days), _AT_ONCE):
        parts = [f"{feed_id}/{day}" for day in days[start : start + _AT_ONCE]]
        for entries in side_by_side(lambda part: list(islice(ledger.of_partition(part), most)), parts):
            found += entries
        if len(found) >= most:
            break
    return sorted(found, key=lambda entry: str(entry.get("uploaded_at", "")))[-most:]


def files_of_feed(ledger: Ledger, feed_id: str) -> list[Entry]:
    """Every file version of a feed, oldest first."""
    entries = ledger.query(Key("feed_id").eq(feed_id))
    return sorted((entry for entry in entries if entry["file_id"] != FEED_ITEM), key=lambda entry: entry["mtime"])
