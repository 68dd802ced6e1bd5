"""What a stack's owners are, whether they were written down yet or not."""

from functools import partial

from cli.stack import Stack
from lakeferry.ledger.addresses import Approved
from lakeferry.ledger.datasets import Owned
from lakeferry.ledger.queries import feed_documents
from lakeferry.ledger.seeding import (
    Folders,
    folders_of,
    seed_addresses,
    seed_datasets,
    seeded_addresses,
    seeded_datasets,
)
from lakeferry.mails.subscriptions import subscribed


class Owners:
    """Owners of datasets and approved addresses of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._documents = partial(feed_documents, stack.feeds)
        self._subscribed = lambda: subscribed(stack.client("sns"), stack.physical("NotificationTopic"))

    @property
    def _folders(self) -> Folders:
        return folders_of(self._stack.client("s3"), self._stack.physical("LakeBucket"))

    def seed_datasets(self) -> None:
        """Writes them down if nobody has yet: before the operator changes anything, or a feed is put."""
        seed_datasets(self._stack.ledger, self._documents, self._folders)

    def seed_addresses(self) -> None:
        """The same of addresses."""
        seed_addresses(self._stack.ledger, self._documents, self._subscribed)

    def datasets(self) -> dict[str, Owned]:
        """Writes nothing."""
        return seeded_datasets(self._stack.ledger, self._documents(), self._folders)

    def approved(self) -> Approved:
        """Writes nothing."""
        return Approved(seeded_addresses(self._stack.ledger, self._documents, self._subscribed))
