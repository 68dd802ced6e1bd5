"""What is left out of a call's way changes nothing of what is asked, answered, refused and said."""

import json
import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlparse

import boto3
import pytest
from boto3.dynamodb.types import Binary
from botocore.awsrequest import HeadersDict
from botocore.exceptions import ClientError, NoCredentialsError

from tests import known_calls, known_s3

ITEM: dict[str, Any] = {
    "id": {"S": "a"}, "n": {"N": "1.50"}, "b": {"B": b"\x00"}, "flag": {"BOOL": False}, "none": {"NULL": True},
    "deep": {"M": {"l": {"L": [{"S": ""}, {"M": {"b": {"B": b"1"}}}, {"NS": ["1"]}]}, "ss": {"SS": ["x"]}}},
}  # fmt: skip


def the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name, original in known_calls.BEFORE:
        monkeypatch.setattr(owner, name, original)


def said_by_dynamodb() -> list[Any]:
    client = boto3.client("dynamodb")
    key, by = {"TableName": "t", "Key": {"id": ITEM["id"]}}, {":a": {"S": "a"}, ":b": {"B": b"\x00"}}
    unmet = {"ConditionExpression": "attribute_not_exists(id)"}
    table: dict[str, Any] = {
        "TableName": "t", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "Tags": [{"Key": "x", "Value": "y"}],
    }  # fmt: skip
    calls: list[tuple[str, dict[str, Any]]] = [
        ("create_table", table),
        ("create_table", table),
        ("put_item", {"TableName": "t", "Item": ITEM}),
        ("put_item", {"TableName": "t", "Item": {"id": {"S": "é = &"}, "text": {"S": "a=b&c=d"}}}),
        ("put_item", {"TableName": "none", "Item": ITEM}),
        ("get_item", key),
        ("get_item", {"TableName": "t", "Key": {"id": {"S": "b"}}}),
        ("query", {"TableName": "t", "KeyConditionExpression": "id = :a", "FilterExpression": "b = :b",
                   "ExpressionAttributeValues": by, "ReturnConsumedCapacity": "TOTAL"}),
        ("update_item", {**key, "UpdateExpression": "SET c = :b, d = :a", "ExpressionAttributeValues": by,
                         "ReturnValues": "ALL_NEW"}),
        ("update_item", {**key, "UpdateExpression": "SET c = :a", "ConditionExpression": "id = :b",
                         "ExpressionAttributeValues": by, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}),
        ("batch_get_item", {"RequestItems": {"t": {"Keys": [key["Key"], {"id": {"S": "é = &"}}]}}}),
        ("batch_write_item", {"RequestItems": {"t": [{"DeleteRequest": {"Key": {"id": {"S": "é = &"}}}}]}}),
        ("transact_write_items", {"TransactItems": [{"Put": {"TableName": "t", "Item": ITEM, **unmet}}]}),
        ("scan", {"TableName": "t", "Limit": 1}),
        ("describe_table", {"TableName": "t"}),
        ("list_tables", {}),
    ]  # fmt: skip
    said: list[Any] = []
    for name, asked in calls:
        try:
            answer = dict(getattr(client, name)(**asked))
        except ClientError as error:
            answer = dict(error.response)
        about = answer.pop("ResponseMetadata")
        lasting = {key for key in about["HTTPHeaders"] if key not in {"x-amz-crc32", "date"}}
        said.append([name, answer, about["HTTPStatusCode"], sorted(lasting), len(about["RequestId"])])
    # a table has its own id and time
    found: Any = json.loads(json.dumps(said, default=str))
    return [one for one in found if one[0] not in {"create_table", "describe_table"} or _without(one)]


def _without(one: Any) -> bool:
    for name in ("TableId", "CreationDateTime"):
        (one[1].get("TableDescription") or one[1].get("Table") or {}).pop(name, None)
    return True


