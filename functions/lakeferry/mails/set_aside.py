"""Mails about what could not be done for a feed: its files curated, a function's work, its channels notified."""

from collections.abc import Mapping
from typing import Any

from lakeferry.channels.notice import Notice
from lakeferry.channels.spec import CHANNEL_FAILED
from lakeferry.counting import count_of
from lakeferry.errors import (
    AddressNotApprovedError,
    ChannelUnavailableError,
    DatasetEmptyError,
    DatasetTakenError,
    FeedGoneError,
    FeedInvalidError,
    PartitionTooHeavyError,
    cause_of,
)
from lakeferry.ledger.asides import ADDRESSES, DELIVER, Aside
from lakeferry.mails.commands import feeds_command, report_at, reprocess
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.text import LISTED, excerpt, one_line
from lakeferry.models import link_of

_CAUSE = 4_000
"""Characters of a cause."""
_TAKEN_UP = {
    FeedGoneError.__name__: "after the feed has a document again.",
    DatasetTakenError.__name__: "after the feed names another dataset, or the operator shares or gives this one.",
    DatasetEmptyError.__name__: "after the owner's first rows, after the feed names another dataset, or after the "
    "operator gives this one.",
    PartitionTooHeavyError.__name__: f"that begins {PartitionTooHeavyError.again_after_hours} hours later, and before "
    "that after the feed document has changed, or with the next file of the same day.",
}
"""By the error: when files that were set aside are curated."""
_BY_DOCUMENT = "after the feed document has changed, or with the next file of the same day."


def feed_set_aside(aside: Aside, run: str, lake: str) -> Mail:
    """Once, until the document is another."""
    tenant, _, feed = aside.feed_id.partition("/")
    counts = [(aside.partitions, "partition"), (aside.files, "file")]
    what = " and ".join(count_of(count, noun) for count, noun in counts if count) or count_of(0, "partition")
    return Mail(
        "feed_set_aside",
        "error",
        f"{aside.feed_id}: {what} could not be curated",
        compose(
            f"{what} of feed {aside.feed_id} could not be curated ({aside.error}). Rows that were curated before "
            "stay as they were."
            + (" The other files of these days are curated." if aside.files and not aside.partitions else ""),
            excerpt(aside.cause, _CAUSE),
            "The files are in the raw zone and wait there, set aside. They are curated in the first run "
            f"{_TAKEN_UP.get(aside.error, _BY_DOCUMENT)} The other feeds are not affected. You will "
            "not get this mail again for the same reason.",
            what_to_do(aside, run),
            link_of(run),
            report_at(run, lake, tenant),
        ),
        tenant=tenant,
        feeds=(feed,),
    )


def what_to_do(aside: Aside, run: str) -> str:
    """What ends it, with the commands."""
    if aside.error == FeedGoneError.__name__:
        return (
            f"Bring the feed back: {feeds_command('history', aside.feed_id, '--restore 1', run)}. "
            f"If its files are not wanted any more: {feeds_command('delete', aside.feed_id, '--pending drop', run)}"
        )
    advice = cause_of(aside.error).advice
    if aside.error in _TAKEN_UP:
        return advice
    return (
        f"{advice} If something else was wrong and is now fixed, such as a reference, run: "
        f"{reprocess(f'--feed {aside.feed_id}', run)}"
    )


_NOT_SERVED = {
    ADDRESSES: "not all of its mail addresses are approved",
    "subscribe": "not all of its mail addresses could be subscribed",
    "reconcile": "its settings for mails could not be read",
    "check_sla": "its SLA could not be checked",
}
"""By the function that set the feed aside: what is not done for it."""


def feed_not_served(aside: Aside) -> Mail:
    """Of a feed that a function had to pass over: once, until the document is another."""
    if aside.what.startswith(DELIVER):
        return _channel_failed(aside)
    tenant, _, feed = aside.feed_id.partition("/")
    what = _NOT_SERVED.get(aside.what, f"function {one_line(aside.what)} could not serve it")
    is_address = aside.what == ADDRESSES
    goes_on = (
        "The feed is polled as before, and mails about it go to its approved addresses only. Within the hour after an "
        "address is approved, Amazon SNS asks it for its consent. You will not get this mail again while the feed "
        "document stays as it is."
        if is_address
        else "The other feeds are not affected. It is tried again each time, and you will not get this mail again "
        "while the feed document stays as it is."
    )
    return Mail(
        "feed_set_aside",
        "error",
        f"{aside.feed_id}: {what}",
        compose(
            f"Feed {one_line(aside.feed_id)}: {what} ({one_line(aside.error)}).",
            excerpt(aside.cause, _CAUSE),
            goes_on,
            (AddressNotApprovedError if is_address else FeedInvalidError).advice,
        ),
        tenant=tenant,
        feeds=(feed,),
    )


def _channel_failed(aside: Aside) -> Mail:
    """Once, until a message got through or the document is another; by mail alone."""
    tenant, _, feed = aside.feed_id.partition("/")
    channel = one_line(aside.what.removeprefix(DELIVER))
    return Mail(
        CHANNEL_FAILED,
        "error",
        f"{aside.feed_id}: its channel {channel} does not get messages",
        compose(
            f"Messages about feed {one_line(aside.feed_id)} do not reach its channel {channel} "
            f"({one_line(aside.error)}).",
            excerpt(aside.cause, _CAUSE),
            "Files, mails and other channels are not affected. What this channel has missed is in your mails. It gets "
            "the next message as soon as it takes one, and you will not get this mail again until it has.",
            cause_of(aside.error).advice,
        ),
        tenant=tenant,
        feeds=(feed,),
    )


def message_undelivered(detail: Mapping[str, Any]) -> Mail | None:
    """Of a message that function `deliver` gave up on for a reason of its own.

    Args:
        detail: Of the event that Lambda sends to EventBridge when an asynchronous call has failed for good.

    Returns:
        None where channels were the reason: they are set aside, and told once.
    """
    answer = detail.get("responsePayload") or {}
    error = one_line(str(answer.get("errorType") or "no error given"))
    if error == ChannelUnavailableError.__name__:
        return None
    notice = Notice.from_record(detail["requestPayload"]["Records"][0])
    feed_ids = ", ".join(f"{notice.tenant}/{feed}" for feed in notice.feeds[:LISTED])
    return Mail(
        CHANNEL_FAILED,
        "error",
        f"{notice.tenant}: a message did not reach its channels",
        compose(
            f'The message "{one_line(notice.subject)}" about {one_line(feed_ids)} may not have reached all of the '
            f"channels that want it ({error}).",
            excerpt(str(answer.get("errorMessage") or ""), _CAUSE) or "No cause was given.",
            "Files, mails and other messages are not affected. This message is not tried again.",
            "Look at the log lines of function deliver.",
        ),
        tenant=notice.tenant,
        feeds=notice.feeds,
    )
