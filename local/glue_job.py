"""Glue jobs on this machine: the very same script, on PySpark in a process that is kept between jobs.

Glue has no emulator, and the job needs none: it is plain PySpark that keeps its state in the ledger. What differs
here is said in `SPARK_ARGUMENTS`, `--path_map` and `--small_partition_bytes`, and nowhere else.
"""

import atexit
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from lakeferry.ledger.files import PENDING
from local.engines import ENGINE, LARGE_RUN_BYTES, small_bytes
from local.java import spark_environment
from local.stack import Event

ROOT = Path(__file__).resolve().parent.parent


class LocalAws(Protocol):
    """What this module needs of AWS on this machine."""

    @property
    def endpoint(self) -> str:
        """URL of the local AWS server."""

    def client(self, name: str) -> Any:
        """A boto3 client of it."""

    def bucket_folder(self, bucket: str) -> Path:
        """The folder that holds a bucket's objects as files."""

    def s3_rescan(self, bucket: str, prefix: str = "") -> None:
        """Takes in what was written into or deleted from the folder by others."""


class JobProcess:
    """A process that runs jobs, one after the other; with a Spark session from when one first needed it.

    Starting one takes seconds and needs nothing of AWS, so it is best started before a job is due, and kept.
    """

    def __init__(self, script: Path) -> None:
        self.usable = True
        self._errors = tempfile.TemporaryFile("a+", encoding="utf-8", errors="replace")  # noqa: SIM115  (as long as it)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.job_process", str(script)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=_environment(),
            start_new_session=True,  # with its Java, to be killed together
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def run(
        self, aws: LocalAws, arguments: list[str], timeout: float | None, *, large: bool = False
    ) -> tuple[int, str, str]:
        """Runs a job in it and waits.

        Args:
            timeout: Seconds.
            large: It has much to do, so Java is worth both its compilers.

        Returns:
            Exit status, standard output, standard error.

        Raises:
            subprocess.TimeoutExpired: it was ended because the time was over; what it wrote to standard error is in
                `stderr`.
        """
        assert self._process.stdin is not None  # noqa: S101  (pipes were asked for)
        assert self._process.stdout is not None  # noqa: S101
        job = {
            "arguments": arguments,
            "environment": {
                "AWS_ENDPOINT_URL": aws.endpoint,
                "AWS_DEFAULT_REGION": aws.client("glue").meta.region_name,
            },
            "is_large": large,
        }
        self.usable = False  # until it says so
        line = ""
        with contextlib.suppress(OSError):  # it is gone: what it wrote last tells why
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            if not select.select([self._process.stdout], [], [], timeout)[0]:
                self.kill()
                raise subprocess.TimeoutExpired(self._process.args, timeout or 0, stderr=self._told())
            line = self._process.stdout.readline()
        if not line:
            self.kill()
            return self._process.returncode, "", self._told()
        answer = json.loads(line)
        self.usable = answer["reusable"]
        return answer["status"], answer["output"], self._told()

    def _told(self) -> str:
        """Standard error since the last call."""
        self._errors.seek(0)
        text = self._errors.read()
        self._errors.truncate(0)  # writers append
        return text

    def kill(self) -> None:
        """Ends the process and its Java at once, whatever they do."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Ends it for good."""
        self.usable = False
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was not sent is not wanted
                    stream.close()


class JobProcesses:
    """The processes of this one: a job takes one that is free, and gives it back if it can be used again."""

    def __init__(self, script: Path = ROOT / "glue" / "curate.py") -> None:
        self._script = script
        self._all: set[JobProcess] = set()
        self._free: list[JobProcess] = []
        self._lock = threading.Lock()
        atexit.register(self.close)

    def warm_up(self) -> None:
        """Starts one in the background if none is there."""
        with self._lock:
            if not self._all:
                self._free.append(self._start())

    def _start(self) -> JobProcess:
        process = JobProcess(self._script)
        self._all.add(process)
        return process

    def take(self) -> JobProcess:
        """A process for one job."""
        with self._lock:
            while self._free:
                process = self._free.pop()
                if process.alive:
                    return process
                self._all.discard(process)
                process.close()
            return self._start()

    def give_back(self, process: JobProcess) -> None:
        """Keeps one process for the next job; others end."""
        with self._lock:
            if process.usable and not self._free:
                self._free.append(process)
                return
            self._all.discard(process)
        process.close()

    def close(self) -> None:
        """Ends them all, those at work too."""
        with self._lock:
            processes = list(self._all)
            self._all.clear()
            self._free.clear()
        for process in processes:
            process.close()


