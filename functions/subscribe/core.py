"""One subscription for each address the feeds name, that lets through the mails about those feeds and no others."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

MAX_VALUES = 150
"""Of a filter policy ("Filter policy constraints", Amazon SNS Developer Guide)."""
_PENDING = "PendingConfirmation"


def subscribe(documents: Iterable[Mapping[str, Any]], sns: "SNSClient", topic: str) -> dict[str, int]:
    """Brings the subscriptions in step; called again it changes nothing.

    Only subscriptions whose filter policy is about `feed_id` alone are changed or removed: one that a person, or the
    stack's own NotificationEmail, made gets what it is meant to get. One whose address has not confirmed it yet cannot
    be changed; that is done once it has.

    Returns:
        How many were `added`, `changed`, `removed`, and how many are `unconfirmed`.
    """
    wanted = {address: _policy(feeds) for address, feeds in _addresses(documents).items()}
    told = {"added": 0, "changed": 0, "removed": 0, "unconfirmed": 0}
    there = set()
    for address, arn in _subscriptions(sns, topic):
        there.add(address)
        if arn == _PENDING:
            told["unconfirmed"] += 1
            continue
        policy = json.loads(
            sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"].get("FilterPolicy", "{}")
        )
        if set(policy) != {"feed_id"}:
            continue
        if address not in wanted:
            sns.unsubscribe(SubscriptionArn=arn)
            told["removed"] += 1
        elif policy != wanted[address]:
            sns.set_subscription_attributes(
                SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=json.dumps(wanted[address])
            )
            told["changed"] += 1
    for address in sorted(wanted.keys() - there):
        attributes = {"FilterPolicy": json.dumps(wanted[address])}
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address, Attributes=attributes)
        told["added"] += 1
    return told


def _addresses(documents: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Feeds by address; a document that is not valid still names who is to be told of that."""
    found: dict[str, set[str]] = defaultdict(set)
    for document in documents:
        for address in (document.get("notify") or {}).get("emails") or ():
            found[address].add(f"{document['tenant']}/{document['feed']}")
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
