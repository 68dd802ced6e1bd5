"""The process of local Glue jobs: what a job needs is loaded and warmed, then jobs are run, one at a time.

    python -m local.job_process glue/curate.py
        < {"arguments": ["--run", ...], "environment": {"AWS_ENDPOINT_URL": ...}, "is_large": false}
        > {"status": 0, "output": "...", "reusable": true}

The script is the one AWS Glue runs, as a program of its own: what a job leaves behind is cleared before the next one.
The first partition would pay for loading modules, so a tiny one is built first, in a temporary folder: by Spark where
all partitions are Spark's, else by Arrow, and then Java is started by the first job with a partition that needs it. End
of input means there are no more jobs.
"""

import contextlib
import gc
import json
import os
import runpy
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from pyspark import SparkContext
from pyspark.sql import SparkSession

from local import descriptions
from local.engines import ENGINE
from local.java import FIRST_COMPILER_ALONE, SUBMIT_ARGUMENTS
from local.own_modules import OwnModules

ROOT = Path(__file__).resolve().parent.parent
own_modules = OwnModules([f"{ROOT / folder}{os.sep}" for folder in ("glue", "functions")])
"""Modules of these folders are a job's own: the next job finds them as they were."""


def start() -> SparkSession:
    """The session of the script's own making, and what a job on this machine needs beside it."""
    import sparksession

    return without_checksums(sparksession.spark_session)()


def without_checksums(start: Callable[[], SparkSession]) -> Callable[[], SparkSession]:
    """Starts sessions that put no .crc file beside each object."""

    def started() -> SparkSession:
        spark = start()
        spark._jvm.org.apache.hadoop.fs.FileSystem.getLocal(spark._jsc.hadoopConfiguration()).setWriteChecksum(False)
        return spark

    return started


def with_both_compilers(start: Callable[[], SparkSession]) -> Callable[[], SparkSession]:
    """Starts sessions in a Java that has both compilers; one that lacks the second is ended before."""

    def started() -> SparkSession:
        gateway = SparkContext._gateway
        if gateway is not None and any(FIRST_COMPILER_ALONE in argument for argument in gateway.proc.args):
            end_java()
        os.environ[SUBMIT_ARGUMENTS] = os.environ[SUBMIT_ARGUMENTS].replace(f"{FIRST_COMPILER_ALONE} ", "")
        return start()

    return started


def end_java() -> None:
    """Ends Spark and its Java; the next session starts another."""
    gateway = SparkContext._gateway
    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()  # by which Java knows
    gateway.proc.wait(timeout=120)
    # PySpark keeps one for as long as the process lives, and has no other way to start the next
    SparkContext._gateway = SparkContext._jvm = None
    SparkSession._instantiatedSession = None


def warm_up(spark: SparkSession | None) -> None:
    """Builds one partition of two rows, by Arrow where there is no Spark."""
    from arrowworker import ArrowWorker
    from lakeferry.feeds import ChecksSpec, ColumnSpec, Feed, FilesSpec, FormatSpec, ServerSpec, TransformSpec
    from lakefiles import Lake
    from partition import Builder
    from sparkworker import SparkWorker
    from work import Worker
    from worklist import LandedFile, Partition

    feed = Feed(
        tenant="warm",
        feed="up",
        server=ServerSpec("sftp", "", 22, ""),
        files=FilesSpec("/", "*"),
        format=FormatSpec(),
        dataset="warm",
        checks=ChecksSpec(columns=(ColumnSpec("id", "int64"), ColumnSpec("at", "timestamp"))),
        transform=TransformSpec(filter="id > 0", derive={"twice": "id * 2"}),
    )
    key = "raw/warm_up/dt=2026-01-01/a.csv"
    file = LandedFile("warm/up", "a", "/a.csv", (key,), ("id", "at"), 2, "2026-01-01T00:00:00Z")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / key
        raw.parent.mkdir(parents=True)
        raw.write_text("id,at\n1,2026-01-01\n0,\n")
        lake = Lake(
            "warm", boto3.client("s3", region_name="us-east-1"), Path(folder)
        )  # the client is not called: objects are files here
        worker: Worker = (
            ArrowWorker(lake, "warm", len(raw.read_bytes()), lambda: None)
            if spark is None
            else SparkWorker(lambda: spark, lake, "warm")
        )
        Builder(lake, "warm", [worker]).build(feed, Partition("warm", "up", "2026-01-01"), [file])


