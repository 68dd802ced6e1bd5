"""The job makes delivered files readable without a crawl: raw tables, typed views, comments, the ledger's table."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lakeferry.catalog import standing
from lakeferry.catalog.putting import put_standing_tables
from lakeferry.catalog.tables import same
from lakeferry.feeds import parse_feed
from lakeferry.ledger.exports import LEDGER, SLA
from lakeferry.sla.items import stamp
from local.crawler import crawl
from local.sql import query
from local.template import load
from rawcatalog import RawCatalog
from tests.conftest import OTHER_RUN, ROOT, RUN, feed_document
from tests.glue.conftest import BUCKET, DATABASE, SmallLake
from worklist import LandedFile, Partition

pytestmark = pytest.mark.spark

SALES = 'order_id,amount,note\n1,10.00,plain\n2,-5.00,"a, b"\nx,,\n'


def table(lake: SmallLake, name: str = "raw_acme_daily_sales") -> Any:
    return lake.glue.get_table(DatabaseName=DATABASE, Name=name)["Table"]


def test_raw_rows_are_read_as_delivered_without_a_crawl(lake: SmallLake) -> None:
    lake.land("a.csv", SALES, rows=3)
    assert lake.job().run().unregistered == {}
    assert query(lake, "SELECT order_id, amount, note, dt FROM raw_acme_daily_sales ORDER BY 1").rows == [
        ("1", "10.00", "plain", "2026-01-05"),
        ("2", "-5.00", "a, b", "2026-01-05"),
        ("x", None, None, "2026-01-05"),
    ]
    described = table(lake)
    assert described["Parameters"]["skip.header.line.count"] == "1"
    assert described["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\\"},
    }
    assert {item["Type"] for item in described["StorageDescriptor"]["Columns"]} == {"string"}


def test_the_typed_view_has_the_declared_types(lake: SmallLake) -> None:
    columns = {"order_id": "int64", "amount": "decimal(12,2)", "day": "date", "ok": "bool", "sold_at": "timestamp"}
    lake.put_feed(checks={"columns": [{"name": name, "type": kind} for name, kind in columns.items()]})
    lake.land(
        "a.csv", "order_id,amount,day,ok,sold_at\n1,10.00,2026-01-05,Y,2026-01-05 06:07:08\nx, 2.5 ,never,,\n", rows=2
    )
    lake.job().run()
    found = query(lake, "SELECT order_id, amount, day, ok, sold_at::VARCHAR FROM typed_acme_daily_sales ORDER BY 1")
    assert found.rows == [
        (1, Decimal("10.00"), date(2026, 1, 5), True, "2026-01-05 06:07:08"),
        (None, Decimal("2.50"), None, None, None),
    ]
    kinds = {
        item["Name"]: item["Type"] for item in table(lake, "typed_acme_daily_sales")["StorageDescriptor"]["Columns"]
    }
    assert kinds == {
        "order_id": "bigint",
        "amount": "decimal(12,2)",
        "day": "date",
        "ok": "boolean",
        "sold_at": "timestamp",
        "dt": "string",
    }


def test_a_feed_without_a_header_is_read_from_its_first_line(lake: SmallLake) -> None:
    lake.put_feed(format={"type": "csv", "header": False, "delimiter": ";", "quote": "'"})
    lake.land("a.csv", "1;'2;5'\n2;3\n", rows=2, columns=["order_id", "amount"])
    lake.job().run()
    assert query(lake, "SELECT order_id, amount FROM raw_acme_daily_sales ORDER BY 1").rows == [
        ("1", "2;5"),
        ("2", "3"),
    ]
    assert "skip.header.line.count" not in table(lake)["Parameters"]


def test_json_lines_are_read_as_text_by_key_nested_values_as_json(lake: SmallLake) -> None:
    feed = parse_feed(feed_document())
    feed = replace(feed, format=replace(feed.format, type="jsonl"))
    key = "raw/acme_daily_sales/dt=2026-01-05/a.jsonl"
    lake.put(key, '{"order_id": 7, "amount": "2.50", "who": {"city": "Bonn"}}\n{"order_id": 8}\n')
    header = ("order_id", "amount", "who", "Sold At")
    file = LandedFile("acme/daily_sales", "f", "/f", (key,), header, 2, "2026-01-05T00:00:00Z")
    RawCatalog(lake.glue, DATABASE, lake.job()._lake).register(
        feed, {Partition("acme", "daily_sales", "2026-01-05"): [file]}
    )
    assert query(lake, "SELECT order_id, amount, who FROM raw_acme_daily_sales ORDER BY 1").rows == [
        ("7", "2.50", '{"city":"Bonn"}'),
        ("8", None, None),
    ]
    assert query(lake, "SELECT order_id, amount FROM typed_acme_daily_sales ORDER BY 1").rows[0] == (7, Decimal("2.50"))
    serde = table(lake)["StorageDescriptor"]["SerdeInfo"]
    assert serde == {
        "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
        "Parameters": {"mapping.sold_at": "Sold At"},
    }


def test_parquet_partitions_are_as_the_crawled_table_describes_them(lake: SmallLake) -> None:
    feed = parse_feed(feed_document())
    feed = replace(feed, format=replace(feed.format, type="parquet"))
    file = LandedFile("acme/daily_sales", "f", "/f", ("k",), ("order_id",), 1, "2026-01-05T00:00:00Z")
    days = {Partition("acme", "daily_sales", "2026-01-05"): [file]}
    raw = RawCatalog(lake.glue, DATABASE, lake.job()._lake)
    raw.register(feed, days)  # nobody has crawled yet: nothing to describe them by
    columns: list[Any] = [{"Name": "order_id", "Type": "bigint"}]
    lake.glue.create_table(
        DatabaseName=DATABASE,
        TableInput={
            "Name": "raw_acme_daily_sales",
            "PartitionKeys": [{"Name": "dt", "Type": "string"}],
            "StorageDescriptor": {"Columns": columns, "Location": "s3://lake/raw/acme_daily_sales/"},
        },
    )
    raw.register(feed, days)
    (found,) = lake.glue.get_partitions(DatabaseName=DATABASE, TableName="raw_acme_daily_sales")["Partitions"]
    assert found["StorageDescriptor"]["Columns"] == columns
    assert found["StorageDescriptor"]["Location"] == "s3://lake/raw/acme_daily_sales/dt=2026-01-05/"


def test_people_read_whose_data_it_is_and_what_columns_mean(lake: SmallLake) -> None:
    lake.put_feed(
        transform={"derive": {"net": "amount * 2"}, "rename": {"order_id": "order_number"}},
        catalog={
            "description": "Orders of the shops",
            "contract_version": "2.1",
            "columns": {"order_id": "Number the shop gave", "amount": "EUR"},
        },
    )
    lake.land("a.csv", "order_id,amount,shop\n1,10.00,north\n")
    lake.job().run()
    raw = table(lake)
    assert (raw["Description"], raw["Owner"]) == ("Orders of the shops", "acme")
    assert raw["Parameters"]["lakeferry.contract_version"] == "2.1"
    assert {item["Name"]: item["Comment"] for item in raw["StorageDescriptor"]["Columns"]} == {
        "order_id": "Number the shop gave (declared int64)",
        "amount": "EUR (declared decimal(12,2))",
        "shop": "not declared",
    }
    curated = table(lake, "sales")
    assert (curated["Description"], curated["Parameters"]["lakeferry.feeds"]) == (
        "Orders of the shops",
        "acme/daily_sales",
    )
    comments = {item["Name"]: item.get("Comment") for item in curated["StorageDescriptor"]["Columns"]}
    assert (comments["order_number"], comments["net"], comments["shop"]) == (
        "Number the shop gave",
        "= amount * 2",
        None,
    )
    assert comments["_source_file"] == "Object of the raw zone the row is of"
    (partition,) = lake.glue.get_partitions(DatabaseName=DATABASE, TableName="sales")["Partitions"]
    assert partition["Parameters"]["lakeferry.contract_version"] == "2.1"


def test_comments_and_feeds_of_a_dataset_add_up(lake: SmallLake) -> None:
    lake.put_feed(catalog={"columns": {"order_id": "Number"}})
    lake.land("a.csv", "order_id,amount\n1,10.00\n")
    lake.job().run()
    lake.put_feed(feed="other", catalog={"columns": {"amount": "EUR"}})
    lake.land("o.csv", "order_id,amount\n1,10.00\n", feed="other")
    lake.job(OTHER_RUN).run()
    curated = table(lake, "sales")
    assert curated["Parameters"]["lakeferry.feeds"] == "acme/daily_sales,acme/other"
    comments = {item["Name"]: item.get("Comment") for item in curated["StorageDescriptor"]["Columns"]}
    assert (comments["order_id"], comments["amount"]) == ("Number", "EUR")


def test_a_crawl_before_the_job_changes_nothing_of_what_is_declared(lake: SmallLake) -> None:
    key = lake.land("a.csv", "order_id,amount\n1,10.00\n")
    lake.client("s3").put_object(Bucket=BUCKET, Key=key, Body=(lake.folder / key).read_bytes())
    lake.glue.create_crawler(
        Name="raw",
        Role="r",
        DatabaseName=DATABASE,
        TablePrefix="raw_",
        Targets={"S3Targets": [{"Path": f"s3://{BUCKET}/raw/"}]},
        Configuration=json.dumps(
            {
                "Version": 1.0,
                "Grouping": {"TableLevelConfiguration": 3},
                "CrawlerOutput": {
                    "Tables": {"AddOrUpdateBehavior": "MergeNewColumns"},
                    "Partitions": {"AddOrUpdateBehavior": "InheritFromTable"},
                },
            }
        ),
    )
    crawl(lake, "raw")
    assert table(lake)["StorageDescriptor"]["Columns"][0]["Type"] == "bigint"
    lake.job().run()
    assert {item["Type"] for item in table(lake)["StorageDescriptor"]["Columns"]} == {"string"}
    (partition,) = lake.glue.get_partitions(DatabaseName=DATABASE, TableName="raw_acme_daily_sales")["Partitions"]
    assert partition["StorageDescriptor"]["Columns"] == table(lake)["StorageDescriptor"]["Columns"]
    assert table(lake)["Parameters"]["UPDATED_BY_CRAWLER"] == "raw"
    before = table(lake)["UpdateTime"]
    crawl(lake, "raw")
    assert {item["Type"] for item in table(lake)["StorageDescriptor"]["Columns"]} == {"string"}
    assert table(lake)["UpdateTime"] == before


def test_a_column_that_was_added_is_in_the_raw_table_and_older_days_read_null(lake: SmallLake) -> None:
    lake.land("a.csv", "order_id,amount\n1,10.00\n")
    lake.job().run()
    lake.land("b.csv", "order_id,amount,shop\n2,5.00,north\n", dt="2026-01-06")
    lake.job(OTHER_RUN).run()
    assert query(lake, "SELECT order_id, shop FROM raw_acme_daily_sales ORDER BY 1").rows == [
        ("1", None),
        ("2", "north"),
    ]


def test_a_feed_the_catalog_refuses_is_told_and_its_rows_are_curated_all_the_same(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.land("a.csv", "order_id,amount\n1,10.00\n")
    lake.put_feed(feed="other")
    lake.land("o.csv", "order_id,amount\n2,20.00\n", feed="other")
    job = lake.job()
    create = job._raw_catalog._glue.batch_create_partition

    def refuse(**named: Any) -> Any:
        if named["TableName"] == "raw_acme_other":
            detail = {"ErrorCode": "ResourceNumberLimitExceededException", "ErrorMessage": "too many partitions"}
            return {"Errors": [{"PartitionValues": ["2026-01-05"], "ErrorDetail": detail}]}
        return create(**named)

    monkeypatch.setattr(job._raw_catalog._glue, "batch_create_partition", refuse)
    report = job.run()
    assert report.failed == {}
    (text,) = report.unregistered.values()
    assert text.startswith("PartitionRefusedError: curated.raw_acme_other")
    assert "dt=2026-01-05: too many partitions" in text
    assert lake.rows("order_id") == [(1,), (2,)]


def test_more_raw_partitions_than_one_call_takes(lake: SmallLake) -> None:
    file = LandedFile("acme/daily_sales", "f", "/f", ("k",), ("order_id",), 1, "2026-01-05T00:00:00Z")
    days = {
        Partition("acme", "daily_sales", f"2026-{month:02d}-{day:02d}"): [file]
        for month in range(1, 10)
        for day in range(1, 29)
    }
    raw = RawCatalog(lake.glue, DATABASE, lake.job()._lake)
    for _ in range(2):  # the second time they are all there
        raw.register(parse_feed(feed_document()), days)
    pages = lake.glue.get_paginator("get_partitions").paginate(DatabaseName=DATABASE, TableName="raw_acme_daily_sales")
    assert sum(len(page["Partitions"]) for page in pages) == 252


def test_the_exported_ledger_is_a_table_and_its_view_has_each_files_newest_state(lake: SmallLake) -> None:
    lake.land("a.csv", "order_id,amount\n1,10.00\n")
    lake.job().run()
    assert query(lake, "SELECT * FROM ledger_latest").rows == []
    entry = {"feed_id": "acme/x", "file_id": "/a#1#1", "path": "/a", "size": 3, "run": RUN}
    older = {**entry, "status": "FAILED", "error": "BalanceError", "updated_at": "2026-01-05T06:00:00.000Z"}
    newer = {**entry, "status": "CURATED", "rows_dropped": {"filter": 2}, "updated_at": "2026-01-06T06:00:00.000Z"}
    lake.put(LEDGER.key("2026-01-05", "run-1"), LEDGER.lines([older]).decode())
    lake.put(LEDGER.key("2026-01-06", "run-2"), LEDGER.lines([newer]).decode())
    assert query(lake, "SELECT day, status, error FROM ledger ORDER BY day").rows == [
        ("2026-01-05", "FAILED", "BalanceError"),
        ("2026-01-06", "CURATED", None),
    ]
    found = query(lake, "SELECT status, size, error, rows_dropped FROM ledger_latest")
    assert found.rows == [("CURATED", 3, None, '{"filter": 2}')]


def test_the_exported_promises_are_a_table_and_late_files_tells_by_how_much(lake: SmallLake) -> None:
    lake.land("a.csv", "order_id,amount\n1,10.00\n")
    lake.job().run()
    late_files = load(ROOT / "queries.yaml")["Resources"]["LateFilesQuery"]["Properties"]["QueryString"]
    assert query(lake, late_files).rows == []
    now = datetime.now(UTC).replace(microsecond=0)

    def promise(feed: str, status: str, hours: int, late: int | None, **more: Any) -> dict[str, Any]:
        """One that was due so many hours ago."""
        expected = now - timedelta(hours=hours)
        done = {} if late is None else {"late_seconds": late, "completed_at": stamp(expected + timedelta(seconds=late))}
        about = {"feed_id": feed, "business_date": expected.date().isoformat(), "expected_at": stamp(expected)}
        return {**about, "status": status, **done, **more}

    promises = [
        promise("acme/breached", "BREACHED", 2, None, missing=["any file"]),
        promise("acme/late", "LATE", 3, 5400),
        promise("acme/in_grace", "MET", 4, 600),
        promise("acme/due", "DUE", 5, None),
        promise("acme/given_up", "MISSED", 24 * 30, None),
        promise("acme/long_ago", "LATE", 24 * 100, 60),
    ]
    for number, row in enumerate(promises):
        lake.put(SLA.key(row["expected_at"][:10], f"due{number}"), SLA.lines([row]).decode())
    found = query(lake, late_files)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert [(row["feed_id"], row["status"]) for row in rows] == [
        ("acme/breached", "BREACHED"),
        ("acme/late", "LATE"),
        ("acme/given_up", "MISSED"),
    ]
    assert 120 <= rows[0]["minutes_late"] < 130, "counted up to now"
    assert (rows[0]["missing"], rows[1]["minutes_late"]) == ('["any file"]', 90)
    assert query(lake, "SELECT count(*) FROM sla").rows == [(6,)]


def test_a_deployments_tables_are_those_of_the_job(lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes them first: columns, places, formats and projections are the same, and neither undoes the other."""

    def kept() -> dict[str, Any]:
        tables = {found["Name"]: dict(found) for found in lake.glue.get_tables(DatabaseName=DATABASE)["TableList"]}
        return {name: tables[name] for name in ("ledger", "sla", "ledger_latest", "quality", "fallout")}

    lake.land("a.csv", "order_id,amount\n1,10.00\nx,3.00\n")
    monkeypatch.setattr(RawCatalog, "put_standing_tables", lambda self: None)
    lake.job().run()  # a row of fallout, and facts: two tables that publishing makes where they are not there
    for wanted in standing.inputs(DATABASE, "lake"):
        if wanted["Name"] in {"quality", "fallout"}:
            found = lake.glue.get_table(DatabaseName=DATABASE, Name=wanted["Name"])["Table"]
            assert same({**found, "Parameters": {}}, {**wanted, "Parameters": {}})
            assert wanted["Parameters"].items() <= found["Parameters"].items()
            assert found["Parameters"].keys() - wanted["Parameters"].keys() <= {"lakeferry.feeds"}
    monkeypatch.undo()
    put_standing_tables(lake.glue, DATABASE, "lake")
    deployed = kept()
    assert put_standing_tables(lake.glue, DATABASE, "lake") == []
    lake.land("b.csv", "order_id,amount\n2,10.00\ny,3.00\n")
    report = lake.job().run()
    assert (report.failed, report.unregistered) == ({}, {})
    assert kept() == deployed
    for name in deployed:
        lake.glue.delete_table(DatabaseName=DATABASE, Name=name)
    lake.land("c.csv", "order_id,amount\n3,10.00\n", dt="2026-01-06")
    assert lake.job().run().unregistered == {}
    assert kept().keys() == deployed.keys(), "the job puts back what somebody took away"
