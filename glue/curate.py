"""The Glue job: every raw partition with new files becomes curated Parquet, in one run for all tenants.

Plain PySpark 3.5 (Glue 5.1): the same script runs under `python` with pyspark installed. State is the ledger, so job
bookmarks stay off; a job that was killed at any point is simply run again.

    python glue/curate.py --run ARN --ledger_table T --feeds_table T --lake_bucket B --database D
        [--parallel N] [--partition_minutes N] [--small_partition_bytes N] [--path_map s3://B=/folder]
"""

import argparse
import json
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING

import boto3
from pyspark.sql import SparkSession

from admission import Admission
from building import Builders
from catalog import Catalog
from engine import Engine
from faults import reason
from isolation import built_without
from lakeferry.errors import FeedInvalidError, LakeferryError
from lakeferry.feeds.document import found_feed, read_document
from lakeferry.ledger import Ledger
from lakeferry.ledger.begun import Begun
from lakeferry.ledger.queries import feed_documents
from lakeferry.ledger.seeding import seed_datasets
from lakeferry.models import stack_of
from lakefiles import Lake, parse_path_map
from partition import Builder, Built
from publishing import Gathered, Publisher, side_by_side
from rawcatalog import RawCatalog
from report import Report
from setaside import SetAside
from sparksession import spark_session
from worklist import LandedFile, Partition, landed_files, pending

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


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


class Job:
    """One run over the work list."""

    def __init__(self, start: Callable[[], SparkSession], arguments: argparse.Namespace) -> None:
        """
        Args:
            start: Starts Spark; called when the first partition needs it.
        """
        resource = boto3.resource("dynamodb")
        table: Table = resource.Table(arguments.ledger_table)
        self._ledger = Ledger(table)
        self._begun = Begun(table, arguments.run, uuid.uuid4().hex)
        feeds = resource.Table(arguments.feeds_table)
        self._document = cache(lambda tenant, feed: read_document(feeds, tenant, feed))
        self._feed = cache(lambda tenant, feed: found_feed(feeds, tenant, feed, self._document(tenant, feed)))
        self._admission = Admission(self._ledger.datasets, self._feed, f"--stack {stack_of(arguments.run)}")
        self._aside = SetAside(self._ledger, self._document, self._admission.owned)
        self._documents = partial(feed_documents, feeds)
        folder = parse_path_map(arguments.path_map, arguments.lake_bucket)
        self._lake = Lake(arguments.lake_bucket, boto3.client("s3"), folder)
        self._raw_catalog = RawCatalog(boto3.client("glue"), arguments.database, self._lake)
        self._engine = Engine(start, self._lake, arguments.run, arguments.database, arguments.small_partition_bytes)
        catalog = Catalog(boto3.client("glue"), arguments.database, self._lake)
        self._publisher = Publisher(self._lake, catalog, table, arguments.run, self._admission.open)
        self._parallel, self._seconds = arguments.parallel, arguments.partition_minutes * 60

    def run(self) -> Report:
        """Builds partitions side by side and publishes what is ready meanwhile."""
        report, started = Report(), time.monotonic()
        files = self._files(report)
        self._register(files, report)
        seed_datasets(self._ledger, self._documents, self._lake.folders)
        for partition, error in self._admission.refused(files).items():
            report.fail(partition, error)

        def build(builder: Builder, partition: Partition) -> Built:
            build = partial(builder.build, self._feed(partition.tenant, partition.feed), partition)
            return built_without(partition, files[partition], build, self._drop)

        builders = Builders(self._engine, self._begun, build, parallel=self._parallel, seconds=self._seconds)
        gathered = Gathered()
        for finished in builders.finished([partition for partition in files if partition not in report.failed]):
            for each in finished:
                if each.built is not None:
                    gathered.add(each.built)
                elif each.error is not None:
                    report.fail(each.partition, each.error)
            if gathered.is_due:
                self._publish(gathered, report)
        self._publish(gathered, report)
        report.alone = builders.alone
        self._aside.set_aside(files, report.failed, report.own, report.left_out)
        report.seconds = round(time.monotonic() - started, 2)
        return report

    def _files(self, report: Report) -> dict[Partition, list[LandedFile]]:
        """The work list with each partition's files."""
        found: dict[Partition, list[LandedFile]] = {}

        def read(partition: Partition) -> None:
            try:
                files = landed_files(self._ledger, partition, self._lake.read)
            except Exception as error:  # this partition's alone
                report.fail(partition, error)
            else:
                if files:  # an index lags behind: they were replaced or curated meanwhile
                    found[partition] = files

        with ThreadPoolExecutor(max_workers=self._parallel) as pool:
            list(pool.map(read, pending(self._ledger)))
        return dict(sorted(found.items()))

    def _register(self, files: dict[Partition, list[LandedFile]], report: Report) -> None:
        """Raw partitions first, so that people can look at what was delivered even where curating it fails."""
        by_feed: dict[tuple[str, str], dict[Partition, list[LandedFile]]] = defaultdict(dict)
        for partition, landed in files.items():
            if known := [file for file in landed if not file.lacks]:
                by_feed[partition.tenant, partition.feed][partition] = known
        steps: list[tuple[str, Callable[[], None]]] = [("exports", self._raw_catalog.put_export_tables)]
        for names, found in by_feed.items():
            steps.append(("/".join(names), partial(self._register_feed, *names, found)))

        def register(named: tuple[str, Callable[[], None]]) -> None:
            name, step = named
            try:
                step()
            except FeedInvalidError:
                return  # told by each of its partitions
            except Exception as error:  # the rows are curated all the same
                report.unregistered[name] = reason(error)

        side_by_side(register, steps)

    def _register_feed(self, tenant: str, feed: str, files: dict[Partition, list[LandedFile]]) -> None:
        self._raw_catalog.register(self._feed(tenant, feed), files)

    def _drop(self, built: Built) -> None:
        """What was built only to see whether it can be."""
        for generation in (built.curated, built.fallout):
            self._lake.delete(self._lake.sizes(generation.prefix))

    def _publish(self, gathered: Gathered, report: Report) -> None:
        ready = gathered.take()
        if not ready:
            return
        self._publisher.publish(ready, self._engine, report)
        for built in ready:
            # a commit to an Iceberg table is Spark's work, too
            if built.iceberg and self._engine.is_alive:
                self._begun.end(built.partition.ledger_key)


def main(argv: Sequence[str]) -> None:
    """Runs the job.

    Raises:
        JobFailedError: names the partitions that failed by nobody's own fault and why, and feeds whose raw partitions
            the catalog lacks; all else is done, and what failed by its feed's fault is set aside.
    """
    arguments = parse_arguments(argv)
    report = Job(spark_session, arguments).run()
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
