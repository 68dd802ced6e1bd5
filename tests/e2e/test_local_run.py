"""`make run`: the user's own server and feed document; the lake is a folder, and the next run goes on from it."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.__main__ import main
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
        return main(["run", str(self.feed), "--lake", str(self.lake), "--secrets", str(self.secrets)])

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
    ("feed", "words"),
    [
        ("", "name a feed document"),
        ("nowhere.yaml", "nowhere.yaml:1:1: it cannot be read"),
        ("list.yaml", "list.yaml:1:1: a feed is settings"),
        ("broken.yaml", "broken.yaml:"),
        ("invalid.yaml", "`server`"),
        ("empty", "without a .yaml file"),
        ("mixed", "mixed/two.yaml:"),
        ("acme/orders", "holds no lake yet"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, feed: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("mixed").mkdir()
    Path("mixed/one.yaml").write_text("tenant: acme\n")
    Path("mixed/two.yaml").write_text("a: [\n")
    Path("list.yaml").write_text("- 1\n")
    Path("broken.yaml").write_text("a: [\n")
    Path("invalid.yaml").write_text("{tenant: acme, feed: x, server: {}, files: {}, format: {}, dataset: d}\n")
    assert main(["run", *([feed] if feed else []), "--lake", "lake"]) == 2
    assert words in capsys.readouterr().err
    assert not Path("lake").exists(), "nothing was begun"


def test_a_secret_that_is_missing_is_named_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = Path(__file__).parent.parent.parent / "feeds" / "acme_daily_sales.yaml"
    call = ["run", str(example), "--lake", str(tmp_path / "lake")]
    assert main(call) == 2
    assert "write a file with them" in capsys.readouterr().err
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("{}")
    assert main([*call, "--secrets", str(secrets)]) == 2
    assert capsys.readouterr().err.endswith("Add to it:\n  lakeferry/acme/daily_sales: {password: ...}\n")
    secrets.write_text("lakeferry/acme/daily_sales: hunter2")
    assert main([*call, "--secrets", str(secrets)]) == 2
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_after_a_correction_the_same_command_takes_the_failed_file_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "server").mkdir()
    with SftpPartner(tmp_path / "server", username="lake", password=PASSWORD) as partner:
        desk = Desk(tmp_path, partner)
        desk.deliver("orders_20261101.csv", 2)
        desk.document["checks"]["columns"][0]["max"] = 0
        assert desk.run() == 1
        told = capsys.readouterr().out
        assert "FAILED  acme/orders: /orders_20261101.csv" in told
        assert f"Then take it again: lakeferry run {desk.feed} --lake {desk.lake} --secrets {desk.secrets}" in told
        assert "console.aws" not in told
        assert f"Report: {desk.lake}/fallout/acme_orders/dt=2026-11-01/" in told
        del desk.document["checks"]["columns"][0]["max"]
        assert desk.run() == 0
        told = capsys.readouterr().out
        assert "acme/orders: /orders_20261101.csv failed before and is taken again" in told
        assert f"Parquet of orders: {desk.lake}/curated/orders" in told
        # by tables as they are kept, with nothing started
        assert main(["runs", "--lake", str(desk.lake)]) == 0
        runs = capsys.readouterr().out.splitlines()[1:]
        assert [line.split()[1] for line in runs] == ["SUCCEEDED"] * 3
        assert main(["files", "--failed", "--lake", str(desk.lake)]) == 0
        assert capsys.readouterr().out == "nothing\n"
