"""Who gets which mails."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import parse_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.asides import Asides
from subscribe.core import MAX_VALUES, subscribe
from tests.conftest import feed_document

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


@pytest.fixture
def sns(aws: None) -> "SNSClient":
    return boto3.client("sns")


@pytest.fixture
def topic(sns: "SNSClient") -> str:
    return sns.create_topic(Name="mails")["TopicArn"]


@pytest.fixture
def asides(ledger: Ledger) -> Asides:
    return ledger.asides


def feed(name: str, *emails: str, tenant: str = "acme") -> dict[str, Any]:
    return {"tenant": tenant, "feed": name, "notify": {"emails": list(emails)}}


def policies(sns: "SNSClient", topic: str) -> dict[str, Any]:
    found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return {
        one["Endpoint"]: json.loads(
            sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"].get(
                "FilterPolicy", "null"
            )
        )
        for one in found
    }


def test_an_address_gets_the_mails_of_its_feeds_and_no_others(sns: "SNSClient", topic: str, asides: Asides) -> None:
    feeds = [feed("sales", "a@x.example", "b@x.example"), feed("stock", "a@x.example"), {"tenant": "t", "feed": "f"}]
    assert subscribe(feeds, sns, topic, asides)["added"] == 2
    assert policies(sns, topic) == {
        "a@x.example": {"feed_id": ["acme/sales", "acme/stock"]},
        "b@x.example": {"feed_id": ["acme/sales"]},
    }


def test_called_again_it_changes_nothing_and_later_only_what_changed(
    sns: "SNSClient", topic: str, asides: Asides
) -> None:
    subscribe([feed("sales", "a@x.example", "b@x.example"), feed("stock", "c@x.example")], sns, topic, asides)
    same = subscribe([feed("sales", "a@x.example", "b@x.example"), feed("stock", "c@x.example")], sns, topic, asides)
    assert set(same.values()) == {0}
    told = subscribe([feed("sales", "a@x.example"), feed("stock", "a@x.example", "c@x.example")], sns, topic, asides)
    assert told == {"added": 0, "changed": 1, "removed": 1, "unconfirmed": 0}
    assert policies(sns, topic) == {
        "a@x.example": {"feed_id": ["acme/sales", "acme/stock"]},
        "c@x.example": {"feed_id": ["acme/stock"]},
    }


def test_subscriptions_others_made_are_left_alone(sns: "SNSClient", topic: str, asides: Asides) -> None:
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="all@x.example")
    policy = json.dumps({"severity": ["critical"]})
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="night@x.example", Attributes={"FilterPolicy": policy})
    assert set(subscribe([feed("sales", "all@x.example")], sns, topic, asides).values()) == {0}
    assert policies(sns, topic) == {"all@x.example": None, "night@x.example": {"severity": ["critical"]}}


def test_more_feeds_than_a_policy_takes_become_their_tenants(sns: "SNSClient", topic: str, asides: Asides) -> None:
    feeds = [feed(f"f{number}", "a@x.example", tenant=f"t{number % 3}") for number in range(MAX_VALUES + 1)]
    subscribe(feeds, sns, topic, asides)
    assert policies(sns, topic) == {"a@x.example": {"feed_id": [{"prefix": f"t{number}/"} for number in range(3)]}}


def test_an_address_that_has_not_confirmed_yet_is_not_asked_again(
    sns: "SNSClient", topic: str, asides: Asides, monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto confirms every subscription at once; AWS lists one that is not confirmed under this name."""
    page = {
        "Subscriptions": [{"Protocol": "email", "Endpoint": "a@x.example", "SubscriptionArn": "PendingConfirmation"}]
    }

    class Pages:
        def paginate(self, **named: Any) -> list[dict[str, Any]]:
            return [page]

    monkeypatch.setattr(sns, "get_paginator", lambda name: Pages())
    assert subscribe([feed("sales", "a@x.example")], sns, topic, asides) == {
        "added": 0,
        "changed": 0,
        "removed": 0,
        "unconfirmed": 1,
    }


def _refusing(sns: "SNSClient", monkeypatch: pytest.MonkeyPatch, code: str, *addresses: str) -> None:
    """moto takes any address, AWS does not."""
    real = sns.subscribe

    def subscribe_(**named: Any) -> Any:
        if named["Endpoint"] in addresses:
            raise ClientError({"Error": {"Code": code, "Message": "Invalid parameter: Email address"}}, "Subscribe")
        return real(**named)

    monkeypatch.setattr(sns, "subscribe", subscribe_)


def test_an_address_that_sns_refuses_is_set_aside_and_all_others_are_subscribed(
    sns: "SNSClient", topic: str, asides: Asides, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refusing(sns, monkeypatch, "InvalidParameter", "a@acme..example")
    feeds = [feed("sales", "a@acme..example", "b@x.example"), feed("stock", "z@x.example")]
    assert subscribe(feeds, sns, topic, asides)["added"] == 2
    assert set(policies(sns, topic)) == {"b@x.example", "z@x.example"}
    (aside,) = asides
    assert (aside.what, aside.feed_id, aside.error) == ("subscribe", "acme/sales", "AddressRefusedError")
    assert "'a@acme..example'" in aside.cause


def test_where_sns_is_out_of_order_the_others_are_subscribed_and_the_call_fails(
    sns: "SNSClient", topic: str, asides: Asides, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refusing(sns, monkeypatch, "InternalError", "a@x.example")
    with pytest.raises(ClientError, match="InternalError"):
        subscribe([feed("sales", "a@x.example", "b@x.example")], sns, topic, asides)
    assert set(policies(sns, topic)) == {"b@x.example"}
    assert list(asides) == []


@pytest.mark.parametrize(
    "address",
    ["a@acme..example", ".a@acme.example", "a.@acme.example", "a..b@acme.example", "a@acme", "a@-acme.example",
     "a@acme.example.", "a b@acme.example", "a@\u00e4cme.example", "a" * 250 + "@x.example", "@x.example"],
)  # fmt: skip
def test_an_address_that_sns_would_refuse_is_refused_with_the_document(address: str) -> None:
    with pytest.raises(FeedInvalidError, match=r"notify\.emails"):
        parse_feed(feed_document(notify={"emails": [address]}))


@pytest.mark.parametrize("address", ["a@x.example", "A.b+c_d@mail.acme-x.co.uk", "o'neil@x1.example", "a@x.xn--p1ai"])
def test_an_address_that_sns_takes_is_taken(address: str) -> None:
    assert parse_feed(feed_document(notify={"emails": [address]})).notify.emails == (address,)