processes = JobProcesses()


def warm_up() -> None:
    """Starts a process for the next job in the background, if there is none; it ends with this one."""
    processes.warm_up()


def warm_up_with_first_file(event: Event) -> None:
    """A listener of runs: where a file is taken there will be a job; where none is, Spark is not started."""
    if event.kind == "entered" and event.state == "Fetch files":
        warm_up()


def run_job(aws: LocalAws, job_name: str, arguments: Mapping[str, str], logs: Path) -> tuple[bool, str]:
    """Runs a Glue job as the Glue API describes it, in a process that is there already if there is one.

    Args:
        arguments: The run's own; they win over the job's `DefaultArguments`.
        logs: Folder for what a job that fails wrote to standard error.

    Returns:
        Whether it succeeded, and what it did or why it failed.
    """
    job = aws.client("glue").get_job(JobName=job_name)["Job"]
    merged = {**job.get("DefaultArguments", {}), **arguments}
    bucket = merged["--lake_bucket"]
    merged.setdefault("--small_partition_bytes", str(small_bytes()))
    merged["--path_map"] = f"s3://{bucket}={aws.bucket_folder(bucket)}"
    timeout = float(job["Timeout"]) * 60 if job.get("Timeout") else None
    large = is_large(aws, merged["--ledger_table"], aws.bucket_folder(bucket))
    process = processes.take()
    try:
        status, out, err = process.run(aws, [part for item in merged.items() for part in item], timeout, large=large)
        if status == 0:
            return True, _summary(out)
        reason = _failure(err, status)
    except subprocess.TimeoutExpired as over:
        err, reason = str(over.stderr), f"job {job_name} was stopped after its {job['Timeout']} minutes."
    finally:
        processes.give_back(process)
        for prefix in ("curated/", "fallout/"):
            aws.s3_rescan(bucket, prefix=prefix)
    return False, f"{reason} (all it wrote: {_log(logs, merged['--run'], err)})"


def is_large(aws: LocalAws, ledger_table: str, lake: Path) -> bool:
    """Whether the days on the work list, each of which is rebuilt whole, have more than `LARGE_RUN_BYTES` together.

    Args:
        lake: The folder that holds the bucket's objects.
    """
    pages = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=ledger_table,
            IndexName="pending",
            KeyConditionExpression="pending = :pending",
            ExpressionAttributeValues={":pending": {"S": PENDING}},
        )
    )
    days = {tuple(item["partition"]["S"].split("/")) for page in pages for item in page["Items"]}
    left = LARGE_RUN_BYTES
    for tenant, feed, dt in days:
        folder = lake / "raw" / f"{tenant}_{feed}" / f"dt={dt}"
        left -= sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
    return left < 0


def _log(folder: Path, run: str, text: str) -> Path:
    """Keeps a failed job's standard error; a run's second attempt is added to its first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.rsplit(':', 1)[-1]}.log"
    with path.open("a", encoding="utf-8") as file:
        file.write(text if text.endswith("\n") else f"{text}\n")
    return path


def _summary(out: str) -> str:
    report = json.loads(out.strip().splitlines()[-1])
    dropped = ", ".join(f"{rule} {rows}" for rule, rows in sorted(report["rows_dropped"].items()))
    return (
        f"{report['partitions']} partitions of {report['files']} files: {report['rows_landed']} rows landed, "
        f"{report['rows_curated']} curated, {sum(report['rows_dropped'].values())} dropped"
        f"{f' ({dropped})' if dropped else ''}, in {report['seconds']} s"
    )


def _failure(err: str, status: int) -> str:
    lines = [line for line in err.splitlines() if re.match(r"[\w.]*(Error|Exception|Exit)\b", line)]
    return lines[-1].removeprefix("__main__.") if lines else f"exit status {status}: {err.strip()[-500:]}"


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/tmp"),  # noqa: S108  (Spark wants one that it can write to)
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join((str(ROOT / "glue"), str(ROOT / "functions"), str(ROOT))),
        "AWS_ACCESS_KEY_ID": "glue-job",  # whose a call is, as the job's role tells AWS
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        **{name: os.environ[name] for name in (ENGINE,) if name in os.environ},
        **spark_environment(),
    }
