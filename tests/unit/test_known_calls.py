"""What is left out of a call's way changes nothing of what is asked, answered, refused and said."""

import json
import re
from decimal import Decimal
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlparse

import boto3
import pytest
from aws_lambda_powertools.shared.user_agent import register_feature_to_client
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.awsrequest import HeadersDict
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError
from botocore.validate import ParamValidator

from tests import known_calls, known_s3, known_tables, known_values
from tests.unit.conftest import new_table

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
        ("transact_write_items", {"TransactItems": [{"Put": {"TableName": "t", "Item": {"id": {"S": "c"}}, **unmet}}]}),
        ("transact_get_items", {"TransactItems": [{"Get": {"TableName": "t", "Key": {"id": {"S": "c"}}}}]}),
        ("put_item", {"TableName": "t", "Item": {"id": {"S": "c"}, "n": {"N": "01.50"}, "s": {"SS": ["x", "y"]}}}),
        ("put_item", {"TableName": "t", "Item": {"id": {"S": "c"}}, "ReturnValues": "ALL_OLD"}),
        ("put_item", {"TableName": "t", "Item": {"id": {"S": ""}}}),
        ("put_item", {"TableName": "t", "Item": {"id": {"S": "d"}, "n": {"N": 1}}}),
        ("put_item", {"TableName": "t", "Item": {"id": {"S": "d"}, "n": {"SS": [1]}}}),
        ("put_item", {"TableName": "t", "Thing": {}}),
        ("query", {"TableName": "t", "KeyConditionExpression": "id = :a", "ProjectionExpression": "deep.ss, n",
                   "ExpressionAttributeValues": {":a": {"S": "a"}}, "ReturnConsumedCapacity": "INDEXES"}),
        ("query", {"TableName": "t", "KeyConditionExpression": "id = :a", "Select": "COUNT",
                   "ExpressionAttributeValues": {":a": {"S": "a"}}}),
        ("query", {"TableName": "t", "KeyConditionExpression": "wrong = ", "ExpressionAttributeValues": by}),
        ("batch_get_item", {"RequestItems": {"t": {"Keys": [{"id": {"S": "c"}}], "ProjectionExpression": "n"}}}),
        ("delete_item", {"TableName": "t", "Key": {"id": {"S": "c"}}, "ReturnValues": "ALL_OLD"}),
        ("scan", {"TableName": "t", "Limit": 1}),
        ("scan", {"TableName": "t", "ProjectionExpression": "n"}),
        ("describe_table", {"TableName": "t"}),
        ("list_tables", {}),
    ]  # fmt: skip
    said: list[Any] = []
    for name, asked in calls:
        try:
            answer = dict(getattr(client, name)(**asked))
        except ClientError as error:
            answer = dict(error.response)
        except ParamValidationError as error:
            said.append([name, str(error)])
            continue
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


