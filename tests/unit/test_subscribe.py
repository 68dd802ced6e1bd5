"""Who gets which mails."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from subscribe.core import MAX_VALUES, subscribe

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


@pytest.fixture
def sns(aws: None) -> "SNSClient":
    return boto3.client("sns")


@pytest.fixture
def topic(sns: "SNSClient") -> str:
    return sns.create_topic(Name="mails")["TopicArn"]


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


def test_an_address_gets_the_mails_of_its_feeds_and_no_others(sns: "SNSClient", topic: str) -> None:
    feeds = [feed("sales", "a@x.example", "b@x.example"), feed("stock", "a@x.example"), {"tenant": "t", "feed": "f"}]
    assert subscribe(feeds, sns, topic)["added"] == 2
    assert policies(sns, topic) == {
        "a@x.example": {"feed_id": ["acme/sales", "acme/stock"]},
        "b@x.example": {"feed_id": ["acme/sales"]},
    }


def test_called_again_it_changes_nothing_and_later_only_what_changed(sns: "SNSClient", topic: str) -> None:
    subscribe([feed("sales", "a@x.example", "b@x.example"), feed("stock", "c@x.example")], sns, topic)
    same = subscribe([feed("sales", "a@x.example", "b@x.example"), feed("stock", "c@x.example")], sns, topic)
    assert set(same.values()) == {0}
    told = subscribe([feed("sales", "a@x.example"), feed("stock", "a@x.example", "c@x.example")], sns, topic)
    assert told == {"added": 0, "changed": 1, "removed": 1, "unconfirmed": 0}
    assert policies(sns, topic) == {
        "a@x.example": {"feed_id": ["acme/sales", "acme/stock"]},
        "c@x.example": {"feed_id": ["acme/stock"]},
    }


def test_subscriptions_others_made_are_left_alone(sns: "SNSClient", topic: str) -> None:
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="all@x.example")
    policy = json.dumps({"severity": ["critical"]})
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="night@x.example", Attributes={"FilterPolicy": policy})
    assert set(subscribe([feed("sales", "all@x.example")], sns, topic).values()) == {0}
    assert policies(sns, topic) == {"all@x.example": None, "night@x.example": {"severity": ["critical"]}}


def test_more_feeds_than_a_policy_takes_become_their_tenants(sns: "SNSClient", topic: str) -> None:
    feeds = [feed(f"f{number}", "a@x.example", tenant=f"t{number % 3}") for number in range(MAX_VALUES + 1)]
    subscribe(feeds, sns, topic)
    assert policies(sns, topic) == {"a@x.example": {"feed_id": [{"prefix": f"t{number}/"} for number in range(3)]}}


def test_an_address_that_has_not_confirmed_yet_is_not_asked_again(
    sns: "SNSClient", topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto confirms every subscription at once; AWS lists one that is not confirmed under this name."""
    page = {
        "Subscriptions": [{"Protocol": "email", "Endpoint": "a@x.example", "SubscriptionArn": "PendingConfirmation"}]
    }

    class Pages:
        def paginate(self, **named: Any) -> list[dict[str, Any]]:
            return [page]

    monkeypatch.setattr(sns, "get_paginator", lambda name: Pages())
    assert subscribe([feed("sales", "a@x.example")], sns, topic) == {
        "added": 0,
        "changed": 0,
        "removed": 0,
        "unconfirmed": 1,
    }
