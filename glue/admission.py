"""Which tenants' rows may go to which dataset, settled before any is built: one that has no owner gets one here."""

from collections.abc import Callable, Iterable

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import Feed
from lakeferry.ledger.datasets import Datasets, Owned
from worklist import Partition


class Admission:
    """The datasets as one job found them; used by one thread."""

    def __init__(self, datasets: Datasets, feed: Callable[[str, str], Feed], where: str) -> None:
        """
        Args:
            feed: A tenant's feed.
            where: Options of a command that say which stack this is.
        """
        self._datasets, self._feed, self._where = datasets, feed, where
        self._owned: dict[str, Owned] = {}
        self._opened: set[str] = set()

    def owned(self, dataset: str) -> Owned | None:
        """Who may write to it, as this job found it."""
        return self._owned.get(dataset)

    def refused(self, partitions: Iterable[Partition]) -> dict[Partition, Exception]:
        """The partitions that may not be built, and why."""
        found: dict[Partition, Exception] = {}
        for partition in partitions:
            try:
                feed = self._feed(partition.tenant, partition.feed)
            except FeedInvalidError:
                continue  # said by whoever builds it
            try:
                self._admit(feed)
            except Exception as error:  # this partition's alone, as if building it had failed
                found[partition] = error
        return found

    def open(self, dataset: str) -> None:
        """Rows were published: if they are the first, those with whom the owner shares may write from now on."""
        owned = self._owned.get(dataset)
        if owned is not None and not owned.is_open and dataset not in self._opened:
            self._datasets.open(dataset)
            self._opened.add(dataset)

    def _admit(self, feed: Feed) -> None:
        if feed.dataset not in self._owned:
            self._owned[feed.dataset] = self._datasets.found(feed.dataset, feed.tenant)
        self._owned[feed.dataset].check_rows(feed.tenant, self._where)
