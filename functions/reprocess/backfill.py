"""Files of a feed taken once more, by business date: a backfill is a reprocess of what did not fail."""

from datetime import timedelta
from typing import Any

from lakeferry.ledger import LANDED, Entry, Ledger
from lakeferry.ledger.queries import unfinished
from lakeferry.ledger.retired import RAW_DELETED_AT
from reprocess.answer import backfilled
from reprocess.executions import Starter, inputs_of_files
from reprocess.request import Backfill

_LISTED = 200


def backfill(asked: Backfill, ledger: Ledger, starter: Starter, *, dry_run: bool) -> dict[str, Any]:
    """Starts executions for the files of the range that are in the lake or failed.

    A file that waits for the Glue job is left to it. With source `raw` nothing is fetched or checked again: the
    files' partitions are given to the Glue job.

    Returns:
        `dry_run`, `files` and `left` (counts), `executions` (ARNs), `open`: the first of the files; `matched` and
        `answer` as `backfilled` has them.
    """
    entries = _of_range(asked, ledger)
    taken = [entry for entry in entries if _is_taken(entry, asked.source)]
    left = [entry for entry in entries if not _is_taken(entry, asked.source)]
    executions: list[str] = []
    if not dry_run and taken:
        executions = _start(asked, taken, ledger, starter)
    return {
        "dry_run": dry_run,
        "files": len(taken),
        "left": len(left),
        **backfilled(asked, taken, left, dry_run=dry_run),
        "executions": executions,
        "open": [
            {"feed": asked.feed_id, "file": entry["file_id"], "dt": entry["dt"], "status": entry["status"]}
            for entry in taken[:_LISTED]
        ],
    }


def _of_range(asked: Backfill, ledger: Ledger) -> list[Entry]:
    days = [asked.first + timedelta(days=day) for day in range((asked.last - asked.first).days + 1)]
    found = [entry for day in days for entry in ledger.of_partition(f"{asked.feed_id}/{day.isoformat()}")]
    seen = {entry["file_id"] for entry in found}
    wanted = {day.isoformat() for day in days}
    # those that never landed have no partition
    return found + [
        entry
        for entry in unfinished(ledger, asked.feed_id)
        if entry["dt"] in wanted and entry["file_id"] not in seen and entry["status"] == "FAILED"
    ]


def _is_taken(entry: Entry, source: str) -> bool:
    if source == "raw":
        return bool(entry["status"] == "CURATED") and RAW_DELETED_AT not in entry
    return entry["status"] == "FAILED" or (entry["status"] in LANDED and "pending" not in entry)


def _start(asked: Backfill, taken: list[Entry], ledger: Ledger, starter: Starter) -> list[str]:
    if asked.source == "raw":
        for entry in taken:
            ledger.make_pending(entry)
        return [starter.start({"trigger": "backfill", "feeds": []})]
    files = [{"feed_id": asked.feed_id, "file_id": entry["file_id"]} for entry in taken]
    return [starter.start(one) for one in inputs_of_files(files, trigger="backfill", source=asked.source)]
