"""A run that waits says so as it begins to, with the seconds."""

import json
import threading
from dataclasses import replace
from pathlib import Path

from lakeferry.ledger import Ledger
from lakeferry.ledger.connections import Connections
from lakeferry.servers import ServerSpec
from local.waits import follow, waits_in

LINE = {"message": "waits for new files to settle", "tenant": "acme", "feed": "sales", "waits_seconds": 60}


def test_of_a_log_the_waits_are_told() -> None:
    lines = [json.dumps(LINE), json.dumps({"message": "waits_seconds"}), "", '{"waits_seconds": 6', '["waits_seconds"]']
    assert list(waits_in(lines)) == ["acme/sales: waits for new files to settle (up to 60 s)"]


def test_a_wait_is_told_while_it_lasts_and_those_of_an_earlier_run_are_not(tmp_path: Path) -> None:
    log, told, heard = tmp_path / "functions.log", [], threading.Event()
    log.write_text(json.dumps({**LINE, "feed": "earlier"}) + "\n")

    def tell(text: str) -> None:
        told.append(text)
        heard.set()

    ended = follow(log, tell)
    with log.open("a") as file:
        line = json.dumps(LINE) + "\n"
        file.write(line[:20])
        file.flush()
        file.write(line[20:])
    assert heard.wait(30)
    ended.set()
    assert told == ["acme/sales: waits for new files to settle (up to 60 s)"]


def test_a_wait_for_a_connection_is_told_as_it_begins(ledger: Ledger) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] > 5:
            first.__exit__(None, None, None)

    connections = Connections(ledger._table, clock=lambda: now[0], sleep=sleep)
    spec, told = ServerSpec("sftp", "files.acme.example", 22, "lake", max_connections=1), []
    first = connections.lease(spec, "acme", 20)
    first.__enter__()
    with connections.lease(spec, "acme", 20, lambda seconds: told.append((now[0], seconds))):
        assert told == [(0.0, 20)]
    none: list[float] = []
    roomy = replace(spec, host="sftp.acme.example", max_connections=2)
    with connections.lease(roomy, "acme", 20), connections.lease(roomy, "acme", 20, none.append):
        assert none == [], "a place was free"
