"""Whose partition is built next: tenants take turns, and a tenant's feeds take turns among themselves."""

from collections import Counter, deque
from collections.abc import Iterable

from worklist import Partition


class Turns:
    """Partitions that wait, and how many of each tenant and feed are at work.

    Next is one of the tenant that has the fewest at work, of several the one whose last turn is longest ago; within the
    tenant the same goes for its feeds. So nobody holds more than an equal share while others wait, and nothing stands
    idle where nobody else waits.
    """

    def __init__(self, partitions: Iterable[Partition]) -> None:
        self._waiting: dict[str, dict[str, deque[Partition]]] = {}
        self._at_work: Counter[tuple[str, ...]] = Counter()
        for partition in sorted(partitions):
            feeds = self._waiting.setdefault(partition.tenant, {})
            feeds.setdefault(partition.feed, deque()).append(partition)

    def take(self) -> Partition | None:
        """The next one, which is at work from now on; None where none waits."""
        if not self._waiting:
            return None
        # a dictionary keeps its order: whoever had a turn goes to its end
        tenant = min(self._waiting, key=lambda name: self._at_work[name,])
        feeds = self._waiting.pop(tenant)
        feed = min(feeds, key=lambda name: self._at_work[tenant, name])
        days = feeds.pop(feed)
        partition = days.popleft()
        if days:
            feeds[feed] = days
        if feeds:
            self._waiting[tenant] = feeds
        self._at_work.update([(tenant,), (tenant, feed)])
        return partition

    def done(self, partition: Partition) -> None:
        """It is at work no more."""
        self._at_work.subtract([(partition.tenant,), (partition.tenant, partition.feed)])

    def drop(self, tenant: str, feed: str) -> list[Partition]:
        """Takes out what waits of a feed."""
        feeds = self._waiting.get(tenant, {})
        dropped = list(feeds.pop(feed, ()))
        if not feeds:
            self._waiting.pop(tenant, None)
        return dropped

    def drop_all(self) -> list[Partition]:
        """Takes out all that waits."""
        dropped = [partition for feeds in self._waiting.values() for days in feeds.values() for partition in days]
        self._waiting.clear()
        return dropped
