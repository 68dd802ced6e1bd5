"""The balance of a run, file by file, from the ledger; and the summary a person reads."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lakeferry.errors import BalanceError
from lakeferry.ledger import ENDED, IN_WORK, Entry, Ledger
from lakeferry.models import link_of, run_id_of
from lakeferry.settings import Settings
from reconcile.feed_mails import write_feed_mails

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LISTED = 40
"""Lines a mail lists before it counts the rest."""
_NAMED = 10
"""Columns a line names before it counts the rest."""


def reconcile(
    ledger: Ledger, s3: "S3Client", settings: Settings, run: str, documents: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Checks every file the run claimed and describes the run.

    Args:
        documents: Of all feeds, for those that want a success mail of their own.

    Returns:
        `subject` and `message` of the success mail; `files`, `rows` (curated), `imbalances` (0); `feed_mails`, the list
        of the feeds' own success mails: its `bucket`, `key`, and their count, `mails`.

    Raises:
        BalanceError: for some file, bytes or rows that went in are not those that came out.
    """
    entries = ledger.of_run(run)
    wrong = [f"{entry['feed_id']} {entry['path']}: {problem}" for entry in entries for problem in imbalances(entry)]
    if wrong:
        raise BalanceError(
            f"{len(wrong)} of {len(entries)} files of run {run_id_of(run)} do not add up: {'; '.join(wrong[:10])}"
            f"{f' (and {len(wrong) - 10} more)' if len(wrong) > 10 else ''}. "
            "The ledger has every count; reprocess these files."
        )
    curated = [entry for entry in entries if entry["status"] == "CURATED"]
    feeds = len({entry["feed_id"] for entry in curated})
    return {
        "subject": f"[Lakeferry] {len(curated)} files of {feeds} feeds are in the lake",
        "message": _message(run, entries, curated, ledger.feeds.of_run(run), settings.lake_bucket),
        "files": len(curated),
        "rows": sum(entry["rows_curated"] for entry in curated),
        "imbalances": 0,
        "feed_mails": write_feed_mails(entries, documents, s3, settings.work_bucket, settings.lake_bucket, run),
    }


def imbalances(entry: Entry) -> Iterator[str]:
    """What does not add up in one file's item.

    Files that failed, were released or replaced, or whose bytes are there already owe nothing; nor do those that were
    left unfinished, whose failure was told and whose claim is free as soon as the run has ended.
    """
    status = entry["status"]
    if status in {"FAILED", "RELEASED", "DUPLICATE"} | ENDED | IN_WORK:
        return
    if status != "CURATED":
        yield f"is {status} where the run's end should find it CURATED"
        return
    dropped = sum(entry.get("rows_dropped", {}).values())
    if entry["bytes_fetched"] != entry["size"]:
        yield f"{entry['size']} bytes on the server, {entry['bytes_fetched']} fetched"
    if entry["rows_read"] != entry["rows_landed"] + entry["rows_rejected"]:
        yield f"{entry['rows_read']} rows read, {entry['rows_landed']} landed, {entry['rows_rejected']} rejected"
    if entry["rows_landed"] != entry["rows_curated"] + dropped:
        yield f"{entry['rows_landed']} rows landed, {entry['rows_curated']} curated, {dropped} dropped by rules"


def _message(
    run: str, entries: Sequence[Entry], curated: Sequence[Entry], polls: Sequence[Entry], lake_bucket: str
) -> str:
    rows = sum(entry["rows_curated"] for entry in curated)
    size = sum(entry["size"] for entry in curated)
    lines = [
        f"{len(curated)} files ({size:,} bytes, {rows:,} rows) were fetched, checked and curated.",
        "Every file adds up: bytes on the server = bytes fetched, rows read = rows curated + rows dropped or rejected.",
        "",
    ]
    by_feed: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_feed[entry["feed_id"]].append(entry)
    lines += [_feed_line(feed_id, found) for feed_id, found in sorted(by_feed.items())[:_LISTED]]
    if len(by_feed) > _LISTED:
        lines.append(f"... and {len(by_feed) - _LISTED} more feeds")
    noted = [
        f"- {entry['feed_id']} {entry['path']}: {what}" for entry in curated for what in _noted(entry, lake_bucket)
    ]
    if noted:
        lines += ["", "What validation noted:", *noted[:_LISTED]]
        if len(noted) > _LISTED:
            lines.append(f"... and {len(noted) - _LISTED} more; the ledger has all")
    failed = sum(entry["status"] == "FAILED" for entry in entries)
    if failed:
        lines += ["", f"{failed} files failed; the mails about their feeds name them."]
    unfinished = sum(entry["status"] in IN_WORK for entry in entries)
    if unfinished:
        lines += ["", f"{unfinished} files were left unfinished; the next run goes on with them."]
    lines += [
        f"After-action failed: {entry['path']}: {entry['after_error']}" for entry in entries if "after_error" in entry
    ]
    told = [f"- {poll['feed_id']}: {what}" for poll in polls[:_LISTED] for what in _left(poll["left"])]
    if told:
        lines += ["", "Not taken by this run:", *told]
        if len(polls) > _LISTED:
            lines.append(f"... and {len(polls) - _LISTED} more feeds")
    unread = any(poll["left"].get("unread") for poll in polls)
    todo = "Ask the partners for the lines that cannot be read; else nothing" if unread else "Nothing"
    lines += ["", f"{todo} is to be done.", "", link_of(run)]
    return "\n".join(lines)


def _noted(entry: Entry, lake_bucket: str) -> Iterator[str]:
    """What a person should know of a file that landed all the same."""
    if count := entry.get("rows_rejected"):
        yield f"{count:,} bad rows were left out: s3://{lake_bucket}/{entry['report_key']}"
    drift: Mapping[str, Any] = entry.get("drift", {})
    for what in ("added", "removed"):
        if names := drift.get(what):
            shown = ", ".join(map(str, names[:_NAMED])) + (f" and {len(names) - _NAMED} more" if names[_NAMED:] else "")
            yield f"columns {what} since the last file: {shown}"
    yield from entry.get("notes", ())


def _left(left: Mapping[str, Any]) -> Iterator[str]:
    """What a poll did not take, and why, as a person reads it."""
    if count := left.get("carried_over"):
        yield f"{count:,} files more than files.max_files_per_run; the next run takes them"
    if count := left.get("settling"):
        yield f"{count:,} files may still be being written (files.settle_seconds); a later run takes them"
    if count := left.get("waiting"):
        yield f"{count:,} files wait for their marker or checksum file"
    for line in left.get("unread", []):
        yield f"a line of the listing that cannot be read, so what it stands for is not taken: {line!r}"


def _feed_line(feed_id: str, entries: Sequence[Entry]) -> str:
    curated = [entry for entry in entries if entry["status"] == "CURATED"]
    dropped: dict[str, int] = defaultdict(int)
    for entry in curated:
        for rule, count in entry.get("rows_dropped", {}).items():
            dropped[rule] += count
    line = (
        f"- {feed_id}: {len(curated)} of {len(entries)} files, {sum(entry['rows_curated'] for entry in curated):,} rows"
    )
    told = ", ".join(f"{count:,} by {rule}" for rule, count in sorted(dropped.items()) if count)
    return f"{line} (dropped: {told})" if told else line
