"""`lakeferry feeds test` against real servers: what it says, and that nothing on them changes."""

import gzip
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.__main__ import main
from cli.problems import NOTHING_MATCHED, WRONG_USE
from tests.conftest import feed_document
from tests.contract.conftest import Partner, on_daemon
from tests.servers.daemons import Daemon

pytestmark = pytest.mark.servers
CSV = "order_id,amount,sold_at\n1,12.50,2026-11-28 10:00:00\n2,-3.00,2026-11-28 11:00:00\n3,7.25,2026-11-28 12:00:00\n"
COLUMNS = [
    {"name": "order_id", "type": "int64"},
    {"name": "amount", "type": "decimal(12,2)"},
    {"name": "sold_at", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"},
]
Run = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.fixture(params=["openssh", "vsftpd"])
def real(request: pytest.FixtureRequest, started: Callable[[str], Daemon]) -> Partner:
    partner = on_daemon(request.param, started(request.param))
    outgoing = partner.folder / "outgoing"
    for name, data in {
        "sales_20261127_1.csv.gz": gzip.compress(CSV.replace("28", "27").encode()),
        "sales_20261128_1.csv.gz": gzip.compress(CSV.encode()),
        "SALES_20261128_2.csv.gz": b"x",
        "sales_20261131_1.csv.gz": b"x",
        "readme.txt": b"hello",
        "sales_20261128_3.csv.gz.part": b"x",
    }.items():
        (outgoing / name).write_bytes(data)
    (outgoing / "old").mkdir()
    now = time.time()
    os.utime(outgoing / "sales_20261127_1.csv.gz", (now - 90_000, now - 90_000))
    return partner


@pytest.fixture
def run(real: Partner, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]) -> Run:
    """Tries a feed of the server with some of its sections changed; exit code, text and JSON answer."""
    folder = tmp_path_factory.mktemp("feed")

    def run(*options: str, secret: dict[str, str] | None = None, **changes: Any) -> tuple[int, str, dict[str, Any]]:
        spec = real.spec
        server: dict[str, Any] = {
            "protocol": spec.protocol,
            "host": spec.host,
            "port": spec.port,
            "username": spec.username,
            "secret": "lakeferry/acme/x",
            "connect_timeout_seconds": 5,
        }
        if spec.host_keys:
            server["host_keys"] = list(spec.host_keys)
        if spec.allow_plaintext:
            server["allow_plaintext"] = True
        files = {"directory": real.at("/outgoing"), "pattern": "sales_{date:%Y%m%d}_*.csv.gz"}
        document = feed_document(
            server={name: value for name, value in (server | changes.pop("server", {})).items() if value is not None},
            files=files | changes.pop("files", {}),
            checks={"columns": COLUMNS},
            transform={"filter": "amount > 0", "derive": {"net": "cast(amount / 1.2 as decimal(12,2))"}},
        )
        path, secrets = folder / "feed.yaml", folder / "secrets.yaml"
        path.write_text(yaml.safe_dump(document | changes), "utf-8")
        secrets.write_text(yaml.safe_dump({"lakeferry/acme/x": real.secret if secret is None else secret}), "utf-8")
        arguments = ["feeds", "test", str(path), "--secrets", str(secrets), *options]
        code = main(arguments)
        said = capsys.readouterr()
        assert main([*arguments, "--json"]) == code
        lines = capsys.readouterr().out.splitlines()
        return code, said.out + said.err, json.loads(lines[0]) if lines else {}

    return run


