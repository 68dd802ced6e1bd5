"""Which days of a feed are over, by its `retention`, and why one of them is kept all the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakeferry.counting import count_of
from lakeferry.feeds import Feed
from lakeferry.ledger import Entry, Ledger
from lakeferry.ledger.exports import LEDGER
from lakeferry.ledger.retired import CURATED_DELETED_AT, RAW_DELETED_AT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READ = tuple(dict.fromkeys((*LEDGER.names, "pending", RAW_DELETED_AT, CURATED_DELETED_AT)))


@dataclass(frozen=True, slots=True)
class Found:
    """An object as S3 listed it."""

    key: str
    etag: str
    bytes: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """A business date of a feed in one zone, older than it is kept.

    Attributes:
        days: For so many it is kept.
        objects: Those to delete.
        entries: The files of it, as the ledger has them; none of fallout, which is no file's.
        waits: Why nothing of it may be deleted yet; empty where it may.
    """

    feed: Feed
    zone: str
    dt: str
    days: int
    objects: tuple[Found, ...]
    entries: tuple[Entry, ...] = ()
    waits: str = ""

    @property
    def ledger_key(self) -> str:
        return f"{self.feed.feed_id}/{self.dt}"

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.objects)

    def to_json(self) -> dict[str, Any]:
        """For people."""
        found = {"feed": self.feed.feed_id, "zone": self.zone, "dt": self.dt, "kept_days": self.days}
        return found | {"objects": len(self.objects), "bytes": self.bytes, "waits": self.waits}


def due_days(feed: Feed, ledger: Ledger, s3: "S3Client", bucket: str, today: date, least: int = 0) -> Iterator[Day]:
    """The days of a feed that are over, zone by zone, oldest first.

    Args:
        today: UTC.
        least: Days that everything is kept, whatever the feed says.
    """
    for zone, days in feed.retention.zones(least).items():
        before = today - timedelta(days=days)
        for prefix in prefixes_of(feed, zone):
            for dt in dates_under(s3, bucket, prefix):
                if date.fromisoformat(dt) < before:
                    yield from _day(
                        feed, zone, dt, days, ledger, before, objects_under(s3, bucket, f"{prefix}dt={dt}/")
                    )


def prefixes_of(feed: Feed, zone: str) -> tuple[str, ...]:
    """Where a zone has the feed's days."""
    folder, keys = f"{feed.tenant}_{feed.feed}", f"tenant={feed.tenant}/feed={feed.feed}"
    return {
        "raw": (f"raw/{folder}/",),
        "curated": (f"curated/{feed.dataset}/{keys}/",),
        "fallout": (f"fallout/{folder}/", f"fallout/rows/{keys}/"),
    }[zone]


def _day(
    feed: Feed, zone: str, dt: str, days: int, ledger: Ledger, before: date, objects: Sequence[Found]
) -> Iterator[Day]:
    # what was written since belongs to somebody else; curated rows are written anew whenever their day is built
    old = tuple(one for one in objects if zone == "curated" or one.modified.date() < before)
    if not old:
        return
    if zone == "fallout":
        if len(old) == len(objects):
            yield Day(feed, zone, dt, days, old)
        return
    entries = tuple(ledger.of_partition(f"{feed.feed_id}/{dt}", _READ))
    landed = max((str(entry.get("uploaded_at", "")) for entry in entries), default="")
    if landed[:10] >= before.isoformat():
        return  # files of it came late: the day is kept as long as they are
    yield Day(feed, zone, dt, days, old, entries, _waits(entries))


def _waits(entries: Sequence[Entry]) -> str:
    if not entries:
        return "the ledger knows no file of it, so somebody else put it there"
    if open_ := sum(entry.get("status") != "CURATED" or "pending" in entry for entry in entries):
        return f"{count_of(open_, 'file')} of it not curated yet"
    return ""


def dates_under(s3: "S3Client", bucket: str, prefix: str) -> Iterator[str]:
    """Business dates of the folders `dt=...` right below a prefix."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        for folder in page.get("CommonPrefixes", ()):
            name = folder["Prefix"].removeprefix(prefix).rstrip("/")
            if name.startswith("dt=") and _is_date(name.removeprefix("dt=")):
                yield name.removeprefix("dt=")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def objects_under(s3: "S3Client", bucket: str, prefix: str) -> list[Found]:
    """All objects below a prefix."""
    return [
        Found(one["Key"], one["ETag"], one["Size"], one["LastModified"])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for one in page.get("Contents", ())
    ]
