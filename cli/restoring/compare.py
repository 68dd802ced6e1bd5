"""Goes over a stack's feeds, day by day."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from boto3.dynamodb.conditions import Key

from cli.restoring.curated import curated_differences, table_of
from cli.restoring.difference import Difference
from cli.restoring.place import Known, Place, raw_days
from cli.restoring.raw import landed, raw_differences
from lakeferry.aws.tables import pages
from lakeferry.counting import count_of
from lakeferry.ledger import IN_WORK, LANDED
from lakeferry.ledger.feed_states import FEED_ITEM
from lakeferry.ledger.files import LEFT_AT
from lakeferry.ledger.leases import LEASES
from lakeferry.ledger.retired import CURATED_DELETED_AT, RAW_DELETED_AT

_READ = (
    *("file_id", "status", "raw_keys", "outputs_key", "uploaded_at", "pending", "landed", "curated_at", "curated_run"),
    *(RAW_DELETED_AT, CURATED_DELETED_AT),
)


def differences(place: Place, known: Known) -> Iterator[Difference]:
    """All of one feed, in the order of its days; what is in work last."""
    days, working = _in_ledger(place, known)
    days.update(raw_days(place, known))
    table = table_of(place, known)
    if table is not None:
        days.update(table.places)
    for dt in sorted(days):
        found = landed(list(place.ledger.of_partition(f"{known.feed_id}/{dt}", _READ)))
        entries = [entry for entry in found if entry.get("status") in LANDED]
        is_told = False
        for one in raw_differences(place, known, dt, entries):
            is_told = is_told or one.needs_person
            yield one
        yield from curated_differences(place, known, table, dt, entries, is_told=is_told)
    if table is not None and table.is_iceberg and days:
        told = "an Iceberg table, of which the catalog does not know the days"
        do = "ask Athena for its rows by dt, and compare them with the ledger's (table ledger_latest)"
        yield Difference("not_compared", known.feed_id, "", table.name, told, do)
    for run, count in working.items():
        told = f"{count_of(count, 'file')} in work by a run that is over"
        yield Difference("in_work", known.feed_id, "", run, told, "the next poll takes over what its server still has")


def leases(place: Place, now: datetime) -> Iterator[Difference]:
    """Days that somebody has in hand, by a ledger from before or in truth."""
    held = pages(place.ledger.table.query, KeyConditionExpression=Key("feed_id").eq(LEASES), ConsistentRead=True)
    for item in held:
        seconds = int(item.get("until", 0)) - int(now.timestamp())
        if seconds > 0:
            feed_id, _, dt = str(item["file_id"]).rpartition("/")
            told = "it is being built, or was at the moment the ledger is of"
            yield Difference(
                "leased", feed_id, dt, str(item["file_id"]), told, f"free in {count_of(seconds, 'second')}"
            )


def _in_ledger(place: Place, known: Known) -> tuple[set[str], Counter[str]]:
    """Days with files in the lake, and how many files runs have in work that are over; streamed."""
    days: set[str] = set()
    working: Counter[str] = Counter()
    names = {"#status": "status", "#run": "run", "#partition": "partition"}
    for item in pages(
        place.ledger.table.query,
        KeyConditionExpression=Key("feed_id").eq(known.feed_id),
        ProjectionExpression=f"file_id, #status, #run, #partition, {LEFT_AT}",
        ExpressionAttributeNames=names,
        ConsistentRead=True,
    ):
        if item["file_id"] == FEED_ITEM:
            continue
        if partition := item.get("partition"):
            days.add(str(partition).rsplit("/", 1)[-1])
        run = str(item.get("run", ""))
        if item.get("status") in IN_WORK and LEFT_AT not in item and not place.is_running(run):
            working[run] += 1
    return days, working
