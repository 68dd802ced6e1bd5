"""Tables that spare boto3's copies take and give what boto3's own do; S3 and DynamoDB hear who calls."""

import base64
import io
import zlib
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3 import HTTPResponse

from lakeferry.aws.calls import USER_AGENT, s3_client, table_of
from lakeferry.aws.tables import pages
from lakeferry.ledger import Ledger

SCALARS = (
    st.text(max_size=5)
    | st.integers(-(10**38) + 1, 10**38 - 1)
    | st.booleans()
    | st.none()
    | st.binary(min_size=1, max_size=5)
    | st.decimals(-(10**20), 10**20, places=6)
    | st.frozensets(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=3).map(set)
    | st.frozensets(st.integers(-9, 9), min_size=1, max_size=3).map(set)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
KEY = {"feed_id": "acme/sales", "file_id": "a#1#2"}


@pytest.fixture
def tables(ledger: Ledger) -> tuple[Any, Any]:
    """Ours, and boto3's own."""
    return table_of("ledger"), ledger.table


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_each_value_is_kept_and_read_as_boto3_does(tables: tuple[Any, Any], value: Any) -> None:
    found = []
    for writer in tables:
        writer.put_item(Item={**KEY, "value": value})
        for table in tables:
            found.append(table.get_item(Key=KEY)["Item"])
            assert [type(each) for each in found[-1].values()] == [type(each) for each in found[0].values()]
    assert all(each == found[0] for each in found)


def test_each_kind_of_call_takes_and_gives_plain_values(tables: tuple[Any, Any]) -> None:
    ours, theirs = tables
    client: Any = ours.meta.client
    values, items = {":n": 1, ":l": ["a", {"b": Decimal("1.5")}]}, [{**KEY, "file_id": f"f{n}"} for n in range(3)]
    given = {"Update": {"TableName": "ledger", "Key": items[0], "UpdateExpression": "SET n = :n, l = :l"}}
    given["Update"]["ExpressionAttributeValues"] = values
    client.transact_write_items(TransactItems=[given, {"Put": {"TableName": "ledger", "Item": {**items[1], "n": 2}}}])
    assert values == {":n": 1, ":l": ["a", {"b": Decimal("1.5")}]}, "what was given stays as it was"
    assert given["Update"]["Key"] == items[0]
    whole = {**items[0], "n": 1, "l": ["a", {"b": Decimal("1.5")}]}
    assert theirs.get_item(Key=items[0])["Item"] == whole
    assert client.batch_get_item(RequestItems={"ledger": {"Keys": items}})["Responses"]["ledger"] == [
        whole,
        {**items[1], "n": 2},
    ]
    (read, none) = client.transact_get_items(
        TransactItems=[{"Get": {"TableName": "ledger", "Key": key}} for key in (items[1], items[2])]
    )["Responses"]
    assert read["Item"] == {**items[1], "n": 2}
    assert "Item" not in none
    client.batch_write_item(
        RequestItems={"ledger": [{"PutRequest": {"Item": items[2]}}, {"DeleteRequest": {"Key": items[1]}}]}
    )
    condition = Key("feed_id").eq(KEY["feed_id"]) & Key("file_id").begins_with("f")
    assert list(pages(ours.query, KeyConditionExpression=condition, Limit=1)) == list(
        pages(theirs.query, KeyConditionExpression=condition)
    )
    filtered = {"KeyConditionExpression": condition, "FilterExpression": Attr("n").gt(0) & Attr("n").lt(9)}
    assert ours.query(**filtered)["Items"] == theirs.query(**filtered)["Items"] == [whole]
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        ours.put_item(Item=items[0], ConditionExpression=Attr("file_id").not_exists())
    before = ours.update_item(
        Key=items[0], UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": 7}, ReturnValues="ALL_OLD"
    )
    assert before["Attributes"] == whole
    assert ours.delete_item(Key=items[0], ReturnValues="ALL_OLD")["Attributes"]["n"] == 7


def test_what_dynamodb_left_undone_can_be_asked_for_as_it_was_given(tables: tuple[Any, Any]) -> None:
    ours, _ = tables
    client: Any = ours.meta.client
    typed_key = {name: {"S": value} for name, value in KEY.items()}
    with Stubber(client) as stub:
        stub.add_response("batch_get_item", {"UnprocessedKeys": {"ledger": {"Keys": [typed_key]}}})
        left = client.batch_get_item(RequestItems={"ledger": {"Keys": [KEY]}})["UnprocessedKeys"]
        assert left == {"ledger": {"Keys": [KEY]}}
        put = {"PutRequest": {"Item": {**typed_key, "n": {"N": "1"}}}}
        stub.add_response("batch_write_item", {"UnprocessedItems": {"ledger": [put]}})
        left = client.batch_write_item(RequestItems={"ledger": [{"DeleteRequest": {"Key": KEY}}]})["UnprocessedItems"]
        assert left == {"ledger": [{"PutRequest": {"Item": {**KEY, "n": 1}}}]}
        stub.add_response("query", {"Items": [], "LastEvaluatedKey": typed_key})
        assert ours.query(ExclusiveStartKey=KEY)["LastEvaluatedKey"] == KEY


def test_what_does_not_fit_is_refused_by_dynamodb(tables: tuple[Any, Any]) -> None:
    ours, _ = tables
    with pytest.raises(TypeError, match="Float types are not supported"):
        ours.put_item(Item={**KEY, "n": 1.5})
    with pytest.raises(ClientError):
        ours.get_item(Key={"feed_id": "a"})


@pytest.mark.parametrize("call", ["put_object", "upload_part"])
def test_bytes_go_to_s3_as_they_are_with_their_sum_before_them(call: str) -> None:
    sent: list[Any] = []
    s3, body = s3_client(), bytearray(b"some rows\n" * 100_000)

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {"ETag": '"e"'}, HTTPResponse(io.BytesIO(), preload_content=False))  # type: ignore[arg-type]

    s3.meta.events.register("before-send.s3", answer)  # type: ignore[arg-type]  # what it returns is the answer
    upload = {"UploadId": "u", "PartNumber": 1} if call == "upload_part" else {}
    for one in (body, io.BytesIO(body)):
        getattr(s3, call)(Bucket="lake", Key="k", Body=one, **upload)
    ours, stream = sent
    heard = {name.lower(): _text(value) for name, value in ours.headers.items()}
    assert ours.url.startswith("https:")
    assert ours.body is body  # neither copied nor cut
    assert heard["x-amz-checksum-crc32"] == base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()
    assert heard["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"  # nor gone through once more
    assert heard["content-length"] == str(len(body))
    assert not heard.keys() & {"transfer-encoding", "x-amz-trailer"}
    assert _text(stream.headers["X-Amz-Trailer"]) == "x-amz-checksum-crc32"  # what cannot be read twice


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def test_aws_is_told_who_calls(ledger: Ledger) -> None:
    heard: list[str] = []
    s3, table = s3_client(), table_of("ledger")
    for client in (s3, table.meta.client):
        client.meta.events.register("before-send", lambda request, **_: heard.append(request.headers["User-Agent"]))
    s3.list_buckets()
    table.get_item(Key=KEY)
    assert len(heard) == 2
    assert all((each.decode() if isinstance(each, bytes) else each).startswith(f"{USER_AGENT} ") for each in heard)
