"""What boto3 leaves to do on a DynamoDB table: pages, batches, update expressions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder
from botocore.exceptions import ClientError

from lakeferry.aws.items import plain
from lakeferry.aws.side_by_side import side_by_side

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

Key = tuple[str, str]
"""`feed_id` and `file_id`."""
BATCH = 100
"""Keys a BatchGetItem call takes (Amazon DynamoDB API Reference, "BatchGetItem")."""
AHEAD = 4 * BATCH
"""Items that a stream of them holds at a time."""


def utc_now() -> str:
    """The time as tables keep it: ISO 8601, UTC, milliseconds."""
    return utc_text(datetime.now(UTC))


def utc_text(moment: datetime) -> str:
    """A moment as tables keep it; what sorts as text as it does in time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pages(read: Callable[..., Mapping[str, Any]], **arguments: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Every item that a table's `query` or `scan` finds, as plain JSON.

    A condition is spelt out here: boto3 numbers the names and values of all threads' conditions in one builder a table,
    and two threads at a time get each other's numbers.
    """
    if isinstance(condition := arguments.get("KeyConditionExpression"), ConditionBase):
        built = ConditionExpressionBuilder().build_expression(condition, is_key_condition=True)
        arguments |= {
            "KeyConditionExpression": built.condition_expression,
            "ExpressionAttributeNames": arguments.get("ExpressionAttributeNames", {})
            | built.attribute_name_placeholders,
            "ExpressionAttributeValues": built.attribute_value_placeholders,
        }
    while True:
        page = read(**arguments)
        yield from map(plain, page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def batch_get(table: "Table", keys: Sequence[Key], attributes: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The items of those keys that are there, strongly consistent, in any order.

    Args:
        attributes: These alone; empty for the whole items.
    """
    batches = [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
    found = side_by_side(lambda batch: _one_batch(table, batch, attributes), batches)
    return [item for items in found for item in items]


def stream_items(table: "Table", keys: Iterable[Key], attributes: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The items of those keys that are there, strongly consistent, in the keys' order; `AHEAD` of them at a time.

    Args:
        attributes: These and the key's alone; empty for the whole items.
    """
    keys = iter(keys)
    asked = tuple(dict.fromkeys(("feed_id", "file_id", *attributes))) if attributes else ()
    while some := list(islice(keys, AHEAD)):
        found = {(item["feed_id"], item["file_id"]): item for item in batch_get(table, some, asked)}
        # each goes as it is used, so that what the reader keeps of it is all that stays
        yield from (found.pop(key) for key in some if key in found)


def _one_batch(table: "Table", keys: Iterable[Key], attributes: Sequence[str]) -> list[dict[str, Any]]:
    asked: dict[str, Any] = {
        "Keys": [{"feed_id": feed_id, "file_id": file_id} for feed_id, file_id in keys],
        "ConsistentRead": True,
    }
    if attributes:
        names = {f"#a{index}": name for index, name in enumerate(attributes)}
        asked |= {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
    request: dict[str, Any] = {table.name: asked}
    found: list[dict[str, Any]] = []
    while request:
        # the resource's own client turns DynamoDB's types into Python values
        answer = table.meta.client.batch_get_item(RequestItems=request)
        found += [plain(item) for item in answer["Responses"].get(table.name, [])]
        request = answer.get("UnprocessedKeys", {})
    return found


def update(table: "Table", key: Key, values: Mapping[str, Any], **rest: Any) -> dict[str, Any]:  # noqa: ANN401
    """Writes what `update_arguments` says, and tells what was there before."""
    arguments = update_arguments(table, key, values, **rest)
    arguments.pop("TableName")
    before: dict[str, Any] = plain(table.update_item(**arguments, ReturnValues="ALL_OLD").get("Attributes") or {})
    return before


def update_arguments(
    table: "Table",
    key: Key,
    values: Mapping[str, Any],
    *,
    add: Mapping[str, int] | None = None,
    remove: Sequence[str] = (),
    condition: str | None = None,
    names: Mapping[str, str] | None = None,
    expected: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An UpdateItem call as DynamoDB wants it, with `updated_at`.

    Args:
        values: Attributes to set.
        add: Numbers to count up.
        remove: Attributes to take away.
        condition: On which the write depends, with its `names` (`#name`) and `expected` values (`:value`).
    """
    values = {**values, "updated_at": utc_now()}
    all_names, all_values = dict(names or {}), dict(expected or {})
    assignments = []
    for index, (name, value) in enumerate(values.items()):
        all_names[f"#v{index}"] = name
        all_values[f":v{index}"] = value
        assignments.append(f"#v{index} = :v{index}")
    expression = "SET " + ", ".join(assignments)
    if add:
        all_names |= {f"#a{index}": name for index, name in enumerate(add)}
        all_values |= {f":a{index}": value for index, value in enumerate(add.values())}
        expression += " ADD " + ", ".join(f"#a{index} :a{index}" for index in range(len(add)))
    if remove:
        all_names |= {f"#r{index}": name for index, name in enumerate(remove)}
        expression += " REMOVE " + ", ".join(f"#r{index}" for index in range(len(remove)))
    arguments: dict[str, Any] = {
        "TableName": table.name,
        "Key": {"feed_id": key[0], "file_id": key[1]},
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {k: v for k, v in all_names.items() if k in f"{expression} {condition}"},
        "ExpressionAttributeValues": all_values,
    }
    if condition:
        arguments["ConditionExpression"] = condition
    return arguments


def is_condition(error: ClientError) -> bool:
    """Whether a write was refused because its condition does not hold."""
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
