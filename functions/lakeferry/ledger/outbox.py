"""What is to be told to others, written with what happened: attributes of the same item, in the same write.

An item with something to tell has `outbox` (sparse index `outbox`) and `tell_<what>`, when it happened. So nothing that
happened goes undelivered, whatever is killed when; function `emit` takes the attributes away once it has told them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key as Where
from botocore.exceptions import ClientError

from lakeferry.aws.items import plain
from lakeferry.aws.tables import is_condition, pages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

INDEX = "outbox"
TELL = "tell"
"""Partition key of everything in the index."""
_PREFIX = "tell_"


def tell(what: str, at: str) -> dict[str, str]:
    """Attributes that a write sets besides its own.

    Args:
        what: Such as `file_landed`.
        at: When, ISO 8601 UTC.
    """
    return {INDEX: TELL, f"{_PREFIX}{what}": at}


def undelivered(item: Mapping[str, Any]) -> dict[str, str]:
    """What an item has to tell, and when each happened."""
    return {name.removeprefix(_PREFIX): str(at) for name, at in item.items() if name.startswith(_PREFIX)}


class Outbox:
    """What a table has to tell."""

    def __init__(self, table: "Table", keys: tuple[str, str]) -> None:
        self._table, self._keys = table, keys

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Items with something to tell, as they are now: the index only says which."""
        for key in pages(self._table.query, IndexName=INDEX, KeyConditionExpression=Where(INDEX).eq(TELL)):
            found = self._table.get_item(Key={name: key[name] for name in self._keys}, ConsistentRead=True)
            if item := plain(found.get("Item") or {}):
                yield item

    def told(self, item: Mapping[str, Any], known: Iterable[str]) -> None:
        """Takes away what was told, unless the item has something else to tell by now: that is told the next time.

        Args:
            known: Everything that an item of the table may have to tell.
        """
        seen = undelivered(item)
        names = {f"#{what}": f"{_PREFIX}{what}" for what in {*seen, *known}}
        conditions = [
            f"#{what} = :{what}" if what in seen else f"attribute_not_exists(#{what})"
            for what in sorted({*seen, *known})
        ]
        values = {"ExpressionAttributeValues": {f":{what}": at for what, at in seen.items()}} if seen else {}
        try:
            self._table.update_item(
                Key={name: item[name] for name in self._keys},
                UpdateExpression="REMOVE #outbox" + "".join(f", #{what}" for what in sorted(seen)),
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames=names | {"#outbox": INDEX},
                **values,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if not is_condition(error):
                raise
