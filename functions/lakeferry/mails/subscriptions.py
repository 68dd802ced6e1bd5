"""The topic's mail subscriptions, as SNS tells them."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lakeferry.ledger.seeding import Subscribed

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

PENDING = "PendingConfirmation"
"""What SNS tells instead of an ARN until the address has confirmed ("ListSubscriptionsByTopic", API Reference)."""


def subscriptions(sns: "SNSClient", topic: str) -> Iterator[tuple[str, str]]:
    """Address and ARN of each."""
    for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
        for found in page["Subscriptions"]:
            if found["Protocol"] == "email":
                yield found["Endpoint"], found["SubscriptionArn"]


def feed_filter(sns: "SNSClient", arn: str) -> list[Any] | None:
    """What a confirmed one lets through by `feed_id`; None where its policy is not about that alone: a person's."""
    policy = json.loads(sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"].get("FilterPolicy", "{}"))
    return list(policy["feed_id"]) if set(policy) == {"feed_id"} else None


def subscribed(sns: "SNSClient", topic: str) -> Iterator[Subscribed]:
    """All of them with what they let through."""
    for address, arn in subscriptions(sns, topic):
        is_confirmed = arn != PENDING
        yield Subscribed(address, is_confirmed, feed_filter(sns, arn) if is_confirmed else None)
