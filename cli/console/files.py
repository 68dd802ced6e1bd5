"""Files of feeds, and one file's life from the listing to the curated partition."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cli.console.actions import of_file
from cli.console.kept import KeptLedger
from cli.console.known import feeds_of
from cli.console.logs import Asked, Line, lines_of
from cli.console.pages import Console, Slice, console_of, page
from cli.console.runs import find_run, state_log
from cli.console.states import Entered, StateLog
from cli.file_life import life_of, raw_keys
from cli.problems import NothingMatchedError
from cli.stack import Run, Stack
from lakeferry.counting import bytes_of
from lakeferry.errors import cause_of
from lakeferry.ledger import Entry
from lakeferry.ledger.queries import LOOKED_BACK, files_of_feed, latest_files, unfinished
from lakeferry.models import run_id_of
from lakeferry.reports.facts import FileFacts, moment, shown
from lakeferry.reports.render import OUTCOMES

_FEED = re.compile("[a-z][a-z0-9]{1,30}/[a-z][a-z0-9_]{1,46}")
LATEST = 1_000
"""Files of a feed that are read of a stack, the last that landed."""
_STATES = 20
"""States of a file that its page has."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A state that a file went through, as its item in the ledger tells.

    Attributes:
        run: Whose, by its name, where that is not the run that took the file last.
    """

    state: str
    kind: str
    began: datetime | None
    ended: datetime | None
    error: str = ""
    run: str = ""

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.began).total_seconds() if self.began and self.ended else None


def may_see(tenant: str, feed_id: str) -> None:
    """Refuses what is another tenant's before anything of it is read.

    Raises:
        NothingMatchedError: as if there were none.
    """
    if not _FEED.fullmatch(feed_id) or (tenant and feed_id.partition("/")[0] != tenant):
        raise NothingMatchedError(f"there is no feed {feed_id!r} here")


def listing(request: Request) -> Response:
    """Files of a feed, or all that are open."""
    console = console_of(request)
    tenant, query = console.tenant(request), request.query_params
    feeds, feed_id = feeds_of(console.place, tenant), query.get("feed", "")
    if feed_id:
        may_see(tenant, feed_id)

    def read(stack: Stack) -> list[FileFacts]:
        chosen = [feed_id] if feed_id else feeds
        entries: Iterable[Entry] = (entry for one in chosen for entry in unfinished(stack.ledger, one))
        if feed_id:
            entries = _of_feed(stack, feed_id, entries, path)
        return sorted((FileFacts.of(entry, None) for entry in entries), key=lambda one: (one.rank, one.path))

    path = query.get("q", "") if query.get("q", "").startswith("/") and console.folder is None else ""
    files = console.place.kept(("files", tenant, feed_id, path), read, is_over=False)
    text, outcome = query.get("q", "").casefold(), query.get("outcome", "")
    found = [one for one in files if (not text or text in one.path.casefold()) and outcome in {"", one.status}]
    outcomes = sorted({*OUTCOMES} & {one.status for one in files})
    return page(
        request,
        "files_of.html",
        files=Slice.of(found, query.get("page")),
        every_feed=feeds,
        feed_id=feed_id,
        outcomes=outcomes,
        looked_back=LOOKED_BACK if feed_id and console.folder is None else 0,
    )


def _of_feed(stack: Stack, feed_id: str, still_open: Iterable[Entry], path: str) -> Iterable[Entry]:
    """All files of a feed, where they are at hand; of a stack the open, the latest, and those of the path."""
    if isinstance(stack.ledger, KeptLedger):
        return files_of_feed(stack.ledger, feed_id)
    latest = latest_files(stack.ledger, feed_id, datetime.now(UTC), LATEST)
    named = stack.ledger.versions(feed_id, path) if path else []
    return {str(one["file_id"]): one for one in (*named, *latest, *still_open)}.values()


def show(request: Request) -> Response:
    """One version of a file: each step, its balance, where it lies, its states and log lines."""
    console = console_of(request)
    tenant, query = console.tenant(request), request.query_params
    feed_id, file_id = query.get("feed", ""), query.get("file", "")
    may_see(tenant, feed_id)
    with console.place.stack() as stack:
        entry = stack.ledger.get(feed_id, file_id)
        if entry is None or "path" not in entry:
            raise NothingMatchedError(f"there is no file {file_id!r} of {feed_id}")
        others = [one for one in stack.ledger.versions(feed_id, str(entry["path"])) if one["file_id"] != file_id]
        bucket = "" if console.folder else stack.physical("LakeBucket")
    run, log, states, lines = _of_run(console, entry)
    error = str(entry.get("error", "")) if entry["status"] == "FAILED" else ""
    return page(
        request,
        "file.html",
        entry=entry,
        file=FileFacts.of(entry, None),
        feed_id=feed_id,
        life=sorted(life_of(entry)),
        others=sorted(others, key=lambda one: str(one.get("first_listed_at", ""))),
        keys=raw_keys(entry),
        where=str(console.folder) if console.folder else f"s3://{bucket}",
        partition=_partition(entry),
        advice=cause_of(error).advice if error else "",
        run=run,
        log=log,
        states=states,
        passed=passed(entry) if log is None else [],
        lines=lines,
        facts=_facts(entry),
        actions=[of_file(entry)],
    )


def _of_run(console: Console, entry: Entry) -> tuple[Run | None, StateLog | None, list[Entered], list[Line]]:
    """Its last run, that run's states that had the file, and the lines about it."""
    tenant, _, feed = str(entry["feed_id"]).partition("/")
    try:
        run = find_run(console, str(entry["run"]))
    except NothingMatchedError:
        return None, None, [], []
    log = state_log(console, run)
    states = list(log.chosen(feed_id=str(entry["feed_id"]), path=str(entry["path"]))) if log else []
    lines, _ = lines_of(console, run, Asked(tenant, feed, str(entry["path"])))
    return run, log, states[:_STATES], lines


