"""Clients whose calls cost little: of what botocore and boto3 do for each, what need not be done anew.

A partner's file is some nine calls, and most of the processor's time that it takes is theirs. Four things of them are
spared: who calls is put together character by character, twice a call; what DynamoDB is to keep is copied deeply and
gone through by its description four times; it is compared with that description, which DynamoDB does anyway; and what
S3 is to keep is copied and cut into pieces of 16 kB, to send its checksum behind them.
"""

import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

from lakeferry.version import VERSION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

USER_AGENT = f"Lakeferry/{VERSION} Boto3/{boto3.__version__} Python/{platform.python_version()}"
"""What AWS's logs call the functions; boto3 adds botocore's version."""
_MAPS = frozenset({"Key", "Item", "ExpressionAttributeValues", "ExclusiveStartKey", "LastEvaluatedKey", "Attributes"})
"""Of attributes and their values, in calls and answers."""
_CONDITIONS = ("KeyConditionExpression", "ConditionExpression", "FilterExpression")
_LARGEST = 10**37
"""Whole numbers below it are kept to the last digit, of which DynamoDB has 38."""
_OF_BOTO3 = {
    "provide-client-params.dynamodb": ("dynamodb-create-params-copy",),
    "before-parameter-build.dynamodb": ("dynamodb-condition-expression", "dynamodb-attr-value-input"),
    "after-call.dynamodb": ("dynamodb-attr-value-output",),
}
_serialize: Any = TypeSerializer().serialize
_deserialize: Any = TypeDeserializer().deserialize


def s3_client(session: Any = boto3, **settings: Any) -> "S3Client":  # noqa: ANN401  (the module, or a session)
    """A client of S3.

    Args:
        settings: As `botocore.config.Config` takes them.
    """
    client: S3Client = session.client("s3", config=Config(user_agent=USER_AGENT, **settings))
    client.meta.events.register("before-call.s3", lambda params, **_: _sum_first(params))
    return client


def _sum_first(request: Mapping[str, Any]) -> None:
    """Has the checksum of bytes that are all here sent before them, and the bytes as they are.

    The sum behind the body is for streams, which can be read once; with either botocore leaves the body unsigned under
    TLS, and S3 compares the sum.
    """
    checksum = request["context"].get("checksum", {}).get("request_algorithm")
    if isinstance(checksum, dict) and isinstance(request["body"], (bytes, bytearray)):
        checksum["in"] = "header"


def table_of(name: str, session: Any = boto3, **settings: Any) -> "Table":  # noqa: ANN401
    """A table of DynamoDB, which takes and gives values as boto3's own does."""
    return tables_of([name], session, **settings)[name]


def tables_of(names: Sequence[str], session: Any = boto3, **settings: Any) -> "dict[str, Table]":  # noqa: ANN401
    """Tables by their names, all of one client: each client costs tens of milliseconds and its own connections."""
    # what is compared here would be refused there, by the same rules
    config = Config(user_agent=USER_AGENT, parameter_validation=False, **settings)
    dynamodb = session.resource("dynamodb", config=config)
    tables: dict[str, Table] = {name: dynamodb.Table(name) for name in names}
    events: Any = dynamodb.meta.client.meta.events  # to which each table has added boto3's own
    for event, added in _OF_BOTO3.items():
        for one in added:
            events.unregister(event, unique_id=one)
    events.register("provide-client-params.dynamodb", lambda params, **_: _sent(params))
    events.register("after-call.dynamodb", lambda parsed, **_: _came(parsed))
    return tables


def _sent(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a call, with values as DynamoDB has them; what the caller gave stays as it is."""
    found = (
        _spelt_out(params) if any(isinstance(params.get(name), ConditionBase) for name in _CONDITIONS) else {**params}
    )
    for name, value in found.items():
        if name in _MAPS:
            found[name] = {key: _typed(each) for key, each in value.items()}
        elif name == "RequestItems":
            found[name] = {table: _asked(each) for table, each in value.items()}
        elif name == "TransactItems":
            found[name] = [{kind: _sent(one) for kind, one in each.items()} for each in value]
    return found


def _spelt_out(params: Mapping[str, Any]) -> dict[str, Any]:
    """With conditions as text, numbered for this call alone: boto3 has one count for all threads of a table."""
    found, builder = dict(params), ConditionExpressionBuilder()
    for name in _CONDITIONS:
        if isinstance(condition := params.get(name), ConditionBase):
            built = builder.build_expression(condition, is_key_condition=name == "KeyConditionExpression")
            found[name] = built.condition_expression
            for added, more in (
                ("ExpressionAttributeNames", built.attribute_name_placeholders),
                ("ExpressionAttributeValues", built.attribute_value_placeholders),
            ):
                if more:
                    found[added] = {**found.get(added, {}), **more}
    return found


def _asked(of_table: Any) -> Any:  # noqa: ANN401  (what is read of a table, or the writes to it)
    if isinstance(of_table, Mapping):
        return {**of_table, "Keys": [{name: _typed(value) for name, value in key.items()} for key in of_table["Keys"]]}
    return [{kind: _sent(one) for kind, one in each.items()} for each in of_table]


def _came(parsed: dict[str, Any]) -> None:
    """Puts Python's values into an answer."""
    for name in _MAPS & parsed.keys():
        parsed[name] = _plain(parsed[name])
    if "Items" in parsed:
        parsed["Items"] = [_plain(item) for item in parsed["Items"]]
    if isinstance(responses := parsed.get("Responses"), Mapping):
        parsed["Responses"] = {table: [_plain(item) for item in items] for table, items in responses.items()}
    elif responses is not None:  # of a transaction that reads
        parsed["Responses"] = [{name: _plain(item) for name, item in each.items()} for each in responses]
    if left := parsed.get("UnprocessedKeys"):
        parsed["UnprocessedKeys"] = {
            table: {**each, "Keys": [_plain(key) for key in each["Keys"]]} for table, each in left.items()
        }
    if left := parsed.get("UnprocessedItems"):
        parsed["UnprocessedItems"] = {
            table: [
                {kind: {name: _plain(item) for name, item in one.items()} for kind, one in each.items()}
                for each in writes
            ]
            for table, writes in left.items()
        }


def _typed(value: Any) -> dict[str, Any]:  # noqa: ANN401
    """A value with its type; what is common at once, all else as boto3 does it."""
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is int and -_LARGEST < value < _LARGEST:
        return {"N": str(value)}
    if kind is dict:
        return {"M": {name: _typed(each) for name, each in value.items()}}
    if kind is list:
        return {"L": [_typed(each) for each in value]}
    typed: dict[str, Any] = _serialize(value)
    return typed


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(each) for name, each in item.items()}


def _value(typed: Mapping[str, Any]) -> Any:  # noqa: ANN401
    ((kind, value),) = typed.items()
    if kind == "S":
        return value
    if kind == "M":
        return _plain(value)
    if kind == "L":
        return [_value(each) for each in value]
    return _deserialize(typed)
