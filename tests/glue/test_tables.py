"""What a feed's options do to the tables people query: fallout, reference tables, schemas that change."""

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

import curate
from columns import wider
from lakeferry.ledger.asides import CURATE
from local.sql import query
from tests.conftest import OTHER_RUN, RUN
from tests.glue.conftest import DATABASE, SmallLake

pytestmark = pytest.mark.spark

SALES = "order_id,amount\n1,10.00\n2,-5.00\n3,30.50\n"
RULE = {"name": "not_huge", "expression": "amount < 1000", "action": "quarantine"}


def test_broken_rows_are_kept_in_the_fallout_as_they_were_delivered(lake: SmallLake) -> None:
    lake.put_feed(transform={"filter": "amount > 0", "rules": [RULE]})
    key = lake.land("a.csv", "order_id,amount\n1,10.00\n2,5000.00\nx,1.00\n4,-1.00\n")
    assert lake.job().run().failed == {}
    assert lake.entry("a.csv")["rows_dropped"] == {"filter": 1, "not_huge": 1, "type:order_id": 1}
    found = query(lake, "SELECT tenant, dt, dataset, rule, row, _source_file FROM fallout ORDER BY rule")
    assert found.rows == [
        ("acme", "2026-01-05", "sales", "not_huge", '{"order_id":"2","amount":"5000.00"}', key),
        ("acme", "2026-01-05", "sales", "type:order_id", '{"order_id":"x","amount":"1.00"}', key),
    ]


def test_the_fallout_is_rebuilt_with_its_partition(lake: SmallLake) -> None:
    lake.land("a.csv", "order_id,amount\nx,10.00\n")
    lake.job().run()
    assert len(query(lake, "SELECT * FROM fallout").rows) == 1
    lake.land("b.csv", "order_id,amount\ny,1.00\n")
    lake.job(OTHER_RUN).run()
    assert query(lake, "SELECT row FROM fallout ORDER BY row").rows == [
        ('{"order_id":"x","amount":"10.00"}',),
        ('{"order_id":"y","amount":"1.00"}',),
    ]
    lake.put_feed(checks={"columns": [{"name": "amount", "type": "decimal(12,2)"}]}, dataset="sales_text")
    lake.land("c.csv", SALES)
    assert lake.job(RUN.replace("run-1", "run-3")).run().failed == {}
    assert query(lake, "SELECT * FROM fallout").rows == []


def test_protected_columns_are_not_in_the_fallout_either(lake: SmallLake) -> None:
    lake.put_feed(transform={"protect": {"email": "hash"}})
    lake.land("a.csv", "order_id,amount,email\nx,1.00,a@b.c\n1,2.00,a@b.c\n3,3\n", rows=3)
    assert lake.job().run().failed == {}
    assert query(lake, "SELECT rule, row FROM fallout ORDER BY rule").rows == [
        ("malformed", None),
        ("type:order_id", '{"order_id":"x","amount":"1.00"}'),
    ]
    files = [file for file in lake.folder.rglob("*.parquet") if b"a@b.c" in file.read_bytes()]
    assert files == []


def test_rows_are_enriched_from_the_last_version_of_a_reference_table(lake: SmallLake) -> None:
    lake.put_feed(transform={"enrich": [{"reference": "stores", "on": "order_id", "key": "id", "columns": ["region"]}]})
    lake.put("reference/acme/stores/2026-01-01/a.csv", "id,region\n1,old\n")
    lake.put("reference/acme/stores/2026-02-01/a.csv", "id,region\n1,north\n2,south\n")
    lake.land("a.csv", SALES)
    assert lake.job().run().failed == {}
    assert lake.rows("order_id, region") == [(1, "north"), (2, "south"), (3, None)]


