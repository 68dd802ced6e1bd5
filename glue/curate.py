"""The Glue job: every raw partition with new files becomes curated Parquet, in one run for all tenants.

Plain PySpark 3.5 (Glue 5.1): the same script runs under `python` with pyspark installed. State is the ledger, so job
bookmarks stay off; a job that was killed at any point is simply run again.

    python glue/curate.py --run ARN --ledger_table T --feeds_table T --lake_bucket B --database D
        [--parallel N] [--path_map s3://B=/folder]
"""

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3
from pyspark.sql import SparkSession

import fallout
import quality
from admission import Admission
from catalog import Catalog
from faults import feeds_own, reason
from iceberg import IcebergTables
from lakeferry.aws.tables import utc_now
from lakeferry.errors import FeedInvalidError, LakeferryError
from lakeferry.feeds import Feed
from lakeferry.feeds.document import found_feed, read_document
from lakeferry.ledger import Ledger
from lakeferry.ledger.queries import feed_documents
from lakeferry.ledger.seeding import seed_datasets
from lakeferry.models import run_id_of, stack_of
from lakefiles import Lake, parse_path_map
from partition import Builder, Built, Generation
from rawcatalog import RawCatalog
from setaside import SetAside
from worklist import LandedFile, Partition, landed_files, mark_curated, pending

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SPARK_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    # malformed rows are found only where all columns are parsed
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # partitions are built side by side: each gets its share
    "spark.scheduler.mode": "FAIR",
    # readers list the prefix; an empty marker object would be one more file to open
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    # "${env:NAME}" in an expression stays text
    "spark.sql.variable.substitute": "false",
    # days before 1582 and times before 1900 are written and read as they stand, in the one calendar that Athena and
    # DuckDB know (Spark SQL migration guide, "Parquet"); by default one such value fails its whole partition
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    # expressions of a feed read the rows they are given, not files by path
    "spark.sql.runSQLOnFiles": "false",
}

FORBIDDEN_FUNCTIONS = (
    *("reflect", "java_method"),  # run any code
    *("rand", "random", "randn", "uuid", "shuffle", "monotonically_increasing_id"),  # differ from rebuild to rebuild
    *("spark_partition_id", "input_file_name", "input_file_block_start", "input_file_block_length"),
)
"""Not to be had in a feed's expressions."""


class JobFailedError(LakeferryError):
    """At least one partition could not be curated, and no feed is to blame; the others were."""


@dataclass
class Report:
    """What a run of the job did.

    Attributes:
        failed: Partition → reason.
        own: Of these, those that failed by their feed's own fault, and the error's name: they are set aside.
        unregistered: Feed whose raw partitions the catalog lacks → reason.
    """

    partitions: int = 0
    files: int = 0
    rows_landed: int = 0
    rows_curated: int = 0
    rows_dropped: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    bytes_written: int = 0
    failed: dict[Partition, str] = field(default_factory=dict)
    own: dict[Partition, str] = field(default_factory=dict)
    unregistered: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, built: Built) -> None:
        """Counts a published partition."""
        self.partitions += 1
        self.files += len(built.counts)
        self.bytes_written += built.bytes_written
        for item in built.counts:
            self.rows_landed += item.file.rows_landed
            self.rows_curated += item.curated
            for rule, rows in item.dropped.items():
                self.rows_dropped[rule] += rows

    def fail(self, partition: Partition, error: BaseException) -> None:
        """Notes why a partition failed, and whose fault it is."""
        self.failed[partition] = reason(error)
        if own := feeds_own(error):
            self.own[partition] = own

    def to_json(self) -> dict[str, Any]:
        named = {name: {str(key): text for key, text in getattr(self, name).items()} for name in ("failed", "own")}
        return {**vars(self), **named}


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The job's own arguments; Glue passes more, which are left alone."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("run", "ledger_table", "feeds_table", "lake_bucket", "database"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--parallel", type=int, default=8, help="partitions built at the same time")
    parser.add_argument("--path_map", default="", help="s3://bucket=/folder: the bucket's objects are files there")
    return parser.parse_known_args(argv)[0]


def spark_session() -> SparkSession:
    """The session, in which a feed's expressions can do nothing but compute a value from a row."""
    builder = SparkSession.builder.appName("lakeferry-curate")
    for name, value in SPARK_SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    registry = spark._jsparkSession.sessionState().functionRegistry()
    identifier = spark._jvm.org.apache.spark.sql.catalyst.FunctionIdentifier
    for name in FORBIDDEN_FUNCTIONS:
        registry.dropFunction(identifier(name))
    return spark


