"""The mail about a feed whose files cannot be curated as its document asks."""

from lakeferry.errors import FeedInvalidError, cause_of
from lakeferry.ledger.asides import Aside
from lakeferry.mails.commands import reprocess
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.text import count_of, cut, one_line
from lakeferry.models import link_of

_CAUSE = 4_000
"""Characters of a cause."""


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
            "The files are in the raw zone and wait there, set aside. They are curated in the first run after the feed "
            "document has changed, or with the next file of the same day. The other feeds are not affected. You will "
            "not get this mail again for the same reason.",
            f"{cause_of(aside.error).advice} If something else was wrong and is now fixed, such as a reference, run: "
            f"{reprocess(f'--feed {aside.feed_id}', run)}",
            link_of(run),
        ),
        tenant=tenant,
        feeds=(feed,),
    )


_NOT_SERVED = {
    "subscribe": "not all of its mail addresses could be subscribed",
    "reconcile": "its settings for mails could not be read",
    "check_sla": "its SLA could not be checked",
}
"""By the function that set the feed aside: what is not done for it."""


def feed_not_served(aside: Aside) -> Mail:
    """Of a feed that a function had to pass over: once, until the document is another."""
    tenant, _, feed = aside.feed_id.partition("/")
    what = _NOT_SERVED.get(aside.what, f"function {one_line(aside.what)} could not serve it")
    return Mail(
        "feed_set_aside",
        "error",
        f"{aside.feed_id}: {what}",
        compose(
            f"Feed {one_line(aside.feed_id)}: {what} ({one_line(aside.error)}).",
            cut(one_line(aside.cause), _CAUSE),
            "The other feeds are not affected. It is tried again each time, and you will not get this mail again while "
            "the feed document stays as it is.",
            FeedInvalidError.advice,
        ),
        tenant=tenant,
        feeds=(feed,),
    )
