"""Retention by feed: what is over goes, day by day, what is not stays; and no file is taken again or lost for it."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from isolation import built_without
from lakeferry.errors import FeedInvalidError, FileNotCuratedError
from lakeferry.feeds import parse_feed
from lakeferry.ledger.leases import Leases
from lakeferry.ledger.retired import CURATED_DELETED_AT, RAW_DELETED_AT, note_retired
from lakeferry.models import FileItem
from partition import Built
from reprocess.answer import backfilled
from reprocess.backfill import _is_taken
from reprocess.request import Backfill
from retain.core import Surroundings, retain
from retain.due import Day
from tests.conftest import OTHER_RUN, feed_document
from tests.unit.pipeline import Pipeline, files
from worklist import FileCounts, LandedFile, Partition, landed_files, mark_curated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FEED, DT = "acme/daily_sales", "2026-11-01"
PATTERN = files(pattern="sales_{date:%Y%m%d}_*.csv")
DAY = Partition("acme", "daily_sales", DT)
TODAY = datetime.now(UTC).date()
CURATED = f"curated/sales/tenant=acme/feed=daily_sales/dt={DT}/run-1/part.parquet"


def in_days(days: int) -> date:
    return TODAY + timedelta(days=days)


class Keeper:
    """A feed with a day of two files in all zones, and retention as the function does it."""

    def __init__(self, pipeline: Pipeline, database: str = "lake") -> None:
        self.pipeline, self.ledger, self.s3 = pipeline, pipeline.ledger, pipeline.s3
        self.glue, self.told, self.failed = boto3.client("glue"), list[Day](), list[Any]()
        self.seconds = iter([True] * 1000)
        self.glue.create_database(DatabaseInput={"Name": database})
        for table, keys in (("sales", ["tenant", "feed", "dt"]), ("raw_acme_daily_sales", ["dt"])):
            self.glue.create_table(
                DatabaseName=database,
                TableInput={"Name": table, "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys]},
            )
        self.configure(raw_days=90, curated_days=400, fallout_days=30)
        for name in ("sales_20261101_a.csv", "sales_20261101_b.csv"):
            pipeline.put(name, b"order_id,amount\n1,1.00\n")
        for item in pipeline.poll():
            pipeline.all(item)
        self.curate()

    def configure(self, **retention: int) -> None:
        self.document = feed_document(files=PATTERN, retention=retention)
        self.pipeline.configure(files=PATTERN, retention=retention)

    def landed(self) -> list[LandedFile]:
        return landed_files(self.ledger, DAY, lambda key: b"")

    def curate(self) -> None:
        """As the job leaves it behind."""
        self.s3.put_object(Bucket="lake", Key=CURATED, Body=b"PAR1")
        for table, values in (("sales", DAY.values), ("raw_acme_daily_sales", [DT])):
            self.glue.batch_create_partition(
                DatabaseName="lake",
                TableName=table,
                PartitionInputList=[{"Values": values, "StorageDescriptor": {"Location": f"s3://lake/{table}"}}],
            )
        counts = [FileCounts(one, one.rows_landed) for one in self.landed()]
        mark_curated(self.ledger.table, OTHER_RUN, counts, "arrow")

    def retain(self, today: date, least: int = 0, documents: Any = None) -> dict[str, int]:
        around = Surroundings(
            self.ledger, self.s3, self.glue, "lake", "lake", least, lambda: next(self.seconds),
            self.told.append, lambda document, error: self.failed.append(error),
        )  # fmt: skip
        return retain([self.document] if documents is None else documents, around, today)

    def keys(self, prefix: str) -> list[str]:
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])]

    def entries(self) -> list[Any]:
        return list(self.ledger.of_partition(f"{FEED}/{DT}"))

    def partitions(self, table: str) -> list[list[str]]:
        return [one["Values"] for one in self.glue.get_partitions(DatabaseName="lake", TableName=table)["Partitions"]]


@pytest.fixture
def keeper(pipeline: Pipeline) -> Keeper:
    return Keeper(pipeline)


def test_nothing_goes_before_its_day_and_each_zone_on_its_own(keeper: Keeper) -> None:
    assert keeper.retain(in_days(90))["DaysRetired"] == 0, "it is 90 days old, and kept for 90"
    assert len(keeper.keys("raw/")) == 2
    assert keeper.retain(in_days(91)) == {
        "DaysRetired": 1, "ObjectsRetired": 2, "BytesRetired": 46, "DaysKeptWaiting": 0, "left": 0,
    }  # fmt: skip
    assert keeper.keys("raw/") == []
    assert keeper.keys("curated/") == [CURATED]
    assert keeper.partitions("raw_acme_daily_sales") == []
    assert keeper.partitions("sales") == [DAY.values]
    assert all(RAW_DELETED_AT in entry and CURATED_DELETED_AT not in entry for entry in keeper.entries())
    assert keeper.retain(in_days(92))["DaysRetired"] == 0, "there is nothing left to do"
    assert keeper.retain(in_days(401))["ObjectsRetired"] == 1
    assert keeper.keys("curated/") == []
    assert keeper.partitions("sales") == []
    assert all(CURATED_DELETED_AT in entry for entry in keeper.entries())


def test_it_counts_from_the_business_date_or_the_last_files_arrival_whichever_is_later(keeper: Keeper) -> None:
    assert (TODAY - date.fromisoformat(DT)).days > 20, "the business date is past"
    keeper.configure(raw_days=10)
    assert keeper.retain(TODAY)["DaysRetired"] == 0, "it landed today"
    keeper.document["files"] = files(pattern="sales_{date:%Y%m%d}_*.csv")
    assert keeper.retain(in_days(11))["DaysRetired"] == 1


def test_a_feed_without_retention_keeps_all_for_ever(keeper: Keeper) -> None:
    assert keeper.retain(in_days(30_000), documents=[feed_document(files=PATTERN)])["DaysRetired"] == 0
    assert len(keeper.keys("raw/")) == 2


def test_the_stacks_least_goes_before_what_a_feed_says(keeper: Keeper) -> None:
    assert keeper.retain(in_days(91), least=365)["DaysRetired"] == 0
    assert keeper.retain(in_days(366), least=365)["DaysRetired"] == 1


def test_no_poll_takes_again_what_was_deleted(keeper: Keeper) -> None:
    keeper.retain(in_days(91))
    assert keeper.pipeline.poll(OTHER_RUN) == []
    keeper.s3.delete_object(Bucket="work", Key=f"polls/{FEED}")
    assert keeper.pipeline.poll(OTHER_RUN) == [], "nor where the ledger is asked about all of it"


def test_a_day_with_a_file_that_is_not_curated_waits(keeper: Keeper) -> None:
    keeper.pipeline.put("sales_20261101_c.csv", b"order_id,amount\n9,9.00\n")
    (item,) = keeper.pipeline.poll(OTHER_RUN)
    keeper.pipeline.all(item)
    counts = keeper.retain(in_days(91))
    assert (counts["DaysRetired"], counts["DaysKeptWaiting"]) == (0, 1)
    assert [(day.dt, day.waits) for day in keeper.told] == [(DT, "1 file of it not curated yet")]
    assert len(keeper.keys("raw/")) == 3
    keeper.curate()
    assert keeper.retain(in_days(91))["ObjectsRetired"] == 3


def test_a_day_that_is_being_curated_waits(keeper: Keeper) -> None:
    with Leases(keeper.ledger.table, "the job") as job:
        job.acquire(DAY.ledger_key)
        assert keeper.retain(in_days(91))["DaysKeptWaiting"] == 1
    assert keeper.told[-1].waits == "it is being curated"
    assert keeper.retain(in_days(91))["DaysRetired"] == 1


def test_what_somebody_else_put_there_stays(keeper: Keeper) -> None:
    keeper.s3.put_object(Bucket="lake", Key="raw/acme_daily_sales/dt=2025-01-01/theirs.csv", Body=b"x")
    keeper.s3.put_object(Bucket="lake", Key="raw/acme_daily_sales/dt=soon/theirs.csv", Body=b"x")
    keeper.retain(in_days(91))
    assert [key.rsplit("/", 1)[1] for key in keeper.keys("raw/")] == ["theirs.csv", "theirs.csv"]
    assert keeper.told[0].waits.startswith("the ledger knows no file of it")


def test_a_late_file_of_such_a_day_is_refused_by_name_and_the_day_stays_as_it_was(keeper: Keeper) -> None:
    keeper.retain(in_days(91))
    keeper.pipeline.put("sales_20261101_late.csv", b"order_id,amount\n9,9.00\n")
    (item,) = keeper.pipeline.poll(OTHER_RUN)
    keeper.pipeline.all(item)
    built: list[Any] = []

    def build(some: Any) -> Built:
        built.append(some)
        raise AssertionError("nothing is built of the rest")

    with pytest.raises(FileNotCuratedError, match=r"deleted by retention on 20.*so the partition stays as it was"):
        built_without(DAY, keeper.landed(), build, lambda one: None)
    assert built == []
    assert keeper.keys("curated/") == [CURATED]


def test_taken_again_from_the_server_the_day_can_be_built_again(keeper: Keeper) -> None:
    keeper.retain(in_days(401))
    for entry in keeper.entries():
        again = FileItem("acme", "daily_sales", OTHER_RUN, entry["path"], entry["size"], entry["mtime"])
        assert keeper.ledger.claim(again, dt=DT, entry=entry, source="server")
        keeper.pipeline.all(again)
    assert len(keeper.keys("raw/")) == 2
    assert [one.lacks for one in keeper.landed()] == ["", ""]
    assert not any(RAW_DELETED_AT in entry or CURATED_DELETED_AT in entry for entry in keeper.entries())


def test_a_backfill_from_raw_leaves_it_alone_and_says_why(keeper: Keeper) -> None:
    keeper.retain(in_days(91))
    entries = keeper.entries()
    assert not any(_is_taken(entry, "raw") for entry in entries)
    assert not any(keeper.ledger.make_pending(entry) for entry in entries)
    asked = Backfill(FEED, date.fromisoformat(DT), date.fromisoformat(DT), "raw")
    told = backfilled(asked, [], entries, dry_run=True)["answer"]
    assert told == (
        "2 files deleted from the raw zone by retention: --source server takes them again where the partner still has "
        "them."
    )


def test_the_exported_ledger_tells_it(keeper: Keeper) -> None:
    keeper.retain(in_days(91))
    (key,) = keeper.keys("ledger/")
    assert key == f"ledger/day={in_days(91)}/retention-acme-daily_sales-{DT}-raw.json"
    lines = keeper.s3.get_object(Bucket="lake", Key=key)["Body"].read().decode().splitlines()
    assert [(json.loads(line)["status"], json.loads(line)["raw_deleted_at"][:10]) for line in lines] == [
        ("CURATED", TODAY.isoformat())
    ] * 2


class KilledError(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("zone", ["raw", "curated"])
def test_killed_at_any_call_the_next_one_ends_it(pipeline: Pipeline, zone: str) -> None:
    keeper = Keeper(pipeline)
    keeper.configure(**{f"{zone}_days": 90})
    at = 0
    while True:

        def call(left: Any = iter(range(at)), **_: Any) -> None:  # noqa: B008
            if next(left, None) is None:
                raise KilledError

        clients = (keeper.s3, keeper.glue, keeper.ledger.table.meta.client)
        for client in clients:
            client.meta.events.register("before-call", call, unique_id="kill")
        try:
            keeper.retain(in_days(91))
            is_done = True
        except KilledError:
            is_done = False
        finally:
            for client in clients:
                client.meta.events.unregister("before-call", call, unique_id="kill")
        if is_done:
            break
        # of what was not noted, nothing is gone: the day is whole, or known not to be
        if any(RAW_DELETED_AT not in entry for entry in keeper.entries()):
            assert len(keeper.keys("raw/")) == 2
        keeper.ledger.table.update_item(  # the lease of who was killed ends by itself
            Key={"feed_id": "!lease", "file_id": DAY.ledger_key}, UpdateExpression="REMOVE #o",
            ExpressionAttributeNames={"#o": "owner"},
        )  # fmt: skip
        at += 1
    assert at > 5
    assert keeper.keys(f"{zone}/") == []
    assert all(f"{zone}_deleted_at" in entry for entry in keeper.entries())
    assert keeper.keys("ledger/") != []


def test_noted_and_then_killed_it_is_taken_back_when_the_day_is_wanted_whole(keeper: Keeper) -> None:
    for entry in keeper.entries():
        keeper.ledger.table.update_item(
            Key={"feed_id": FEED, "file_id": entry["file_id"]},
            UpdateExpression="SET raw_deleted_at = :now",
            ExpressionAttributeValues={":now": "2027-02-01T00:00:00.000Z"},
        )
    keeper.pipeline.put("sales_20261101_late.csv", b"order_id,amount\n9,9.00\n")
    (item,) = keeper.pipeline.poll(OTHER_RUN)
    keeper.pipeline.all(item)
    keeper.retain(in_days(91))
    assert not any(RAW_DELETED_AT in entry for entry in keeper.entries())
    assert [one.lacks for one in keeper.landed()] == [""] * 3


def test_an_object_that_was_replaced_since_it_was_listed_is_deleted_only_as_it_was(keeper: Keeper) -> None:
    asked: list[Any] = []
    keeper.s3.meta.events.register(
        "provide-client-params.s3.DeleteObjects", lambda params, **_: asked.extend(params["Delete"]["Objects"])
    )
    etags = {one["Key"]: one["ETag"] for one in keeper.s3.list_objects_v2(Bucket="lake", Prefix="raw/")["Contents"]}
    keeper.retain(in_days(91))
    assert {one["Key"]: one["ETag"] for one in asked} == etags


def test_a_file_that_lands_while_its_day_is_noted_keeps_the_day(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(table: Any, entry: Any, zone: str) -> bool:
        if entry["path"].endswith("b.csv"):
            return False
        return note_retired(table, entry, zone)

    monkeypatch.setattr("retain.core.note_retired", note)
    assert keeper.retain(in_days(91))["DaysKeptWaiting"] == 1
    assert len(keeper.keys("raw/")) == 2
    assert not any(RAW_DELETED_AT in entry for entry in keeper.entries()), "the other is not left noted"


def test_fallout_goes_by_its_own_days(keeper: Keeper, s3: "S3Client") -> None:
    for key in (f"fallout/acme_daily_sales/dt={DT}/a.json", f"fallout/rows/tenant=acme/feed=daily_sales/dt={DT}/g/p"):
        s3.put_object(Bucket="lake", Key=key, Body=b"x")
    assert keeper.retain(in_days(30))["ObjectsRetired"] == 0
    assert keeper.retain(in_days(31))["ObjectsRetired"] == 2
    assert keeper.keys("fallout/") == []


def test_other_feeds_and_tenants_are_left_alone_whatever_their_names(keeper: Keeper) -> None:
    others = [
        f"raw/acme_daily_sales2/dt={DT}/x", f"raw/acmeb_daily_sales/dt={DT}/x",
        f"curated/sales/tenant=acme/feed=daily_sales2/dt={DT}/x",
        f"curated/sales2/tenant=acme/feed=daily_sales/dt={DT}/x",
        f"fallout/acme_daily_sales_2/dt={DT}/x",
    ]  # fmt: skip
    for key in others:
        keeper.s3.put_object(Bucket="lake", Key=key, Body=b"x")
    keeper.retain(in_days(500))
    assert sorted(keeper.keys("raw/") + keeper.keys("curated/") + keeper.keys("fallout/")) == sorted(others)


def test_a_document_that_cannot_be_read_hinders_no_other(keeper: Keeper) -> None:
    broken = {**keeper.document, "feed": "other", "server": {}}
    assert keeper.retain(in_days(91), documents=[broken, keeper.document])["DaysRetired"] == 1
    assert [type(error) for error in keeper.failed] == [FeedInvalidError]


def test_where_aws_refuses_the_call_fails_and_the_next_goes_on(keeper: Keeper) -> None:
    def refused(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteObjects")

    keeper.s3.meta.events.register("before-call.s3.DeleteObjects", refused, unique_id="no")
    with pytest.raises(ClientError):
        keeper.retain(in_days(91))
    keeper.s3.meta.events.unregister("before-call.s3.DeleteObjects", refused, unique_id="no")
    assert keeper.retain(in_days(91))["ObjectsRetired"] == 2


def test_what_there_is_no_time_for_is_left_to_the_next_call(keeper: Keeper) -> None:
    keeper.seconds = iter([True, False])
    assert keeper.retain(in_days(401)) == {
        "DaysRetired": 1, "ObjectsRetired": 2, "BytesRetired": 46, "DaysKeptWaiting": 0, "left": 1,
    }  # fmt: skip
    keeper.seconds = iter([True] * 9)
    assert keeper.retain(in_days(401))["DaysRetired"] == 1


def test_iceberg_tables_say_who_deletes_their_rows() -> None:
    with pytest.raises(FeedInvalidError, match=r"\$\.retention\.curated_days: rows of an Iceberg table"):
        parse_feed(feed_document(transform={"table_format": "iceberg"}, retention={"curated_days": 400}))
    parse_feed(feed_document(transform={"table_format": "iceberg"}, retention={"raw_days": 400}))