class Job:
    """One run over the work list."""

    def __init__(self, spark: SparkSession, arguments: argparse.Namespace) -> None:
        self._run = arguments.run
        resource = boto3.resource("dynamodb")
        self._table: Table = resource.Table(arguments.ledger_table)
        self._ledger = Ledger(self._table)
        feeds = resource.Table(arguments.feeds_table)
        self._document = cache(lambda tenant, feed: read_document(feeds, tenant, feed))
        self._feed = cache(lambda tenant, feed: found_feed(feeds, tenant, feed, self._document(tenant, feed)))
        self._admission = Admission(self._ledger.datasets, self._feed, f"--stack {stack_of(arguments.run)}")
        self._aside = SetAside(self._ledger, self._document, self._admission.owned)
        self._documents = partial(feed_documents, feeds)
        folder = parse_path_map(arguments.path_map, arguments.lake_bucket)
        self._lake = Lake(arguments.lake_bucket, boto3.client("s3"), folder)
        self._catalog = Catalog(boto3.client("glue"), arguments.database, self._lake)
        self._iceberg = IcebergTables(spark, arguments.database, self._lake)
        self._raw_catalog = RawCatalog(boto3.client("glue"), arguments.database, self._lake)
        self._builder = Builder(spark, self._lake, run_id_of(arguments.run))
        self._parallel = arguments.parallel

    def run(self) -> Report:
        """Builds partitions side by side and publishes each as soon as it is ready."""
        report, started = Report(), time.monotonic()
        files = self._files(report)
        self._register(files, report)
        seed_datasets(self._ledger, self._documents, self._lake.folders)
        for partition, error in self._admission.refused(files).items():
            report.fail(partition, error)
        with ThreadPoolExecutor(max_workers=self._parallel, thread_name_prefix="partition") as pool:
            admitted = [partition for partition in files if partition not in report.failed]
            building = {pool.submit(self._build, partition, files[partition]): partition for partition in admitted}
            while building:
                done, _ = wait(building, return_when=FIRST_COMPLETED)
                self._finish({future: building.pop(future) for future in done}, report)
        self._aside.set_aside(files, report.failed, report.own)
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
            by_feed[partition.tenant, partition.feed][partition] = landed
        steps: list[tuple[str, Callable[[], None]]] = [("exports", self._raw_catalog.put_export_tables)]
        for names, found in by_feed.items():
            steps.append(("/".join(names), partial(self._register_feed, *names, found)))
        for name, step in steps:
            try:
                step()
            except FeedInvalidError:
                continue  # told by each of its partitions
            except Exception as error:  # the rows are curated all the same
                report.unregistered[name] = reason(error)

    def _register_feed(self, tenant: str, feed: str, files: dict[Partition, list[LandedFile]]) -> None:
        self._raw_catalog.register(self._feed(tenant, feed), files)

    def _build(self, partition: Partition, files: list[LandedFile]) -> Built:
        feed: Feed = self._feed(partition.tenant, partition.feed)
        return self._builder.build(feed, partition, files)

    def _finish(self, done: dict["Future[Built]", Partition], report: Report) -> None:
        ready: dict[tuple[str, bool], list[Built]] = defaultdict(list)
        for future, partition in done.items():
            error = future.exception()
            if error is not None:
                report.fail(partition, error)
            else:
                built = future.result()
                ready[built.curated.table, built.iceberg].append(built)
        for partitions in ready.values():
            try:
                self._publish(partitions, report)
            except Exception as error:  # one table's trouble must not keep the others from being published
                for built in partitions:
                    if built.partition not in report.failed:
                        report.fail(built.partition, error)

    def _publish(self, partitions: list[Built], report: Report) -> None:
        """Makes partitions of one table visible: first what is beside the table, then the switch, then the ledger."""
        names = [built.partition for built in partitions]
        fallout_before = self._catalog.prefixes(fallout.TABLE, names)
        fallouts = [built.fallout for built in partitions if built.has_fallout or built.partition in fallout_before]
        if fallouts:
            for generation, refused in self._catalog.publish(fallouts).items():
                if refused is None:
                    self._remove_old(generation, fallout_before)
        iceberg = partitions[0].iceberg
        before = {} if iceberg else self._catalog.prefixes(partitions[0].curated.table, names)
        tables = self._iceberg if iceberg else self._catalog
        outcome = tables.publish([built.curated for built in partitions])
        for generation, error in outcome.items():
            if error:
                report.fail(generation.partition, error)
        visible = [built for built in partitions if outcome[built.curated] is None]
        if visible:
            self._admission.open(partitions[0].curated.table)
        self._note_quality(visible)
        for built in visible:
            if iceberg:  # the table has files of its own
                self._lake.delete(self._lake.sizes(built.curated.root))
            else:
                self._remove_old(built.curated, before)
            mark_curated(self._table, self._run, built.counts)
            report.add(built)

    def _note_quality(self, partitions: list[Built]) -> None:
        now = utc_now()
        run_id = run_id_of(self._run)
        rows = [
            row
            for built in partitions
            for row in quality.facts(built.partition, built.curated.table, run_id, now, built.counts, built.profiles)
        ]
        if rows:
            day, moment = now[:10], re.sub(r"\D", "", now)
            self._lake.put(
                f"{quality.PREFIX}{quality.PARTITION_KEY}={day}/{run_id}-{moment}.json", quality.to_lines(rows)
            )
            self._catalog.add_json_partition(quality.TABLE, quality.COLUMNS, quality.PREFIX, quality.PARTITION_KEY, day)

    def _remove_old(self, generation: Generation, before: dict[Partition, str]) -> None:
        """Deletes all generations but the new one and the previous one, which readers may be at work on."""
        keep = tuple(prefix for prefix in (generation.prefix, before.get(generation.partition)) if prefix)
        self._lake.delete(key for key in self._lake.sizes(generation.root) if not key.startswith(keep))


def main(argv: Sequence[str]) -> None:
    """Runs the job.

    Raises:
        JobFailedError: names the partitions that failed by nobody's own fault and why, and feeds whose raw partitions
            the catalog lacks; all else is done, and what failed by its feed's fault is set aside.
    """
    arguments = parse_arguments(argv)
    report = Job(spark_session(), arguments).run()
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
