"""Each feed: its document, its polls, its secret."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from cli.calling import Call
from cli.doctor.finding import FAIL, OK, WARN, Finding
from cli.stack import Stack
from lakeferry.counting import count_of
from lakeferry.errors import FeedInvalidError, cause_of
from lakeferry.feeds import parse_feed
from lakeferry.ledger.queries import feed_documents
from lakeferry.settings import NAMED
from list_feeds.order import MOST_FEEDS

NEARLY_TOO_MANY = MOST_FEEDS * 3 // 4
"""Feeds from which on it is told."""


def documents(call: Call, stack: Stack) -> Iterator[Finding]:
    """Whether this version takes them, and one run all of them."""
    found = list(feed_documents(stack.feeds))
    refused = 0
    for document in found:
        try:
            parse_feed(document)
        except FeedInvalidError as error:
            refused += 1
            yield Finding(_id(document), FAIL, str(error), "correct the document and run lakeferry feeds put FEED.yaml")
    if not found:
        yield Finding("feeds", WARN, "there is none yet", f"put one: lakeferry feeds put FEED.yaml {call.where}")
    elif not refused:
        yield Finding("feeds", OK, f"{count_of(len(found), 'document')} valid")
    if (enabled := sum(bool(document.get("enabled", True)) for document in found)) > NEARLY_TOO_MANY:
        told = f"{enabled:,} are enabled; a run takes {MOST_FEEDS:,}, those that were polled longest ago"
        yield Finding("feeds", WARN, told, "spread them by schedule, or move tenants to a second stack (docs/scale.md)")


def polls(call: Call, stack: Stack) -> Iterator[Finding]:
    """Feeds that fail, were never polled, or never took a file."""
    ids = sorted(_id(document) for document in feed_documents(stack.feeds) if document.get("enabled", True))
    states = stack.ledger.feeds.known(ids)
    odd = 0
    for feed_id in ids:
        finding = _poll(call, feed_id, states.get(feed_id, {}))
        if finding is not None:
            odd += 1
            yield finding
    if ids and not odd:
        yield Finding("polls", OK, "every enabled feed was polled and took files")


def _poll(call: Call, feed_id: str, state: Mapping[str, Any]) -> Finding | None:
    if "failed_polls" in state:
        told = f"{state['failed_polls']} polls failed, {state.get('error')}: {state.get('cause', '')}"
        return Finding(feed_id, FAIL, " ".join(told.split()), cause_of(str(state.get("error"))).advice)
    if "polled_at" not in state:
        return Finding(feed_id, WARN, "was never polled", f"run it: lakeferry run {feed_id} {call.where}")
    if "taken_at" not in state and "recent" not in state:
        unfit = state.get("entries", {}).get("fits_nothing", "")
        told = "never took a file" + (f": {unfit}" if unfit else "")
        return Finding(feed_id, WARN, told, "look at it beside its server: lakeferry feeds test FEED.yaml")
    return None


def secrets(call: Call, stack: Stack) -> Iterator[Finding]:
    """Whether each is there; its values are not read."""
    manager, named, missing = stack.client("secretsmanager"), named_secrets(stack), 0
    for name, feed_id in sorted(named.items()):
        try:
            gone = "DeletedDate" in manager.describe_secret(SecretId=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            gone = True
        if gone:
            missing += 1
            do = f'aws secretsmanager create-secret --name {name} --secret-string \'{{"password": "..."}}\''
            yield Finding(feed_id, FAIL, f"its secret {name} is missing", do)
    if named and not missing:
        yield Finding("secrets", OK, f"{count_of(len(named), 'secret')} found")


def named_secrets(stack: Stack) -> dict[str, str]:
    """Names of the secrets of enabled feeds, in this stack, each with a feed that names it."""
    prefix = stack.secret_prefix
    named: dict[str, str] = {}
    for document in feed_documents(stack.feeds):
        name = document.get("server", {}).get("secret")
        if name and document.get("enabled", True):
            named.setdefault(prefix + str(name).removeprefix(NAMED), _id(document))
    return named


def _id(document: Mapping[str, Any]) -> str:
    return f"{document['tenant']}/{document['feed']}"
