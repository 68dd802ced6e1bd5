"""`table_format: iceberg`: the same feed, the same rows, in an Iceberg table."""

from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

from iceberg import IcebergTables
from local.iceberg_runtime import iceberg_jars
from tests.conftest import OTHER_RUN, RUN, feed_document
from tests.glue.conftest import DATABASE, SmallLake

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(not iceberg_jars(), reason="Iceberg's runtime for Spark is not installed"),
]

SALES = "order_id,amount\n1,10.00\n2,-5.00\n3,30.50\n"
ICEBERG = {"filter": "amount > 0", "derive": {"net": "amount * 2"}, "table_format": "iceberg"}


def rows(lake: SmallLake, *columns: str, table: str = "sales") -> list[tuple[Any, ...]]:
    name = IcebergTables(lake.spark, DATABASE, lake.job()._lake).name(table)
    lake.spark.catalog.refreshTable(name)
    return sorted((tuple(row) for row in lake.spark.table(name).select(*columns).collect()), key=str)


def test_the_rows_are_those_of_the_parquet_table_and_rebuilds_replace_them(lake: SmallLake) -> None:
    lake.put_feed(transform=ICEBERG)
    lake.put_feed(feed="parquet", dataset="parquet", transform={**ICEBERG, "table_format": "parquet"})
    for feed in ("daily_sales", "parquet"):
        lake.land(f"{feed}.csv", SALES, feed=feed)
        lake.land(f"{feed}6.csv", SALES, feed=feed, dt="2026-01-06")
    assert lake.job().run().failed == {}
    columns = ("order_id", "amount", "net", "_run_id")
    assert rows(lake, *columns, "dt") == [
        (1, Decimal("10.00"), Decimal("20.00"), "run-1", "2026-01-05"),
        (1, Decimal("10.00"), Decimal("20.00"), "run-1", "2026-01-06"),
        (3, Decimal("30.50"), Decimal("61.00"), "run-1", "2026-01-05"),
        (3, Decimal("30.50"), Decimal("61.00"), "run-1", "2026-01-06"),
    ]
    assert [row[:4] for row in rows(lake, *columns)] == lake.rows(", ".join(columns), "parquet")
    assert lake.entry("daily_sales.csv")["status"] == "CURATED"
    assert not list((lake.folder / "curated/sales").rglob("*.parquet")), "what was written aside is gone"
    lake.land("more.csv", "order_id,amount\n9,9.00\n")
    assert lake.job(OTHER_RUN).run().failed == {}
    assert rows(lake, "order_id", "dt", "_run_id") == [
        (1, "2026-01-05", "run-2"),
        (1, "2026-01-06", "run-1"),
        (3, "2026-01-05", "run-2"),
        (3, "2026-01-06", "run-1"),
        (9, "2026-01-05", "run-2"),
    ]


def test_columns_come_and_grow_and_a_conflict_fails_its_partition_alone(lake: SmallLake) -> None:
    def columns(**types: str) -> dict[str, Any]:
        return {"columns": [{"name": name, "type": kind} for name, kind in types.items()]}

    lake.put_feed(transform={"table_format": "iceberg"}, checks=columns(amount="decimal(6,2)"))
    lake.land("a.csv", "amount\n1.50\n")
    assert lake.job().run().failed == {}
    lake.put_feed(transform={"table_format": "iceberg"}, checks=columns(amount="decimal(20,2)"))
    lake.land("b.csv", "amount,shop\n123456789012.25,north\n", dt="2026-01-06")
    assert lake.job(OTHER_RUN).run().failed == {}
    assert rows(lake, "amount", "shop") == [(Decimal("1.50"), None), (Decimal("123456789012.25"), "north")]
    lake.put_feed(transform={"table_format": "iceberg"}, checks=columns(amount="float64"))
    lake.land("c.csv", "amount\n1.5\n", dt="2026-01-07")
    (text,) = lake.job(RUN.replace("run-1", "run-3")).run().failed.values()
    assert "column amount is double in /outgoing/c.csv, but decimal(20,2) in table curated.sales" in text
    assert len(rows(lake, "amount")) == 2


