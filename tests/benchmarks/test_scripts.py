"""Each benchmark runs to its end on a tiny file: what it measures then says nothing, but it cannot rot."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from benchmarks import laptop, load
from benchmarks.measuring import peers, told_run
from benchmarks.measuring.free_aws import FreeAws
from benchmarks.measuring.processes import Cost
from benchmarks.measuring.rounds import Contender, WrongBytesError, contest
from benchmarks.reporting.kept import Outcome
from benchmarks.reporting.page import load_table, page
from tests.conftest import ROOT
from tests.servers.processes import NotInstalledError, find

SERVERS = ("sshd", "vsftpd")


def needed(*programs: str | Callable[[], str]) -> None:
    """Skips the test where a program is not here."""
    for program in programs:
        try:
            find(program) if isinstance(program, str) else program()
        except NotInstalledError as error:
            pytest.skip(str(error))


def output_of(script: str, *arguments: str, codes: Sequence[int] = (0, 1)) -> str:
    """What it prints; 1 says that a target was missed, which is no news at this size."""
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT / 'glue'}:{ROOT}", "PATH": "/usr/bin:/bin:/usr/sbin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in codes, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.servers
def test_transfers_over_a_long_way() -> None:
    needed(*SERVERS, "sftp", "curl")
    said = output_of("transfer.py", "--size", "0.3", "--rounds", "1", "--round-trips", "2")
    for protocol, peer in (("SFTP", "OpenSSH sftp"), ("FTP", "curl"), ("FTPS", "curl")):
        assert f"\n{protocol}, 2 ms round trip" in f"\n{said}"
        assert peer in said
    assert said.count("  lakeferry ") == 3


@pytest.mark.slow(seconds=13)
@pytest.mark.servers
def test_polls_of_large_directories() -> None:
    needed(*SERVERS)
    said = output_of("poll.py", "--files", "300", "--new", "2", "--rounds", "1", "--round-trips", "2")
    for protocol in ("SFTP", "FTP"):
        assert f"{protocol}, 300 files, 2 new, 2 ms round trip" in said


@pytest.mark.servers
def test_fetches_into_s3() -> None:
    needed(*SERVERS, peers.rclone)
    said = output_of("inbox.py", "--size", "6", "--rounds", "1", "--protocols", "sftp")
    assert "SFTP to rclone's S3" in said
    assert "memory at most" in said


@pytest.mark.servers
def test_small_files_of_many_feeds() -> None:
    needed("sshd")
    said = output_of(
        "small_files.py", "--files", "12", "--size", "2", "--feeds", "2", "--rounds", "1", "--round-trips", "0,2"
    )
    for milliseconds in (0, 2):
        assert f"12 files, 2 feeds, {milliseconds} ms round trip" in said
    assert "as in prices.yaml" not in said, "what the bill takes for each file, batch and poll"
    # a peer that is here has brought every file, or the script has ended with 1 and no line
    for peer in ("rclone", "dlt"):
        assert said.count(f"  {peer}") + said.count(f"left out: {peer}") == 2


def test_the_functions_memory() -> None:
    needed(peers.rclone)
    said = output_of("memory.py", "--gigabytes", "0.002", codes=(0,))
    assert "FetchFunction" in said


def test_a_contender_that_brings_other_bytes_is_found() -> None:
    liar = Contender("liar", lambda: Cost(1, 1, 1), lambda: "another")
    with pytest.raises(WrongBytesError, match="liar"):
        contest("of bytes", [liar], 1, 1, "expected")


def test_the_ratio_is_of_neighbours_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    # a machine that becomes three times slower in the middle changes no ratio
    ours, theirs = iter([1.0, 3.0, 3.0]), iter([2.0, 6.0, 6.0])

    def costs(seconds: "Callable[[], float]") -> Callable[[], Cost]:
        def once() -> Cost:
            took = seconds()
            return Cost(took, took, 1_000_000)

        return once

    entered = [
        Contender("ours", costs(lambda: next(ours)), lambda: "same"),
        Contender("theirs", costs(lambda: next(theirs)), lambda: "same", target=2.5),
    ]
    found = contest("of neighbours", entered, 1_000_000, 3, "same")
    assert found.missed == ["of neighbours: theirs"]
    assert "2.00 (2.00–2.00)" in capsys.readouterr().out


def test_the_time_without_the_job_is_told_by_the_engines_events(tmp_path: Path) -> None:
    states = tmp_path / "states.jsonl"
    events = [
        *(("entered", "Poll", 1), ("entered", "Job", 2), ("entered", "Small", 3), ("exited", "Job", 5)),
        *(("failed", "Small", 6), ("exited", "Poll", 9), ("entered", "Job", 10), ("exited", "Job", 10.5)),
    ]
    states.write_text(
        "".join(json.dumps({"kind": kind, "state": state, "time": time}) + "\n" for kind, state, time in events)
    )
    assert told_run.seconds_in(states, {"Job", "Small"}.__contains__) == 4.5, "none twice where they overlap"


@pytest.mark.slow(seconds=20)
@pytest.mark.servers
def test_runs_on_a_laptop() -> None:
    needed("sshd", "vsftpd")
    said = output_of("laptop.py", "--small", "--shapes", "zip", codes=(0,))
    assert "zip: " in said
    assert " s without the job, CPU " in said
    for part in ("a function at work", "the job", "engine CPU", "functions CPU"):
        assert f" {part} " in said
        assert f" {part} 0.0 s" not in said, part
    assert " GB and the job's " in said
    assert " 0.00 GB and the job's" not in said, "the run's processes are those that are measured"


def test_thousands_of_small_files_are_of_ten_kilobytes(tmp_path: Path) -> None:
    spec = SimpleNamespace(protocol="ftp", host="h", port=21, username="u")
    daemon: Any = SimpleNamespace(folder=tmp_path / "server", root="/", spec=spec, secret={})
    for folder in (tmp_path / "server", tmp_path / "feeds"):
        folder.mkdir()
    files = laptop.SHAPES["thousands"].deliver(laptop.Partner(daemon, tmp_path / "feeds", {}), True)
    sizes = [path.stat().st_size for path in (tmp_path / "server").rglob("*.csv")]
    assert files == len(sizes) == 20
    assert all(7_000 < size < 11_500 for size in sizes), sizes
    assert "thousands" not in laptop.USUAL, "a quarter of an hour"


@pytest.mark.slow(seconds=45)
@pytest.mark.servers
def test_the_whole_way_beside_others_and_its_page(tmp_path: Path) -> None:
    """One file in parts by the functions, the machine and the one program; many by dlt, too; then the page of both."""
    needed("sshd")
    found = tmp_path / "found.json"
    common = ("--small", "--rounds", "1", "--round-trips", "0")
    said = output_of("whole.py", *common, "--shapes", "one", "--contenders", "functions,machine,monolith")
    for contender in ("functions", "machine", "monolith"):
        assert f"  {contender}" in said
    for part in ("Fetch files", "a function at work", "engine CPU", "functions CPU", "job CPU"):
        assert f" {part} 0.00 s" not in said, part
        assert f" {part} " in said, part
    assert 'files" alone: ' in said, "the target of one file"
    # a contender that brings another number of files ends the script with a message, and no line
    said = output_of("whole.py", *common, "--shapes", "many,nothing", "--contenders", "functions,monolith,rclone,dlt", "--json", str(found))  # fmt: skip  # noqa: E501
    assert "6 files of 2 kB over 2 feeds, taken before" in said
    results = json.loads(found.read_text())
    assert {one["shape"] for one in results} == {"many", "nothing"}
    circumstances = results[0]["circumstances"]
    outcomes = [Outcome("whole", 1, said, results, circumstances), Outcome("poll", 2, "Traceback", None, circumstances)]
    text = page(outcomes, ["plots/whole-0ms.svg"])
    lines = text.count("| many | 0 ms | ")
    assert lines == len(results[0]["results"]) + ("dlt" in said.partition("left out")[0])
    for told in ("whole.py (a target was missed)", "poll.py (failed: exit code 2)", "(plots/whole-0ms.svg)", "commit "):
        assert told in text


@pytest.mark.slow(seconds=12)
def test_many_files_in_the_console() -> None:
    if shutil.which("chromium") is None:
        pytest.skip("Debian's Chromium is missing (apt-get install chromium)")
    said = output_of("console.py", "--files", "250", "--rounds", "2")
    assert "250 files, read the first time in " in said
    for what, count in (("filter", 2), ("page", 2), ("scroll", r"\d\d?")):
        assert re.search(rf"^{what} +median .* of {count}; target 200 ms: (met|MISSED)$", said, re.MULTILINE), said


def test_runs_are_simulated() -> None:
    said = output_of("scale.py", "--small", codes=(0,))
    assert "| 1,000 feeds, 240,000 files a day |" in said
    assert "with Express batches" in said


def test_every_script_is_run_and_what_it_said_is_on_the_page(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reporting", "--into", str(tmp_path / "new"), "--only", "scale", "--small"],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT / 'glue'}:{ROOT}", "PATH": "/usr/bin:/bin:/usr/sbin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "new" / "RESULTS.md").read_text("utf-8")
    assert "### scale.py\n\n20" in text
    assert " to " in text.partition("commit ")[2].partition("\n")[0], "the load at its begin and end"
    assert "```\n| load |" in text
    if importlib.util.find_spec("matplotlib"):
        assert (tmp_path / "new" / "plots" / "scale.svg").read_text("utf-8").lstrip().startswith("<?xml")
        assert "![scale](plots/scale.svg)" in text


@pytest.mark.servers
def test_many_ingests_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    needed("sshd")
    found = tmp_path / "found.json"
    said = output_of("load.py", "--small", "--json", str(found), codes=(0,))
    assert "48 files in 2 runs, 8 at once" in said
    assert "nothing lost, nothing twice" in said
    data = json.loads(found.read_text())
    assert {one["calls"] >= 4 for one in data["stages"].values()} == {True}
    assert "| Fetch files | 8 |" in load_table(data)


def test_a_file_that_is_lost_doubled_or_cut_is_found() -> None:
    aws = FreeAws()

    def land(path: str, number: int, rows: int) -> None:
        lines = "".join(f"{row},{number}.50,2026-11-01\n" for row in range(rows))
        aws.s3.objects[f"/lake/raw/{path}"] = [f"order_id,amount,sold_on\n{lines}".encode()]

    for number in range(3):
        land(f"a{number}", number, 2)
    assert load.wrong(aws, 0, 3, 2) == []
    land("once-more", 1, 2)
    land("a2", 2, 1)
    assert load.wrong(aws, 0, 4, 2) == [
        *("/lake/raw/a2 has 1 rows of 1 files, not 2 of one", "file 3 is lost", "file 1 is there 2 times"),
    ]


def test_what_grows_is_named_and_what_sways_is_not() -> None:
    even = {"resident MB": (300.0, 320.0), "open files": (40.0, 44.0), "sockets": (40.0, 40.0), "threads": (50.0, 51.0)}
    assert load.grown(even) == []
    assert load.grown(even | {"sockets": (40.0, 60.0)}) == ["sockets grew from 40 to 60"]
    assert load.grown(even | {"resident MB": (300.0, 390.0)}) == ["resident MB grew from 300 to 390"]


def test_objects_in_parts_are_whole_again_whatever_is_read_at_once() -> None:
    aws = FreeAws()
    session = boto3.Session(region_name="eu-west-1", aws_access_key_id="local", aws_secret_access_key="local")
    aws.install(session)
    s3 = session.client("s3", config=Config(s3={"addressing_style": "path"}))
    parts = [b"a" * (5 * 1024 * 1024), b"b" * 100]  # one of them on the disk
    upload = s3.create_multipart_upload(Bucket="lake", Key="x/y")["UploadId"]
    for number, part in enumerate(parts, 1):
        s3.upload_part(Bucket="lake", Key="x/y", UploadId=upload, PartNumber=number, Body=part)
    listed = s3.list_parts(Bucket="lake", Key="x/y", UploadId=upload)["Parts"]
    assert [one["Size"] for one in listed] == [len(part) for part in parts]
    tags: list[Any] = [{"PartNumber": one["PartNumber"], "ETag": one["ETag"]} for one in listed]
    s3.complete_multipart_upload(Bucket="lake", Key="x/y", UploadId=upload, MultipartUpload={"Parts": tags})
    assert s3.head_object(Bucket="lake", Key="x/y")["ContentLength"] == 5 * 1024 * 1024 + 100
    body = s3.get_object(Bucket="lake", Key="x/y")["Body"]
    assert b"".join(iter(lambda: body.read(1_000_000), b"")) == b"".join(parts)
    aws.forget()
    assert aws.s3.objects == {}
