"""A lake is read, and its feeds changed, with nothing started; one process at a time changes it."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.__main__ import main
from cli.problems import DONE, FAILED
from local.history import KEPT, History
from local.lock import LakeBusyError, is_locked, locked
from tests.conftest import feed_document

FEED = "acme/daily_sales"
LAKES = Path(__file__).parent.parent / "data" / "lakes"
MACHINE = "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a run leaves it; whoever starts the local AWS fails."""
    tables = tmp_path / "lake" / ".lakeferry" / "tables"
    tables.mkdir(parents=True)
    run = f"{MACHINE}:one"
    entries: list[dict[str, Any]] = [
        {"feed_id": FEED, "file_id": "!feed", "polled_at": "2026-11-01T07:00:00Z", "polled_by": run, "entries": {}},
        {
            **{"feed_id": FEED, "file_id": "/a.csv#1#2", "path": "/a.csv", "size": 1, "mtime": 2, "dt": "2026-11-01"},
            **{"run": run, "status": "FAILED", "error": "FileRejectedError", "cause": "c", "stage": "Validate files"},
            **{"unfinished": "failed#one#t", "attempts": 1, "failed_at": "2026-11-01T07:00:00Z"},
        },
    ]
    (tables / "FeedsTable.json").write_text(json.dumps([feed_document(checks={"bad_rows": {"max_ratio": 0.5}})]))
    (tables / "LedgerTable.json").write_text(json.dumps(entries))
    ended = {"status": "SUCCEEDED", "ended": "2026-11-01T07:00:30+00:00"}
    lines = [{"run": run, "status": "RUNNING", "started": "2026-11-01T07:00:00+00:00"}, {"run": run, **ended}]
    (tables.parent / "runs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"run": "cut of')

    def start(*_: object) -> None:
        raise AssertionError("the local AWS was started")

    monkeypatch.setattr("local.aws.LocalAws.__enter__", start)
    return tmp_path / "lake"


def test_commands_answer_from_the_tables(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--lake", str(lake)]
    assert main(["feeds", "list", *where]) == DONE
    assert FEED in capsys.readouterr().out
    assert main(["files", "--failed", *where]) == DONE
    assert "FileRejectedError" in capsys.readouterr().out
    assert main(["runs", *where]) == DONE
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "one",
        "SUCCEEDED",
        "2026-11-01",
        "07:00:00",
        "30",
        "s",
        "1",
        "1",
    ]
    assert main(["reprocess", "--all", *where]) == DONE
    assert "1 would be started; nothing was done" in capsys.readouterr().out
    assert main(["backfill", "--feed", FEED, "--from", "2026-11-01", "--to", "2026-11-01", *where]) == DONE
    assert main(["failures", *where]) == DONE
    assert f"lakeferry reprocess --all --yes --lake {lake}" in capsys.readouterr().out
    assert main(["doctor", *where]) == DONE
    assert main(["datasets", "list", *where]) == DONE
    before = {path: path.read_bytes() for path in (lake / ".lakeferry").rglob("*") if path.is_file()}
    assert main(["sla", "list", *where]) == DONE
    assert {path: path.read_bytes() for path in before} == before, "who reads writes nothing"


@pytest.fixture
def kept_lake(tmp_path: Path) -> Path:
    """What an earlier version's job has built, with its catalog."""
    with tarfile.open(LAKES / "0.1.0.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "lake"


def checked(lake: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[tuple[str, str]]]:
    """Exit code, and the kinds of differences by feed."""
    code = main(["restore", "--check", "--json", "--lake", str(lake)])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, [(one["feed"], one["kind"]) for one in found if "kind" in one]


def test_a_lake_is_compared_with_its_ledger_and_its_catalog(
    kept_lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_work = [("globex/fetched", "in_work"), ("globex/validated", "in_work")]
    assert checked(kept_lake, capsys) == (DONE, in_work)
    tables = kept_lake / ".lakeferry" / "tables" / "LedgerTable.json"
    items = json.loads(tables.read_text("utf-8"))
    kept = [one for one in items if "orders_20261101" not in json.dumps(one)]
    assert len(kept) < len(items)
    tables.write_text(json.dumps(kept), "utf-8")
    (built,) = (kept_lake / "curated" / "globex_stock").rglob("*.parquet")
    built.unlink()
    code, found = checked(kept_lake, capsys)
    assert code == FAILED
    assert ("acme/orders", "raw_unknown") in found, "the object's metadata is kept, too"
    assert ("globex/stock", "curated_missing") in found


def test_a_change_is_there_for_the_next_command(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--lake", str(lake)]
    assert main(["feeds", "disable", FEED, *where]) == DONE
    capsys.readouterr()
    assert main(["feeds", "show", FEED, *where]) == DONE
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["enabled"] is False
    assert shown["checks"] == {"bad_rows": {"max_ratio": 0.5}}
    assert main(["feeds", "history", FEED, "--restore", "1", "--yes", *where]) == DONE
    kept = json.loads((lake / ".lakeferry/tables/FeedsTable.json").read_text())
    assert "enabled" not in kept[0]


def test_while_a_run_goes_on_who_changes_something_is_told_to_wait(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(lake):
        assert is_locked(lake)
        assert main(["feeds", "list", "--lake", str(lake)]) == DONE, "who reads needs not wait"
        capsys.readouterr()
        assert main(["feeds", "disable", FEED, "--lake", str(lake)]) == FAILED
        assert "wait until it has ended" in capsys.readouterr().err
        with pytest.raises(LakeBusyError), locked(lake):
            pass
    assert not is_locked(lake)
    assert main(["feeds", "disable", FEED, "--lake", str(lake)]) == DONE


def test_a_run_whose_process_was_killed_is_not_running(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = History(lake / ".lakeferry")
    history.begun(f"{MACHINE}:two")
    with locked(lake):
        assert main(["runs", "--lake", str(lake)]) == DONE
        assert "two  RUNNING" in capsys.readouterr().out
    assert main(["runs", "--lake", str(lake)]) == DONE
    assert "two  KILLED" in capsys.readouterr().out
    history.tidy()
    assert [run["status"] for run in history.read().values()] == ["SUCCEEDED", "KILLED"]


def test_so_many_runs_are_kept(tmp_path: Path) -> None:
    history = History(tmp_path)
    for number in range(KEPT + 5):
        history.begun(f"{MACHINE}:{number}")
    history.tidy()
    assert next(iter(history.read())).endswith(":5")
    assert len(history.read()) == KEPT


def test_a_folder_that_is_no_lake_says_how_it_becomes_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--lake", str(tmp_path)]) == FAILED
    said = capsys.readouterr().err
    assert "holds no lake" in said
    assert f"lakeferry run FEED.yaml --lake {tmp_path}" in said
