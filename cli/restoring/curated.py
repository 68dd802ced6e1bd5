"""A feed's days in the Data Catalog, beside what the ledger says is curated."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from cli.restoring.difference import Difference
from cli.restoring.place import Known, Place
from lakeferry.ledger import Entry
from lakeferry.ledger.files import PENDING
from lakeferry.ledger.retired import CURATED_DELETED_AT, RAW_DELETED_AT
from lakeferry.models import run_id_of


@dataclass(frozen=True, slots=True)
class Table:
    """A feed's part of its curated table.

    Attributes:
        places: By day, the key prefix that readers are led to.
        is_iceberg: The catalog does not know its days.
    """

    name: str
    places: dict[str, str] = field(default_factory=dict)
    is_iceberg: bool = False


def table_of(place: Place, known: Known) -> Table | None:
    """What the catalog has of a feed; None where nobody can tell which table is its."""
    if known.feed is None:
        return None
    if known.feed.transform.table_format == "iceberg":
        return Table(known.feed.dataset, is_iceberg=True)
    tenant, _, name = known.feed_id.partition("/")
    found = Table(known.feed.dataset)
    pages = place.glue.get_paginator("get_partitions").paginate(
        DatabaseName=place.database,
        TableName=known.feed.dataset,
        Expression=f"tenant = '{tenant}' AND feed = '{name}'",
        ExcludeColumnSchema=True,
    )
    try:
        for page in pages:
            for one in page["Partitions"]:
                if one["Values"][:2] == [tenant, name]:
                    uri = one.get("StorageDescriptor", {}).get("Location", "")
                    found.places[one["Values"][2]] = "/".join(uri.rstrip("/").split("/")[3:]) + "/"
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityNotFoundException":
            raise
    return found


def curated_differences(
    place: Place, known: Known, table: Table | None, dt: str, entries: Sequence[Entry], *, is_told: bool
) -> Iterator[Difference]:
    """Those of one day.

    Args:
        entries: Its files as `landed` has them.
        is_told: Whether raw objects of the day were told that a person has to see to.
    """
    if table is None or table.is_iceberg:
        return
    prefix = table.places.get(dt)
    done = [entry for entry in entries if entry.get("status") == "CURATED" and CURATED_DELETED_AT not in entry]
    if not done:
        if prefix is not None and not entries and not is_told:
            told = f"{table.name} has the day, and the ledger no file of it"
            do = "have its files delivered again; until then its rows stay as they are"
            yield Difference("catalog_unknown", known.feed_id, dt, prefix, told, do, True)
        return
    last = max(done, key=lambda entry: str(entry.get("curated_at", "")))
    run = run_id_of(str(last.get("curated_run", "")))
    if prefix is None:
        kind, what, told = "catalog_missing", table.name, f"{len(done)} of its files are CURATED, and it lacks the day"
    elif place.is_empty(prefix):
        kind, what, told = "curated_missing", prefix, f"{table.name} leads there, and no object is there"
    elif not _is_of(prefix, run):
        kind, what = "catalog_other", prefix
        told = f"{table.name} leads there, and the ledger's last build of the day is of run {run}"
    else:
        return
    if any(entry.get("pending") == PENDING for entry in entries):
        yield Difference(kind, known.feed_id, dt, what, told, "the next run builds the day")
        return
    source = "server" if any(RAW_DELETED_AT in entry for entry in entries) else "raw"
    do = f"build the day (--source {source})"
    if is_told:
        do = f"once the raw objects of the day are seen to, {do}"
    elif kind == "catalog_other":
        do = f"{do}, or leave it: its rows are of another build"
    yield Difference(kind, known.feed_id, dt, what, told, do, True, source)


def _is_of(prefix: str, run: str) -> bool:
    """Whether a build is that run's: the run's name, and more where a function built it, or there had been one."""
    name = prefix.rstrip("/").rsplit("/", 1)[-1]
    return name == run or name.startswith(f"{run}-")
