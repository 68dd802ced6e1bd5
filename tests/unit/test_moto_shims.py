"""What the shims over moto must keep: a failed transaction leaves no trace, an item that grew counts as it is."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@pytest.fixture
def table(aws: None) -> "Table":
    return boto3.resource("dynamodb").create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
        ],
    )


def test_a_transaction_that_fails_leaves_all_as_it_was(table: "Table") -> None:
    before: list[Any] = [{"id": "a", "n": Decimal(number), "deep": {"list": [1, {"x": "y"}]}} for number in range(3)]
    for item in before:
        table.put_item(Item=item)

    def key(number: int) -> dict[str, Any]:
        return {"TableName": "t", "Key": {"id": "a", "n": number}}

    actions: list[Any] = [
        {"Update": {**key(0), "UpdateExpression": "SET deep.#l[1].x = :z, kept = :z",
                    "ExpressionAttributeNames": {"#l": "list"}, "ExpressionAttributeValues": {":z": "z"}}},
        {"Delete": key(1)},
        {"Put": {"TableName": "t", "Item": {"id": "a", "n": 2}}},
        {"Put": {"TableName": "t", "Item": {"id": "a", "n": 3}}},
        {"ConditionCheck": {**key(9), "ConditionExpression": "attribute_exists(id)"}},
    ]  # fmt: skip
    client = table.meta.client
    with pytest.raises(client.exceptions.TransactionCanceledException):
        client.transact_write_items(TransactItems=actions)
    assert table.scan()["Items"] == before
    client.transact_write_items(TransactItems=actions[:-1])
    changed = {**before[0], "deep": {"list": [1, {"x": "z"}]}, "kept": "z"}
    assert table.scan()["Items"] == [changed, {"id": "a", "n": 2}, {"id": "a", "n": 3}]


def test_an_item_that_grew_is_weighed_anew(table: "Table") -> None:
    """A page of an answer ends at 1 MB (Amazon DynamoDB, "Paginating table query results")."""
    for number in range(4):
        table.put_item(Item={"id": "a", "n": number})
    asked: dict[str, Any] = {"KeyConditionExpression": "id = :a", "ExpressionAttributeValues": {":a": "a"}}
    assert "LastEvaluatedKey" not in table.query(**asked)
    for number in range(4):
        table.update_item(
            Key={"id": "a", "n": number},
            UpdateExpression="SET t = :t",
            ExpressionAttributeValues={":t": "x" * 300_000},
        )
    assert len(table.query(**asked)["Items"]) == 3
