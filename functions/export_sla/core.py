"""Writes the SLA table's due times into the lake, an object a day."""

import json
from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.counting import count_of
from lakeferry.errors import CheckIncompleteError
from lakeferry.feeds.each import each_feed
from lakeferry.ledger.exports import PARTITION_KEY, SLA
from lakeferry.sla.items import SlaItem, stamp
from lakeferry.sla.table import SlaTable
from lakeferry.sla.verdict import GIVEN_UP_AFTER

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHANGING = GIVEN_UP_AFTER + timedelta(days=7 + 2)
"""A due time may change so long: a week of grace, until it is given up, and the days that begins and ends in."""
_FIRST_DAY = date(2026, 1, 1)
"""Where the table's projected partitions begin."""
_NAME = "due"


def export_sla(table: SlaTable, s3: "S3Client", bucket: str, now: datetime, since: date | None = None) -> int:
    """Writes each day whose due times are not in the lake as they stand.

    A day's object is a function of the table alone, so a call that comes twice changes nothing. The first one ever
    takes all days; later ones those that may have changed.

    Args:
        since: Looks at all days from then on instead.

    Returns:
        Days written.

    Raises:
        CheckIncompleteError: a feed's due times could not be read; what was exported of it stays, the others' is new.
    """
    there = _exported(s3, bucket, _FIRST_DAY)
    if since is None:
        since = (now - CHANGING).date() if there else _FIRST_DAY
    days = [day for day in there if day >= since.isoformat()]
    read = side_by_side(lambda day: _read(s3, bucket, day), days)
    old = dict(zip(days, read, strict=True))
    # a feed that is switched off has no clock any more, but what was exported of it may have changed
    feeds = table.clocks().keys() | {json.loads(line)["feed_id"] for text in read for line in text.splitlines()}
    first, last = since.isoformat(), stamp(now + timedelta(days=1))
    rows = defaultdict(list)
    broken: dict[str, Exception] = {}
    history = each_feed(sorted(feeds), lambda feed: table.history(feed, first, last), broken.setdefault, at_once=True)
    for found in history:
        for item in found:
            rows[stamp(item.expected_at)[:10]].append(item)
    new = {
        day: SLA.lines(map(_row, sorted(items, key=_order))) + _kept(old.get(day), broken)
        for day, items in rows.items()
    }
    changed = {day: text for day, text in new.items() if text != old.get(day)}
    side_by_side(lambda day: s3.put_object(Bucket=bucket, Key=SLA.key(day, _NAME), Body=changed[day]), sorted(changed))
    for feed, error in broken.items():
        raise CheckIncompleteError(
            f"due times of {count_of(len(broken), 'feed')} could not be exported, such as {feed}"
        ) from error
    return len(changed)


def _kept(old: bytes | None, feeds: Collection[str]) -> bytes:
    """What was exported before of feeds that cannot be read now."""
    lines = [] if old is None or not feeds else old.splitlines(keepends=True)
    return b"".join(line for line in lines if json.loads(line)["feed_id"] in feeds)


def _exported(s3: "S3Client", bucket: str, since: date) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=SLA.prefix, StartAfter=f"{SLA.prefix}{PARTITION_KEY}={since.isoformat()}"
    )
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return [key.removeprefix(f"{SLA.prefix}{PARTITION_KEY}=").partition("/")[0] for key in keys]


def _read(s3: "S3Client", bucket: str, day: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=SLA.key(day, _NAME))["Body"].read()


def _order(item: SlaItem) -> tuple[str, str]:
    return item.due, item.feed_id


def _row(item: SlaItem) -> dict[str, Any]:
    done = item.completed_at is not None
    return {
        "feed_id": item.feed_id,
        "business_date": item.business_date,
        "due_date": item.due_date,
        "expected_by": item.expected_by,
        "timezone": item.timezone,
        "expected_at": stamp(item.expected_at),
        "deadline": stamp(item.deadline),
        "status": item.status,
        "completed_at": stamp(item.completed_at) if item.completed_at is not None else None,
        "late_seconds": item.late_seconds if done else None,
        "arrived": item.arrived,
        "missing": list(item.missing) or None,
    }
