"""Files of feeds, and one file's life from the listing to the curated partition."""

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cli.console.actions import of_file
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
from lakeferry.ledger.queries import feed_ids, files_of_feed, unfinished
from lakeferry.reports.facts import FileFacts
from lakeferry.reports.render import OUTCOMES

_FEED = re.compile("[a-z][a-z0-9]{1,30}/[a-z][a-z0-9_]{1,46}")
_STATES = 20
"""States of a file that its page has."""


def feeds_of(console: Console, tenant: str) -> list[str]:
    """Feeds that a viewer may see."""
    return console.place.kept(("feeds", tenant), lambda stack: feed_ids(stack.feeds, tenant), is_over=False)


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
    feeds, feed_id = feeds_of(console, tenant), query.get("feed", "")
    if feed_id:
        may_see(tenant, feed_id)

    def read(stack: Stack) -> list[FileFacts]:
        chosen = [feed_id] if feed_id else feeds
        entries = (
            files_of_feed(stack.ledger, feed_id)
            if feed_id
            else (entry for one in chosen for entry in unfinished(stack.ledger, one))
        )
        return sorted((FileFacts.of(entry, None) for entry in entries), key=lambda one: (one.rank, one.path))

    files = console.place.kept(("files", tenant, feed_id), read, is_over=False)
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
    )


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
