"""`lakeferry restore --check`: each difference of ledger, lake and catalog is made, and told with what to do."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest

from cli.__main__ import main
from cli.problems import DONE, FAILED, WRONG_USE
from cli.restoring.command import commands_of
from cli.restoring.compare import differences, leases
from cli.restoring.difference import Difference
from cli.restoring.place import Known, Place, feeds_of, known_of
from cli.stack import Stack
from lakeferry.feeds import put_feed
from lakeferry.lake import file_metadata
from lakeferry.ledger import Ledger
from lakeferry.ledger.leases import LEASES
from lakeferry.ledger.retired import CURATED_DELETED_AT, RAW_DELETED_AT
from lakeferry.models import run_id_of
from tests.conftest import OTHER_RUN, RUN, feed_document
from tests.unit.cli_world import deployed
from tests.unit.pipeline import Pipeline, files
from worklist import FileCounts, Partition, landed_files, mark_curated

FEED, DT = "acme/daily_sales", "2026-11-01"
FOLDER = f"raw/acme_daily_sales/dt={DT}/"
PATTERN = files(pattern="sales_{date:%Y%m%d}_*.csv")
CURATED = f"curated/sales/tenant=acme/feed=daily_sales/dt={DT}"
A, B = "sales_20261101_a.csv", "sales_20261101_b.csv"
ROWS = b"order_id,amount\n1,1.00\n"


class Desk:
    """A feed with a day of two files that is curated, and the check."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, self.s3, self.glue = pipeline, pipeline.s3, boto3.client("glue")
        self.table, self.document = pipeline.ledger.table, feed_document(files=PATTERN)
        pipeline.configure(files=PATTERN)
        self.glue.create_database(DatabaseInput={"Name": "lake"})
        keys: list[Any] = [{"Name": key, "Type": "string"} for key in ("tenant", "feed", "dt")]
        self.glue.create_table(DatabaseName="lake", TableInput={"Name": "sales", "PartitionKeys": keys})
        self.running: set[str] = set()
        self.place = Place(
            pipeline.ledger, self.s3, "lake", self.glue, "lake", lambda run: run in self.running, tells_times=True
        )
        for name in (A, B):
            pipeline.put(name, ROWS)
        for item in pipeline.poll():
            pipeline.all(item)
        assert pipeline.poll() == []
        self.curate(RUN)

    def curate(self, run: str, name: str = "") -> None:
        """As the job leaves it behind."""
        prefix = f"{CURATED}/{name or run_id_of(run)}/"
        self.s3.put_object(Bucket="lake", Key=f"{prefix}part.parquet", Body=b"PAR1")
        self.point(prefix)
        day = Partition("acme", "daily_sales", DT)
        landed = landed_files(self.pipeline.ledger, day, lambda key: b"")
        mark_curated(self.table, run, [FileCounts(one, one.rows_landed) for one in landed], "arrow")

    def point(self, prefix: str, dt: str = DT) -> None:
        """The catalog's partition, to another prefix if it is there."""
        values = ["acme", "daily_sales", dt]
        self.unpoint(dt)
        self.glue.create_partition(
            DatabaseName="lake",
            TableName="sales",
            PartitionInput={"Values": values, "StorageDescriptor": {"Location": f"s3://lake/{prefix}"}},
        )

    def unpoint(self, dt: str = DT) -> None:
        self.glue.batch_delete_partition(
            DatabaseName="lake", TableName="sales", PartitionsToDelete=[{"Values": ["acme", "daily_sales", dt]}]
        )

    def kept(self) -> list[dict[str, Any]]:
        return self.table.scan()["Items"]

    def restore(self, items: list[dict[str, Any]]) -> None:
        with self.table.batch_writer() as writer:
            for now in self.kept():
                writer.delete_item(Key={"feed_id": now["feed_id"], "file_id": now["file_id"]})
        with self.table.batch_writer() as writer:
            for item in items:
                writer.put_item(Item=item)

    def entry(self, name: str) -> dict[str, Any]:
        (found,) = [one for one in self.kept() if str(one.get("path", "")).endswith(name)]
        return found

    def change(self, name: str, **values: Any) -> None:
        item = self.entry(name) | values
        self.table.put_item(Item={key: value for key, value in item.items() if value is not None})

    def forget(self, name: str) -> None:
        self.table.delete_item(Key={key: self.entry(name)[key] for key in ("feed_id", "file_id")})

    def known(self) -> Known:
        feeds = boto3.resource("dynamodb").Table("feeds")
        put_feed(feeds, self.document)
        return known_of(cast("Stack", SimpleNamespace(feeds=feeds)), self.place, FEED)

    def check(self) -> list[Difference]:
        return list(differences(self.place, self.known()))

    def one(self) -> Difference:
        (found,) = self.check()
        assert (found.feed, found.dt) == (FEED, DT)
        return found

    def key(self, name: str) -> str:
        (key,) = self.entry(name)["raw_keys"]
        return str(key)


