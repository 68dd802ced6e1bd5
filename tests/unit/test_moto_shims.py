"""What the shims over moto must keep: what fails leaves no trace and is refused, an item that grew counts as it is."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

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


@pytest.mark.parametrize(
    "expression",
    [
        "SET a = :v SET b = :v",
        "REMOVE a SET b = :v, c = :v REMOVE d",
        "SET a = :v, b = :v, a = :v",
        "SET a = :v REMOVE b, a",
        "SET a.b = :v, c = :v, a = :v",
        "SET #d = :v, c = :v, #e = :v",
    ],
)
def test_an_update_that_says_something_twice_is_refused(table: "Table", expression: str) -> None:
    names: dict[str, Any] = {"ExpressionAttributeNames": {"#d": "d", "#e": "d"}} if "#" in expression else {}
    item: dict[str, Any] = {"id": "a", "n": 1, "a": {"b": "c"}}
    old: dict[str, Any] = {"id": "a", "n": 1}
    new: dict[str, Any] = {"id": "new", "n": 1}
    table.put_item(Item=item)
    for key in (old, new):
        with pytest.raises(ClientError, match="ValidationException"):
            table.update_item(
                Key=key,
                UpdateExpression=expression,
                ExpressionAttributeValues={":v": "v"},
                **names,
            )
    assert table.scan()["Items"] == [item]


def test_an_update_of_each_kind_changes_what_it_says(table: "Table") -> None:
    asked: dict[str, Any] = {
        "UpdateExpression": "SET #a.b[1] = :v, c = if_not_exists(c, :one) + :one, e = list_append(e, :list) "
        "REMOVE gone, #a.x[0] ADD many :set, sum_of :one DELETE few :set",
        "ExpressionAttributeNames": {"#a": "a"},
        "ExpressionAttributeValues": {":v": "v", ":one": 1, ":list": ["z"], ":set": {"s"}},
    }
    before: dict[str, Any] = {"a": {"b": ["1", "2"], "x": ["1", "2"]}, "e": ["y"], "gone": "x", "few": {"s", "t"}}
    after: dict[str, Any] = {
        "a": {"b": ["1", "v"], "x": ["2"]},
        "c": 2,
        "e": ["y", "z"],
        "few": {"t"},
        "many": {"s"},
        "sum_of": 1,
    }
    for number in range(2):
        table.put_item(Item={"id": "a", "n": number, **before})
        table.update_item(Key={"id": "a", "n": number}, **asked)
    assert table.scan()["Items"] == [{"id": "a", "n": number, **after} for number in range(2)]


def test_a_message_is_given_as_long_as_its_queue_keeps_it(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.sqs import models

    client = boto3.client("sqs")
    attributes: Any = {"MessageRetentionPeriod": "600", "VisibilityTimeout": "0"}
    queue = client.create_queue(QueueName="q", Attributes=attributes)["QueueUrl"]
    client.send_message(QueueUrl=queue, MessageBody="x")
    sent = models.unix_time()
    for seconds, given in ((590, 1), (610, 0)):
        monkeypatch.setattr(models, "unix_time", lambda seconds=seconds: sent + seconds)
        assert len(client.receive_message(QueueUrl=queue).get("Messages", [])) == given


def test_a_message_keeps_what_one_who_reads_it_did_not_ask_for(aws: None) -> None:
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    said: Any = {"of": {"DataType": "String", "StringValue": "a"}}
    sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=said)
    found = [
        sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0, MessageAttributeNames=names)["Messages"][0]
        for names in ([], ["All"], [])
    ]
    assert [one.get("MessageAttributes") for one in found] == [None, said, None]
    assert len({one["ReceiptHandle"] for one in found}) == 3
    assert {len(one["ReceiptHandle"]) for one in found} == {185}
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=found[0]["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
