"""What is kept of clients between tests is what botocore would find anew, and none of what a test did to one."""

import functools
import re
from typing import TYPE_CHECKING, Any

import boto3
import botocore.compat
import botocore.handlers
import pytest
import requests
from botocore.hooks import EVENT_ALIASES, EventAliaser
from moto import backend_index, mock_aws
from moto.core import models

from tests import known_clients

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Handler:
    def __call__(self, **named: Any) -> None: ...

    def takes(self, **named: Any) -> None: ...

    def takes_none(self, name: str) -> None: ...


HANDLERS = [
    *{entry[1] for entry in botocore.handlers.BUILTIN_HANDLERS},
    Handler(), Handler().takes, Handler().takes_none, functools.partial(Handler().takes, a=1), lambda **named: None,
    lambda name: None,
]  # fmt: skip


def test_handlers_are_taken_and_refused_as_botocore_does() -> None:
    told = [bool(known_clients.accepts_kwargs(handler)) for handler in HANDLERS]
    assert told == [bool(botocore.compat.accepts_kwargs(handler)) for handler in HANDLERS]
    assert set(told) == {True, False}
    with pytest.raises(ValueError, match="must accept keyword"):
        boto3.client("s3").meta.events.register("before-send", Handler().takes_none)


@pytest.mark.parametrize("alias", EVENT_ALIASES)
def test_events_have_the_names_that_botocore_gives_them(alias: str) -> None:
    aliaser: Any = EventAliaser(None)  # type: ignore[arg-type]
    for name in (
        f"before-send.{alias}",
        f"before-call.{alias}.Get",
        f"creating-client-class.{alias}",
        alias,
        "other.x",
    ):
        found = known_clients._name_of_event(aliaser, name)
        assert known_clients.name_of_event(name) == aliaser._alias_event_name(name) == found


def test_each_call_says_who_calls(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    for name in ("lakeferry/1.0", "othér/2(0)"):
        monkeypatch.setenv("AWS_SDK_UA_APP_ID", name)
        client = boto3.client("s3")
        client.meta.events.register(
            "before-send.s3", lambda request, **_: said.append(str(request.headers["User-Agent"]))
        )
        client.list_buckets()
    named = [[word for word in agent.strip("b'").split() if word.startswith("app/")] for agent in said]
    assert named == [["app/lakeferry-1.0"], ["app/oth-r-2-0-"]]


def heard(by: list[int]) -> None:
    client = boto3.client("s3")
    client.meta.events.register("before-call.s3", lambda **named: by.append(1))
    client.list_buckets()


def test_a_handler_of_one_client_is_not_of_the_next(s3: "S3Client") -> None:
    by: list[int] = []
    heard(by)
    s3.list_buckets()
    boto3.client("s3").list_buckets()
    assert by == [1]


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_test_has_an_empty_aws(aws: None, time: str) -> None:
    client = boto3.client("s3")
    assert client.list_buckets()["Buckets"] == []
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def test_what_the_library_requests_sends_is_caught_in_each_test_as_moto_has_it() -> None:
    known_clients.apply_to_moto()
    caught = []
    for _ in range(2):
        with mock_aws():
            assert requests.get("https://lake.s3.amazonaws.com/", timeout=1).status_code == 404
            assert requests.get("https://nothing.amazonaws.com/", timeout=1).text == "The method is not implemented"
            caught.append([(found.method, found.url) for found in models.responses_mock.registered()])
    every = [pattern for _, pattern in backend_index.backend_url_patterns]
    every.append(re.compile(r"https?://.+\.amazonaws.com/.*"))
    methods = ("GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    assert caught == [[(method, pattern) for method in methods for pattern in every]] * 2


def test_a_resource_is_of_the_class_that_boto3_makes(aws: None) -> None:
    one, other = (boto3.session.Session().resource("dynamodb").Table(name) for name in ("a", "b"))
    assert type(one) is type(other)
    assert (one.name, other.name) == ("a", "b")
    assert one.meta.client is not other.meta.client
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boto3.resources.factory.ResourceFactory.load_from_definition", known_clients._load)
        made = boto3.session.Session().resource("dynamodb").Table("a")
    assert type(made) is not type(one)
    assert dir(made) == dir(one)
    assert type(made).__bases__ == type(one).__bases__