@pytest.fixture
def desk(pipeline: Pipeline, feeds_table: Any) -> Desk:
    return Desk(pipeline)


def test_what_agrees_is_not_told(desk: Desk) -> None:
    assert desk.check() == []
    desk.curate(OTHER_RUN, f"{run_id_of(OTHER_RUN)}-0a1b2c3d")  # by the function for small days
    assert desk.check() == []


def test_an_object_that_the_ledger_does_not_know_is_taken_again_by_the_poll_that_comes(desk: Desk) -> None:
    ago = [one for one in desk.kept() if not str(one.get("path", "")).endswith(B)]
    state = next(one for one in ago if one["file_id"] == "!feed")
    state["polled_at"] = "2026-01-01T00:00:00.000Z"
    key = desk.key(B)
    desk.restore(ago)
    found = desk.one()
    assert (found.kind, found.what, found.needs_person) == ("raw_unknown", key, False)
    assert "the next poll takes it again" in found.do
    (item,) = desk.pipeline.poll(OTHER_RUN, polled_at="2026-01-01T00:00:00.000Z")
    desk.pipeline.all(item)
    desk.curate(OTHER_RUN)
    assert desk.check() == [], "what was said came true"


def test_one_that_the_poll_since_did_not_find_is_the_partners_to_bring(desk: Desk) -> None:
    (desk.pipeline.server.root / "outgoing" / B).unlink()
    desk.forget(B)
    desk.pipeline.poll(OTHER_RUN)
    desk.table.update_item(
        Key={"feed_id": FEED, "file_id": "!feed"},
        UpdateExpression="SET polled_at = :later",
        ExpressionAttributeValues={":later": "2099-01-01T00:00:00.000Z"},
    )
    found = desk.one()
    assert (found.kind, found.needs_person, found.rebuild) == ("raw_unknown", True, "")
    assert "have it delivered again: the poll at 2099-01-01T00:00:00.000Z did not take it" in found.do
    assert f"do not rebuild {DT} before that" in found.do
    desk.table.update_item(
        Key={"feed_id": FEED, "file_id": "!feed"},
        UpdateExpression="SET #left = :left",
        ExpressionAttributeNames={"#left": "left"},
        ExpressionAttributeValues={":left": {"carried_over": 3}},
    )
    assert not desk.one().needs_person, "the poll has not come to all that there is"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"action": "move", "to": "/archive"}, "move it back on the server from /archive"),
        ({"action": "delete"}, "it was deleted on the server"),
    ],
)
def test_one_that_its_feed_took_off_the_server_is_put_back_by_a_person(desk: Desk, after: Any, said: str) -> None:
    desk.document = feed_document(files={**PATTERN, "after": after})
    desk.forget(B)
    found = desk.one()
    assert found.needs_person
    assert said in found.do