def _state(folder: Path) -> list[tuple[str, int, int]]:
    return sorted(
        (str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*") if path.is_file()
    )


def test_each_name_has_its_reason_and_the_newest_file_is_read(real: Partner, run: Run) -> None:
    before = _state(real.folder)
    code, said, answer = run()
    assert code == 0, said
    assert _state(real.folder) == before
    reasons = {one["name"].rpartition("/")[2]: (one["what"], one["why"], one["dt"]) for one in answer["names"]}
    settles = "the next poll takes it, once it has seen it unchanged for 60 seconds"
    assert reasons == {
        "sales_20261127_1.csv.gz": ("taken", settles, "2026-11-27"),
        "sales_20261128_1.csv.gz": ("taken", settles, "2026-11-28"),
        "SALES_20261128_2.csv.gz": ("not this feed's", "differs in upper and lower case", ""),
        "sales_20261131_1.csv.gz": ("not this feed's", "has a date in it that does not exist", ""),
        "readme.txt": (
            "not this feed's",
            "differs from sales_{date:%Y%m%d}_*.csv.gz at its beginning",
            "",
        ),
        "sales_20261128_3.csv.gz.part": ("not this feed's", "is excluded by files.exclude, *.part", ""),
    }
    assert answer["file"]["path"].endswith("/outgoing/sales_20261128_1.csv.gz")
    assert (answer["file"]["rows"], answer["file"]["whole"]) == (3, True)
    # filtered, derived and typed as the job does it
    assert answer["preview"]["curated"]
    assert answer["preview"]["columns"][:4] == ["order_id", "amount", "sold_at", "net"]
    assert [row[:2] for row in answer["preview"]["rows"]] == [["1", "12.50"], ["3", "7.25"]]
    assert answer["preview"]["note"] == "1 row dropped by filter and rules"
    assert set(answer["seconds"]) == {"connect", "list", "read", "decode and check", "curate"}
    assert said.splitlines()[-1] == "acme/daily_sales: ready; nothing was written, moved or claimed"
    assert "1 entry that is no file" in said


def test_markers_sizes_and_settling_are_reasons(real: Partner, run: Run) -> None:
    outgoing = real.folder / "outgoing"
    (outgoing / "sales_20261127_1.csv.gz.done").write_bytes(b"")
    _, _, answer = run(files={"marker": "{name}.done", "size": {"min_bytes": 1_000}})
    why = {one["name"].rpartition("/")[2]: one["why"] for one in answer["names"]}
    assert why["sales_20261128_1.csv.gz"] == "waits for sales_20261128_1.csv.gz.done, which is not there or older"
    assert why["sales_20261127_1.csv.gz.done"] == "comes with another file, as marker, checksum or control file"
    assert "fewer than files.size.min_bytes (1,000): it will be rejected" in why["sales_20261127_1.csv.gz"]
    _, _, answer = run(files={"settle_seconds": 3_600, "max_files_per_run": 1})
    why = {one["name"].rpartition("/")[2]: one["why"] for one in answer["names"]}
    assert "is young" in why["sales_20261128_1.csv.gz"]


@pytest.mark.parametrize(
    ("changes", "step", "said"),
    [
        ({"secret": {"password": "wrong", "private_key": ""}}, "connect", ""),
        ({"files": {"directory": "/nowhere"}}, "list", "/nowhere"),
    ],
)
def test_what_fails_is_said_with_its_step(run: Run, changes: dict[str, Any], step: str, said: str) -> None:
    code, text, answer = run(**changes)
    assert code == 1
    assert answer["failed_step"] == step
    assert said in answer["problem"]
    assert f"FAILED  {step}" in text
    assert text.splitlines()[-1] == "acme/daily_sales: NOT ready: correct what FAILED, and try again"


def test_a_wrong_password_and_a_misspelt_field_are_told_apart(real: Partner, run: Run) -> None:
    _, _, answer = run(secret={"pasword": "x"})
    assert "nobody reads the secret's field pasword; did you mean password?" in answer["secret"]
    assert any("the secret has no password" in one for one in answer["secret"])
    assert answer["failed_step"] == "connect"


def test_a_dead_server_is_told_as_such(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code, _, answer = run(server={"port": port})
    assert (code, answer["failed_step"]) == (1, "connect")
    assert "127.0.0.1" in answer["problem"]


def test_a_wrong_protocol_is_told_as_such(real: Partner, run: Run) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0jzL2cHqD1L3oHT2P6xNc8iK0x5f0mSg2j8uVvJ3aR"
    changed: dict[str, Any] = {"protocol": "sftp", "host_keys": [key], "allow_plaintext": None}
    if real.spec.protocol == "sftp":
        changed = {"protocol": "ftp", "host_keys": None, "allow_plaintext": True}
    code, _, answer = run(server=changed, secret={"password": "x"})
    assert (code, answer["failed_step"]) == (1, "connect")
    assert ("SSH" in answer["problem"]) or ("220" in answer["problem"]), answer["problem"]


def test_a_pattern_that_fits_nothing_says_what_is_near(run: Run) -> None:
    code, text, answer = run(files={"pattern": "sales-{date:%Y%m%d}_*.csv.gz"})
    assert code == NOTHING_MATCHED
    assert answer["file"] is None
    why = {one["name"].rpartition("/")[2]: one["why"] for one in answer["names"]}
    assert why["sales_20261128_1.csv.gz"] == "differs after sales, where -{date:%Y%m%d}_*.csv.gz is expected"
    assert text.splitlines()[-1].endswith("NOT ready: no name on the server is this feed's")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": {"type": "csv", "delimiter": ";"}}, "delimiter"),
        ({"checks": {"columns": [{"name": "ordr_id", "type": "int64"}]}}, "ordr_id"),
        ({"checks": {"columns": [{"name": "amount", "type": "int64"}]}}, "amount"),
        ({"decode": ["bzip2"]}, "bzip2"),
        ({"format": {"type": "csv", "encoding": "utf-16"}}, ""),
    ],
)
def test_a_file_that_is_not_what_the_feed_says_is_refused_as_a_run_would(
    run: Run, changes: dict[str, Any], said: str
) -> None:
    code, text, answer = run(transform={}, **changes)
    assert (code, answer["failed_step"]) == (1, None)
    assert said in answer["problem"]
    assert "FAILED  decode and check" in text


def test_a_secret_that_the_file_does_not_have_is_wrong_use(run: Run, tmp_path: Path) -> None:
    code, text, _ = run(server={"secret": "lakeferry/acme/other"})
    assert code == WRONG_USE
    assert "has no secret lakeferry/acme/other, which the feed names; it has: lakeferry/acme/x" in text


def test_a_large_file_is_read_in_part_unless_all_of_it_is_asked_for(
    real: Partner, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.testing.sample.FIRST_BYTES", 200_000)
    rows = "".join(f"{number},{number}.25,2026-11-28 10:00:00\n" for number in range(200_000))
    (real.folder / "outgoing" / "sales_20261129_1.csv.gz").write_bytes(
        gzip.compress(("order_id,amount,sold_at\n" + rows + "oops\n").encode(), 1)
    )
    code, text, answer = run()
    assert (code, answer["file"]["whole"], answer["file"]["rows"]) == (0, False, None)
    assert "--whole reads all of it" in text
    code, _, answer = run("--whole")
    assert (code, answer["file"]["whole"], answer["file"]["rows"], answer["file"]["bad_rows"]) == (0, True, 200_001, 1)