def make_fresh() -> None:
    """Leaves nothing of a job in Spark, if a job has started it.

    Raises:
        RuntimeError: the job has ended it.
    """
    if SparkContext._gateway is None:
        return
    spark = SparkSession._instantiatedSession
    if spark is None:
        raise RuntimeError("Spark was started and is no more")
    fresh_session(spark)


def fresh_session(spark: SparkSession) -> SparkSession:
    """A session without temporary views, settings or functions of the one before; the context is kept, emptied."""
    context = spark.sparkContext
    jvm: Any = context._jvm
    context.cancelAllJobs()
    spark.catalog.clearCache()
    for dataset in context._jsc.getPersistentRDDs().values():
        dataset.unpersist(True)
    spark._jsparkSession.sharedState().globalTempViewManager().clear()
    # job group, description, scheduler pool: they are the calling thread's
    context._jsc.sc().setLocalProperties(jvm.java.util.Properties())
    SparkSession._instantiatedSession = None  # the next one becomes what `getOrCreate` finds
    return spark.newSession()


@contextlib.contextmanager
def own_state(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Gives a job its arguments and environment; afterwards the process is as if it had not been."""
    kept = dict(os.environ), sys.argv, list(sys.path), Path.cwd()
    own_modules.look()
    os.environ.update(environment)
    sys.argv = list(arguments)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept[0])
        sys.argv, sys.path[:] = kept[1], kept[2]
        os.chdir(kept[3])
        boto3.DEFAULT_SESSION = None  # it knows credentials and endpoint
        own_modules.put_back()


def run(script: str, job: Mapping[str, Any]) -> tuple[int, str]:
    """Runs the script as a program; its exit status and standard output."""
    status = 0
    with tempfile.TemporaryFile() as output, own_state([script, *job["arguments"]], job["environment"]):
        sys.stdout.flush()
        os.dup2(output.fileno(), 1)
        try:
            import sparksession

            # the script starts Spark when it needs it
            start = without_checksums(sparksession.spark_session)
            sparksession.spark_session = with_both_compilers(start) if job["is_large"] else start
            runpy.run_path(script, run_name="__main__")
        except SystemExit as ended:
            if ended.code is not None and not isinstance(ended.code, int):
                print(ended.code, file=sys.stderr)
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:
            traceback.print_exc()
            status = 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(2, 1)
        output.seek(0)
        return status, output.read().decode("utf-8", "replace")


def main(script: str) -> None:
    """Gets ready, and runs jobs until there are no more, or one leaves what cannot be cleared."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    descriptions.share()  # a job's session ends with it
    gc.disable()
    import arrowworker  # noqa: F401  (what the job imports when it needs it)
    import curate  # noqa: F401  (with all that it imports)

    own_modules.keep()
    with own_state(sys.argv, {}):
        warm_up(start() if os.environ.get(ENGINE) == "spark" else None)
    gc.collect()
    gc.freeze()  # what stays no job has to look through
    gc.enable()
    make_fresh()
    threads = set(threading.enumerate())
    for line in sys.stdin:
        status, output = run(script, json.loads(line))
        try:
            make_fresh()
            # a thread cannot be ended from outside
            reusable = not {thread for thread in threading.enumerate() if not thread.daemon} - threads
        except Exception:
            traceback.print_exc()
            reusable = False  # the job has ended Spark
        answers.write(json.dumps({"status": status, "output": output, "reusable": reusable}) + "\n")
        answers.flush()
        if not reusable:
            return


if __name__ == "__main__":
    main(sys.argv[1])
