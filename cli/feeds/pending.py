"""What is not done yet with a feed's files, and what becomes of it when the feed goes."""

import enum
from dataclasses import dataclass

from boto3.dynamodb.conditions import Key

from cli.stack import Stack
from lakeferry.aws.tables import pages
from lakeferry.errors import FeedGoneError
from lakeferry.feeds.fingerprint import fingerprint_of
from lakeferry.ledger import ASIDE, IN_WORK, PENDING
from lakeferry.ledger.asides import CURATE, Asides
from lakeferry.ledger.dropping import drop_unfinished, drop_waiting
from lakeferry.ledger.queries import unfinished

_Key = tuple[str, str]


class Rest(enum.StrEnum):
    """What becomes of files that are not curated yet."""

    FINISH = "finish"
    DROP = "drop"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Pending:
    """Ledger keys of a feed's files, by what they wait for: the Glue job, the run that has them, a person."""

    waiting: tuple[_Key, ...]
    in_work: tuple[_Key, ...]
    failed: tuple[_Key, ...]

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.waiting) + len(self.in_work) + len(self.failed)


def pending_of(stack: Stack, feed_id: str) -> Pending:
    """Those of a feed."""
    entries = list(unfinished(stack.ledger, feed_id, attributes=("status",)))
    keys = {(str(one["feed_id"]), str(one["file_id"])): one["status"] for one in entries}
    return Pending(
        waiting=tuple(key for value in (PENDING, ASIDE) for key in _waiting(stack, feed_id, value)),
        in_work=tuple(key for key, status in keys.items() if status in IN_WORK),
        failed=tuple(key for key, status in keys.items() if status not in IN_WORK),
    )


def settle(stack: Stack, rest: Pending, what: Rest) -> int:
    """Drops them, or keeps them off the Glue job's work list until the feed is put again; how many it changed."""
    table = stack.ledger.table
    if what is Rest.DROP:
        dropped = [drop_waiting(table, key) for key in rest.waiting]
        return sum(dropped) + sum(drop_unfinished(table, key) for key in (*rest.in_work, *rest.failed))
    for feed_id, file_id in rest.waiting:
        stack.ledger.set_aside(feed_id, file_id, None)
    for feed_id in {feed_id for feed_id, _ in rest.waiting}:
        _note_kept(stack.ledger.asides, feed_id)
    return len(rest.waiting)


def _note_kept(asides: Asides, feed_id: str) -> None:
    """So that runs take them up whoever puts the feed again, and however; who deletes it needs no mail."""
    gone = FeedGoneError(f"feed {feed_id} was deleted, and its files were to be kept (feeds delete --pending keep)")
    asides.note(
        feed_id, CURATE, fingerprint=fingerprint_of(None), error=type(gone).__name__, cause=str(gone), partitions=1
    )
    for aside in asides.of(CURATE):
        if aside.feed_id == feed_id:
            asides.claim(aside, "feeds delete")


def _waiting(stack: Stack, feed_id: str, value: str) -> list[_Key]:
    condition = Key("pending").eq(value) & Key("partition").begins_with(f"{feed_id}/")
    found = pages(stack.ledger.table.query, IndexName="pending", KeyConditionExpression=condition)
    return [(str(one["feed_id"]), str(one["file_id"])) for one in found]
