"""The first quarter of an hour as a person types it, in a real terminal against a real server.

What was printed is kept in first_quarter.txt, which people review as they do code. After a change of words:

    UPDATE_SNAPSHOTS=1 .venv/bin/pytest tests/journeys
"""

import gzip
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.journeys.terminal import Terminal, screen
from tests.servers.daemons import PASSWORD, Daemon, proftpd_sftp
from tests.servers.processes import NotInstalledError

SNAPSHOT = Path(__file__).parent / "first_quarter.txt"
pytestmark = [pytest.mark.servers, pytest.mark.slow(seconds=45), pytest.mark.timeout(1200)]
_MASKS = (
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"port: \d+", "port: <port>"),
    (r"AAAA[A-Za-z0-9+/=]{20,}", "<key>"),
    (r"SHA256:[A-Za-z0-9+/=]{20,}", "SHA256:<fingerprint>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "<run>"),
    (r"\bday=\d{4}-\d\d-\d\d\b", "day=<day>"),
    (r" +\d+\.\d\d s\b", " <time> s"),
    (r"\bin \d+(?:\.\d+)? (?:s|min)\b.*", "in <time>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*", "<moment>"),
)


@pytest.fixture
def server() -> Iterator[Daemon]:
    before = os.umask(0)
    try:
        with proftpd_sftp() as daemon:
            (daemon.folder / "outgoing").mkdir()
            for day in range(20, 24):
                deliver(daemon, day)
            (daemon.folder / "outgoing" / "readme.txt").write_text("Not data.\n", "utf-8")
            yield daemon
    except NotInstalledError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    finally:
        os.umask(before)


def deliver(daemon: Daemon, day: int) -> None:
    """A partner's file of that day of November, which came at ten past five."""
    path = daemon.folder / "outgoing" / f"sales_202611{day}_1.csv.gz"
    rows = f"order_id,amount,sold_at\n1,12.50,2026-11-{day} 10:00:00\n2,-3.00,2026-11-{day} 11:00:00\n"
    path.write_bytes(gzip.compress(rows.encode(), mtime=0))
    arrived = datetime(2026, 11, day, 5, 10, tzinfo=UTC).timestamp()
    os.utime(path, (arrived, arrived))


def test_draft_test_run_break_mend_and_run_again(server: Daemon, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    feed, secrets = tmp_path / "daily_sales.yaml", tmp_path / "secrets.yaml"
    place = f"sftp://lake@127.0.0.1:{server.spec.port}{server.root}/outgoing"
    answers = [("partner told you? [y/N]: ", "y"), ("private key): ", PASSWORD), ("is the feed [1]: ", "1")]
    assert terminal.types(f"feeds draft {place} --feed daily_sales --secrets secrets.yaml", answers) == 0
    drafted = feed.read_text("utf-8")
    terminal.session += ["$ cat daily_sales.yaml", *drafted.splitlines(), ""]
    trial = "feeds test daily_sales.yaml --secrets secrets.yaml"
    assert terminal.types(trial) == 0
    run = "run daily_sales.yaml --lake lake --secrets secrets.yaml"
    assert terminal.types(run) == 0
    assert len(list((tmp_path / "lake" / "curated" / "daily_sales").rglob("*.parquet"))) == 4
    assert terminal.types(f"{trial} --lake lake") == 0
    assert sum("this version is in the lake already (CURATED)" in line for line in terminal.session) == 4

    terminal.notes("secrets.yaml: the password is mistyped")
    secret = secrets.read_text("utf-8")
    secrets.write_text(secret.replace(PASSWORD, "wrong horse"), "utf-8")
    assert terminal.types(trial) == 1
    secrets.write_text(secret, "utf-8")

    terminal.notes("daily_sales.yaml: the pattern has a hyphen where the names have an underscore")
    feed.write_text(drafted.replace("sales_{date", "sales-{date"), "utf-8")
    assert terminal.types(trial) == 3

    terminal.notes("daily_sales.yaml: the delimiter is another one")
    assert 'delimiter: ","' in drafted
    feed.write_text(drafted.replace('delimiter: ","', 'delimiter: ";"'), "utf-8")
    assert terminal.types(trial) == 1

    terminal.notes("daily_sales.yaml: a column and a setting are misspelt")
    feed.write_text(drafted.replace("name: amount", "name: amuont"), "utf-8")
    assert terminal.types(trial) == 1
    feed.write_text(drafted.replace("  pattern:", "  patern:"), "utf-8")
    assert terminal.types("feeds check daily_sales.yaml") == 1
    assert terminal.types(run) != 0

    terminal.notes("all is mended, and the next day's file has come")
    feed.write_text(drafted, "utf-8")
    deliver(server, 24)
    assert terminal.types("feeds check daily_sales.yaml") == 0
    assert terminal.types(run) == 0
    assert len(list((tmp_path / "lake" / "curated" / "daily_sales").rglob("*.parquet"))) == 5

    session = masked("\n".join(terminal.session), server, tmp_path)
    assert PASSWORD not in session
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        SNAPSHOT.write_text(session, "utf-8")
    assert session == SNAPSHOT.read_text("utf-8")


def masked(text: str, server: Daemon, folder: Path) -> str:
    """Without what is another in each run."""
    text = text.replace(str(folder), "/home/you").replace(server.root, "").replace(str(ROOT), "/home/you/lakeferry")
    for pattern, instead in _MASKS:
        text = re.sub(pattern, instead, text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def test_the_terminals_screen_is_what_stands_there_in_the_end() -> None:
    drawn = "a\r\n\x1b[?25l\x1b[2K\x1b[1mone\x1b[0m\r\ntwo\x1b[2K\x1b[1A\x1b[2K\rdone\r\n\x1b[?25h"
    assert screen(drawn) == ["a", "done"]
