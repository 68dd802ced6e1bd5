"""Rebuilt partitions are made visible many at a time, and each succeeds or fails alone."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import fallout
import publishing
from catalog import Catalog, CatalogRefusedError, Outcome
from iceberg import IcebergRefusedError
from lakeferry.catalog.tables import BATCH
from lakeferry.ledger import Ledger
from lakeferry.ledger.leases import Leases
from lakefiles import Lake
from partition import Built, Generation
from publishing import Gathered, Publisher
from report import Report
from tests.conftest import RUN
from worklist import FileCounts, LandedFile, Partition, mark_curated

DATABASE = "curated"
COLUMNS = (("order_id", "bigint"),)


class NoIceberg:
    def publish(self, generations: Sequence[Generation]) -> Outcome:
        raise AssertionError("no table is Iceberg's")


class World:
    """A catalog in moto, a lake in a folder, a ledger in moto; partitions as the builder leaves them."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.glue = boto3.client("glue")
        self.glue.create_database(DatabaseInput={"Name": DATABASE})
        self.lake = Lake("lake", boto3.client("s3"), folder)
        self.ledger = ledger
        self.catalog = Catalog(self.glue, DATABASE, self.lake)
        self.opened: list[str] = []
        self.leases = Leases(ledger._table, "one")
        self.publisher = Publisher(self.lake, self.catalog, ledger._table, RUN, self.opened.append, self.leases)
        self.calls: Counter[str] = Counter()
        self.glue.meta.events.register("before-call", self._count)

    def _count(self, model: Any, **_: Any) -> None:
        self.calls[model.name] += 1

    def built(
        self, number: int, *, table: str = "sales", run: str = "run-1", fallout: bool = False, **changes: Any
    ) -> Built:
        partition = Partition("acme", f"{table}_feed", f"day{number:03d}")
        keys = f"tenant=acme/feed={partition.feed}/dt={partition.dt}/"
        self.leases.acquire(partition.ledger_key)
        file = LandedFile(
            f"acme/{partition.feed}", f"/{number}.csv#1#1", f"/{number}.csv", ("k",), ("order_id",), 1, "2026-01-05"
        )
        self.ledger._table.put_item(
            Item={
                **{"feed_id": file.feed_id, "file_id": file.file_id, "status": "UPLOADED", "pending": "raw"},
                "uploaded_at": file.uploaded_at,
            }
        )
        generations = [
            Generation(name, partition, f"{root}{keys}", f"{root}{keys}{run}/", COLUMNS, file.path)
            for name, root in ((table, f"curated/{table}/"), ("fallout", "fallout/rows/"))
        ]
        for generation in generations:
            self.lake.put(f"{generation.prefix}a.parquet", b"PAR1")
        return Built(
            curated=generations[0],
            fallout=generations[1],
            has_fallout=fallout,
            counts=(FileCounts(file, 1),),
            profiles=(),
            bytes_written=4,
            **changes,
        )

    def publish(self, ready: Sequence[Built]) -> Report:
        report = Report()
        self.publisher.publish(ready, NoIceberg(), report)
        return report

    def visible(self, table: str = "sales") -> dict[str, str]:
        """Day → the run whose generation readers see."""
        try:
            found = self.glue.get_partitions(DatabaseName=DATABASE, TableName=table)["Partitions"]
        except self.glue.exceptions.EntityNotFoundException:
            return {}
        return {item["Values"][2]: item["StorageDescriptor"]["Location"].split("/")[-2] for item in found}

    def curated(self) -> set[str]:
        items = self.ledger._table.scan()["Items"]
        return {str(item["file_id"]) for item in items if item.get("status") == "CURATED"}


@pytest.fixture
def world(ledger: Ledger, tmp_path: Path) -> World:
    return World(ledger, tmp_path)


def thirty(world: World, run: str) -> list[Built]:
    tables = ("sales", "stock", "orders")
    return [world.built(number, table=tables[number % 3], run=run, fallout=number % 2 == 0) for number in range(30)]


@pytest.mark.slow
def test_thirty_partitions_take_fewer_than_twenty_calls_of_the_catalog(world: World) -> None:
    """One at a time, which is how the job published them, they take five each even where all tables are there."""
    ready = thirty(world, "run-1")
    report = world.publish(ready)
    assert (report.partitions, report.failed) == (30, {})
    assert world.calls.total() == 19
    assert len(world.visible()) == 10
    assert len(world.visible("fallout")) == 15
    assert len(world.curated()) == 30
    world.calls.clear()
    assert world.publish(thirty(world, "run-2")).failed == {}
    assert world.calls.total() == 12, "of rebuilds, what is there is known from the one look-up"
    assert set(world.visible().values()) == set(world.visible("fallout").values()) == {"run-2"}
    world.calls.clear()
    for built in thirty(world, "run-3"):
        assert world.publish([built]).failed == {}
    assert world.calls.total() / 30 == 5


def test_the_previous_generation_stays_and_older_ones_go(world: World) -> None:
    for run in ("run-1", "run-2", "run-3"):
        world.publish([world.built(1, run=run)])
    kept = world.lake.sizes("curated/sales/")
    assert {key.split("/")[-2] for key in kept} == {"run-2", "run-3"}


