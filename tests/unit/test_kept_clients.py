"""A client that another test had is as a new one; what makes tables and buckets without calls makes the same."""

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse

from tests import kept_clients
from tests.unit.conftest import new_buckets, new_feeds_table, new_ledger, new_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client


def one_test_after_another(*tests: Any) -> list[Any]:
    found = []
    for test in tests:
        with mock_aws(), kept_clients.kept_clients():
            found.append(test())
    return found


@pytest.fixture(autouse=True)
def _none_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_clients, "_free", type(kept_clients._free)(list))


def test_the_next_test_has_the_client_of_the_one_before() -> None:
    first, second = one_test_after_another(lambda: boto3.client("s3"), lambda: boto3.client("s3"))
    assert first is second
    first, second = one_test_after_another(
        lambda: boto3.resource("dynamodb").meta.client, lambda: boto3.resource("dynamodb").meta.client
    )
    assert first is second


def test_a_session_that_is_as_the_default_one_gives_them_too() -> None:
    made = one_test_after_another(
        lambda: boto3.client("s3"),
        lambda: boto3.Session(profile_name=None).client("s3"),
        lambda: boto3.Session(region_name="us-east-1").client("s3"),
        lambda: boto3.Session(aws_access_key_id="a", aws_secret_access_key="b").client("s3"),
        lambda: boto3.client("s3"),
    )
    assert made[0] is made[1] is made[4]
    assert len({id(client) for client in made}) == 3
    assert made[2].meta.region_name == "us-east-1"


def test_a_session_that_is_listened_to_has_clients_of_its_own_and_leaves_none() -> None:
    heard: list[str] = []

    def listening() -> Any:
        boto3.setup_default_session()
        session: Any = boto3.DEFAULT_SESSION
        session.events.register("before-call", lambda model, **_: heard.append(model.name))
        boto3.client("s3").list_buckets()
        return boto3.client("s3")

    first, listened, last = one_test_after_another(lambda: boto3.client("s3"), listening, lambda: boto3.client("s3"))
    assert heard == ["ListBuckets"]
    assert first is last is not listened
    one_test_after_another(lambda: [boto3.client("s3").list_buckets() for _ in range(3)])
    assert heard == ["ListBuckets"]


def test_two_that_one_test_asks_for_are_two() -> None:
    ((first, second),) = one_test_after_another(lambda: (boto3.client("s3"), boto3.client("s3")))
    assert first is not second


def test_what_is_asked_for_otherwise_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_environment() -> Any:
        with monkeypatch.context() as patch:
            patch.setenv("AWS_MAX_ATTEMPTS", "7")
            return boto3.client("s3")

    made = one_test_after_another(
        lambda: boto3.client("s3"),
        lambda: boto3.client("s3", region_name="us-east-1"),
        by_environment,
        lambda: boto3.client("s3", endpoint_url="http://127.0.0.1:1"),
        lambda: boto3.client("s3", endpoint_url="http://127.0.0.1:1"),
        lambda: boto3.client("sqs"),
    )
    assert len({id(client) for client in made}) == len(made)


@pytest.mark.parametrize("kind", ["client", "resource"])
def test_nothing_of_what_a_test_did_to_a_client_is_left(kind: str) -> None:
    heard: list[Any] = []

    def of(made: Any) -> Any:
        return made if kind == "client" else made.meta.client

    def spoil() -> Any:
        client = of(getattr(boto3, kind)("dynamodb"))
        client.meta.events.register("before-call.dynamodb", lambda **named: heard.append(named), unique_id="mine")
        client.meta.events.register_first("before-send.dynamodb.ListTables", lambda **named: heard.append(named))
        client.list_tables = None
        client.mine = True
        return client

    def look() -> Any:
        client = of(getattr(boto3, kind)("dynamodb"))
        assert client.list_tables()["TableNames"] == []
        assert not hasattr(client, "mine")
        return client

    def take_away() -> Any:
        client = of(getattr(boto3, kind)("dynamodb"))
        client.list_tables()  # all handlers were looked up
        client.meta.events.register("before-call.dynamodb", lambda **named: heard.append(named), unique_id="mine")
        return client

    made = one_test_after_another(spoil, look, take_away, look, spoil, spoil, look)
    assert len({id(client) for client in made}) == 1
    assert heard == []


def test_a_client_may_try_again_as_often_as_a_new_one() -> None:
    """botocore allows a client some tries more than it answers, in all."""
    sent: list[int] = []

    def fail(**_: Any) -> Any:
        sent.append(1)
        return AWSResponse("", 500, HTTPHeaders(), MockRawResponse(b"{}"))

    def out_of_order() -> Any:
        sent.clear()
        client = boto3.client("dynamodb")
        client.meta.events.register_first("before-send", fail)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.sleep", lambda seconds: None)
            for _ in range(40):
                with pytest.raises(ClientError):
                    client.list_tables()
        return len(sent)

    first, second = one_test_after_another(out_of_order, out_of_order)
    assert first == second
    assert 40 < first < 40 * 3, "it was at an end"


def test_a_resource_that_is_kept_writes_and_reads_values_as_python_has_them() -> None:
    def use() -> Any:
        table = new_feeds_table()
        table.put_item(Item={"tenant": "a", "feed": "b", "n": 1, "list": ["x"]})
        return table.get_item(Key={"tenant": "a", "feed": "b"})["Item"]

    assert one_test_after_another(use, use) == [{"tenant": "a", "feed": "b", "n": 1, "list": ["x"]}] * 2


def test_buckets_are_those_of_calls(aws: None) -> None:
    from moto.s3.models import s3_backends

    def found() -> list[dict[str, Any]]:
        kept = s3_backends["123456789012"]["aws"].buckets
        return [
            {
                name: value if isinstance(value, str | int | None) else repr(type(value))
                for name, value in vars(it).items()
            }
            for it in kept.values()
        ]

    s3: S3Client = new_buckets()
    made = found()
    for name in ("lake", "inbox", "work"):
        s3.delete_bucket(Bucket=name)
    for name in ("lake", "inbox", "work"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    again = found()
    assert len(made) == 3
    for each in (*made, *again):
        each.pop("creation_date", None)
    assert made == again


def test_tables_are_those_of_calls(aws: None) -> None:
    indexes = {"pending": ("pending", "partition", "KEYS_ONLY"), "open": ("open", "b", "ALL")}
    client: Any = boto3.client("dynamodb")

    def described(table: "Table") -> dict[str, Any]:
        told = client.describe_table(TableName=table.name)["Table"]
        return {name: value for name, value in told.items() if name not in {"CreationDateTime", "TableId"}}

    for name, given in (("with", indexes), ("without", {})):
        made = described(new_table(name, "a", "b", given))
        client.delete_table(TableName=name)
        asked: dict[str, Any] = {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            **{key: made[key] for key in ("AttributeDefinitions", "KeySchema")},
        }
        if given:
            asked["GlobalSecondaryIndexes"] = [
                {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
                for index in made["GlobalSecondaryIndexes"]
            ]
        client.create_table(**asked)
        assert described(boto3.resource("dynamodb").Table(name)) == made
    assert {index["IndexName"] for index in new_ledger()._table.global_secondary_indexes} == {
        "by_run", "by_partition", "pending", "unfinished", "outbox"
    }  # fmt: skip
