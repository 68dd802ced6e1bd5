"""Feeds that some function could not serve, each told once: this check runs whatever else stands still."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from check_sla.notifier import Notifier
from lakeferry.errors import ChannelUnavailableError
from lakeferry.feeds.document import read_document
from lakeferry.feeds.fingerprint import fingerprint_of
from lakeferry.ledger import Ledger
from lakeferry.ledger.asides import CURATE, Aside
from lakeferry.mails.set_aside import feed_not_served

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


GRACE = timedelta(minutes=10)
"""So long a channel may be away before that is told: Lambda calls function `deliver` again meanwhile."""


def tell_set_aside(ledger: Ledger, feeds: "Table", notifier: Notifier) -> None:
    """Mails what nobody was told of yet, and forgets what a new document has ended. Reconcile tells of the job's."""
    lately = (datetime.now(UTC) - GRACE).isoformat()

    def passing(aside: Aside) -> bool:
        return aside.error == ChannelUnavailableError.__name__ and aside.since > lately

    def tell(aside: Aside) -> None:
        tenant, _, feed = aside.feed_id.partition("/")
        if fingerprint_of(read_document(feeds, tenant, feed)) != aside.fingerprint:
            ledger.asides.clear(aside)
        elif not aside.told and not passing(aside) and ledger.asides.claim(aside, notifier.token):
            try:
                notifier.publish(feed_not_served(aside))
            except Exception:
                ledger.asides.give_back(aside, notifier.token)
                raise

    for aside in ledger.asides:
        if aside.what != CURATE:
            notifier.guarded(aside.feed_id, lambda aside=aside: tell(aside))  # type: ignore[misc]
