"""Who gets which mails."""

import json
import shlex
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import parse_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.addresses import Approval
from lakeferry.ledger.seeding import Subscribed, approvals_today, seed_addresses
from lakeferry.mails.subscriptions import subscribed
from subscribe.core import MAX_VALUES
from subscribe.core import subscribe as subscribe_approved
from tests.conftest import feed_document

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


def approve(ledger: Ledger, feeds: list[dict[str, Any]]) -> None:
    for document in feeds:
        for address in document.get("notify", {}).get("emails", ()):
            ledger.addresses.approve(Approval(document["tenant"], address))


def subscribe(feeds: list[dict[str, Any]], sns: "SNSClient", topic: str, ledger: Ledger) -> dict[str, int]:
    """With all addresses approved."""
    approve(ledger, feeds)
    return subscribe_approved(feeds, sns, topic, ledger.asides, ledger.addresses, "--stack lakeferry")


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


def test_an_address_gets_the_mails_of_its_feeds_and_no_others(sns: "SNSClient", topic: str, ledger: Ledger) -> None:
    feeds = [feed("sales", "a@x.example", "b@x.example"), feed("stock", "a@x.example"), {"tenant": "t", "feed": "f"}]
    assert subscribe(feeds, sns, topic, ledger)["added"] == 2
    assert policies(sns, topic) == {
        "a@x.example": {"feed_id": ["acme/sales", "acme/stock"]},
        "b@x.example": {"feed_id": ["acme/sales"]},
    }


def test_called_again_it_changes_nothing_and_later_only_what_changed(
    sns: "SNSClient", topic: str, ledger: Ledger
) -> None:
    subscribe([feed("sales", "a@x.example", "b@x.example"), feed("stock", "c@x.example")], sns, topic, ledger)
    same = subscribe([feed("sales", "a@x.example", "b@x.example"), feed("stock", "c@x.example")], sns, topic, ledger)
    assert set(same.values()) == {0}
    told = subscribe([feed("sales", "a@x.example"), feed("stock", "a@x.example", "c@x.example")], sns, topic, ledger)
    assert told == {"added": 0, "changed": 1, "removed": 1, "unconfirmed": 0, "unapproved": 0}
    assert policies(sns, topic) == {
        "a@x.example": {"feed_id": ["acme/sales", "acme/stock"]},
        "c@x.example": {"feed_id": ["acme/stock"]},
    }


def test_subscriptions_others_made_are_left_alone(sns: "SNSClient", topic: str, ledger: Ledger) -> None:
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="all@x.example")
    policy = json.dumps({"severity": ["critical"]})
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="night@x.example", Attributes={"FilterPolicy": policy})
    assert set(subscribe([feed("sales", "all@x.example")], sns, topic, ledger).values()) == {0}
    assert policies(sns, topic) == {"all@x.example": None, "night@x.example": {"severity": ["critical"]}}


def test_more_feeds_than_a_policy_takes_become_their_tenants(sns: "SNSClient", topic: str, ledger: Ledger) -> None:
    feeds = [feed(f"f{number}", "a@x.example", tenant=f"t{number % 3}") for number in range(MAX_VALUES + 1)]
    subscribe(feeds, sns, topic, ledger)
    assert policies(sns, topic) == {"a@x.example": {"feed_id": [{"prefix": f"t{number}/"} for number in range(3)]}}