def test_one_of_a_feed_that_is_disabled_or_gone_waits_for_the_feed(desk: Desk) -> None:
    desk.forget(B)
    desk.document = feed_document(files=PATTERN, enabled=False)
    assert f"feeds enable {FEED}" in desk.one().do
    known = Known(FEED, None, {})
    (found,) = differences(desk.place, known)
    assert found.needs_person
    assert f"feeds history {FEED}" in found.do


@pytest.mark.parametrize(
    ("status", "needs_person", "said"),
    [
        ("VALIDATED", False, "the next run goes on with it"),
        ("SUPERSEDED", False, "another version has its place"),
        ("DUPLICATE", False, "another version has its place"),
        ("FAILED", True, "take it again"),
    ],
)
def test_an_object_of_a_file_that_the_ledger_has_as_it_was_before(
    desk: Desk, status: str, needs_person: bool, said: str
) -> None:
    desk.running = {RUN}
    desk.change(B, status=status, partition=None)
    found = desk.one()
    assert (found.kind, found.needs_person) == ("raw_unknown", needs_person)
    assert f"which is {status} in the ledger" in found.told
    assert said in found.do
    assert found.rebuild == ("inbox" if needs_person else "")


def test_a_released_file_is_like_one_that_is_not_known(desk: Desk) -> None:
    desk.change(B, status="RELEASED", partition=None)
    desk.document = feed_document(files={**PATTERN, "after": {"action": "delete"}})
    assert "have it delivered again" in desk.one().do


def test_an_object_that_is_nobodys_is_told(desk: Desk) -> None:
    desk.s3.put_object(Bucket="lake", Key=f"{FOLDER}theirs.csv", Body=ROWS)
    found = desk.one()
    assert (found.kind, found.what, found.needs_person) == ("raw_foreign", f"{FOLDER}theirs.csv", True)


def test_a_later_versions_object_under_the_key_of_the_one_that_the_ledger_knows(desk: Desk) -> None:
    ago = desk.kept()
    for one in ago:
        if str(one.get("path", "")).endswith(A):
            one["uploaded_at"] = "2026-11-01T07:00:00.000Z"
        if one["file_id"] == "!feed":
            one["polled_at"] = "2026-11-01T07:00:00.000Z"
    desk.pipeline.put(A, ROWS + b"9,9.00\n", age=1800)
    for item in desk.pipeline.poll(OTHER_RUN):
        desk.pipeline.all(item)
    desk.restore(ago)
    found = desk.one()
    assert (found.kind, found.needs_person) == ("raw_other_version", False)
    assert f"/outgoing/{A}#{len(ROWS) + 7}#" in found.told


def test_the_same_version_written_once_more_wants_its_day_built(desk: Desk) -> None:
    desk.change(A, uploaded_at="2026-11-01T07:00:00.000Z")
    found = desk.one()
    assert (found.kind, found.needs_person, found.rebuild) == ("raw_rewritten", True, "raw")
    desk.change(A, pending="raw")
    assert not desk.one().needs_person
    desk.place = replace(desk.place, tells_times=False)
    assert desk.check() == [], "files of a folder have the times of their copies"


def test_a_raw_object_that_is_gone_is_taken_again_from_the_inbox(desk: Desk) -> None:
    desk.s3.delete_object(Bucket="lake", Key=desk.key(A))
    found = desk.one()
    assert (found.kind, found.needs_person, found.rebuild) == ("raw_missing", True, "inbox")
    assert "1 of its 1 raw objects missing" in found.told
    desk.change(A, landed={"status": "CURATED", "raw_keys": [desk.key(A)], "uploaded_at": "x"}, status="CLAIMED")
    desk.running = {RUN}
    assert not desk.one().needs_person
    desk.change(A, status="FAILED")
    assert desk.one().needs_person, "a person has to take it again, too"


def test_a_list_of_members_that_is_gone_is_a_file_that_is_gone(desk: Desk) -> None:
    key = desk.key(A)
    desk.s3.put_object(Bucket="lake", Key="outputs/list.json", Body=json.dumps([{"key": key}]).encode())
    desk.change(A, raw_keys=None, outputs_key="outputs/list.json")
    assert desk.check() == []
    desk.s3.delete_object(Bucket="lake", Key="outputs/list.json")
    assert {(one.kind, one.told) for one in desk.check() if one.kind == "raw_missing"} == {
        ("raw_missing", "list of objects lost")
    }


