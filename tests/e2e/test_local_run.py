"""`make run`: the user's own server and feed document; the lake is a folder, and the next run goes on from it."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import run
from local.partners import SftpPartner

PASSWORD = "correct horse"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0jzL2cHqD1L3oHT2P6xNc8iK0x5f0mSg2j8uVvJ3aR"


def _document(partner: SftpPartner) -> dict[str, Any]:
    return {
        "tenant": "acme",
        "feed": "orders",
        "server": {
            "protocol": "sftp",
            "host": "127.0.0.1",
            "port": partner.port,
            "username": "lake",
            "secret": "lakeferry/acme/orders",
            "host_keys": [partner.host_key],
        },
        "files": {"directory": "/", "pattern": "orders_{date:%Y%m%d}.csv", "settle_seconds": 1},
        "format": {"type": "csv"},
        "checks": {"columns": [{"name": "id", "type": "int64"}]},
        "dataset": "orders",
    }


class Desk:
    """What a user has: a server, a feed document, a file of secrets, a folder for the lake."""

    def __init__(self, folder: Path, partner: SftpPartner) -> None:
        self.server, self.lake = folder / "server", folder / "lake"
        self.document = _document(partner)
        self.feed, self.secrets = folder / "feed.yaml", folder / "secrets.yaml"
        self.secrets.write_text(yaml.safe_dump({"lakeferry/acme/orders": {"password": PASSWORD}}))

    def deliver(self, name: str, rows: int) -> None:
        path = self.server / name
        path.write_text("id\n" + "".join(f"{number}\n" for number in range(rows)))
        os.utime(path, (time.time() - 60, time.time() - 60))

    def run(self) -> int:
        self.feed.write_text(yaml.safe_dump(self.document))
        return run.main(["--feed", str(self.feed), "--lake", str(self.lake), "--secrets", str(self.secrets)])

    def objects(self, zone: str) -> list[str]:
        return sorted(
            path.relative_to(self.lake).as_posix() for path in (self.lake / zone).rglob("*") if path.is_file()
        )

    def ledger(self) -> dict[str, str]:
        items = json.loads((self.lake / ".lakeferry/tables/LedgerTable.json").read_text())
        return {item["path"]: item["status"] for item in items if "path" in item}


@pytest.mark.timeout(300)
def test_the_lake_is_files_and_the_next_run_goes_on_from_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "server").mkdir()
    with SftpPartner(tmp_path / "server", username="lake", password=PASSWORD) as partner:
        desk = Desk(tmp_path, partner)
        pattern = desk.document["files"]["pattern"]
        desk.deliver("orders_20261101.csv", 3)
        assert desk.run() == 0
        first = desk.objects("raw"), desk.objects("curated")
        assert len(first[0]) == 1
        assert first[1][0].startswith("curated/orders/tenant=acme/feed=orders/dt=2026-11-01/")
        capsys.readouterr()

        assert desk.run() == 0
        assert (desk.objects("raw"), desk.objects("curated")) == first
        told = capsys.readouterr().out
        assert "Fetch files" not in told
        assert "acme/orders: 1 listed (1 done with)" in told

        desk.document["files"]["pattern"] = "ORDERS_*"
        assert desk.run() == 0
        told = "1 name, 0 fit; nearest: orders_20261101.csv, differs in upper and lower case"
        assert told in capsys.readouterr().out
        desk.document["files"]["pattern"] = pattern

        desk.deliver("orders_20261102.csv", 4)
        assert desk.run() == 0
        assert len(desk.objects("raw")) == 2
        assert desk.ledger() == {"/orders_20261101.csv": "CURATED", "/orders_20261102.csv": "CURATED"}

        desk.document["server"]["host_keys"] = [OTHER_KEY]
        assert desk.run() == 1
        assert "HostKeyMismatchError" in capsys.readouterr().out
    for path in desk.lake.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("feed", "lake", "words"),
    [
        ("", "lake", "FEED is missing"),
        ("nowhere.yaml", "lake", "cannot be read"),
        ("feed.yaml", "", "LAKE is missing"),
        ("list.yaml", "lake", "holds no mapping"),
        ("broken.yaml", "lake", "is not YAML"),
        ("invalid.yaml", "lake", "$.server"),
        ("empty", "lake", "without a .yaml file"),
        ("mixed", "lake", "mixed/two.yaml is not YAML"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    feed: str,
    lake: str,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("mixed").mkdir()
    Path("mixed/one.yaml").write_text("tenant: acme\n")
    Path("mixed/two.yaml").write_text("a: [\n")
    Path("feed.yaml").write_text("tenant: acme\n")
    Path("list.yaml").write_text("- 1\n")
    Path("broken.yaml").write_text("a: [\n")
    Path("invalid.yaml").write_text("{tenant: acme, feed: x, server: {}, files: {}, format: {}, dataset: d}\n")
    assert run.main(["--feed", feed, "--lake", lake]) == 2
    assert words in capsys.readouterr().err
