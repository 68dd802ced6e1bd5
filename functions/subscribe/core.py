"""One subscription for each address the feeds name, that lets through the mails about those feeds and no others."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lakeferry.errors import LakeferryError
from lakeferry.feeds.document import notify_of
from lakeferry.feeds.each import each_feed
from lakeferry.ledger.asides import Asides

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

MAX_VALUES = 150
"""Of a filter policy ("Filter policy constraints", Amazon SNS Developer Guide)."""
_PENDING = "PendingConfirmation"


def subscribe(documents: Iterable[Mapping[str, Any]], sns: "SNSClient", topic: str, asides: Asides) -> dict[str, int]:
    """Brings the subscriptions in step; called again it changes nothing.

    Only subscriptions whose filter policy is about `feed_id` alone are changed or removed: one that a person, or the
    stack's own NotificationEmail, made gets what it is meant to get. One whose address has not confirmed it yet cannot
    be changed; that is done once it has. An address that SNS refuses is set aside with the feeds that name it.

    Returns:
        How many were `added`, `changed`, `removed`, and how many are `unconfirmed`.
    """
    named = _addresses(documents, asides)
    wanted = {address: _policy(set(feeds)) for address, feeds in named.items()}
    told = {"added": 0, "changed": 0, "removed": 0, "unconfirmed": 0}
    there = dict(_subscriptions(sns, topic))

    def follow(address: str) -> None:
        arn = there[address]
        if arn == _PENDING:
            told["unconfirmed"] += 1
            return
        policy = json.loads(
            sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"].get("FilterPolicy", "{}")
        )
        if set(policy) != {"feed_id"}:
            return
        if address not in wanted:
            sns.unsubscribe(SubscriptionArn=arn)
            told["removed"] += 1
        elif policy != wanted[address]:
            sns.set_subscription_attributes(
                SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=json.dumps(wanted[address])
            )
            told["changed"] += 1

    def add(address: str) -> None:
        attributes = {"FilterPolicy": json.dumps(wanted[address])}
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address, Attributes=attributes)
        told["added"] += 1

    def act(address: str) -> None:
        (follow if address in there else add)(address)

    def aside(address: str, error: Exception) -> None:
        for document in named.get(address, {}).values():
            asides.note_document("subscribe", document, AddressRefusedError(f"SNS refuses {address!r}: {error}"))

    each_feed(sorted(there.keys() | wanted.keys()), act, aside)
    return told


class AddressRefusedError(LakeferryError):
    """SNS takes no subscription of this mail address."""


def _addresses(documents: Iterable[Mapping[str, Any]], asides: Asides) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Address → `tenant/feed` → document; one that is not valid still names who is to be told of that."""
    found: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)

    def add(document: Mapping[str, Any]) -> None:
        for address in notify_of(document).emails:
            found[address][f"{document['tenant']}/{document['feed']}"] = document

    each_feed(documents, add, lambda document, error: asides.note_document("subscribe", document, error))
    return found


def _policy(feeds: set[str]) -> dict[str, list[Any]]:
    if len(feeds) <= MAX_VALUES:
        return {"feed_id": sorted(feeds)}
    # too many to name: all feeds of their tenants
    return {"feed_id": [{"prefix": f"{tenant}/"} for tenant in sorted({feed.split("/")[0] for feed in feeds})]}


def _subscriptions(sns: "SNSClient", topic: str) -> Iterator[tuple[str, str]]:
    for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
        for found in page["Subscriptions"]:
            if found["Protocol"] == "email":
                yield found["Endpoint"], found["SubscriptionArn"]
