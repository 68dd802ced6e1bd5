"""Versions that differ from one we have only by what the listing has stopped showing of their time.

`ls` writes the minute of a young file and the year of an old one: half a year on, `Nov 23 16:33` is `Nov 23  2026`. And
where a server refuses to tell the exact time of a file today, the listing's is taken. Neither is a new version.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from lakeferry.feeds import Feed
from lakeferry.ledger import Entry, Ledger
from lakeferry.models import RemoteFile
from lakeferry.servers.protocols import PROTOCOLS

_MINUTE = 60
_YOUNG_SECONDS = 120 * 86_400
"""No server leaves out the minute of a file that is younger."""


def known_by_less(feed: Feed, unknown: Iterable[RemoteFile], ledger: Ledger, now: float) -> dict[str, Entry]:
    """What the ledger has of the same files with more exact times, by the `file_id` that they are listed with now.

    Only versions that no poll takes any more. It costs a question for each file whose time is shown so coarsely, and
    is not in the ledger with it.
    """
    found: dict[str, Entry] = {}
    if PROTOCOLS[feed.server.protocol].tells_seconds:
        return found
    zone = ZoneInfo(feed.server.timezone)
    for remote in unknown:
        is_day = now - remote.mtime > _YOUNG_SECONDS and _is_midnight(remote.mtime, zone)
        if not is_day and remote.listed_mtime != remote.mtime:
            continue
        for entry in ledger.versions(feed.feed_id, remote.path):
            if (
                entry["size"] == remote.size
                and ledger.is_done_with(entry)
                and _day_or_minute(int(entry["mtime"]), zone, is_day) == _day_or_minute(remote.mtime, zone, is_day)
            ):
                found[remote.file_id] = entry
    return found


def _is_midnight(mtime: int, zone: ZoneInfo) -> bool:
    return datetime.fromtimestamp(mtime, UTC).astimezone(zone).strftime("%H%M%S") == "000000"


def _day_or_minute(mtime: int, zone: ZoneInfo, is_day: bool) -> object:
    return datetime.fromtimestamp(mtime, UTC).astimezone(zone).date() if is_day else mtime // _MINUTE