def test_what_retention_has_deleted_is_no_difference(desk: Desk) -> None:
    for name in (A, B):
        desk.s3.delete_object(Bucket="lake", Key=desk.key(name))
        desk.change(name, **{RAW_DELETED_AT: "2026-11-29T03:00:00.000Z"})
    assert desk.check() == []
    desk.unpoint()
    assert desk.one().rebuild == "server", "of raw there is nothing left to build it from"
    for name in (A, B):
        desk.change(name, **{CURATED_DELETED_AT: "2026-11-29T03:00:00.000Z"})
    assert desk.check() == []


@pytest.mark.parametrize("kind", ["catalog_missing", "curated_missing", "catalog_other"])
def test_a_day_that_the_catalog_has_otherwise_is_built(desk: Desk, kind: str) -> None:
    if kind == "catalog_missing":
        desk.unpoint()
    elif kind == "curated_missing":
        desk.s3.delete_object(Bucket="lake", Key=f"{CURATED}/{run_id_of(RUN)}/part.parquet")
    else:
        ago = desk.kept()
        desk.curate(OTHER_RUN)
        desk.restore(ago)
    found = desk.one()
    assert (found.kind, found.needs_person, found.rebuild) == (kind, True, "raw")
    desk.change(A, pending="aside")
    assert desk.one().needs_person, "no run builds what is set aside"
    desk.change(A, pending="raw")
    assert (desk.one().needs_person, desk.one().rebuild) == (False, "")


def test_a_day_is_not_to_be_built_before_its_raw_objects_are_seen_to(desk: Desk) -> None:
    ago = desk.kept()
    desk.document = feed_document(files={**PATTERN, "after": {"action": "delete"}})
    desk.curate(OTHER_RUN)
    desk.restore([one for one in ago if not str(one.get("path", "")).endswith(B)])
    raw, curated = desk.check()
    assert (raw.kind, curated.kind) == ("raw_unknown", "catalog_other")
    assert curated.do.startswith("once the raw objects of the day are seen to")


def test_a_day_of_which_only_the_catalog_knows(desk: Desk) -> None:
    desk.point("curated/sales/tenant=acme/feed=daily_sales/dt=2026-11-02/run-9/", dt="2026-11-02")
    (found,) = desk.check()
    assert (found.kind, found.dt, found.needs_person) == ("catalog_unknown", "2026-11-02", True)


def test_an_iceberg_table_is_said_not_to_be_compared(desk: Desk) -> None:
    desk.document = feed_document(files=PATTERN, transform={"table_format": "iceberg"})
    (found,) = desk.check()
    assert (found.kind, found.needs_person) == ("not_compared", False)


def test_a_table_that_is_not_there_lacks_every_day(desk: Desk) -> None:
    desk.glue.delete_table(DatabaseName="lake", Name="sales")
    assert desk.one().kind == "catalog_missing"


def test_claims_of_runs_that_are_over_and_leases_from_before(desk: Desk) -> None:
    desk.change(B, status="FETCHED", partition=None, run=OTHER_RUN)
    desk.s3.delete_object(Bucket="lake", Key=desk.key(B))
    (found,) = desk.check()
    assert (found.kind, found.what, found.needs_person) == ("in_work", OTHER_RUN, False)
    desk.running = {OTHER_RUN}
    assert desk.check() == []
    now = datetime.now(UTC)
    for dt, seconds in ((DT, 100), ("2026-11-02", -100)):
        until = int((now + timedelta(seconds=seconds)).timestamp())
        desk.table.put_item(Item={"feed_id": LEASES, "file_id": f"{FEED}/{dt}", "owner": "x", "until": until})
    (held,) = leases(desk.place, now)
    assert (held.kind, held.feed, held.dt) == ("leased", FEED, DT)
    assert held.do.startswith("free in ")