def test_an_address_that_has_not_confirmed_yet_is_not_asked_again(
    sns: "SNSClient", topic: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto confirms every subscription at once; AWS lists one that is not confirmed under this name."""
    page = {
        "Subscriptions": [{"Protocol": "email", "Endpoint": "a@x.example", "SubscriptionArn": "PendingConfirmation"}]
    }

    class Pages:
        def paginate(self, **named: Any) -> list[dict[str, Any]]:
            return [page]

    monkeypatch.setattr(sns, "get_paginator", lambda name: Pages())
    assert subscribe([feed("sales", "a@x.example")], sns, topic, ledger) == {
        "added": 0,
        "changed": 0,
        "removed": 0,
        "unconfirmed": 1,
        "unapproved": 0,
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
    sns: "SNSClient", topic: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refusing(sns, monkeypatch, "InvalidParameter", "a@acme..example")
    feeds = [feed("sales", "a@acme..example", "b@x.example"), feed("stock", "z@x.example")]
    assert subscribe(feeds, sns, topic, ledger)["added"] == 2
    assert set(policies(sns, topic)) == {"b@x.example", "z@x.example"}
    (aside,) = ledger.asides
    assert (aside.what, aside.feed_id, aside.error) == ("subscribe", "acme/sales", "AddressRefusedError")
    assert "'a@acme..example'" in aside.cause


def test_where_sns_is_out_of_order_the_others_are_subscribed_and_the_call_fails(
    sns: "SNSClient", topic: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refusing(sns, monkeypatch, "InternalError", "a@x.example")
    with pytest.raises(ClientError, match="InternalError"):
        subscribe([feed("sales", "a@x.example", "b@x.example")], sns, topic, ledger)
    assert set(policies(sns, topic)) == {"b@x.example"}
    assert list(ledger.asides) == []


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


# -- addresses that nobody approved


def refused(ledger: Ledger) -> dict[str, str]:
    return {one.feed_id: one.cause for one in ledger.asides.of("address")}


def run_subscribe(feeds: list[dict[str, Any]], sns: "SNSClient", topic: str, ledger: Ledger) -> dict[str, int]:
    return subscribe_approved(feeds, sns, topic, ledger.asides, ledger.addresses, "--stack staging")


def test_a_tenant_that_names_anothers_confirmed_address_adds_no_mails_of_its_own(
    sns: "SNSClient", topic: str, ledger: Ledger
) -> None:
    acme, evil = feed("sales", "data@acme.example"), feed("forged", "data@acme.example", tenant="evil")
    ledger.addresses.approve(Approval("acme", "data@acme.example"))
    assert run_subscribe([acme, evil], sns, topic, ledger)["unapproved"] == 1
    assert policies(sns, topic) == {"data@acme.example": {"feed_id": ["acme/sales"]}}
    assert refused(ledger) == {
        "evil/forged": "the operator has not approved a mail address for tenant evil: data@acme.example. To approve: "
        "./lakeferry addresses approve evil data@acme.example --stack staging"
    }


def test_an_address_that_is_not_approved_is_not_even_asked(sns: "SNSClient", topic: str, ledger: Ledger) -> None:
    told = run_subscribe([feed("sales", "a@x.example", "b@x.example")], sns, topic, ledger)
    assert (told["added"], told["unapproved"], policies(sns, topic)) == (0, 1, {})


def test_once_approved_it_is_subscribed_and_what_was_noted_is_forgotten(
    sns: "SNSClient", topic: str, ledger: Ledger
) -> None:
    feeds = [feed("sales", "A@x.example")]
    run_subscribe(feeds, sns, topic, ledger)
    ledger.addresses.approve(Approval("acme", "a@X.example"))
    assert run_subscribe(feeds, sns, topic, ledger)["added"] == 1
    assert refused(ledger) == {}
    assert ledger.addresses.remove("acme", "a@x.example")
    assert run_subscribe(feeds, sns, topic, ledger)["removed"] == 1
    assert policies(sns, topic) == {}
    assert list(refused(ledger)) == ["acme/sales"], "it is told anew"


def test_a_domain_is_approved_with_all_its_addresses_and_no_others(
    sns: "SNSClient", topic: str, ledger: Ledger
) -> None:
    ledger.addresses.approve(Approval("acme", "@acme.example"))
    named = ("a@acme.example", "B@ACME.example", "c@evil.acme.example", "d@evilacme.example", "@acme.example")
    run_subscribe([feed("sales", *named), feed("sales", "e@acme.example", tenant="evil")], sns, topic, ledger)
    # what has no part before the @ is no address, and SNS says so; moto takes anything
    assert set(policies(sns, topic)) == {"a@acme.example", "B@ACME.example", "@acme.example"}


def test_the_address_of_a_persons_own_subscription_needs_no_approval(
    sns: "SNSClient", topic: str, ledger: Ledger
) -> None:
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="all@x.example")
    assert run_subscribe([feed("sales", "all@x.example")], sns, topic, ledger)["unapproved"] == 0
    assert policies(sns, topic) == {"all@x.example": None}


def test_what_stands_where_an_address_should_cannot_leave_the_command(
    sns: "SNSClient", topic: str, ledger: Ledger
) -> None:
    names = ["a`id`@x.example", "$(id)", "b'c@x.example", "x\nDO  pay", *(f"n{at:02}@x.example" for at in range(20))]
    run_subscribe([feed("sales", *names)], sns, topic, ledger)
    cause = refused(ledger)["acme/sales"]
    assert "\n" not in cause
    command = shlex.split(cause.partition("To approve: ")[2])
    assert command[:4] == ["./lakeferry", "addresses", "approve", "acme"]
    assert command[4:-2] == sorted(name.replace("\n", "?") for name in names)[:10]
    assert "and 14 more" in cause


def test_one_that_cannot_be_noted_keeps_no_other_from_being_noted(
    sns: "SNSClient", topic: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ledger.asides.note_document

    def note(what: str, document: Any, error: Exception) -> None:
        if document["feed"] == "a":
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "UpdateItem")
        real(what, document, error)

    monkeypatch.setattr(ledger.asides, "note_document", note)
    with pytest.raises(ClientError, match="Throttling"):
        run_subscribe([feed("a", "x@x.example"), feed("b", "x@x.example")], sns, topic, ledger)
    assert list(refused(ledger)) == ["acme/b"]


# -- addresses of a stack that had no list


def seed(feeds: list[dict[str, Any]], sns: "SNSClient", topic: str, ledger: Ledger) -> set[tuple[str, str]]:
    seed_addresses(ledger, lambda: feeds, lambda: subscribed(sns, topic))
    return {(one.tenant, one.address) for one in ledger.addresses.all()}


def subscription(sns: "SNSClient", topic: str, address: str, policy: Any) -> None:
    attributes = {"FilterPolicy": json.dumps(policy)}
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address, Attributes=attributes)


def test_addresses_in_use_are_approved_for_the_tenants_whose_mails_they_get(
    sns: "SNSClient", topic: str, ledger: Ledger
) -> None:
    subscription(sns, topic, "both@x.example", {"feed_id": ["acme/sales", "globex/stock"]})
    subscription(sns, topic, "many@x.example", {"feed_id": [{"prefix": "acme/"}]})
    subscription(sns, topic, "night@x.example", {"severity": ["critical"]})
    feeds = [
        feed("sales", "both@x.example", "many@x.example", "new@x.example", "night@x.example"),
        feed("stock", "both@x.example", tenant="globex"),
        # put since the last time that subscriptions were brought in step
        feed("forged", "both@x.example", "many@x.example", tenant="evil"),
        {"tenant": "evil", "feed": "broken", "notify": "x"},
    ]
    before = policies(sns, topic)
    assert seed(feeds, sns, topic, ledger) == {
        ("acme", "both@x.example"),
        ("acme", "many@x.example"),
        ("globex", "both@x.example"),
    }
    told = run_subscribe(feeds, sns, topic, ledger)
    assert (told["removed"], set(refused(ledger))) == (0, {"acme/sales", "evil/forged"})
    assert policies(sns, topic) == {**before, "many@x.example": {"feed_id": ["acme/sales"]}}


def test_it_is_done_once(sns: "SNSClient", topic: str, ledger: Ledger) -> None:
    feeds = [feed("sales", "a@x.example")]
    assert seed(feeds, sns, topic, ledger) == set()
    subscription(sns, topic, "a@x.example", {"feed_id": ["acme/sales"]})
    assert seed(feeds, sns, topic, ledger) == set()


def test_one_that_is_not_confirmed_is_approved_for_the_only_tenant_that_names_it() -> None:
    there = [Subscribed(address, is_confirmed=False, filters=None) for address in ("a@x.example", "b@x.example")]
    feeds = [feed("sales", "a@x.example", "b@x.example"), feed("forged", "b@x.example", tenant="evil")]
    assert approvals_today(feeds, there) == [Approval("acme", "a@x.example", by="subscription")]
