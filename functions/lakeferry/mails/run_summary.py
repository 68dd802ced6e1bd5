"""The mail about a run that succeeded: what landed, what was noted, and what was left where it is."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lakeferry.counting import count_of
from lakeferry.ledger import DROPPED_AT, IN_WORK, LEFT_AT, Entry
from lakeferry.mails.commands import report_at
from lakeferry.mails.mail import Mail
from lakeferry.mails.text import LISTED, Lines, excerpt
from lakeferry.models import link_of
from lakeferry.servers.walk import CUT, UNREADABLE_FOLDER

_NAMED = 10
"""Columns a line names before it counts the rest."""
_PATH = 700
"""Characters of a path."""
_SAID = 1_000
"""Characters of what was said of one file, so that no feed's words leave others no room."""
_BALANCE = (
    "Every file adds up: bytes on the server = bytes fetched, rows read = rows curated + rows dropped or rejected."
)
ATTRIBUTES = (
    *("path", "size", "status", "rows_curated", "rows_dropped", "rows_rejected", "report_key"),
    *("drift", "notes", "after_error", DROPPED_AT, LEFT_AT),
)
"""What is read of a file, besides its key."""


@dataclass(slots=True)
class _Feed:
    files: int = 0
    curated: int = 0
    rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class RunSummary:
    """One summary a run, of its files one by one: what is kept grows with its feeds, not with its files.

    Attributes:
        curated: Files that are in the curated zone.
        rows: Of them.
    """

    def __init__(self, run: str, lake_bucket: str) -> None:
        self._run, self._lake_bucket = run, lake_bucket
        self.curated = self.rows = self._bytes = 0
        self._feeds: dict[str, _Feed] = defaultdict(_Feed)
        self._noted, self._after = Lines(), Lines()
        self._failed = self._unfinished = self._left_for_time = self._aside = 0

    def add(self, entry: Entry) -> None:
        """Takes a file, in any order."""
        status, order = entry["status"], (str(entry["feed_id"]), str(entry["file_id"]))
        feed = self._feeds[entry["feed_id"]]
        feed.files += 1
        self._failed += status == "FAILED"
        self._unfinished += status in IN_WORK
        self._left_for_time += LEFT_AT in entry
        self._aside += status == "UPLOADED" and DROPPED_AT not in entry
        if "after_error" in entry:
            self._after.add(f"After-action failed: {_path(entry)}: {excerpt(str(entry['after_error']), _SAID)}", order)
        if status != "CURATED":
            return
        self.curated += 1
        self.rows += entry["rows_curated"]
        self._bytes += entry["size"]
        feed.curated += 1
        feed.rows += entry["rows_curated"]
        feed.dropped.update(entry.get("rows_dropped", {}))
        for what in _noted(entry, self._lake_bucket):
            self._noted.add(f"- {entry['feed_id']} {_path(entry)}: {what}", order)

    def mail(self, polls: Sequence[Entry]) -> Mail:
        """The summary of the files so far.

        Args:
            polls: Feeds whose poll left something that a person should hear of.
        """
        feeds = sum(feed.curated > 0 for feed in self._feeds.values())
        be = "is" if self.curated == 1 else "are"
        return Mail(
            "run_succeeded",
            "info",
            f"{count_of(self.curated, 'file')} of {count_of(feeds, 'feed')} {be} in the lake",
            "\n".join(
                [
                    *[*self._of_files(), *self._of_polls(polls), "", self._todo(polls), ""],
                    *[f"REPORT  {report_at(self._run, self._lake_bucket)}", "", link_of(self._run)],
                ]
            ),
        )

    def _of_files(self) -> list[str]:
        be = "was" if self.curated == 1 else "were"
        files = count_of(self.curated, "file")
        rows = count_of(self.rows, "row")
        lines = [
            f"{files} ({count_of(self._bytes, 'byte')}, {rows}) {be} fetched, checked and curated.",
            _BALANCE,
            "",
        ]
        lines += [_feed_line(feed_id, feed) for feed_id, feed in sorted(self._feeds.items())[:LISTED]]
        if len(self._feeds) > LISTED:
            lines.append(f"... and {len(self._feeds) - LISTED} more feeds")
        if self._noted.count:
            lines += ["", "What validation noted:", *self._noted]
            if self._noted.more:
                lines.append(f"... and {self._noted.more} more; the ledger has all")
        if self._failed:
            lines += ["", f"{count_of(self._failed, 'file')} failed; see the mails about their feeds."]
        if self._unfinished:
            be = "was" if self._unfinished == 1 else "were"
            unfinished = count_of(self._unfinished, "file")
            lines += ["", f"{unfinished} {be} left unfinished; the next run continues with them."]
        if self._left_for_time:
            lines.append(f"For {self._left_for_time:,} of them the run had no time left (RunMinutes).")
        if self._aside:
            be = "waits" if self._aside == 1 else "wait"
            aside = count_of(self._aside, "file")
            lines += ["", f"{aside} {be} for a correction of the feed; see the mails about their feeds."]
        lines += self._after
        if self._after.more:
            lines.append(f"... and {self._after.more} more after-actions failed; the ledger has all")
        return lines

    def _of_polls(self, polls: Sequence[Entry]) -> list[str]:
        left = [f"- {poll['feed_id']}: {what}" for poll in polls[:LISTED] for what in what_was_left(poll["left"])]
        if not left:
            return []
        rest = [f"... and {len(polls) - LISTED} more feeds"] if len(polls) > LISTED else []
        return ["", "Not taken by this run:", *left, *rest]

    def _todo(self, polls: Sequence[Entry]) -> str:
        if any(poll["left"].get("unread") for poll in polls):
            return "Ask the partners about the lines that could not be parsed."
        if self._noted.count:
            return "Look at what validation noted; nothing else is to be done."
        return "You need not do anything."


def _path(entry: Entry) -> str:
    return excerpt(str(entry["path"]), _PATH)


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
            yield f"columns {what} since the last file: {excerpt(shown, _SAID)}"
    yield from (excerpt(str(note), _SAID) for note in entry.get("notes", ()))


def what_was_left(left: Mapping[str, Any]) -> Iterator[str]:
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


def _feed_line(feed_id: str, feed: _Feed) -> str:
    line = f"- {feed_id}: {feed.curated} of {count_of(feed.files, 'file')}, {count_of(feed.rows, 'row')}"
    rules = ", ".join(f"{count:,} by {rule}" for rule, count in sorted(feed.dropped.items()) if count)
    return f"{line} (dropped: {excerpt(rules, _SAID)})" if rules else line
