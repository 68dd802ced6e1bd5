"""What people and reprocess ask the tables: which feeds there are, and which files are open."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import ConditionBase, Key

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


def files_of_feed(ledger: Ledger, feed_id: str) -> list[Entry]:
    """Every file version of a feed, oldest first."""
    entries = ledger.query(Key("feed_id").eq(feed_id))
    return sorted((entry for entry in entries if entry["file_id"] != FEED_ITEM), key=lambda entry: entry["mtime"])