def test_a_partition_left_empty_shows_no_stale_rows_and_a_failed_commit_leaves_the_old_ones(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.put_feed(transform=ICEBERG)
    lake.land("a.csv", SALES)
    assert lake.job().run().failed == {}
    lake.put_feed(transform={**ICEBERG, "filter": "amount > 1000"})
    lake.land("b.csv", SALES)

    def refuse(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(IcebergTables, "_merge", refuse)
        (text,) = lake.job(OTHER_RUN).run().failed.values()
    assert text.startswith("IcebergRefusedError: acme/daily_sales dt=2026-01-05")
    assert "no space left" in text
    assert rows(lake, "order_id") == [(1,), (3,)]
    assert lake.entry("b.csv")["pending"] == "raw"
    assert lake.job(RUN.replace("run-1", "run-3")).run().failed == {}
    assert rows(lake, "order_id") == []


def by_shop(*columns: str) -> dict[str, Any]:
    return {"table_format": "iceberg", "partition_by": list(columns)}


def loaded(lake: SmallLake) -> Any:
    tables = IcebergTables(lake.spark, DATABASE, lake.job()._lake)
    return tables._loaded(tables.name("sales"))


def planned(lake: SmallLake, column: str, value: Any) -> list[str]:
    """Files a reader opens for one value of a column, as Iceberg plans its scans."""
    expressions = lake.spark._jvm.org.apache.iceberg.expressions.Expressions
    tasks = loaded(lake).newScan().filter(expressions.equal(column, value)).planFiles().iterator()
    found = []
    while tasks.hasNext():
        found.append(str(tasks.next().file().path()))
    return found


SHOPS = "order_id,amount,shop\n1,1.00,north\n2,2.00,south\n3,3.00,north\n4,4.00,\n"


def test_partition_by_makes_partitions_and_a_rebuild_replaces_all_those_of_its_day_in_one_snapshot(
    lake: SmallLake,
) -> None:
    lake.put_feed(transform=by_shop("shop"))
    lake.land("a.csv", SHOPS)
    lake.land("6.csv", SHOPS, dt="2026-01-06")
    assert lake.job().run().failed == {}
    assert [field.name() for field in loaded(lake).spec().fields()] == ["tenant", "feed", "dt", "shop"]
    north = planned(lake, "shop", "north")
    assert len(north) == 2, "one file a day"
    assert all("/shop=north/" in path for path in north)
    name = IcebergTables(lake.spark, DATABASE, lake.job()._lake).name("sales")
    before = {row["snapshot_id"] for row in lake.spark.sql(f"SELECT * FROM {name}.snapshots").collect()}
    declared = [*feed_document()["checks"]["columns"], {"name": "shop", "type": "string"}]
    kept = {"filter": "shop IS NULL OR shop <> 'south'"}
    lake.put_feed(checks={"columns": declared}, transform=by_shop("shop") | kept)
    lake.land("b.csv", "order_id,amount,shop\n9,9.00,west\n")
    assert lake.job(OTHER_RUN).run().failed == {}
    assert rows(lake, "dt", "shop", "order_id") == [
        ("2026-01-05", "north", 1),
        ("2026-01-05", "north", 3),
        ("2026-01-05", "west", 9),
        ("2026-01-05", None, 4),
        ("2026-01-06", "north", 1),
        ("2026-01-06", "north", 3),
        ("2026-01-06", "south", 2),
        ("2026-01-06", None, 4),
    ]
    after = {row["snapshot_id"] for row in lake.spark.sql(f"SELECT * FROM {name}.snapshots").collect()}
    (made,) = after - before
    (old,) = [snapshot for snapshot in before if loaded(lake).snapshot(made).parentId() == snapshot]
    seen = lake.spark.sql(f"SELECT order_id FROM {name} VERSION AS OF {old} WHERE dt = '2026-01-05'").collect()
    assert sorted(row[0] for row in seen) == [1, 2, 3, 4], "a query that began before the commit sees the old rows"


def test_a_table_that_is_there_gets_new_partitions_with_the_next_rebuild(lake: SmallLake) -> None:
    lake.put_feed(transform=by_shop())
    lake.land("a.csv", SHOPS)
    lake.land("6.csv", SHOPS, dt="2026-01-06")
    assert lake.job().run().failed == {}
    assert [field.name() for field in loaded(lake).spec().fields()] == ["tenant", "feed", "dt"]
    lake.put_feed(transform=by_shop("shop"))
    lake.land("b.csv", "order_id,amount,shop\n9,9.00,north\n")
    assert lake.job(OTHER_RUN).run().failed == {}
    assert len(planned(lake, "shop", "south")) == 2, "one of the day that is partitioned, one of the day that is not"
    assert len([path for path in planned(lake, "shop", "south") if "/shop=" in path]) == 1
    lake.put_feed(transform=by_shop())
    lake.land("c.csv", "order_id,amount,shop\n10,1.00,north\n")
    assert lake.job(RUN.replace("run-1", "run-3")).run().failed == {}
    assert [field.name() for field in loaded(lake).spec().fields()] == ["tenant", "feed", "dt", "shop"]
    assert rows(lake, "order_id") == [(1,), (1,), (10,), (2,), (2,), (3,), (3,), (4,), (4,), (9,)]


def test_too_many_values_of_partition_by_fail_the_partition_and_change_nothing(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iceberg.MAX_PARTITIONS", 3)
    lake.put_feed(transform=by_shop("shop"))
    lake.land("a.csv", SHOPS)
    assert lake.job().run().failed == {}, "three values: north, south and none"
    lake.put_feed(transform=by_shop("shop", "order_id"))
    lake.land("b.csv", "order_id,amount,shop\n9,9.00,west\n")
    (text,) = lake.job(OTHER_RUN).run().failed.values()
    assert "partition_by shop, order_id would make more than 3 partitions of table curated.sales" in text
    assert rows(lake, "order_id") == [(1,), (2,), (3,), (4,)]
    assert [field.name() for field in loaded(lake).spec().fields()] == ["tenant", "feed", "dt", "shop"]
    assert lake.entry("b.csv")["pending"] == "aside", "the feed's own mistake"


def test_files_are_compressed_as_the_feed_says_now(lake: SmallLake) -> None:
    codecs = []
    for number, compression in enumerate(("zstd", "gzip"), 1):
        lake.put_feed(transform=by_shop() | {"compression": compression})
        lake.land(f"{number}.csv", SHOPS)
        assert lake.job(RUN.replace("run-1", f"run-{number}")).run().failed == {}
        (path,) = planned(lake, "dt", "2026-01-05")
        codecs.append(pq.ParquetFile(path.removeprefix("file:")).metadata.row_group(0).column(0).compression)
    assert codecs == ["ZSTD", "GZIP"]