_STEPS = (
    ("Poll server", "first_listed_at", "claimed_at"),
    ("Fetch files", "claimed_at", "fetched_at"),
    ("Validate files", "fetched_at", "validated_at"),
    ("Upload files", "validated_at", "uploaded_at"),
)
"""State, and the moments between which a file was in it, or waited for it."""
_AT_WORK = {"CLAIMED": "Fetch files", "FETCHED": "Validate files", "VALIDATED": "Upload files"}


def passed(entry: Entry) -> list[Passed]:
    """The states a file went through: no history of an execution has to be read for them."""
    found, failed_in = [], str(entry.get("stage", "")) if entry["status"] == "FAILED" else ""
    # a day is built again with each file that joins it: by the job or the function, of a later run than the file's own
    curated = (str(entry.get("curated_in", "Run Glue job")), "uploaded_at", "curated_at")
    for state, begun, ended in (*_STEPS, curated):
        first, last = moment(entry.get(begun)), moment(entry.get(ended))
        is_here = state == (failed_in or _AT_WORK.get(str(entry["status"]), ""))
        if is_here:
            last = moment(entry.get("failed_at")) if failed_in else None
            kind, error = ("failed", str(entry.get("error", ""))) if failed_in else ("open", "")
            found.append(Passed(state, kind, first, last, shown(error)))
            break
        if first is not None and last is not None and last >= first:
            run = run_id_of(str(entry.get("curated_run", ""))) if ended == "curated_at" else ""
            found.append(Passed(state, "good", first, last, run=run))
    return found


def _partition(entry: Entry) -> str:
    return str(entry.get("partition", "")) if entry["status"] == "CURATED" else ""


def _facts(entry: Mapping[str, Any]) -> dict[str, str]:
    """What is known of it and has no place of its own on the page."""
    named = {
        **{"size": "Size", "dt": "Business date", "attempts": "Attempts", "sha256": "SHA-256"},
        **{"verified_by": "Checksum by", "schema_fingerprint": "Schema", "curated_by": "Curated by"},
    }
    found = {head: str(entry[name]) for name, head in named.items() if entry.get(name) not in (None, "")}
    return {**found, "Size": f"{bytes_of(int(entry.get('size', 0)))} ({entry.get('size', 0):,} bytes)"}