def test_days_that_follow_one_another_are_one_command() -> None:
    days = {(FEED, "raw"): {"2026-11-01", "2026-11-03", "2026-10-31", "2026-11-02", "2026-11-05"}}
    assert commands_of(days, "--stack s") == [
        f"lakeferry backfill --feed {FEED} --from 2026-10-31 --to 2026-11-03 --source raw --yes --stack s",
        f"lakeferry backfill --feed {FEED} --from 2026-11-05 --to 2026-11-05 --source raw --yes --stack s",
    ]


@pytest.fixture
def stack(aws: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    made = deployed()
    physical = Stack.physical
    monkeypatch.setattr(
        Stack, "physical", lambda self, name: "lakeferry" if name == "GlueDatabase" else physical(self, name)
    )
    boto3.client("glue").create_database(DatabaseInput={"Name": "lakeferry"})
    return made


def test_the_command_tells_and_ends_with_what_a_person_has_to_see_to(
    stack: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    dynamodb, s3, lake = boto3.resource("dynamodb"), boto3.client("s3"), stack["LakeBucket"]
    put_feed(dynamodb.Table(stack["FeedsTable"]), feed_document())
    assert main(["restore"]) == WRONG_USE
    assert main(["restore", "--check"]) == DONE
    assert "Ledger, lake and catalog agree." in capsys.readouterr().out
    # of a feed that is known by its folder alone
    s3.put_object(
        Bucket=lake,
        Key="raw/gone_old_feed/dt=2026-11-01/a.csv",
        Body=b"1",
        Metadata=file_metadata("gone/old_feed", "/out/ä.csv#1#2"),
    )
    table = dynamodb.Table(stack["LedgerTable"])
    item: dict[str, Any] = {
        "feed_id": FEED,
        "file_id": "/a.csv#1#2",
        "path": "/a.csv",
        "status": "CURATED",
        "dt": DT,
        "mtime": 2,
    }
    table.put_item(Item={**item, "partition": f"{FEED}/{DT}", "raw_keys": [f"{FOLDER}a.csv"], "uploaded_at": "x"})
    before = [table.scan()["Items"], s3.list_objects_v2(Bucket=lake)["Contents"]]
    assert main(["restore", "--check"]) == FAILED
    said = capsys.readouterr().out
    assert "raw object of /out/ä.csv#1#2, which the ledger does not know" in said
    assert f"lakeferry backfill --feed {FEED} --from {DT} --to {DT} --source inbox --yes --stack lakeferry" in said
    assert "3 differences for you to see to, 0 that come right by themselves" in said
    assert main(["restore", "--check", "--json", "--feed", FEED]) == FAILED
    *found, command_raw, command_inbox, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [one["kind"] for one in found] == ["raw_missing", "catalog_missing"]
    assert {"--source inbox", "--source raw"} == {
        one["command"][one["command"].index("--source") :].removesuffix(" --yes --stack lakeferry")
        for one in (command_raw, command_inbox)
    }
    assert last == {"needs_person": 2, "others": 0}
    assert [table.scan()["Items"], s3.list_objects_v2(Bucket=lake)["Contents"]] == before, "it only looks"


def test_feeds_are_those_with_a_document_and_those_with_files(
    stack: dict[str, str], ledger: Ledger, s3: Any, feeds_table: Any
) -> None:
    put_feed(feeds_table, feed_document())
    s3.put_object(Bucket="lake", Key="raw/gone_old_feed/dt=2026-11-01/a.csv", Body=b"1")
    s3.put_object(Bucket="lake", Key="raw/readme.txt", Body=b"1")
    place = Place(ledger, s3, "lake", boto3.client("glue"), "lake", lambda run: False)
    assert feeds_of(cast("Stack", SimpleNamespace(feeds=feeds_table)), place) == [FEED, "gone/old_feed"]
