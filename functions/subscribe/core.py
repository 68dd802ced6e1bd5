"""One subscription for each address the feeds name and the operator approved, for the mails about those feeds alone."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lakeferry.errors import LakeferryError
from lakeferry.feeds.each import each_feed
from lakeferry.feeds.notify import notify_of
from lakeferry.ledger.addresses import Addresses, Approved
from lakeferry.ledger.asides import ADDRESSES, Asides
from lakeferry.mails.approvals import not_approved
from lakeferry.mails.subscriptions import PENDING, feed_filter, subscriptions

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

MAX_VALUES = 150
"""Of a filter policy ("Filter policy constraints", Amazon SNS Developer Guide)."""
Named = dict[str, dict[str, Mapping[str, Any]]]
"""Address → `tenant/feed` → document."""


def subscribe(
    documents: Iterable[Mapping[str, Any]],
    sns: "SNSClient",
    topic: str,
    asides: Asides,
    addresses: Addresses,
    where: str = "",
) -> dict[str, int]:
    """Brings the subscriptions in step; called again it changes nothing.

    Only subscriptions whose filter policy is about `feed_id` alone are changed or removed: one that a person, or the
    stack's own NotificationEmail, made gets what it is meant to get. One whose address has not confirmed it yet cannot
    be changed; that is done once it has. An address that SNS refuses, or that nobody approved for a tenant, is set
    aside with the feeds that name it.

    Args:
        where: Options of a command that say which stack this is.

    Returns:
        How many were `added`, `changed`, `removed`, how many are `unconfirmed`, and of how many feeds an address is
        `unapproved`.
    """
    approved = Approved(addresses.all())
    named, refused = _split(_addresses(documents, asides), approved)
    wanted = {address: _policy(set(feeds)) for address, feeds in named.items()}
    told = {"added": 0, "changed": 0, "removed": 0, "unconfirmed": 0}
    there = dict(subscriptions(sns, topic))
    of_people: set[str] = set()

    def follow(address: str) -> None:
        arn = there[address]
        if arn == PENDING:
            told["unconfirmed"] += 1
            return
        found = feed_filter(sns, arn)
        if found is None:
            of_people.add(address)
        elif address not in wanted:
            sns.unsubscribe(SubscriptionArn=arn)
            told["removed"] += 1
        elif found != wanted[address]:
            policy = json.dumps({"feed_id": wanted[address]})
            sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=policy)
            told["changed"] += 1

    def add(address: str) -> None:
        attributes = {"FilterPolicy": json.dumps({"feed_id": wanted[address]})}
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address, Attributes=attributes)
        told["added"] += 1

    def act(address: str) -> None:
        (follow if address in there else add)(address)

    def aside(address: str, error: Exception) -> None:
        for document in named.get(address, {}).values():
            asides.note_document("subscribe", document, AddressRefusedError(f"SNS refuses {address!r}: {error}"))

    try:
        each_feed(sorted(there.keys() | wanted.keys()), act, aside)
    finally:
        # an address that gets mails by a person's own subscription needs nobody's word for them
        told["unapproved"] = _tell(_by_feed(refused, lambda address: address not in of_people), asides, where)
    return told


class AddressRefusedError(LakeferryError):
    """SNS takes no subscription of this mail address."""


def _addresses(documents: Iterable[Mapping[str, Any]], asides: Asides) -> Named:
    """What documents name; one that is not valid still names who is to be told of that."""
    found: Named = defaultdict(dict)

    def add(document: Mapping[str, Any]) -> None:
        for address in notify_of(document).emails:
            found[address][f"{document['tenant']}/{document['feed']}"] = document

    each_feed(documents, add, lambda document, error: asides.note_document("subscribe", document, error))
    return found


def _split(named: Named, approved: Approved) -> tuple[Named, Named]:
    """What is approved for the tenant that names it, and what is not."""
    wanted: Named = defaultdict(dict)
    refused: Named = defaultdict(dict)
    for address, feeds in named.items():
        for feed_id, document in feeds.items():
            (wanted if approved.has(document["tenant"], address) else refused)[address][feed_id] = document
    return wanted, refused


def _by_feed(refused: Named, is_meant: Callable[[str], bool]) -> dict[str, tuple[Mapping[str, Any], list[str]]]:
    found: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    for address, feeds in refused.items():
        for feed_id, document in feeds.items():
            if is_meant(address):
                found.setdefault(feed_id, (document, []))[1].append(address)
    return found


def _tell(refused: Mapping[str, tuple[Mapping[str, Any], list[str]]], asides: Asides, where: str) -> int:
    """Notes the feeds whose addresses nobody approved, and forgets those whose are by now; how many there are."""

    def note(feed_id: str) -> None:
        document, names = refused[feed_id]
        asides.note_document(ADDRESSES, document, not_approved(str(document["tenant"]), names, where))

    each_feed(refused, note, lambda feed_id, error: None)
    for one in asides.of(ADDRESSES):
        if one.feed_id not in refused:
            asides.clear(one)
    return len(refused)


def _policy(feeds: set[str]) -> list[Any]:
    if len(feeds) <= MAX_VALUES:
        return sorted(feeds)
    # too many to name: all feeds of their tenants
    return [{"prefix": f"{tenant}/"} for tenant in sorted({feed.split("/")[0] for feed in feeds})]
