"""What runs in the process of a local Glue job: a session is started and warmed, then the job's arguments are awaited.

    python -m local.job_process glue/curate.py
        < {"arguments": ["--run", ...], "environment": {"AWS_ENDPOINT_URL": ...}}

The script is the one AWS Glue runs. Its first partition would pay for loading Spark's classes, so a tiny one is
built first, in a temporary folder; end of input means there is no job.
"""

import json
import os
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import boto3

from lakeferry.feeds import ChecksSpec, ColumnSpec, Feed, FilesSpec, FormatSpec, ServerSpec, TransformSpec


def warm_up(spark: Any) -> None:
    """Builds one partition of two rows."""
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


def main(script: str) -> None:
    """Gets ready, waits for one job, and runs it."""
    import curate

    spark = curate.spark_session()
    # no .crc file beside each object
    spark._jvm.org.apache.hadoop.fs.FileSystem.getLocal(spark._jsc.hadoopConfiguration()).setWriteChecksum(False)
    warm_up(spark)
    line = sys.stdin.readline()
    if line:
        job = json.loads(line)
        os.environ.update(job["environment"])
        sys.argv = [script, *job["arguments"]]
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
