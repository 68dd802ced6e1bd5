"""The process that is kept between jobs: nothing of one job reaches the next; one that is killed is started anew."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import glue_job
from local.glue_job import ROOT, JobProcess, JobProcesses
from tests.conftest import RUN

pytestmark = [pytest.mark.spark, pytest.mark.timeout(300)]

SCRIPT = Path(__file__).parent / "leaving.py"


class Aws:
    """As much as a job asks for: where AWS is, and what Glue knows of the job."""

    endpoint = "http://127.0.0.1:1"

    def __init__(self, minutes: float = 5) -> None:
        self._job = {"Job": {"Timeout": minutes}}

    def client(self, name: str) -> Any:
        nothing_pending = SimpleNamespace(paginate=lambda **_: [])
        return SimpleNamespace(
            meta=SimpleNamespace(region_name="eu-west-1"),
            get_job=lambda JobName: self._job,
            get_paginator=lambda operation: nothing_pending,
        )

    def bucket_folder(self, bucket: str) -> Path:
        return Path("/nowhere")

    def s3_rescan(self, bucket: str, prefix: str = "") -> None:
        """Nothing was written."""


class Jobs:
    """Runs the script in processes that are kept."""

    def __init__(self) -> None:
        self.processes = JobProcesses(SCRIPT)

    def run(self, *arguments: str, timeout: float | None = None) -> tuple[int, dict[str, Any], str]:
        process = self.processes.take()
        try:
            status, out, err = process.run(Aws(), list(arguments), timeout)
        finally:
            self.processes.give_back(process)
        return status, json.loads(out.splitlines()[-1]) if out else {}, err

    def process(self) -> JobProcess:
        """The one that is kept."""
        process = self.processes.take()
        self.processes.give_back(process)
        return process


@pytest.fixture(scope="module")
def jobs() -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.processes.close()


def _members(group: int) -> list[str]:
    """Commands of a process group's processes that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        state, _, of_group = rest.split()[:3]
        if int(of_group) == group and state != "Z":
            found.append(name.partition("(")[2])
    return found


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_job_finds_nothing_of_the_one_before_in_the_same_process(jobs: Jobs) -> None:
    status, first, err = jobs.run("leave", "a")
    assert status == 0, err
    assert first["after"] == {
        "arguments": ["a"],
        "environment": "1",
        "region": "left",
        "folder": "/",
        "path": True,
        "modules": [1, 1],
        "session": False,
        "views": ["left_to_all", "left"],
        "nothing cached": False,
        "persistent": 2,
        "settings": ["7", "Asia/Tokyo"],
        "properties": ["left", "left"],
        "function": True,
    }
    status, second, _ = jobs.run("look", "b")
    assert (status, second["pid"]) == (0, first["pid"])
    clean = {
        "arguments": ["b"],
        "environment": None,
        "region": "eu-west-1",
        "folder": str(ROOT),
        "path": False,
        "modules": [None, None],
        "session": True,
        "views": [],
        "nothing cached": True,
        "persistent": 0,
        "settings": ["2", "UTC"],
        "properties": [None, None],
        "function": False,
    }
    assert second["before"] == clean
    assert first["before"] == clean | {"arguments": ["a"]}  # nor anything of the warming up


def test_a_failed_job_tells_all_it_wrote_and_the_process_is_kept(jobs: Jobs) -> None:
    pid = jobs.run("look")[1]["pid"]
    status, _, err = jobs.run("fail")
    assert status == 1
    assert "a line before the end\n" in err
    assert err.endswith("ValueError: what a person needs\n")
    assert jobs.run("exit")[0] == 3
    status, report, err = jobs.run("look")
    assert (status, report["pid"]) == (0, pid)
    assert "what a person needs" not in err


def test_a_job_is_killed_at_its_time_out_with_its_java_and_the_next_has_a_new_process(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = jobs.run("look")[1]["pid"]
    assert "java" in _members(pid)
    monkeypatch.setattr(glue_job, "processes", jobs.processes)
    arguments = {"wait": str(tmp_path / "started"), "--lake_bucket": "lake", "--ledger_table": "ledger", "--run": RUN}
    started = time.monotonic()
    ok, message = glue_job.run_job(Aws(minutes=0.1), "curate", arguments, tmp_path / "logs")
    assert time.monotonic() - started < 15
    log = tmp_path / "logs" / "run-1.log"
    assert (ok, message) == (False, f"job curate was stopped after its 0.1 minutes. (all it wrote: {log})")
    assert log.exists()
    assert (tmp_path / "started").exists()
    _until(lambda: not _members(pid))
    assert jobs.run("look")[1]["pid"] != pid


def test_a_killed_job_fails_and_the_next_has_a_new_process(jobs: Jobs, tmp_path: Path) -> None:
    pid = jobs.run("look")[1]["pid"]
    outcome: list[Any] = []
    job = threading.Thread(target=lambda: outcome.append(jobs.run("wait", str(tmp_path / "started"))))
    job.start()
    _until((tmp_path / "started").exists)
    os.kill(pid, signal.SIGKILL)
    job.join(30)
    assert outcome[0][:2] == (-signal.SIGKILL, {})
    _until(lambda: not _members(pid))
    assert jobs.run("tell")[1]["pid"] != pid


def test_an_idle_process_that_was_killed_is_not_taken(jobs: Jobs) -> None:
    jobs.run("tell")
    process = jobs.process()
    os.kill(process.pid, signal.SIGKILL)
    _until(lambda: not process.alive)
    assert jobs.run("tell")[0] == 0


@pytest.mark.parametrize("what", ["thread", "stop"])
def test_a_process_that_cannot_be_cleared_is_not_used_again(jobs: Jobs, what: str) -> None:
    status, report, _ = jobs.run(what)
    assert status == 0
    assert jobs.run("tell")[1]["pid"] != report["pid"]
    _until(lambda: not _members(report["pid"]))
