"""The command line against a stack, and against the folder of `make run`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cli.__main__ import main
from cli.problems import WRONG_USE
from local.partners import SftpPartner
from tests.e2e.conftest import PASSWORD, World

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(600)
def test_failed_files_are_found_and_taken_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    tenant = world.tenant()
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv")
    tenant.deliver("sales_20261102_a.csv.gz", truncate=True)
    run = tenant.run()["executionArn"].rsplit(":", 1)[-1]

    assert main(["files", "--failed"]) == 0
    failed = capsys.readouterr().out
    assert "sales_20261102_a.csv.gz" in failed
    assert "FileRejectedError" in failed
    assert "sales_20261101_a.csv" not in failed
    assert main(["files", "--run", run]) == 0
    assert "CURATED" in capsys.readouterr().out
    assert main(["files", "--feed", tenant.feed_id, "--json"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {entry["status"] for entry in entries} == {"CURATED", "FAILED"}
    assert main(["files", "--stuck"]) == 0
    assert capsys.readouterr().out == "nothing\n"
    assert main(["runs"]) == 0
    assert f"{run}  SUCCEEDED" in capsys.readouterr().out
    assert main(["feeds", "list"]) == 0
    assert tenant.feed_id in capsys.readouterr().out

    assert main(["reprocess", "--feed", tenant.feed_id]) == 0
    told = capsys.readouterr().out
    assert "1 would be started; nothing was done" in told
    assert main(["reprocess", "--feed", tenant.feed_id, "--yes"]) == 0
    started = capsys.readouterr().out.splitlines()[-1].removeprefix("started ")
    assert world.aws.wait(started)["status"] == "SUCCEEDED"
    assert tenant.files()["sales_20261102_a.csv.gz"]["attempts"] == 2
    days = ["--from", "2026-11-01", "--to", "2026-11-30"]
    assert main(["backfill", "--feed", tenant.feed_id, *days, "--source", "raw"]) == 0
    assert "1 would be started" in capsys.readouterr().out


def test_a_wrong_call_says_what_is_wrong(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backfill", "--feed", "a/b", "--from", "yesterday", "--to", "2026-11-30"]) == WRONG_USE
    assert "are dates such as" in capsys.readouterr().err
    assert main(["files", "--failed", "--stack", "nowhere"]) == 1
    assert "there is no stack nowhere" in capsys.readouterr().err
    assert main(["files", "--failed", "--lake", "/nonexistent"]) == 1
    assert "make run" in capsys.readouterr().err


@pytest.mark.timeout(600)
def test_the_folder_of_make_run_is_a_stack_too(tmp_path: Path) -> None:
    with SftpPartner(tmp_path, username="lake", password=PASSWORD) as partner:
        document = {
            "tenant": "acme",
            "feed": "orders",
            "server": {
                **{"protocol": "sftp", "host": "127.0.0.1", "port": partner.port, "username": "lake"},
                **{"secret": "lakeferry/acme/orders", "host_keys": [partner.host_key]},
            },
            "files": {"directory": "/", "pattern": "orders_{date:%Y%m%d}.csv", "settle_seconds": 0},
            "format": {"type": "csv"},
            "checks": {"columns": [{"name": "id", "type": "int64"}]},
            "dataset": "orders",
        }
        (tmp_path / "feed.yaml").write_text(yaml.safe_dump(document))
        (tmp_path / "secrets.yaml").write_text(yaml.safe_dump({"lakeferry/acme/orders": {"password": PASSWORD}}))
        (tmp_path / "orders_20261101.csv").write_text('id\n"1\n')
        lake = str(tmp_path / "lake")

        def call(*arguments: str) -> str:
            environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}:{ROOT / 'glue'}"}
            done = subprocess.run(
                [sys.executable, "-m", *arguments],
                capture_output=True,
                text=True,
                env=environment,
                cwd=ROOT,
                check=False,
            )
            return done.stdout + done.stderr

        feed, secrets = str(tmp_path / "feed.yaml"), str(tmp_path / "secrets.yaml")
        call("cli", "run", feed, "--secrets", secrets, "--lake", lake)
        assert "FileRejectedError" in call("cli", "files", "--failed", "--lake", lake)
        told = call("cli", "reprocess", "--all", "--yes", "--lake", lake, "--secrets", secrets)
        assert ": SUCCEEDED" in told, told
        assert "  2  " in call("cli", "files", "--failed", "--lake", lake), "attempts"
