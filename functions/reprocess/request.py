"""What a call of reprocess asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from lakeferry.errors import ReprocessInvalidError

SOURCES = ("inbox", "server", "raw")
_KNOWN = {"by", "all", "tenant", "feed", "error", "file", "runs", "dry_run", "backfill"}
_MOST_DAYS = 3660


@dataclass(frozen=True, slots=True)
class Backfill:
    """Files of a feed to take once more, by their business dates, both ends included.

    Attributes:
        source: `inbox`: from the bytes as delivered. `server`: from the server. `raw`: only the Glue job again.
    """

    feed_id: str
    first: date
    last: date
    source: str


@dataclass(frozen=True, slots=True)
class Request:
    """Which of what is open to take.

    Attributes:
        by_schedule: Only what failed for a passing reason, is due, and has attempts left.
        feed_id: `tenant/feed`.
        error: Name of the error.
        file: Path, last part of the path, or ledger key.
        runs: Failed runs only.
        dry_run: Tell, and change nothing.
    """

    by_schedule: bool = False
    tenant: str | None = None
    feed_id: str | None = None
    error: str | None = None
    file: str | None = None
    runs: bool = False
    dry_run: bool = True
    backfill: Backfill | None = None

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        """Reads the event; without `"dry_run": false` a call by hand only tells.

        Raises:
            ReprocessInvalidError: it asks for nothing, or for what cannot be.
        """
        unknown = sorted(set(event) - _KNOWN)
        if unknown:
            raise ReprocessInvalidError(f"reprocess does not know {', '.join(unknown)}; it knows {sorted(_KNOWN)}.")
        by_schedule = event.get("by") == "schedule"
        dry_run = event.get("dry_run", not by_schedule)
        if not isinstance(dry_run, bool):
            raise ReprocessInvalidError(f"$.dry_run: {dry_run!r} is neither true nor false.")
        backfill = event.get("backfill")
        if backfill is not None:
            return cls(dry_run=dry_run, backfill=_backfill(backfill))
        found = cls(
            by_schedule=by_schedule,
            tenant=event.get("tenant"),
            feed_id=_feed_id(event),
            error=event.get("error"),
            file=event.get("file"),
            runs=bool(event.get("runs", False)),
            dry_run=dry_run,
        )
        named = found.tenant or found.feed_id or found.error or found.file or found.runs
        if not (by_schedule or named or event.get("all") is True):
            raise ReprocessInvalidError(
                'name what to take again: "tenant", "feed", "error", "file", "runs": true, or "all": true; '
                'with "dry_run": true the answer only tells what would be taken.'
            )
        return found


def _feed_id(event: Mapping[str, Any]) -> str | None:
    feed = event.get("feed")
    if feed is None or "/" in str(feed):
        return feed
    if event.get("tenant") is None:
        raise ReprocessInvalidError(f'$.feed: {feed!r} needs its tenant; write it as "tenant/feed".')
    return f"{event['tenant']}/{feed}"


def _backfill(asked: Mapping[str, Any]) -> Backfill:
    missing = sorted({"feed", "from", "to"} - set(asked))
    if missing:
        raise ReprocessInvalidError(f"$.backfill: {', '.join(missing)} missing; give feed, from and to (YYYY-MM-DD).")
    source = asked.get("source", "inbox")
    if source not in SOURCES:
        raise ReprocessInvalidError(f"$.backfill.source: {source!r} is none of {', '.join(SOURCES)}.")
    try:
        first, last = date.fromisoformat(asked["from"]), date.fromisoformat(asked["to"])
    except (TypeError, ValueError) as error:
        raise ReprocessInvalidError(f"$.backfill: from and to are dates such as 2026-11-30 ({error}).") from error
    if not 0 <= (last - first).days < _MOST_DAYS:
        raise ReprocessInvalidError(f"$.backfill: {first} to {last} is no range of 1 to {_MOST_DAYS} days.")
    return Backfill(str(asked["feed"]), first, last, source)
