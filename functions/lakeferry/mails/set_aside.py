"""The mail about a feed whose files cannot be curated as its document asks."""

from lakeferry.errors import (
    AddressNotApprovedError,
    DatasetEmptyError,
    DatasetTakenError,
    FeedInvalidError,
    cause_of,
)
from lakeferry.ledger.asides import ADDRESSES, Aside
from lakeferry.mails.commands import reprocess
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.text import count_of, cut, one_line
from lakeferry.models import link_of

_CAUSE = 4_000
"""Characters of a cause."""
_TAKEN_UP = {
    DatasetTakenError.__name__: "after the feed names another dataset, or the operator shares or gives this one.",
    DatasetEmptyError.__name__: "after the owner's first rows, after the feed names another dataset, or after the "
    "operator gives this one.",
}
"""By the error: when files that were set aside are curated."""
_BY_DOCUMENT = "after the feed document has changed, or with the next file of the same day."


def feed_set_aside(aside: Aside, run: str) -> Mail:
    """Once, until the document is another."""
    tenant, _, feed = aside.feed_id.partition("/")
    partitions = count_of(aside.partitions, "partition")
    return Mail(
        "feed_set_aside",
        "error",
        f"{aside.feed_id}: {partitions} could not be curated",
        compose(
            f"{partitions} of feed {aside.feed_id} could not be curated ({aside.error}). Rows that were curated before "
            "stay as they were.",
            cut(one_line(aside.cause), _CAUSE),
            "The files are in the raw zone and wait there, set aside. They are curated in the first run "
            f"{_TAKEN_UP.get(aside.error, _BY_DOCUMENT)} The other feeds are not affected. You will "
            "not get this mail again for the same reason.",
            _what_to_do(aside, run),
            link_of(run),
        ),
        tenant=tenant,
        feeds=(feed,),
    )


def _what_to_do(aside: Aside, run: str) -> str:
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
            cut(one_line(aside.cause), _CAUSE),
            goes_on,
            (AddressNotApprovedError if is_address else FeedInvalidError).advice,
        ),
        tenant=tenant,
        feeds=(feed,),
    )