def test_a_feed_may_keep_to_a_version_and_the_partition_tells_which_was_used(lake: SmallLake) -> None:
    enrich = {"reference": "stores", "on": "order_id", "key": "id", "columns": ["region"]}
    lake.put("reference/acme/stores/2026-01/a.csv", "id,region\n1,old\n3,old\n")
    lake.put("reference/acme/stores/2026-02/a.csv", "id,region\n1,new\n3,new\n")
    lake.put_feed(transform={"enrich": [{**enrich, "version": "2026-01"}]})
    lake.land("a.csv", SALES)
    assert lake.job().run().failed == {}
    assert lake.rows("DISTINCT region") == [("old",), (None,)]
    (partition,) = lake.glue.get_partitions(DatabaseName="curated", TableName="sales")["Partitions"]
    assert partition["Parameters"]["lakeferry.reference.stores"] == "2026-01"
    lake.put_feed(transform={"enrich": [{**enrich, "version": "2025-12"}]})
    lake.land("b.csv", SALES)
    (text,) = lake.job(OTHER_RUN).run().failed.values()
    assert "has no version '2025-12', only 2026-01, 2026-02" in text


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip"])
def test_files_are_compressed_and_clustered_as_the_feed_says(lake: SmallLake, compression: str) -> None:
    lake.put_feed(transform={"compression": compression, "partition_by": ["amount"]})
    lake.land("a.csv", "order_id,amount\n1,3.00\n2,1.00\n3,2.00\n")
    assert lake.job().run().failed == {}
    (file,) = lake.files_at(*lake.locations().values())
    parquet = pq.ParquetFile(file)
    assert parquet.metadata.row_group(0).column(0).compression == compression.upper()
    assert parquet.read(columns=["order_id"])["order_id"].to_pylist() == [2, 3, 1]


def test_a_partition_bigger_than_a_file_should_be_becomes_several(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("work._PARQUET_RATIO", 500_000)
    lake.put_feed(transform={"target_file_mb": 16, "partition_by": ["amount"]})
    lake.land("a.csv", "order_id,amount\n" + "".join(f"{number},{number % 7}\n" for number in range(20)))
    report = lake.job().run()
    assert (report.failed, report.rows_curated) == ({}, 20)
    assert len(lake.files_at(*lake.locations().values())) == 4


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("reference/globex/stores/1/a.csv", "id,region\n1,x\n", "s3://lake/reference/acme/stores/ has no version"),
        ("reference/acme/stores/1/a.csv", "id,region\n1,x\n1,y\n", "id '1' is there 2 times"),
        ("reference/acme/stores/1/a.csv", "code,region\n1,x\n", "has no column 'id': code, region"),
    ],
)
def test_a_reference_table_that_cannot_be_used_fails_the_partition(
    lake: SmallLake, key: str, text: str, message: str
) -> None:
    lake.put_feed(transform={"enrich": [{"reference": "stores", "on": "order_id", "key": "id", "columns": ["region"]}]})
    lake.put(key, text)
    lake.land("a.csv", SALES)
    (found,) = lake.job().run().failed.values()
    assert message in found
    assert lake.entry("a.csv")["status"] == "UPLOADED"


def test_of_two_deliveries_of_one_order_the_last_is_kept(lake: SmallLake) -> None:
    lake.put_feed(transform={"deduplicate": {"keys": ["order_id"]}})
    lake.land("a.csv", "order_id,amount\n1,1.00\n2,2.00\n")
    lake.land("b.csv", "order_id,amount\n1,9.00\n")
    assert lake.job().run().failed == {}
    assert lake.rows("order_id, amount") == [(1, Decimal("9.00")), (2, Decimal("2.00"))]
    assert lake.entry("a.csv")["rows_dropped"] == {"duplicate": 1}
    assert lake.entry("b.csv")["rows_dropped"] == {}


def columns(**types: str) -> dict[str, Any]:
    return {"columns": [{"name": name, "type": kind} for name, kind in types.items()]}


def test_a_decimal_that_grew_widens_the_table_and_old_rows_stay_readable(lake: SmallLake) -> None:
    lake.put_feed(checks=columns(amount="decimal(6,2)"))
    lake.land("a.csv", "amount\n1234.50\n")
    lake.job().run()
    lake.put_feed(checks=columns(amount="decimal(20,2)"))
    lake.land("b.csv", "amount\n123456789012345.25\n", dt="2026-01-06")
    assert lake.job(OTHER_RUN).run().failed == {}
    assert lake.table_columns()["amount"] == "decimal(20,2)"
    found = lake.glue.get_partitions(DatabaseName="curated", TableName="sales")["Partitions"]
    assert {item["StorageDescriptor"]["Columns"][0]["Type"] for item in found} == {"decimal(20,2)"}
    assert query(lake, "SELECT amount FROM sales ORDER BY 1").rows == [
        (Decimal("1234.50"),),
        (Decimal("123456789012345.25"),),
    ]


