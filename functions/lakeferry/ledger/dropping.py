"""Files of a feed that is deleted, with which nothing more is to be done."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lakeferry.aws.tables import Key, is_condition, update, utc_now
from lakeferry.ledger.files import DROPPED_AT, UNFINISHED

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def drop_waiting(table: "Table", key: Key) -> bool:
    """Takes a landed file off the Glue job's work list for good; it stays in the raw zone. False if it is off.

    The mark tells the run that is still under way that nobody forgot the file.
    """
    marked = {DROPPED_AT: utc_now()}
    return _update(table, key, marked, ("pending",), "attribute_exists(#pending)", {"#pending": "pending"})


def drop_unfinished(table: "Table", key: Key) -> bool:
    """Releases a file that failed or whose run is over: nothing retries it, and a poll may take it anew."""
    names = {"#unfinished": UNFINISHED}
    return _update(table, key, {"status": "RELEASED"}, (UNFINISHED,), "attribute_exists(#unfinished)", names)


def _update(
    table: "Table", key: Key, values: dict[str, str], remove: tuple[str, ...], condition: str, names: dict[str, str]
) -> bool:
    try:
        update(table, key, values, remove=remove, condition=condition, names=names)
    except ClientError as error:
        if is_condition(error):
            return False
        raise
    return True
