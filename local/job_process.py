"""The process of local Glue jobs: a Spark session is started and warmed, then jobs are run, one at a time.

    python -m local.job_process glue/curate.py
        < {"arguments": ["--run", ...], "environment": {"AWS_ENDPOINT_URL": ...}}
        > {"status": 0, "output": "...", "reusable": true}

The script is the one AWS Glue runs, as a program of its own: what a job leaves behind is cleared before the next one.
The first partition would pay for loading Spark's classes, so a tiny one is built first, in a temporary folder. End of
input means there are no more jobs.
"""

import contextlib
import json
import os
import runpy
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parent.parent
OWN_CODE = (ROOT / "glue", ROOT / "functions")
"""Modules of these folders are a job's own: the next job imports them anew."""


def start() -> SparkSession:
    """The session of the script's own making, and what a job on this machine needs beside it."""
    import sparksession

    spark = sparksession.spark_session()
    # no .crc file beside each object
    spark._jvm.org.apache.hadoop.fs.FileSystem.getLocal(spark._jsc.hadoopConfiguration()).setWriteChecksum(False)
    return spark


def warm_up(spark: SparkSession) -> None:
    """Builds one partition of two rows."""
    from lakeferry.feeds import ChecksSpec, ColumnSpec, Feed, FilesSpec, FormatSpec, ServerSpec, TransformSpec
    from lakefiles import Lake
    from partition import Builder
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
        Builder(spark, lake, "warm").build(feed, Partition("warm", "up", "2026-01-01"), [file])


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
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name != "__main__" and file and any(Path(file).is_relative_to(folder) for folder in OWN_CODE):
                del sys.modules[name]


def run(script: str, job: Mapping[str, Any]) -> tuple[int, str]:
    """Runs the script as a program; its exit status and standard output."""
    status = 0
    with tempfile.TemporaryFile() as output, own_state([script, *job["arguments"]], job["environment"]):
        sys.stdout.flush()
        os.dup2(output.fileno(), 1)
        try:
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
    with own_state(sys.argv, {}):
        spark = start()
        warm_up(spark)
    spark = fresh_session(spark)
    threads = set(threading.enumerate())
    for line in sys.stdin:
        status, output = run(script, json.loads(line))
        try:
            spark = fresh_session(spark)
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