def refusing(world: World, operation: str, day: str, key: str) -> Callable[..., Any]:
    """The call, whose answer says that one partition of it was refused, and that one not done."""
    call = getattr(world.glue, operation)

    def refuse(**arguments: Any) -> Any:
        if arguments["TableName"] != "sales":
            return call(**arguments)
        (name,) = (name for name, value in arguments.items() if isinstance(value, list))
        values = ["acme", "sales_feed", day]
        arguments[name] = [
            each for each in arguments[name] if values not in (each.get("Values"), each.get("PartitionValueList"))
        ]
        answer = call(**arguments)
        detail = {"ErrorCode": "InternalServiceException", "ErrorMessage": "try again"}
        return {**answer, "Errors": [*answer.get("Errors", []), {key: values, "ErrorDetail": detail}]}

    return refuse


@pytest.mark.parametrize(
    ("operation", "key"),
    [("batch_create_partition", "PartitionValues"), ("batch_update_partition", "PartitionValueList")],
)
def test_one_that_is_refused_leaves_the_others_visible_and_stays_on_the_work_list(
    world: World, monkeypatch: pytest.MonkeyPatch, operation: str, key: str
) -> None:
    if operation == "batch_update_partition":
        world.publish([world.built(number, run="run-0") for number in range(3)])
    ready = [world.built(number) for number in range(3)]
    monkeypatch.setattr(world.glue, operation, refusing(world, operation, "day001", key))
    report = world.publish(ready)
    assert list(report.failed) == [ready[1].partition]
    assert report.failed[ready[1].partition].startswith(CatalogRefusedError.__name__)
    assert world.visible().get("day001") in (None, "run-0")
    assert {world.visible()[day] for day in ("day000", "day002")} == {"run-1"}
    assert world.curated() == {"/0.csv#1#1", "/2.csv#1#1"}
    assert world.lake.sizes(ready[1].curated.prefix), "the next run removes it"


def failing(code: str = "ThrottlingException") -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "slow down"}}, "Glue")

    return fail


def test_trouble_with_one_table_is_that_tables_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    publish = world.catalog.publish

    def of_sales_fails(generations: Sequence[Generation], known: Any = ()) -> Outcome:
        return failing()() if generations[0].table == "sales" else publish(generations, known)

    monkeypatch.setattr(world.catalog, "publish", of_sales_fails)
    report = world.publish([world.built(1), world.built(2, table="stock")])
    assert [partition.feed for partition in report.failed] == ["sales_feed"]
    assert world.visible("stock") == {"day002": "run-1"}
    assert world.opened == ["stock"], "no row of the other was published"
    assert world.curated() == {"/2.csv#1#1"}


def test_rows_that_broke_a_rule_are_there_before_the_others_or_none_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = world.catalog.publish

    def refuse_fallout(generations: Sequence[Generation], known: Any = ()) -> Outcome:
        if generations[0].table == fallout.TABLE:
            return {generation: CatalogRefusedError("no") for generation in generations}
        return publish(generations, known)

    monkeypatch.setattr(world.catalog, "publish", refuse_fallout)
    report = world.publish([world.built(1, fallout=True), world.built(2)])
    assert [partition.dt for partition in report.failed] == ["day001"]
    assert world.visible() == {"day002": "run-1"}


def test_where_the_facts_cannot_be_noted_the_files_stay_on_the_work_list(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.catalog, "add_json_partition", failing())
    report = world.publish([world.built(1), world.built(2)])
    assert len(report.failed) == 2
    assert world.curated() == set()


def test_a_ledger_that_refuses_one_partition_leaves_the_others_curated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:

    def refuse_day_1(table: Any, run: str, counts: Sequence[FileCounts], engine: str, state: str) -> int:
        return failing()() if counts[0].file.path == "/1.csv" else mark_curated(table, run, counts, engine, state)

    monkeypatch.setattr(publishing, "mark_curated", refuse_day_1)
    report = world.publish([world.built(number) for number in range(3)])
    assert [partition.dt for partition in report.failed] == ["day001"]
    assert report.partitions == 2
    assert world.curated() == {"/0.csv#1#1", "/2.csv#1#1"}


def test_partitions_of_iceberg_tables_go_beside_and_fail_alone(world: World) -> None:
    class Iceberg:
        def publish(self, generations: Sequence[Generation]) -> Outcome:
            return {
                each: None if each.partition.dt == "day002" else IcebergRefusedError("a commit failed")
                for each in generations
            }

    report = Report()
    ready = [world.built(number, table="stock", iceberg=True) for number in (1, 2)] + [world.built(3)]
    world.publisher.publish(ready, Iceberg(), report)
    assert [partition.dt for partition in report.failed] == ["day001"]
    assert world.visible() == {"day003": "run-1"}
    assert world.lake.sizes(ready[1].curated.root) == {}, "the table has files of its own"
    assert world.lake.sizes(ready[0].curated.root)


def test_what_is_ready_waits_for_others_for_a_while_and_never_for_more_than_fill_a_call(world: World) -> None:
    one = world.built(1)
    waiting, at_once = Gathered(seconds=600), Gathered(seconds=0)
    assert not waiting.is_due
    assert not at_once.is_due, "there is nothing"
    waiting.add(one)
    at_once.add(one)
    assert not waiting.is_due
    assert at_once.is_due
    for _ in range(BATCH - 1):
        waiting.add(one)
    assert waiting.is_due
    assert waiting.take() == [one] * BATCH
    assert waiting.take() == []
    assert not waiting.is_due
