"""One run over the work list: partitions are built by the engines there are, and published. It knows no engine.

Two may be at it at the same time, of two runs or of one (the function for small runs, the Glue job): each takes a
partition's lease before it builds it, and publishes nothing that another writer has taken over.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol

import boto3

from admission import Admission
from building import Builders, BuildingEngine
from catalog import Catalog
from faults import reason
from isolation import built_without
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds.document import found_feed, read_document
from lakeferry.ledger import Ledger
from lakeferry.ledger.begun import Begun
from lakeferry.ledger.leases import Leases
from lakeferry.ledger.queries import feed_documents
from lakeferry.ledger.seeding import seed_datasets
from lakeferry.models import stack_of
from lakefiles import Lake, parse_path_map
from partition import Builder, Built
from publishing import Gathered, Publisher, Tables, side_by_side
from rawcatalog import RawCatalog
from report import Report
from setaside import SetAside
from work import LeftToJobError
from worklist import FUNCTION, JOB, LandedFile, Partition, landed_files, pending

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

Files = dict[Partition, list[LandedFile]]


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a run of the job is told.

    Attributes:
        run: ARN of the run.
        parallel: Partitions built at the same time.
        partition_minutes: That one may take.
        path_map: As `lakefiles.parse_path_map` has it; empty: objects are in S3.
    """

    run: str
    ledger_table: str
    feeds_table: str
    lake_bucket: str
    database: str
    parallel: int
    partition_minutes: float
    path_map: str = ""


class Engines(BuildingEngine, Tables, Protocol):
    """The engines of one run."""

    def go_on(self) -> None:
        """Raises GivenUpError where the calling thread is to do no more."""


class Job:
    """One run over the work list."""

    def __init__(self, arguments: Arguments, engines: Callable[[Lake], Engines], *, is_last: bool = True) -> None:
        """
        Args:
            is_last: What this one cannot build nobody else will try in this run: it is set aside, or has failed.
        """
        resource = boto3.resource("dynamodb")
        table: Table = resource.Table(arguments.ledger_table)
        self._ledger = Ledger(table)
        owner = uuid.uuid4().hex
        self._begun = Begun(table, arguments.run, owner)
        feeds = resource.Table(arguments.feeds_table)
        self._document = cache(lambda tenant, feed: read_document(feeds, tenant, feed))
        self._feed = cache(lambda tenant, feed: found_feed(feeds, tenant, feed, self._document(tenant, feed)))
        self._admission = Admission(self._ledger.datasets, self._feed, f"--stack {stack_of(arguments.run)}")
        self._aside = SetAside(self._ledger, self._document, self._admission.owned)
        self._documents = partial(feed_documents, feeds)
        folder = parse_path_map(arguments.path_map, arguments.lake_bucket)
        self._lake = Lake(arguments.lake_bucket, boto3.client("s3"), folder)
        self._raw_catalog = RawCatalog(boto3.client("glue"), arguments.database, self._lake)
        self._engine, self._is_last = engines(self._lake), is_last
        self._leases = Leases(table, owner)
        catalog = Catalog(boto3.client("glue"), arguments.database, self._lake)
        self._publisher = Publisher(
            *(self._lake, catalog, table, arguments.run, self._admission.open, self._leases),
            state=JOB if is_last else FUNCTION,
        )
        self._parallel, self._seconds = arguments.parallel, arguments.partition_minutes * 60

    def run(self) -> Report:
        """Builds partitions side by side and publishes what is ready meanwhile."""
        report, started = Report(), time.monotonic()
        with self._leases:
            # before files are looked up: what is published after that is seen when its lease is taken
            self._leases.look()
            files = self._files(report)
            with self._leases.catalog():
                self._register(files, report)
            seed_datasets(self._ledger, self._documents, self._lake.folders)
            for partition, error in self._admission.refused(files).items():
                report.fail(partition, error)
            if not self._is_last:
                for partition in files:
                    if f"{partition.tenant}/{partition.feed}" in report.unregistered:
                        report.fail(partition, LeftToJobError(f"{partition}: is not in the catalog yet."))
            partitions = [partition for partition in files if not report.has(partition)]
            self._build(partitions, files, report)
            if report.leased and self._is_last:
                # another writer has died, or is nearly done: nobody else will be asked in this run
                self._leases.wait()
                waited, report.leased = sorted(report.leased), {}
                self._build(waited, files, report)
        if self._is_last:
            self._aside.set_aside(files, report.failed, report.own, report.left_out)
        report.seconds = round(time.monotonic() - started, 2)
        return report

    def _build(self, partitions: Sequence[Partition], files: Files, report: Report) -> None:
        def build(builder: Builder, partition: Partition) -> Built:
            self._engine.go_on()
            if self._leases.acquire(partition.ledger_key):
                files[partition] = landed_files(self._ledger, partition, self._lake.read)
            build = partial(builder.build, self._feed(partition.tenant, partition.feed), partition)
            if not self._is_last:  # whose fault it is, is found where it is told
                if any(file.lacks for file in files[partition]):
                    raise LeftToJobError(f"{partition}: a file of it cannot be read.")
                return build(files[partition])
            return built_without(partition, files[partition], build, self._drop)

        builders = Builders(self._engine, self._begun, build, parallel=self._parallel, seconds=self._seconds)
        gathered = Gathered()
        for finished in builders.finished(self._buildable(partitions, report)):
            for each in finished:
                if each.built is not None:
                    gathered.add(each.built)
                elif each.error is not None:
                    report.fail(each.partition, each.error)
                    self._leases.release(each.partition.ledger_key)
            if gathered.is_due:
                self._publish(gathered, report)
        self._publish(gathered, report)
        report.alone += builders.alone

    def _buildable(self, partitions: Sequence[Partition], report: Report) -> list[Partition]:
        """All, but where another comes after this one: it builds what Spark, or a job, has ended over before."""
        if self._is_last:
            return list(partitions)
        suspects = self._begun.suspects()
        for partition in partitions:
            if partition.ledger_key in suspects:
                report.fail(partition, LeftToJobError(f"{partition}: was being built when its job ended."))
        return [partition for partition in partitions if partition.ledger_key not in suspects]

    def _files(self, report: Report) -> Files:
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

    def _register(self, files: Files, report: Report) -> None:
        """Raw partitions first, so that people can look at what was delivered even where curating it fails."""
        by_feed: dict[tuple[str, str], dict[Partition, list[LandedFile]]] = defaultdict(dict)
        for partition, landed in files.items():
            if known := [file for file in landed if not file.lacks]:
                by_feed[partition.tenant, partition.feed][partition] = known
        steps: list[tuple[str, Callable[[], None]]] = [("tables", self._raw_catalog.put_standing_tables)]
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

    def _register_feed(self, tenant: str, feed: str, files: Files) -> None:
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
            self._leases.release(built.partition.ledger_key)
            # a commit to an Iceberg table is Spark's work, too
            if built.iceberg and self._engine.is_alive:
                self._begun.end(built.partition.ledger_key)
