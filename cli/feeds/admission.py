"""Whether documents may be put into a stack: their datasets are their tenants', and who approved their addresses."""

from collections.abc import Mapping
from typing import Any

from cli.output import Output
from cli.owners import Owners
from cli.stack import Stack
from lakeferry.errors import DatasetTakenError
from lakeferry.feeds import Feed, parse_feed
from lakeferry.ledger.datasets import Owned
from lakeferry.mails.commands import approve


class Admission:
    """Asks; nothing is written."""

    def __init__(self, stack: Stack, where: str, out: Output) -> None:
        owners = Owners(stack)
        self._datasets, self._approved, self._where, self._out = owners.datasets(), owners.approved(), where, out
        self.unapproved = 0

    def feed(self, document: Mapping[str, Any]) -> Feed:
        """The feed of a document that may; says which of its addresses nobody approved.

        Raises:
            FeedInvalidError: it breaks its contract.
            DatasetTakenError: its dataset is another tenant's.
        """
        feed = parse_feed(document)
        self.owner(feed)
        if hint := self.hint(feed):
            self.unapproved += 1
            self._out.warn(f"{feed.feed_id}: {hint}")
        return feed

    def owner(self, feed: Feed) -> None:
        """Whether its dataset may have its rows.

        Raises:
            DatasetTakenError: it is another tenant's.
        """
        # of documents that name one without an owner, the first would own it
        owned = self._datasets.setdefault(feed.dataset, Owned(feed.dataset, feed.tenant))
        check_owner(owned, feed, self._where)

    def hint(self, feed: Feed) -> str:
        """How the operator approves the addresses that are not; empty where all are."""
        missing = [address for address in feed.notify.emails if not self._approved.has(feed.tenant, address)]
        if not missing:
            return ""
        return f"no mails go to {', '.join(missing)} until: {approve(feed.tenant, missing, self._where)}"


def check_owner(owned: Owned, feed: Feed, where: str) -> None:
    """Names the owner, as only the operator's own command may.

    Raises:
        DatasetTakenError: the dataset is another tenant's.
    """
    try:
        owned.check(feed.tenant, where)
    except DatasetTakenError as error:
        raise DatasetTakenError(f"{error} (it belongs to {owned.owner})") from error
