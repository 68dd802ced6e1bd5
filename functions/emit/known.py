"""What events look up: feeds, and promises of the same tenant."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from lakeferry.aws.tables import pages, utc_text
from lakeferry.events.cards import Day
from lakeferry.feeds import Feed, parse_feed
from lakeferry.feeds.each import each_feed
from lakeferry.sla.calendar import due_times
from lakeferry.sla.items import FINAL, SlaItem
from lakeferry.sla.table import SlaTable
from lakeferry.sla.verdict import MET

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_AROUND = timedelta(days=45)
"""A business date is due so many days from itself at most: offsets and moved holidays."""


class Documents:
    """The feeds of the tenants that events are about, read once a call; a document that is not valid is no feed."""

    def __init__(self, feeds: "Table", promises: SlaTable) -> None:
        self._table, self._promises = feeds, promises
        self._tenants: dict[str, dict[str, Feed]] = {}

    def feed(self, feed_id: str) -> Feed | None:
        """A feed; None where it is gone."""
        return self._of_tenant(feed_id).get(feed_id)

    def dataset(self, feed_id: str) -> str | None:
        """Of a feed; None where it is gone."""
        feed = self.feed(feed_id)
        return feed.dataset if feed else None

    def day(self, feed_id: str, date: str) -> Day | None:
        """What the feed's tenant promised for its dataset and that business date; None while something is missing."""
        feeds = self._of_tenant(feed_id)
        if feed_id not in feeds:
            return None
        dataset, items, promised = feeds[feed_id].dataset, list[SlaItem](), list[str]()
        for feed in feeds.values():
            if feed.dataset == dataset and feed.enabled and feed.sla is not None and (due := _due(feed, date)):
                kept = [item for item in self._kept(feed, due) if item.business_date == date]
                if len(kept) < len(due) or any(item.status not in FINAL for item in kept):
                    return None
                items += kept
                promised.append(feed.feed)
        if not items:
            return None
        latest = max((item.completed_at for item in items if item.completed_at), default=None)
        return Day(
            dataset,
            tuple(sorted(promised)),
            "" if latest is None else utc_text(latest),
            all(item.status == MET for item in items),
        )

    def _kept(self, feed: Feed, due: list[str]) -> Iterator[SlaItem]:
        # up to the day's end: a key is "<due time>#<business date>"
        yield from self._promises.history(feed.feed_id, min(due)[:10], max(due)[:10] + "~")

    def _of_tenant(self, feed_id: str) -> dict[str, Feed]:
        tenant = feed_id.partition("/")[0]
        if tenant not in self._tenants:
            documents: Iterator[dict[str, Any]] = pages(
                self._table.query, KeyConditionExpression=Key("tenant").eq(tenant), ConsistentRead=True
            )
            feeds = each_feed(documents, parse_feed, lambda document, error: None)
            self._tenants[tenant] = {feed.feed_id: feed for feed in feeds}
        return self._tenants[tenant]


def _due(feed: Feed, day: str) -> list[str]:
    """When its files of a business date are due."""
    around = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    assert feed.sla is not None  # noqa: S101  (day asks for no others)
    found = due_times(feed.sla, around - _AROUND, around + _AROUND)
    return sorted(due.expected_at.astimezone(UTC).isoformat() for due in found if due.business_date.isoformat() == day)
