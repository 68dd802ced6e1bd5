"""Owners of datasets, on this machine as in AWS: a feed is put only where its tenant may write."""

import shlex
from collections.abc import Callable
from functools import partial

from lakeferry.feeds import Feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.queries import feed_documents
from lakeferry.ledger.seeding import folders_of, seed_datasets
from local.aws import LocalAws


def admission(aws: LocalAws) -> Callable[[Feed], object]:
    """What `put_feed` asks before it writes; a lake of an earlier version gets its owners first."""
    table = aws.resource("dynamodb").Table
    ledger, feeds = Ledger(table(aws.resources["LedgerTable"])), table(aws.resources["FeedsTable"])
    seed_datasets(ledger, partial(feed_documents, feeds), folders_of(aws.client("s3"), aws.resources["LakeBucket"]))
    return lambda feed: ledger.datasets.claim(feed.dataset, feed.tenant, f"--lake {shlex.quote(str(aws.folder))}")