def test_a_column_that_is_delivered_no_more_reads_null(lake: SmallLake) -> None:
    lake.put_feed(checks=columns(order_id="int64", day="date"))
    lake.land("a.csv", "order_id,day\n1,2026-01-05\n")
    lake.land("b.csv", "order_id\n2\n", dt="2026-01-06")
    assert lake.job().run().failed == {}
    assert query(lake, "SELECT order_id, day FROM sales ORDER BY 1").rows == [(1, date(2026, 1, 5)), (2, None)]


def test_only_what_readers_of_either_type_can_read_is_widened() -> None:
    assert wider("decimal(6,2)", "decimal(20,2)") == wider("decimal(20,2)", "decimal(6,2)") == "decimal(20,2)"
    assert wider("decimal(6,2)", "decimal(6,3)") is None
    assert wider("bigint", "double") is None
    assert wider("string", "string") == "string"


@pytest.mark.parametrize("dataset", ["fallout", "quality", "sla", "raw_acme_daily_sales"])
def test_the_names_of_lakeferrys_own_tables_are_taken(lake: SmallLake, dataset: str) -> None:
    with pytest.raises(Exception, match=r"\$\.dataset: .* is taken"):
        lake.put_feed(dataset=dataset)


def test_the_quality_table_tells_rows_by_rule_and_columns_by_nulls_and_range(lake: SmallLake) -> None:
    lake.land("a.csv", "order_id,amount,shop\n1,10.00,north\n2,-5.00,\nx,1.00,\n3,30.50,\n")
    assert lake.job().run().failed == {}
    found = query(lake, "SELECT kind, name, rows, nulls, null_ratio, least, greatest FROM quality ORDER BY kind, name")
    assert found.rows == [
        ("column", "amount", 2, 0, 0.0, "10.00", "30.50"),
        ("column", "net", 2, 0, 0.0, "20.00", "61.00"),
        ("column", "order_id", 2, 0, 0.0, "1", "3"),
        ("column", "shop", 2, 1, 0.5, "north", "north"),
        ("rows", "curated", 2, None, None, None, None),
        ("rows", "dropped", 2, None, None, None, None),
        ("rows", "landed", 4, None, None, None, None),
        ("rule", "filter", 1, None, None, None, None),
        ("rule", "type:order_id", 1, None, None, None, None),
    ]
    about = query(lake, "SELECT DISTINCT tenant, feed, dt, dataset, run_id, curated_at[:10] = curated_on FROM quality")
    assert about.rows == [("acme", "daily_sales", "2026-01-05", "sales", "run-1", True)]


def test_the_quality_of_an_empty_partition_has_no_ratios(lake: SmallLake) -> None:
    lake.land("a.csv", "order_id,amount\n1,-1.00\n")
    assert lake.job().run().failed == {}
    found = query(lake, "SELECT rows, nulls, null_ratio, least FROM quality WHERE name = 'amount'")
    assert found.rows == [(0, 0, None, None)]


def test_the_quality_table_keeps_what_earlier_rebuilds_found(lake: SmallLake) -> None:
    lake.land("a.csv", SALES)
    lake.job().run()
    lake.land("b.csv", SALES)
    lake.job(OTHER_RUN).run()
    found = query(lake, "SELECT run_id, rows FROM quality WHERE kind = 'rows' AND name = 'landed' ORDER BY run_id")
    assert found.rows == [("run-1", 3), ("run-2", 6)]


