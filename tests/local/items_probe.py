"""Asks moto about items in all ways that Lakeferry does, and more; prints what it says. Takes a shim to leave out."""

import json
import re
import sys
from typing import Any

import boto3
from moto import mock_aws

from local import moto_shims

moto_shims.apply(leave_out=sys.argv[1])
said: list[Any] = []


def ask(name: str, **named: Any) -> None:
    try:
        answer = getattr(client, name)(**named)
        del answer["ResponseMetadata"]
        said.append([name, answer])
    except client.exceptions.ClientError as error:
        said.append([name, str(error)])
    except Exception as error:  # moto fails itself where AWS would refuse
        said.append([name, repr(error)])


def item(key: str, number: int, **more: Any) -> dict[str, Any]:
    return {"id": {"S": key}, "n": {"N": str(number)}, **more}


GIVEN: dict[str, dict[str, Any]] = {
    ":one": {"N": "1"},
    ":deep": {"M": {"l": {"L": [{"SS": ["a"]}, {"NULL": True}]}}},
    ":none": {"S": ""},
    ":set": {"SS": ["p"]},
    ":list": {"L": [{"S": "p"}]},
}
PLAIN = (
    "SET #p = :one, #q = :deep REMOVE #flag, #nowhere ADD #few :one, #r :one",
    "REMOVE #q SET #p = :none",
    "REMOVE #b, #ss",
    "ADD #flag :set",
    "ADD #p :one",
    "ADD #deep :one",
    "ADD #r :deep",
    "SET #p = :one, #p = :deep",
    "SET #p = :one REMOVE #p",
    "SET #p = :one ADD #p :one",
    "SET #p = :one SET #q = :one",
    "REMOVE #p REMOVE #q",
    "SET #id = :none",
    "REMOVE #n",
    "SET #o = :one",
    "SET #o = :none",
    "SET #lost = :one",
    "SET #p = :lost",
    "SET #p = #few + :one",
    "SET #p = if_not_exists(#p, :one)",
    "SET #p = #q",
    "SET #deep.#l = :one",
    "SET p = :one, #q = :one",
    "DELETE #few :set",
    "SET #q = :one DELETE #ss :set",
    "SET p = :one, #q = if_not_exists(#q, :deep), deep.more = :one",
    "SET few = few - :one, #r = few REMOVE deep.more, p ADD deep.tally :one, deep.many :set, #s :set",
    "SET t = list_append(if_not_exists(t, :list), :list)",
    "SET few = few + :none",
    "SET #p = nowhere",
    "SET #p = if_not_exists(few, nowhere)",
    "SET p.q = :one REMOVE p",
    "SET p = :one, #p = :one",
    "SET name = :one",
    "SET few.p = :one",
    "REMOVE few.p",
    "ADD ss :one",
)
"""With placeholders throughout, or nearly; or by names."""
NO_MORE: dict[str, Any] = {}
MORE = {
    "deep": {"M": {"l": {"L": [{"S": "x"}, {"M": {"b": {"B": b"1"}}}, {"NS": ["1", "2"]}]}, "none": {"NULL": True}}},
    "b": {"B": b"\x00"},
    "bs": {"BS": [b"1"]},
    "ss": {"SS": ["x"]},
    "flag": {"BOOL": False},
    "plain": {"M": {"l": {"L": [{"S": "x"}, {"M": {"n": {"N": "1.50"}}}, {"L": []}]}, "none": {"NULL": True}}},
    "few": {"N": "1.50"},
}
KEY = {"TableName": "t", "Key": item("a", 2)}
BY = {"TableName": "t", "KeyConditionExpression": "id = :a", "ExpressionAttributeValues": {":a": {"S": "a"}}}
with mock_aws():
    client: Any = boto3.client("dynamodb", region_name="eu-west-1")
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in (("id", "S"), ("n", "N"), ("o", "S"))
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": name,
                "KeySchema": [{"AttributeName": "o", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
                "Projection": more | {"ProjectionType": kind},
            }
            for name, kind, more in (
                ("keys", "KEYS_ONLY", NO_MORE),
                ("all", "ALL", NO_MORE),
                ("some", "INCLUDE", NO_MORE | {"NonKeyAttributes": ["deep", "few"]}),
            )
        ]
        + [
            {
                "IndexName": "own",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "o", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for key in ("b", "a"):
        for number in (10, 9, 2, -1):
            ask("put_item", TableName="t", Item=item(key, number, o={"S": "o" if number > 2 else "p"}, **MORE))
    ask("put_item", TableName="t", Item=item("big", 1, x={"S": "x" * 410_000}))
    ask("put_item", TableName="t", Item=item("big", 1, x={"S": "x" * 350_000}))
    ask(
        "update_item",
        TableName="t",
        Key=item("big", 1),
        UpdateExpression="SET y = :y",
        ExpressionAttributeValues={":y": {"S": "y" * 90_000}},
    )
    ask("delete_item", TableName="t", Key=item("big", 1))
    ask("get_item", **KEY)
    for names in ("few, n", "deep.l[1].b, b", "deep, nothing, few", "plain, few", "plain.l[0]"):
        ask("get_item", **KEY, ProjectionExpression=names)
        ask("query", **BY, ProjectionExpression=names)
    ask("put_item", TableName="t", Item=item("a", 3))  # the index does not have it
    for paged in ({}, {"ScanIndexForward": False}, {"Limit": 2}):
        ask("query", **BY, IndexName="own", **paged)
    ask("delete_item", TableName="t", Key=item("a", 3))
    for more in ({}, {"ScanIndexForward": False}, {"Limit": 2}, {"Limit": 2, "ExclusiveStartKey": item("a", 2)}):
        ask("query", **BY, **more)
        for index in ("keys", "all", "some"):
            ask(
                "query",
                TableName="t",
                IndexName=index,
                KeyConditionExpression="o = :o",
                ExpressionAttributeValues={":o": {"S": "o"}},
                Select="ALL_PROJECTED_ATTRIBUTES",
                **({} if "ExclusiveStartKey" in more else more),
            )
    ask(
        "query",
        TableName="t",
        KeyConditionExpression="id = :a AND n BETWEEN :x AND :y",
        FilterExpression="size(deep) > :x",
        ExpressionAttributeValues={":a": {"S": "a"}, ":x": {"N": "0"}, ":y": {"N": "9.5"}},
    )
    ask("scan", TableName="t")
    for update in (
        "SET few = few + :one, deep.l[0] = :s",
        "SET #n = :one",
        "SET x = if_not_exists(x, :one), y = list_append(deep.l, :l)",
        "REMOVE deep.l[1], b ADD few :one, more :set DELETE ss :set",
        "SET nothing.x = :s",
        "SET few = :s SET x = :s",
        "SET x = :undefined",
        "SET",
    ):
        values = {
            name: value
            for name, value in {
                ":one": {"N": "1"},
                ":s": {"S": "s"},
                ":l": {"L": [{"S": "z"}]},
                ":set": {"SS": ["x", "s"]},
            }.items()
            if name in update
        }
        named: dict[str, Any] = {"ExpressionAttributeNames": {"#n": "n"}} if "#n" in update else {}
        for returned in ("ALL_OLD", "UPDATED_NEW", "ALL_NEW"):
            ask(
                "update_item",
                **KEY,
                UpdateExpression=update,
                ReturnValues=returned,
                **named,
                **({"ExpressionAttributeValues": values} if values else {}),
            )
    for update in PLAIN:
        given = {name: value for name, value in GIVEN.items() if re.search(rf"{name}\b", update)}
        called = {f"#{name}": name for name in re.findall(r"#(\w+)", update) if name != "lost"}
        for at in (KEY["Key"], item("new", 1)):
            ask(
                "update_item",
                TableName="t",
                Key=at,
                UpdateExpression=update,
                ReturnValues="ALL_NEW",
                **({"ExpressionAttributeNames": called} if called else {}),
                **({"ExpressionAttributeValues": given} if given else {}),
            )
    ask(
        "transact_write_items",
        TransactItems=[
            {
                "Update": {
                    "TableName": "t",
                    "Key": item("t", number),
                    "UpdateExpression": "SET #x = :x ADD #y :y",
                    "ConditionExpression": "attribute_not_exists(#x)",
                    "ExpressionAttributeNames": {"#x": "x", "#y": "y"},
                    "ExpressionAttributeValues": {":x": {"S": "x"}, ":y": {"N": "1"}},
                }
            }
            for number in (1, 2)
        ],
    )
    ask("scan", TableName="t")
    ask(
        "update_item",
        **KEY,
        UpdateExpression="SET z = few",
        ConditionExpression="few > :x",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
        ExpressionAttributeValues={":x": {"N": "100"}},
    )
    ask(
        "transact_write_items",
        TransactItems=[
            {"Put": {"TableName": "t", "Item": item("c", 1)}},
            {"ConditionCheck": {"TableName": "t", "Key": item("d", 1), "ConditionExpression": "attribute_exists(id)"}},
        ],
    )
    ask(
        "batch_get_item",
        RequestItems={"t": {"Keys": [item("a", 2), item("b", 9), item("z", 1)], "ProjectionExpression": "id, few"}},
    )
    ask("delete_item", **KEY, ReturnValues="ALL_OLD")
    ask(
        "scan", TableName="t", FilterExpression="attribute_type(deep, :m)", ExpressionAttributeValues={":m": {"S": "M"}}
    )
print(json.dumps(said, default=str, sort_keys=True))
