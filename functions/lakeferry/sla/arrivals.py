"""What has arrived for a business date, from the ledger; what is read grows with its files, not with the history."""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lakeferry.feeds import Feed
from lakeferry.feeds.sla import SlaSpec
from lakeferry.ledger import LANDED, Entry, Ledger
from lakeferry.ledger.queries import unfinished
from lakeferry.sla.calendar import first_moment
from lakeferry.sla.verdict import Arrival

_OF_ARRIVALS = ("path", "status", "mtime", "uploaded_at", "arrived_at", "landed")
_OF_FAILURES = ("path", "status", "dt", "mtime", "failed_at", "error", "stage", "landed")
"""What is read of a file, besides its key: a feed may have 10,000 in a day, and eight feeds are looked at together."""


def arrivals(ledger: Ledger, feed: Feed, sla: SlaSpec, business_date: date) -> list[Arrival]:
    """The files of that date that are in the lake, also those that are taken once more just now.

    Where the feed's names have no date, a file's date is the day of its modification time in the SLA's zone; the
    ledger's `dt` is the UTC day then, so the two or three UTC days that the local day touches are looked at.
    """
    if has_dates(feed):
        return [_arrival(entry) for entry in _landed(ledger, feed, business_date)]
    zone = ZoneInfo(sla.timezone)
    begin = first_moment(business_date, time(), zone)
    end = first_moment(business_date + timedelta(days=1), time(), zone)
    found = []
    day = begin.date()
    while day <= end.date():
        found += [
            _arrival(entry)
            for entry in _landed(ledger, feed, day)
            if begin.timestamp() <= entry["mtime"] < end.timestamp()
        ]
        day += timedelta(days=1)
    return found


def first_arrivals(ledger: Ledger, feed: Feed, found: list[Arrival], business_date: date) -> list[Arrival]:
    """The same with the time of each path's first version of that date, where later ones have replaced it.

    A redelivery replaces a version, and with it the time it came. That matters only if nobody looked in between: call
    it before anything is called late. Names without a date may have a version a day for years: these are left as they
    are.
    """
    if not has_dates(feed):
        return found
    times: dict[str, datetime] = {}
    for entry in _landed(ledger, feed, business_date):
        for version in ledger.versions(feed.feed_id, str(entry["path"])):
            if version.get("dt") == business_date.isoformat() and "uploaded_at" in version:
                at = _arrived_at(version)
                name = _name(entry)
                times[name] = min(at, times.get(name, at))
    return [Arrival(one.name, min(one.at, times.get(one.name, one.at))) for one in found]


def failures(ledger: Ledger, feed: Feed, sla: SlaSpec, business_dates: Collection[date]) -> list[Entry]:
    """The files of those dates that FAILED, the last one first; reads all of the feed's that wait to be fixed."""
    zone = ZoneInfo(sla.timezone)

    def day(entry: Entry) -> date:
        if has_dates(feed):
            return date.fromisoformat(entry["dt"])
        return datetime.fromtimestamp(entry["mtime"], zone).date()

    found = unfinished(ledger, feed.feed_id, "failed#", _OF_FAILURES)
    # one that is in the lake, and could not be taken once more, is not missing
    failed = [entry for entry in found if entry["status"] == "FAILED" and "landed" not in entry]
    mine = [entry for entry in failed if day(entry) in business_dates]
    return sorted(mine, key=lambda entry: str(entry["failed_at"]), reverse=True)


def has_dates(feed: Feed) -> bool:
    """Whether the business date is in the files' names."""
    return feed.files.date_format is not None or "{date:" in (feed.files.pattern or "")


def _landed(ledger: Ledger, feed: Feed, day: date) -> Iterator[Entry]:
    for entry in ledger.of_partition(f"{feed.feed_id}/{day.isoformat()}", _OF_ARRIVALS):
        if entry["status"] in LANDED or "landed" in entry:
            yield entry


def _arrival(entry: Entry) -> Arrival:
    return Arrival(_name(entry), _arrived_at(entry).astimezone(UTC))


def _arrived_at(entry: Entry) -> datetime:
    """When it came first, whatever was done with it again."""
    return datetime.fromisoformat(entry.get("arrived_at") or entry["uploaded_at"])


def _name(entry: Entry) -> str:
    return str(entry["path"]).rsplit("/", 1)[-1]