def test_an_iceberg_table_is_not_written_over_by_a_feed_of_parquet(lake: SmallLake) -> None:
    table: Any = {
        "Name": "sales",
        "Parameters": {"table_type": "ICEBERG", "metadata_location": "s3://lake/iceberg/1.json"},
        "StorageDescriptor": {"Columns": [{"Name": "order_id", "Type": "bigint"}]},
    }
    lake.glue.create_table(DatabaseName=DATABASE, TableInput=table)
    before = lake.glue.get_table(DatabaseName=DATABASE, Name="sales")["Table"]
    lake.land("a.csv", SALES)
    (text,) = lake.job().run().failed.values()
    assert text.startswith("TableFormatError: acme/daily_sales dt=2026-01-05: curated.sales is an Iceberg table")
    assert lake.glue.get_table(DatabaseName=DATABASE, Name="sales")["Table"] == before
    assert lake.locations() == {}
    assert lake.entry("a.csv")["pending"] == "aside", "the feed's own mistake"


def test_a_parquet_table_is_not_written_over_by_a_feed_of_iceberg(lake: SmallLake) -> None:
    """The Data Catalog takes no second table of that name: in AWS it failed the run of all tenants."""
    lake.land("a.csv", SALES)
    lake.job().run()
    before = lake.rows("order_id")
    lake.put_feed(feed="later", transform={"table_format": "iceberg"})
    lake.land("b.csv", SALES, feed="later")
    curate.main(lake.arguments(OTHER_RUN))
    (aside,) = lake.job()._ledger.asides.of(CURATE)
    assert (aside.feed_id, aside.error) == ("acme/later", "TableFormatError")
    assert (
        "curated.sales is a Parquet table. Nothing was published. Set transform.table_format to parquet" in aside.cause
    )
    assert lake.rows("order_id") == before


@pytest.mark.parametrize("table_format", ["parquet", "iceberg"])
@pytest.mark.parametrize("kind", ["view", "table"])
def test_a_table_or_view_of_somebody_elses_is_left_as_it_is(lake: SmallLake, kind: str, table_format: str) -> None:
    columns = [{"Name": "order_id", "Type": "bigint"}]
    table: dict[str, Any] = {"Name": "sales", "StorageDescriptor": {"Columns": columns, "Location": ""}}
    if kind == "view":
        table |= {"TableType": "VIRTUAL_VIEW", "ViewOriginalText": "/* Presto View: e30= */"}
    else:
        parameters = {"table_type": "ICEBERG"} if table_format == "iceberg" else {}
        table |= {"Parameters": parameters, "StorageDescriptor": {"Columns": columns, "Location": "s3://own/sales/"}}
    lake.glue.create_table(DatabaseName=DATABASE, TableInput=table)  # type: ignore[arg-type]
    before = lake.glue.get_table(DatabaseName=DATABASE, Name="sales")["Table"]
    lake.put_feed(transform={"table_format": table_format})
    lake.land("a.csv", SALES)
    (text,) = lake.job().run().failed.values()
    assert "curated.sales is there, and Lakeferry did not make it. Nothing was published. Use another dataset" in text
    assert lake.glue.get_table(DatabaseName=DATABASE, Name="sales")["Table"] == before
    assert lake.entry("a.csv")["pending"] == "aside"


def test_days_before_the_calendars_reform_come_back_as_they_were_delivered(lake: SmallLake) -> None:
    columns = [
        {"name": "id", "type": "int64"},
        {"name": "day", "type": "date"},
        {"name": "moment", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"},
    ]
    lake.put_feed(checks={"columns": columns}, transform={})
    days = ["0001-01-01", "1582-10-04", "1582-10-15", "1753-01-01", "1899-12-30", "2026-01-05"]
    lines = [f"{number},{day},{day} 00:00:01" for number, day in enumerate(days)]
    lake.land("a.csv", "\n".join(["id,day,moment", *lines]) + "\n")
    assert lake.job().run().failed == {}
    found = query(lake, "SELECT CAST(day AS VARCHAR), CAST(moment AS VARCHAR) FROM sales ORDER BY id")
    assert found.rows == [(day, f"{day} 00:00:01") for day in days]
    frame = lake.spark.read.parquet(*map(str, lake.folder.glob("curated/sales/**/*.parquet"))).orderBy("id")
    assert [str(row[0]) for row in frame.selectExpr("CAST(day AS STRING)").collect()] == days
