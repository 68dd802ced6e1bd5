"""The mail about a run that succeeded: what landed, what was noted, and what was left where it is."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lakeferry.counting import count_of
from lakeferry.ledger import IN_WORK, LEFT_AT, Entry
from lakeferry.mails.mail import Mail
from lakeferry.mails.text import LISTED, cut, one_line
from lakeferry.models import link_of
from lakeferry.servers.walk import CUT, UNREADABLE_FOLDER

_NAMED = 10
"""Columns a line names before it counts the rest."""
_PATH = 700
"""Characters of a path."""


def run_succeeded(run: str, entries: Sequence[Entry], polls: Sequence[Entry], lake_bucket: str) -> Mail:
    """One summary a run.

    Args:
        entries: All files of the run.
        polls: Feeds whose poll left something that a person should hear of.
    """
    curated = [entry for entry in entries if entry["status"] == "CURATED"]
    feeds = len({entry["feed_id"] for entry in curated})
    be = "is" if len(curated) == 1 else "are"
    return Mail(
        "run_succeeded",
        "info",
        f"{count_of(len(curated), 'file')} of {count_of(feeds, 'feed')} {be} in the lake",
        _text(run, entries, curated, polls, lake_bucket),
    )


def _text(
    run: str, entries: Sequence[Entry], curated: Sequence[Entry], polls: Sequence[Entry], lake_bucket: str
) -> str:
    rows = sum(entry["rows_curated"] for entry in curated)
    size = sum(entry["size"] for entry in curated)
    be = "was" if len(curated) == 1 else "were"
    files = count_of(len(curated), "file")
    lines = [
        f"{files} ({count_of(size, 'byte')}, {count_of(rows, 'row')}) {be} fetched, checked and curated.",
        "Every file adds up: bytes on the server = bytes fetched, rows read = rows curated + rows dropped or rejected.",
        "",
    ]
    by_feed: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_feed[entry["feed_id"]].append(entry)
    lines += [_feed_line(feed_id, found) for feed_id, found in sorted(by_feed.items())[:LISTED]]
    if len(by_feed) > LISTED:
        lines.append(f"... and {len(by_feed) - LISTED} more feeds")
    noted = [f"- {entry['feed_id']} {_path(entry)}: {what}" for entry in curated for what in _noted(entry, lake_bucket)]
    if noted:
        lines += ["", "What validation noted:", *noted[:LISTED]]
        if len(noted) > LISTED:
            lines.append(f"... and {len(noted) - LISTED} more; the ledger has all")
    failed = sum(entry["status"] == "FAILED" for entry in entries)
    if failed:
        lines += ["", f"{count_of(failed, 'file')} failed; see the mails about their feeds."]
    unfinished = sum(entry["status"] in IN_WORK for entry in entries)
    if unfinished:
        be = "was" if unfinished == 1 else "were"
        lines += ["", f"{count_of(unfinished, 'file')} {be} left unfinished; the next run continues with them."]
    left_for_time = sum(LEFT_AT in entry for entry in entries)
    if left_for_time:
        lines.append(f"For {left_for_time:,} of them the run had no time left (RunMinutes).")
    aside = sum(entry["status"] == "UPLOADED" for entry in entries)
    if aside:
        be = "waits" if aside == 1 else "wait"
        lines += ["", f"{count_of(aside, 'file')} {be} for a correction of the feed; see the mails about their feeds."]
    after = [
        f"After-action failed: {_path(entry)}: {one_line(str(entry['after_error']))}"
        for entry in entries
        if "after_error" in entry
    ]
    lines += after[:LISTED]
    if len(after) > LISTED:
        lines.append(f"... and {len(after) - LISTED} more after-actions failed; the ledger has all")
    left = [f"- {poll['feed_id']}: {what}" for poll in polls[:LISTED] for what in _left(poll["left"])]
    if left:
        lines += ["", "Not taken by this run:", *left]
        if len(polls) > LISTED:
            lines.append(f"... and {len(polls) - LISTED} more feeds")
    unread = any(poll["left"].get("unread") for poll in polls)
    todo = "Ask the partners about the lines that could not be parsed." if unread else "You need not do anything."
    if noted and not unread:
        todo = "Look at what validation noted; nothing else is to be done."
    return "\n".join([*lines, "", todo, "", link_of(run)])


def _path(entry: Entry) -> str:
    return cut(one_line(str(entry["path"])), _PATH)


def _noted(entry: Entry, lake_bucket: str) -> Iterator[str]:
    """What a person should know of a file that landed all the same."""
    if count := entry.get("rows_rejected"):
        be = "was" if count == 1 else "were"
        yield f"{count_of(count, 'bad row')} {be} left out: s3://{lake_bucket}/{entry['report_key']}"
    drift: Mapping[str, Any] = entry.get("drift", {})
    for what in ("added", "removed"):
        if names := drift.get(what):
            more = int(drift.get(f"{what}_count", len(names))) - _NAMED
            shown = ", ".join(map(str, names[:_NAMED])) + (f" and {more} more" if more > 0 else "")
            yield f"columns {what} since the last file: {one_line(shown)}"
    yield from (one_line(str(note)) for note in entry.get("notes", ()))


def _left(left: Mapping[str, Any]) -> Iterator[str]:
    """What a poll did not take, and why."""
    if count := left.get("carried_over"):
        yield f"{count_of(count, 'file')} over files.max_files_per_run; the next run takes {_them(count)}"
    if count := left.get("settling"):
        later = f"a later run takes {_them(count)}"
        yield f"{count_of(count, 'file')} may still be uploading (files.settle_seconds); {later}"
    if count := left.get("waiting"):
        yield f"{count_of(count, 'file')} waiting for a marker or checksum file"
    for line in left.get("unread", []):
        if line.startswith(UNREADABLE_FOLDER):
            yield f"a folder could not be listed; its files were skipped: {line.removeprefix(UNREADABLE_FOLDER)!r}"
        elif line.startswith(CUT):
            yield f"the server sent only a part of a listing, so files may be missing: {line.removeprefix(CUT)!r}"
        else:
            yield f"a line of the listing could not be parsed; that file was skipped: {line!r}"


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def _feed_line(feed_id: str, entries: Sequence[Entry]) -> str:
    curated = [entry for entry in entries if entry["status"] == "CURATED"]
    dropped: dict[str, int] = defaultdict(int)
    for entry in curated:
        for rule, count in entry.get("rows_dropped", {}).items():
            dropped[rule] += count
    rows = sum(entry["rows_curated"] for entry in curated)
    line = f"- {feed_id}: {len(curated)} of {count_of(len(entries), 'file')}, {count_of(rows, 'row')}"
    rules = ", ".join(f"{count:,} by {rule}" for rule, count in sorted(dropped.items()) if count)
    return f"{line} (dropped: {rules})" if rules else line
