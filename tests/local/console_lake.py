"""A lake as runs leave it, made by code: two tenants, hostile names, values and errors, states and log lines."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

from cli.calling import Call
from cli.console.app import app_of
from cli.console.doing import Doer
from cli.console.guard import Token
from cli.console.pages import Console
from cli.console.place import Place, place_of
from cli.output import Output
from local.history import History
from local.journal import Journal
from local.stack import Event
from tests.conftest import feed_document
from tests.local.console_catalog import ACME, GLOBEX, HOSTILE, SECRET_OF_GLOBEX, make_catalog

PORT = 8765
HOME = f"http://127.0.0.1:{PORT}"
TOKEN = Token(PORT, "the-token")
MACHINE = "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest"
RUN = f"{MACHINE}:one"
LATER = f"{MACHINE}:two"
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


def at(seconds: float) -> str:
    """So long after the run began, as tables have it."""
    return (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def file(name: str, feed_id: str = ACME, **values: Any) -> dict[str, Any]:
    """One that is in the lake."""
    tenant, _, feed = feed_id.partition("/")
    day = f"{BEGAN:%Y-%m-%d}"
    moments = {"first_listed_at": at(5), "claimed_at": at(10), "fetched_at": at(20), "validated_at": at(31)}
    rows = {"rows_read": 10, "rows_landed": 9, "rows_rejected": 1, "bad_rows": {"type:amount": 1}}
    curated = {"rows_curated": 7, "rows_dropped": {"filter": 2}, "curated_at": at(90), "status": "CURATED"}
    return {
        **{"feed_id": feed_id, "file_id": f"/out/{name}#3#1", "path": f"/out/{name}", "run": RUN, "dt": day},
        **{"size": 3, "mtime": 1, "bytes_fetched": 3, "attempts": 1, "uploaded_at": at(40)},
        **{"raw_keys": [f"raw/{tenant}_{feed}/dt={day}/{name[:40]}"], "partition": f"{feed_id}/{day}"},
        **moments,
        **rows,
        **curated,
        **values,
    }


def failed(name: str, feed_id: str = ACME, **values: Any) -> dict[str, Any]:
    """One that failed."""
    item = file(name, feed_id)
    kept = ("feed_id", "file_id", "path", "run", "dt", "size", "mtime", "claimed_at", "attempts")
    facts = {"status": "FAILED", "stage": "Validate files", "error": "FileRejectedError", "cause": "it is empty."}
    return {**{key: item[key] for key in kept}, **facts, "failed_at": at(25), "unfinished": "failed#one#t", **values}


def make(folder: Path) -> Path:
    """The lake's folder."""
    tables = folder / ".lakeferry" / "tables"
    tables.mkdir(parents=True)
    sla = {"expected_by": "06:30", "timezone": "Europe/London"}
    server = {**feed_document()["server"], "secret": "lakeferry/globex/x"}
    feeds = [
        feed_document(sla=sla),
        feed_document(tenant="globex", feed="returns", server=server, dataset="returns"),
    ]
    polled = {"polled_at": at(8), "polled_by": RUN, "entries": {"listed": 4, "taken": 3}}
    ledger = [
        {"feed_id": ACME, "file_id": "!feed", **polled, "recent": [{"file": "a", "rows": 10}]},
        {
            **{"feed_id": GLOBEX, "file_id": "!feed", **polled, "failed_polls": 3, "failing_since": at(8)},
            **{"failed_run": RUN, "error": "HostKeyMismatchError", "cause": f"{SECRET_OF_GLOBEX} {HOSTILE}"},
        },
        file("good.csv"),
        failed(HOSTILE, cause=f"in {HOSTILE}"),
        file(f"{SECRET_OF_GLOBEX}.csv", GLOBEX),
    ]
    (tables / "FeedsTable.json").write_text(json.dumps(feeds))
    (tables / "LedgerTable.json").write_text(json.dumps(ledger))
    lines = [
        {"run": RUN, "status": "RUNNING", "started": BEGAN.isoformat()},
        {"run": RUN, "status": "SUCCEEDED", "ended": (BEGAN + timedelta(seconds=100)).isoformat()},
    ]
    (folder / ".lakeferry" / "runs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    _promise(tables, sla)
    make_catalog(folder)
    _note(Journal(folder / ".lakeferry"))
    _log(folder / ".lakeferry" / "functions.log")
    return folder


def add_files(lake: Path, *items: dict[str, Any]) -> None:
    """Puts them into the ledger, whole or not at all, as a run's end does."""
    path = lake / ".lakeferry" / "tables" / "LedgerTable.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([*json.loads(path.read_text()), *items]))
    partial.replace(path)


def _promise(tables: Path, sla: dict[str, str]) -> None:
    """A due time that was missed, by each tenant."""
    due = BEGAN - timedelta(hours=1)
    day, moment = f"{due:%Y-%m-%d}", f"{due:%Y-%m-%dT%H:%M:%SZ}"
    item = {
        **{"due": f"{moment}#{day}", "status": "BREACHED", "expected_at": moment, "deadline": moment, "open": "open"},
        **{"due_date": day, "business_date": day, **sla, "arrived": 0, "late_seconds": 0},
    }
    items = [
        {**item, "feed_id": ACME, "missing": [HOSTILE]},
        {**item, "feed_id": GLOBEX, "missing": [SECRET_OF_GLOBEX]},
    ]
    (tables / "SlaTable.json").write_text(json.dumps(items))


def _note(journal: Journal) -> None:
    journal.tidy()
    note_state(journal, "List feeds", 0, 2)
    value = {"tenant": "acme", "feed": "daily_sales"}
    note_state(journal, "Poll server", 3, 5, value)
    note_state(journal, "Validate files", 6, 9, {**value, "files": [{"path": "/out/good.csv"}]})
    wrong = {"Error": "HostKeyMismatchError", "Cause": f"{SECRET_OF_GLOBEX} {HOSTILE}"}
    note_state(journal, "Poll server", 3, 5, {"tenant": "globex", "feed": "returns"}, wrong, data={"of": "globex-data"})


def note_state(
    journal: Journal,
    state: str,
    begun: float,
    ended: float | None,
    value: dict[str, Any] | None = None,
    error: dict[str, str] | None = None,
    *,
    run: str = RUN,
    data: object = None,
) -> None:
    """A state that was entered and, where `ended` says when, left; with an error that was caught after one retry."""

    def event(kind: str, seconds: float) -> Event:
        item = f"{value['tenant']}/{value['feed']}" if value else ""
        return Event(kind, run, item, state, "Task", BEGAN.timestamp() + seconds, value)

    place = hash((state, str(value)))
    journal.note(event("entered", begun), place, data or {"given": HOSTILE})
    for kind in ("retried", "caught") if error else ():
        journal.note(event(kind, begun), place, error)
    if ended is not None:
        journal.note(event("exited", ended), place, {"gave": 1})


def _log(path: Path) -> None:
    when = f"{BEGAN:%Y-%m-%d %H:%M:%S},000+0000"
    base = {"timestamp": when, "level": "INFO", "run_id": "one"}
    lines = [
        {**base, "service": "lakeferry-list-feeds", "message": "feeds listed", "run": RUN},
        {
            **base,
            "service": "lakeferry-validate",
            "message": f"checked {HOSTILE}",
            "tenant": "acme",
            "feed": "daily_sales",
        },
        {
            **base,
            "service": "lakeferry-poll",
            "level": "ERROR",
            "message": SECRET_OF_GLOBEX,
            "tenant": "globex",
            "feed": "returns",
        },
        {**base, "run_id": "two", "service": "lakeferry-poll", "message": "of another run", "tenant": "acme"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"run_id": "one", "cut of')


_open: list[Place] = []
"""The place that is open: moto's backends are a process's own, so the tests' consoles take turns."""


def _in_turn(place: Place) -> Place:
    opening = place._opening

    def open_it() -> Any:
        while _open:
            _open.pop().close()
        _open.append(place)
        return opening()

    place._opening = open_it
    return place


@contextmanager
def made_console(
    lake: Path,
    *,
    port: int = PORT,
    writes: bool = False,
    only: str = "",
    doer: Doer | None = None,
    where: str = "",
) -> Iterator[Starlette]:
    """A console of the lake, as the command makes it."""
    place = _in_turn(place_of(Call(Output(as_json=False), lake=lake)))
    found = Console(
        place=place,
        token=Token(port, TOKEN.value),
        name=str(lake),
        only=only,
        writes=writes,
        where=where or f"--lake {lake}",
        folder=lake,
        extras={"doer": doer or Doer([f"--lake={lake}"])},
    )
    try:
        yield app_of(found, port)
    finally:
        place.close()


@contextmanager
def console(lake: Path, *, writes: bool = False, only: str = "", doer: Doer | None = None) -> Iterator[TestClient]:
    """A browser that has been given the address."""
    with made_console(lake, writes=writes, only=only, doer=doer) as app, TestClient(app, base_url=HOME) as client:
        assert client.get("/?token=the-token").status_code == 200
        yield client


def begin_later(lake: Path, run: str = LATER) -> History:
    """Another run begins."""
    history = History(lake / ".lakeferry")
    history.begun(run)
    return history
