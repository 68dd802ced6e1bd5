"""`lakeferry run` as a person sees it: drawn on a terminal, stopped with Ctrl-C, called again."""

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from local.partners import SftpPartner

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "correct horse"
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def lakeferry(*arguments: str, **environment: str) -> Any:
    """The program on a terminal of 80 columns."""
    paths = {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}", "TERM": "xterm-256color"}
    return pexpect.spawn(
        sys.executable,
        ["-m", "cli", *arguments],
        encoding="utf-8",
        timeout=240,
        dimensions=(30, 80),
        env={**os.environ, **paths, **environment},
    )


@pytest.mark.timeout(600)
def test_a_run_is_drawn_and_can_be_stopped_and_taken_up_again(tmp_path: Path) -> None:
    server = tmp_path / "server"
    server.mkdir()
    with SftpPartner(server, username="lake", password=PASSWORD) as partner:
        document = {
            **{"tenant": "acme", "feed": "orders", "dataset": "orders", "format": {"type": "csv"}},
            "server": {
                **{"protocol": "sftp", "host": "127.0.0.1", "port": partner.port, "username": "lake"},
                **{"secret": "lakeferry/acme/orders", "host_keys": [partner.host_key]},
            },
            "files": {"directory": "/", "pattern": "orders_{date:%Y%m%d}.csv", "settle_seconds": 1},
            "checks": {"columns": [{"name": "id", "type": "int64"}]},
        }
        feed, secrets = tmp_path / "feed.yaml", tmp_path / "secrets.yaml"
        feed.write_text(yaml.safe_dump(document))
        secrets.write_text(yaml.safe_dump({"lakeferry/acme/orders": {"password": PASSWORD}}))
        for name, rows in (("orders_20261101.csv", "id\n1\n2\n"), ("orders_20261102.csv", "id\nx\n")):
            (server / name).write_text(rows)
            os.utime(server / name, (time.time() - 60, time.time() - 60))
        call = ["run", str(feed), "--lake", str(tmp_path / "lake"), "--secrets", str(secrets)]

        first = lakeferry(*call)
        first.expect("For each feed")
        first.sendintr()
        first.expect("stopped; what was begun is taken up again by: lakeferry run")
        first.expect(pexpect.EOF)
        first.close()
        assert first.exitstatus == 130

        second = lakeferry(*call)
        second.expect(pexpect.EOF)
        shown = second.before
        second.close()
        assert second.exitstatus == 1, shown
    for told in ("━", "waits for new files to settle", "Run Glue job", "failed: acme/orders: orders_20261102.csv"):
        assert told in shown, told
    plain = CODES.sub("", shown)
    assert "1/2 files" in plain or "2/2 files" in plain
    assert "FAILED  acme/orders: /orders_20261102.csv" in plain
    table = [line for line in plain.splitlines() if line.startswith("acme/orders  orders_2026")]
    assert len(table) == 2
    assert max(map(len, table)) <= 80
    assert f"Parquet of orders: {tmp_path}/lake/curated/orders" in plain

    runs = lakeferry("runs", "--lake", str(tmp_path / "lake"), NO_COLOR="1")
    runs.expect(pexpect.EOF)
    assert "SUCCEEDED" in runs.before
    assert "ABORTED" in runs.before, CODES.sub("", runs.before)
    assert "\x1b[3" not in runs.before, "no colour where nobody wants any"