def said_by_a_table() -> list[Any]:
    """In Python's values, by conditions that are objects; a table as it is in the tests."""
    table: Any = new_table("ledger", "feed_id", "file_id", {"by_run": ("run", "file_id", "KEYS_ONLY")})
    key = {"feed_id": "a", "file_id": "b"}
    item = {**key, "run": "r", "n": Decimal("1.50"), "deep": {"l": [1, None, True, {"s": {"x"}}]}, "text": "null"}
    said: list[Any] = []
    for call, asked in (
        (table.put_item, {"Item": item, "ConditionExpression": Attr("feed_id").not_exists()}),
        (table.put_item, {"Item": item, "ConditionExpression": Attr("feed_id").not_exists()}),
        (table.put_item, {"Item": {**item, "file_id": "c", "b": b"1"}}),
        (table.get_item, {"Key": key}),
        (table.get_item, {"Key": {**key, "file_id": "c"}}),
        (table.query, {"KeyConditionExpression": Key("feed_id").eq("a"), "FilterExpression": Attr("n").gt(1)}),
        (table.query, {"IndexName": "by_run", "KeyConditionExpression": Key("run").eq("r")}),
        (table.query, {"KeyConditionExpression": Key("feed_id").eq("a"), "Limit": 1}),
        (table.update_item, {"Key": key, "UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": 2},
                             "ConditionExpression": Attr("run").eq("r"), "ReturnValues": "UPDATED_NEW"}),
        (table.update_item, {"Key": key, "UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {}},
                             "ConditionExpression": Attr("run").eq("q")}),
        (table.delete_item, {"Key": key, "ReturnValues": "ALL_OLD"}),
    ):  # fmt: skip
        try:
            said.append({**call(**asked), "ResponseMetadata": 0})
        except ClientError as error:
            said.append(str(error))
    return said


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that go the short way from now on, with an answer."""
    gone: list[str] = []
    ask = known_tables.Way.ask

    def note(self: known_tables.Way, client: Any, params: Any) -> Any:
        answer = ask(self, client, params)
        gone.extend([self.action] if answer is not None else [])
        return answer

    monkeypatch.setattr(known_tables.Way, "ask", note)
    return gone


def test_dynamodb_says_the_same_by_both_ways(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto import mock_aws
    from moto.dynamodb.models import dynamodb_backends

    gone = noted(monkeypatch)
    short = said_by_dynamodb(), said_by_a_table()
    assert (len(gone), len(set(gone))) == (18, 10), "all kinds are asked by the short way"
    gone.clear()
    with mock_aws(), monkeypatch.context() as patch:
        dynamodb_backends.reset()
        the_long_way(patch)
        assert (said_by_dynamodb(), said_by_a_table()) == short
    assert not gone
    assert list(map(len, short)) == [30, 11]


def test_who_listens_hears_what_is_sent(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    table: Any = new_table("t", "a", "b")
    events, heard, gone = table.meta.client.meta.events, list[str](), noted(monkeypatch)
    for event in (*known_tables.BEFORE, "before-call", "before-send", known_tables.AFTER):
        table.put_item(Item={"a": "1", "b": "2"})
        assert len(gone) == 1, "nobody listens"
        listener = heard_by(heard, event)
        events.register(f"{event}.dynamodb.PutItem", listener)
        table.put_item(Item={"a": "1", "b": "2"})
        table.scan()
        events.unregister(f"{event}.dynamodb.PutItem", listener)
        assert heard.pop() == event
        assert gone[1:] == ["scan"]
        gone.clear()
    assert not heard
    # Powertools adds its name to who calls, in whichever process has imported it
    register: Any = register_feature_to_client
    register(client=table.meta.client, feature="x")
    table.scan()
    assert gone == ["scan"]


def heard_by(heard: list[str], event: str) -> Any:
    return lambda **_: heard.append(event)


def test_what_is_refused_was_tried_once(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.dynamodb.models import DynamoDBBackend

    table, tried = new_table("t", "a", "b"), list[str]()
    put: Any = DynamoDBBackend.put_item

    def note(*args: Any, **named: Any) -> Any:
        tried.append("put")
        return put(*args, **named)

    monkeypatch.setattr(DynamoDBBackend, "put_item", note)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.put_item(Item={"a": "1", "b": "2"}, ConditionExpression="attribute_exists(a)")
    assert tried == ["put"]
    table.put_item(Item={"a": "1", "b": "2"})
    assert tried == ["put", "put"]
    assert known_tables.told() is None


def test_keys_that_moto_gave_are_looked_at(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    table: Any = new_table("t", "a", "b")
    gone, iam = noted(monkeypatch), boto3.client("iam")
    iam.create_user(UserName="x")
    key = iam.create_access_key(UserName="x")["AccessKey"]["AccessKeyId"]
    table.scan()
    assert not gone
    monkeypatch.setattr(table.meta.client._request_signer._credentials, "access_key", key)
    table.scan()
    assert iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]["ServiceName"] == "dynamodb"


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


def test_motos_request_is_the_one_that_werkzeug_builds(aws: None) -> None:
    from moto.core.request import normalize_request

    found: list[Any] = []

    def note(request: Any, **_: Any) -> None:
        if hasattr(request.body, "seek"):
            request.body.seek(0)
        theirs = normalize_request(request)
        if hasattr(request.body, "seek"):
            request.body.seek(0)
        found.append((theirs, known_s3.request_of(request)))
        if hasattr(request.body, "seek"):
            request.body.seek(0)

    client: Any = boto3.client("s3")
    client.meta.events.register_first("before-send.s3", note)
    where = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    client.create_bucket(Bucket="of.dots", **where)
    for key in ("a/b=1/c d+é%20%C3?&;#.csv", "/", "//", " a", "💾", "a\nb"):
        client.put_object(Bucket="of.dots", Key=key, Body=b"1", Metadata={"Of_A": "b"}, ContentType="text/csv")
        client.put_object(Bucket="of.dots", Key=key, Body=BytesIO(b"a=1&b=2"))
        client.get_object(Bucket="of.dots", Key=key, Range="bytes=0-0")
    client.list_objects_v2(Bucket="of.dots", Prefix="é =&+/")
    assert len(found) == 20
    for theirs, ours in found:
        known, made = ({**request.environ, "wsgi.input": 0, "werkzeug.request": 0} for request in (theirs, ours))
        assert made == known
        assert (ours.url, ours.raw_url, ours.path, ours.args) == (theirs.url, theirs.raw_url, theirs.path, theirs.args)
        assert sorted(ours.headers) == sorted(theirs.headers)
        assert ours.data == theirs.data


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

        s3, sqs, dynamodb = session.client("s3"), session.client("sqs"), session.client("dynamodb")
        for client in (s3, sqs, dynamodb):
            client.meta.events.register_first("before-send.*", note)
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        sqs.create_queue(QueueName="q")
        dynamodb.list_tables()
        s3.delete_bucket(Bucket="bucket")
        return found

    session = boto3.session.Session()  # its own, and no clients that other tests left
    sent()  # the first says of its session where the keys were found
    short = sent()
    the_long_way(monkeypatch)
    assert sent() == short
    assert len(short) == 4


def test_what_a_table_is_asked_is_copied_whole() -> None:
    asked: dict[str, Any] = {"Item": {"a": [Decimal(1), {"b": {"x", "y"}}, b"z", None, True]}, "Key": Binary(b"1")}
    copied = known_values.params_copied(asked, model=None)
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


VALUES: list[Any] = [
    *("x", "", 1, -1, 0, True, None, 10**37, -(10**38), 10**38, 123456789012345678901234567890, Decimal("1.50")),
    *(
        1.5,
        Decimal("NaN"),
        b"x",
        bytearray(b"x"),
        Binary(b"x"),
        {1, 2},
        {"x"},
        {b"x"},
        {1, "x"},
        set(),
        ("a",),
        object(),
    ),
    *(
        [],
        {},
        [1, ["x", {"a": None}]],
        {"a": {"b": [True, Decimal(1)]}},
        [1.5],
        {1: "x"},
        type("Text", (str,), {})("x"),
    ),
]


def test_values_are_made_and_read_as_boto3_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> list[Any]:
        return [
            *(_of(TypeSerializer().serialize, value) for value in VALUES),
            *(
                _of(lambda value: TypeDeserializer().deserialize(TypeSerializer().serialize(value)), value)
                for value in VALUES
            ),
            *(
                _of(TypeDeserializer().deserialize, value)
                for value in ({}, None, {"X": 1}, {"S": 1, "N": 1}, {"n": "1"})
            ),
        ]

    short = found()
    the_long_way(monkeypatch)
    assert found() == short


def _of(act: Any, value: Any) -> str:
    try:
        made = act(value)
    except Exception as error:
        return re.sub(" at 0x[0-9a-f]+", "", f"{type(error).__name__} {error}")
    return f"{type(made)} {made!r}"


def test_what_is_wrong_in_an_item_is_found_as_botocore_does(monkeypatch: pytest.MonkeyPatch) -> None:
    shape: Any = boto3.client("dynamodb").meta.service_model.operation_model("PutItem").input_shape
    values: list[Any] = [
        *({"S": "x"}, {"S": 1}, {"N": 1}, {}, {"S": "x", "N": "1"}, {"X": "x"}, None, "x", {"B": b"x"}, {"B": 1}),
        *({"SS": ["x"]}, {"SS": ["x", 1]}, {"SS": "x"}, {"L": [{"S": 1}]}, {"L": [{"S": "x"}]}, {"M": {"x": {"S": 1}}}),
        *({"M": {1: {"S": "x"}}}, {"BOOL": 1}, {"BOOL": "x"}, {"NULL": True}, {"M": []}, {"S": None}),
    ]
    items: list[Any] = [{"a": value} for value in values] + [{"a": {"S": "x"}, "b": value} for value in values]

    def found() -> list[str]:
        asked: list[Any] = [{"TableName": "t", "Item": item} for item in [*items, {1: {"S": "x"}}, {}, [], None]]
        return [ParamValidator().validate(one, shape).generate_report() for one in asked]

    short = found()
    the_long_way(monkeypatch)
    assert found() == short
    assert 20 < sum(map(bool, short)) < 40


@pytest.mark.parametrize(
    ("value", "is_plain"),
    [
        ({"S": "x"}, True), ({"N": "1"}, True), ({"L": [{"M": {"x": {"SS": ["1"]}}}]}, True), ({"B": "eA=="}, False),
        ({"BS": ["eA=="]}, False), ({"M": {"x": {"L": [{"B": "eA=="}]}}}, False), ({"S": 1}, False), ({}, False),
        ({"S": "x", "N": "1"}, False), (None, False), ({"X": "x"}, False), ({"BOOL": "true"}, False),
    ],
)  # fmt: skip
def test_only_values_without_bytes_are_passed_on_as_they_are(value: Any, is_plain: bool) -> None:
    assert known_values.is_plain(value) is is_plain
