"""The Glue job: every raw partition with new files becomes curated Parquet, in one run for all tenants.

Plain PySpark 3.5 (Glue 5.1): the same script runs under `python` with pyspark installed. State is the ledger, so job
bookmarks stay off; a job that was killed at any point is simply run again.

    python glue/curate.py --run ARN --ledger_table T --feeds_table T --lake_bucket B --database D
        [--parallel N] [--partition_minutes N] [--small_partition_bytes N] [--path_map s3://B=/folder]
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields

from pyspark.sql import SparkSession

from engine import Engine
from job import Arguments, Job
from lakeferry.errors import LakeferryError
from sparksession import spark_session


class JobFailedError(LakeferryError):
    """At least one partition could not be curated, and no feed is to blame; the others were."""


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The job's own arguments; Glue passes more, which are left alone."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("run", "ledger_table", "feeds_table", "lake_bucket", "database"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--parallel", type=int, default=8, help="partitions built at the same time")
    parser.add_argument("--partition_minutes", type=float, default=30, help="a partition may take, at most")
    parser.add_argument(
        "--small_partition_bytes",
        type=int,
        default=0,
        help="raw bytes up to which a partition is built without Spark; 0: all are Spark's",
    )
    parser.add_argument("--path_map", default="", help="s3://bucket=/folder: the bucket's objects are files there")
    return parser.parse_known_args(argv)[0]


def job(start: Callable[[], SparkSession], arguments: argparse.Namespace) -> Job:
    """One run of the job, by Arrow and Spark.

    Args:
        start: Starts Spark; called when the first partition needs it.
    """
    told = {field.name: getattr(arguments, field.name) for field in fields(Arguments)}
    small = arguments.small_partition_bytes
    return Job(Arguments(**told), lambda lake: Engine(start, lake, arguments.run, arguments.database, small))


def main(argv: Sequence[str]) -> None:
    """Runs the job.

    Raises:
        JobFailedError: names the partitions that failed by nobody's own fault and why, and feeds whose raw partitions
            the catalog lacks; all else is done, and what failed by its feed's fault is set aside.
    """
    arguments = parse_arguments(argv)
    report = job(spark_session, arguments).run()
    print(json.dumps(report.to_json()), flush=True)
    problems = []
    failed = {partition: text for partition, text in report.failed.items() if partition not in report.own}
    if failed:
        reasons = "; ".join(text for _, text in sorted(failed.items()))
        problems.append(f"{len(failed)} of {len(report.failed) + report.partitions} partitions failed: {reasons}")
    if report.unregistered:
        reasons = "; ".join(f"{name}: {text}" for name, text in sorted(report.unregistered.items()))
        problems.append(f"the raw zone of {len(report.unregistered)} feeds could not be catalogued: {reasons}")
    if problems:
        raise JobFailedError(". ".join(problems))


if __name__ == "__main__":
    main(sys.argv[1:])
