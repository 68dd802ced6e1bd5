"""events/*.json against the stack that `make local` keeps: each works as it is printed, in a file's order."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakeferry.settings import Settings
from local import backends
from local.aws import LocalAws
from local.console import Console
from local.demo import PASSWORD, configure
from local.demo_data import SAMPLES, deliver, deliver_samples
from local.partners import FtpPartner, SftpPartner
from local.template import load

ROOT = Path(__file__).parent.parent.parent
FAILING = {
    "poll_feed_that_is_not_there": "PollFunction",
    "fetch_file_that_nobody_claimed": "FetchFunction",
    "validate_file_of_another_run": "ValidateFunction",
}
ELSEWHERE = {
    "state_machine": "the input of a run: make demo and tests/e2e start runs",
    "job_files": "CloudFormation's, answered at a URL of its own: tests/unit/test_job_files.py",
}


def event(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


@contextmanager
def kept(folder: Path, host: str = "127.0.0.1") -> Iterator[LocalAws]:
    """What `make local HOST=host` keeps."""
    deliver(folder / "acme", folder / "globex", datetime.now(UTC).date())
    deliver_samples(folder / "acme")
    login: dict[str, Any] = {"username": "lake", "password": PASSWORD, "host": host}
    with (
        SftpPartner(folder / "acme", **login) as sftp,
        FtpPartner(folder / "globex", **login) as ftp,
        LocalAws(folder=folder / "lake", time_scale=0.01, host=host) as stack,
    ):
        configure(stack, sftp, ftp, Console(), host)
        yield stack


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with kept(tmp_path_factory.mktemp("kept")) as stack:
        yield stack


@pytest.mark.timeout(300)
def test_they_tell_a_files_way_in_order(aws: LocalAws) -> None:
    assert aws.invoke("ListFeedsFunction", event("list_feeds"))["feeds"] >= 3
    polled = aws.invoke("PollFunction", event("poll"))
    assert polled["files"] >= len(SAMPLES)
    assert "error" not in polled
    # what a stage answers is what the next one's event has
    assert aws.invoke("FetchFunction", event("fetch")) == event("validate")
    assert aws.invoke("ValidateFunction", event("validate")) == event("upload")
    uploaded = aws.invoke("UploadFunction", event("upload"))
    assert (uploaded["outcomes"], uploaded["failed"]) == (["UPLOADED"] * 2, [])
    assert aws.invoke("PlanCrawlFunction", event("plan_crawl"))["crawl"] is True
    assert aws.invoke("CurateSmallFunction", event("curate_small"))["curated"] >= 1
    for name, key in (
        ("check_sla", "feeds"), ("export_sla", "days"), ("export_ledger", "files"), ("report_run", "reports"),
        ("reprocess", "start"), ("describe", "subject"), ("retain", "DaysRetired"),
    ):  # fmt: skip
        assert key in aws.invoke(f"{name.title().replace('_', '')}Function", event(name)), name
    for name in ("subscribe", "notify", "deliver"):
        aws.invoke(f"{name.title()}Function", event(name))
    assert aws.invoke("ReconcileFunction", event("reconcile"))["imbalances"] == 0


def test_what_fails_shows_what_its_name_says(aws: LocalAws) -> None:
    with pytest.raises(RuntimeError, match="FeedGoneError: feed acme/no_such_feed"):
        aws.invoke("PollFunction", event("poll_feed_that_is_not_there"))
    for name in ("fetch_file_that_nobody_claimed", "validate_file_of_another_run"):
        answer = aws.invoke(FAILING[name], event(name))
        assert (answer["files"], answer["failed"]) == ([], [])
        assert answer["outcomes"] == ["LEFT"] * len(event(name)["files"]), "to whoever has claimed it"


def test_every_event_is_one_of_these() -> None:
    functions = load(ROOT / "template.yaml")["Resources"]
    names = {path.stem for path in (ROOT / "events").glob("*.json")} - FAILING.keys() - ELSEWHERE.keys()
    called = {f"{name.title().replace('_', '')}Function" for name in names}
    assert called <= functions.keys()
    assert set(FAILING.values()) <= functions.keys()


def test_the_environment_that_is_written_has_only_names_that_exist(aws: LocalAws) -> None:
    declared = set(load(ROOT / "template.yaml")["Globals"]["Function"]["Environment"]["Variables"])
    written = backends.environment_for_sam(aws)
    assert {"PollFunction", "FetchFunction", "ReprocessFunction"} <= written.keys()
    for function, variables in written.items():
        assert variables.keys() == declared, function
        settings = Settings.from_environment(variables)
        assert {settings.ledger_table, settings.feeds_table, settings.sla_table} <= set(aws.resources.values())
        assert {settings.lake_bucket, settings.inbox_bucket, settings.work_bucket} <= set(aws.resources.values())
        assert settings.dead_letter_queue == aws.resources["DeadLetterQueue"]
        assert variables["AWS_ENDPOINT_URL"] == aws.endpoint


def _output(*command: str, **named: Any) -> str:
    return str(subprocess.run(command, capture_output=True, text=True, check=True, **named).stdout).strip()


def _has_docker() -> bool:
    if not (shutil.which("sam") and shutil.which("docker")):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _has_docker(), reason="sam local invoke needs SAM CLI and a running Docker")
@pytest.mark.timeout(1800)
def test_sam_local_invoke_tells_the_same_in_containers(tmp_path: Path) -> None:
    """As docs/deploy.md has it: servers at the bridge's gateway, functions of this machine's architecture."""
    gateway = _output("docker", "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}")
    architecture = "x86_64" if platform.machine() in {"x86_64", "AMD64"} else "arm64"
    _output("sam", "build", cwd=ROOT, env={**os.environ, "LAKEFERRY_ARCHITECTURE": architecture})
    with kept(tmp_path, gateway) as stack:
        environment = tmp_path / "env.json"
        environment.write_text(json.dumps(backends.environment_for_sam(stack)))

        def invoked(function: str, name: str) -> Any:
            command = ["sam", "local", "invoke", function, "-e", f"events/{name}.json", "--env-vars", str(environment)]
            answer = _output(*command, "--parameter-overrides", f"Architecture={architecture}", cwd=ROOT)
            return json.loads(answer.splitlines()[-1])

        assert invoked("PollFunction", "poll")["files"] >= len(SAMPLES)
        assert invoked("FetchFunction", "fetch") == event("validate")
        assert invoked("ValidateFunction", "validate") == event("upload")
        assert invoked("UploadFunction", "upload")["outcomes"] == ["UPLOADED"] * 2