def test_dynamodb_says_the_same_by_both_ways(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto import mock_aws

    short = said_by_dynamodb()
    with mock_aws(), monkeypatch.context() as patch:
        from moto.dynamodb.models import dynamodb_backends

        dynamodb_backends.reset()
        the_long_way(patch)
        assert said_by_dynamodb() == short
    assert len(short) == 16


def said_by_s3() -> list[Any]:
    client: Any = boto3.client("s3")
    a, odd = {"Bucket": "bucket", "Key": "a/b=1/c d+é.csv"}, {"Bucket": "bucket", "Key": "/"}
    where = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    tags = {"Metadata": {"of": "a", "OF_B": "b"}, "ContentType": "text/csv", "Tagging": "x=y"}
    copied = {"Bucket": "bucket", "Key": "copied", "CopySource": {"Bucket": "bucket", "Key": a["Key"]}}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("create_bucket", {"Bucket": "bucket", **where}),
        ("create_bucket", {"Bucket": "bucket", **where}),
        ("create_bucket", {"Bucket": "of.dots", **where}),
        ("put_object", {**a, "Body": b"x" * 100, **tags}),
        ("put_object", {"Bucket": "bucket", "Key": "plain", "Body": b""}),
        ("put_object", {**odd, "Body": b"1"}),
        ("put_object", {"Bucket": "of.dots", "Key": "a", "Body": b"1"}),
        ("put_object", {"Bucket": "none", "Key": "a", "Body": b"1"}),
        ("put_object", {**a, "Body": b"2", "IfNoneMatch": "*"}),
        ("get_object", a),
        ("get_object", {**a, "Range": "bytes=10-19"}),
        ("get_object", {**a, "Range": "bytes=1000-"}),
        ("get_object", {**a, "IfMatch": "another"}),
        ("get_object", {"Bucket": "bucket", "Key": "none"}),
        ("get_object", odd),
        ("head_object", a),
        ("head_object", {"Bucket": "bucket", "Key": "none"}),
        ("head_bucket", {"Bucket": "bucket"}),
        ("get_object_tagging", a),
        ("copy_object", copied),
        ("copy_object", {**copied, "MetadataDirective": "REPLACE", "Metadata": {"of": "c"}}),
        ("head_object", {"Bucket": "bucket", "Key": "copied"}),
        ("create_multipart_upload", {"Bucket": "bucket", "Key": "large", "Metadata": {"of": "d"}}),
        ("upload_part", {"Bucket": "bucket", "Key": "large", "PartNumber": 1, "UploadId": ..., "Body": b"z" * 10}),
        ("list_parts", {"Bucket": "bucket", "Key": "large", "UploadId": ...}),
        ("complete_multipart_upload", {"Bucket": "bucket", "Key": "large", "UploadId": ...,
                                       "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "none"}]}}),
        ("abort_multipart_upload", {"Bucket": "bucket", "Key": "large", "UploadId": ...}),
        ("list_multipart_uploads", {"Bucket": "bucket"}),
        ("list_objects_v2", {"Bucket": "bucket", "Prefix": "a/", "Delimiter": "/"}),
        ("list_objects_v2", {"Bucket": "bucket", "MaxKeys": 1}),
        ("delete_objects", {"Bucket": "bucket", "Delete": {"Objects": [{"Key": a["Key"]}, {"Key": "none"}]}}),
        ("delete_object", {"Bucket": "bucket", "Key": "plain"}),
        ("list_buckets", {}),
        ("delete_bucket", {"Bucket": "bucket"}),
    ]  # fmt: skip
    said: list[Any] = []
    upload = ""
    for name, asked in calls:
        try:
            answer = getattr(client, name)(**{key: upload if value is ... else value for key, value in asked.items()})
        except ClientError as error:
            answer = error.response
        upload = answer.get("UploadId", upload)
        about = answer.pop("ResponseMetadata")
        if "Body" in answer:
            answer["Body"] = answer["Body"].read()
        said.append([name, answer, about["HTTPStatusCode"], sorted(about["HTTPHeaders"])])
    return [re.sub(r"datetime\.datetime\(.*?\)\)?", "TIME", repr(one)).replace(upload, "UPLOAD") for one in said]


def test_s3_says_the_same_by_both_ways(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto import mock_aws
    from moto.s3.models import s3_backends

    asked: list[str] = []
    ask = known_s3.ask

    def note(request: Any, url: str) -> Any:
        asked.append(url)
        return ask(request, url)

    monkeypatch.setattr(known_s3, "ask", note)
    short = said_by_s3()
    assert len(asked) > 25, "that is by the short way"
    asked.clear()
    with mock_aws(), monkeypatch.context() as patch:
        s3_backends.reset()
        the_long_way(patch)
        assert said_by_s3() == short
    assert not asked
    assert len(short) == 34


def test_what_is_sent_is_the_same_but_for_the_signature(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def sent() -> list[tuple[str, str, dict[str, Any], Any]]:
        found: list[Any] = []

        def note(request: Any, **_: Any) -> None:
            headers = {
                name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
            }
            headers["Authorization"] = headers["Authorization"].split(",")[0]  # whose it is, when and where
            # a set of features, in any order
            headers["User-Agent"] = sorted(re.split("[ ,/]", headers["User-Agent"]))
            for name in ("amz-sdk-invocation-id", "X-Amz-Date"):
                del headers[name]
            found.append((request.method, request.url, headers, request.body))

        s3, sqs, dynamodb = boto3.client("s3"), boto3.client("sqs"), boto3.client("dynamodb")
        for client in (s3, sqs, dynamodb):
            client.meta.events.register_first("before-send.*", note)
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        sqs.create_queue(QueueName="q")
        dynamodb.list_tables()
        s3.delete_bucket(Bucket="bucket")
        return found

    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # no client of another test's, nor its session
    sent()  # the first says of its session where the keys were found
    short = sent()
    the_long_way(monkeypatch)
    assert sent() == short
    assert len(short) == 4


def test_what_a_table_is_asked_is_copied_whole() -> None:
    asked: dict[str, Any] = {"Item": {"a": [Decimal(1), {"b": {"x", "y"}}, b"z", None, True]}, "Key": Binary(b"1")}
    copied = known_calls.params_copied(asked, model=None)
    assert copied == asked
    copied["Item"]["a"][1]["b"].add("z")
    copied["Item"]["a"].append(1)
    copied["Key"].value = b"2"
    assert asked == {"Item": {"a": [Decimal(1), {"b": {"x", "y"}}, b"z", None, True]}, "Key": Binary(b"1")}


def test_an_address_for_others_is_signed(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    url = boto3.client("s3").generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    signed = parse_qs(urlparse(url).query)
    assert (signed.get("X-Amz-Signature") or signed["Signature"]) != ["none"]


def test_who_has_no_key_calls_nobody(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = boto3.client("sqs")
    monkeypatch.setattr(client._request_signer, "_credentials", None)
    with pytest.raises(NoCredentialsError):
        client.list_queues()


def test_headers_are_found_however_they_are_written() -> None:
    headers = HeadersDict({"Content-Type": "a"}, X="b")
    headers["content-type"] = "c"
    assert list(headers.items()) == [("Content-Type", "c"), ("X", "b")]
    assert headers["CONTENT-TYPE"] == headers.copy()["content-type"] == "c"
    del headers["x"]
    assert "X" not in headers
    assert headers.get("X") is None
    with pytest.raises(KeyError):
        headers["X"]


@pytest.mark.parametrize(
    ("value", "is_plain"),
    [
        ({"S": "x"}, True), ({"N": "1"}, True), ({"L": [{"M": {"x": {"SS": ["1"]}}}]}, True), ({"B": "eA=="}, False),
        ({"BS": ["eA=="]}, False), ({"M": {"x": {"L": [{"B": "eA=="}]}}}, False), ({"S": 1}, False), ({}, False),
        ({"S": "x", "N": "1"}, False), (None, False), ({"X": "x"}, False), ({"BOOL": "true"}, False),
    ],
)  # fmt: skip
def test_only_values_without_bytes_are_passed_on_as_they_are(value: Any, is_plain: bool) -> None:
    assert known_calls.is_plain(value) is is_plain
