"""The whole job over a small lake: what becomes visible, what the ledger says, and what happens when it goes wrong."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import AnalysisException

import catalog
import curate
import sparkworker
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import parse_feed
from lakeferry.feeds.fingerprint import checked_as
from lakeferry.ledger.asides import CURATE
from lakeferry.ledger.datasets import Datasets, Owned
from local.sql import query
from tests.conftest import OTHER_RUN, RUN, feed_document
from tests.glue.conftest import BUCKET, SmallLake

pytestmark = pytest.mark.spark

BOTH_ENGINES = True
SPARKS_ALONE = {
    "test_readers_see_the_old_rows_while_new_ones_are_written_and_after_a_crash",
}
SALES = "order_id,amount\n1,10.00\n2,-5.00\n3,30.50\n"


def test_a_landed_file_becomes_rows_with_types_derived_columns_and_lineage(lake: SmallLake) -> None:
    key = lake.land("a.csv", SALES)
    report = lake.job().run()
    assert (report.partitions, report.rows_landed, report.rows_curated) == (1, 3, 2)
    seen = datetime(2026, 1, 5, 6, 0, 1)
    assert lake.rows("order_id, amount, net, _source_file, _ingested_at, _run_id") == [
        (1, Decimal("10.00"), Decimal("20.00"), key, seen, "run-1"),
        (3, Decimal("30.50"), Decimal("61.00"), key, seen, "run-1"),
    ]
    assert lake.table_columns()["amount"] == "decimal(12,2)"
    assert lake.locations() == {
        ("acme", "daily_sales", "2026-01-05"): (
            "s3://lake/curated/sales/tenant=acme/feed=daily_sales/dt=2026-01-05/run-1/"
        )
    }


def test_the_ledger_tells_what_became_of_each_files_rows(lake: SmallLake) -> None:
    lake.land("a.csv", SALES)
    lake.land("b.csv", "order_id,amount\n7,1.00\nx,1.00\n8,1.005\n")
    lake.job().run()
    entry = lake.entry("a.csv")
    assert (entry["status"], entry["rows_curated"], entry["rows_dropped"]) == ("CURATED", 2, {"filter": 1})
    assert (entry["curated_run"], entry["curated_by"], entry["curated_in"]) == (RUN, lake.engine, "Run Glue job")
    assert "pending" not in entry
    other = lake.entry("b.csv")
    assert (other["rows_curated"], other["rows_dropped"]) == (1, {"type:order_id": 1, "type:amount": 1})


def test_a_second_run_has_nothing_to_do(lake: SmallLake) -> None:
    lake.land("a.csv", SALES)
    lake.job().run()
    before = lake.locations()
    assert lake.job(OTHER_RUN).run().partitions == 0
    assert lake.locations() == before


def test_a_new_file_rebuilds_its_partition_from_all_files(lake: SmallLake) -> None:
    lake.land("a.csv", SALES)
    lake.job().run()
    lake.land("b.csv", "order_id,amount\n9,9.00\n")
    lake.job(OTHER_RUN).run()
    assert lake.rows("order_id, _run_id") == [(1, "run-2"), (3, "run-2"), (9, "run-2")]
    assert lake.entry("a.csv")["curated_run"] == OTHER_RUN


def test_a_rebuild_gives_the_same_rows(lake: SmallLake) -> None:
    lake.land("a.csv", SALES)
    lake.job().run()
    columns = "* EXCLUDE (_run_id)"
    before = lake.rows(columns)
    lake.ledger.update_item(
        Key={name: lake.entry("a.csv")[name] for name in ("feed_id", "file_id")},
        UpdateExpression="SET pending = :raw",
        ExpressionAttributeValues={":raw": "raw"},
    )
    lake.job(OTHER_RUN).run()
    assert lake.rows("DISTINCT _run_id") == [("run-2",)]
    assert lake.rows(columns) == before


def test_a_partition_left_empty_by_the_filter_shows_no_stale_rows(lake: SmallLake) -> None:
    lake.land("a.csv", SALES)
    lake.job().run()
    lake.land("a.csv", "order_id,amount\n1,-1.00\n", rows=1)
    for item in lake.ledger.scan()["Items"]:  # delivered again: the first version is replaced
        if item.get("rows_landed") == 3:
            lake.ledger.delete_item(Key={"feed_id": item["feed_id"], "file_id": item["file_id"]})
    report = lake.job(OTHER_RUN).run()
    assert report.failed == {}
    assert lake.rows() == []
    assert lake.entry("a.csv")["rows_dropped"] == {"filter": 1}


def test_two_tenants_of_one_dataset_are_apart_in_one_table(lake: SmallLake) -> None:
    lake.put_feed(
        tenant="globex",
        feed="orders",
        checks={"columns": [{"name": "amount", "type": "decimal(12,2)"}]},
        server={"protocol": "ftp", "host": "h", "username": "u", "allow_plaintext": True},
    )
    lake.land("a.csv", SALES)
    lake.land("g.csv", "amount,shop\n1.00,north\n", tenant="globex", feed="orders")
    datasets = Datasets(lake.ledger)
    datasets.begin(Owned("sales", "acme", ("globex",), is_open=True))
    assert lake.job().run().failed == {}
    assert set(lake.locations()) == {("acme", "daily_sales", "2026-01-05"), ("globex", "orders", "2026-01-05")}
    assert {"order_id", "amount", "net", "shop"} < set(lake.table_columns())


def test_one_bad_partition_does_not_stop_the_rest(lake: SmallLake) -> None:
    lake.land("a.csv", SALES, dt="2026-01-05")
    lake.land("b.csv", SALES, dt="2026-01-06", rows=4)
    lake.land("c.csv", SALES, dt="2026-01-07")
    with pytest.raises(curate.JobFailedError) as caught:
        curate.main(lake.arguments())
    message = str(caught.value)
    assert "1 of 3 partitions failed" in message
    assert "BalanceError: acme/daily_sales dt=2026-01-06: /outgoing/b.csv: 4 rows landed, Spark read 3" in message
    assert [values[2] for values in sorted(lake.locations())] == ["2026-01-05", "2026-01-07"]
    assert lake.entry("b.csv")["status"] == "UPLOADED"
    assert lake.entry("b.csv")["pending"] == "raw"
    assert lake.entry("c.csv")["status"] == "CURATED"


def test_a_missing_raw_object_fails_its_partition_by_name(lake: SmallLake) -> None:
    key = lake.land("a.csv", SALES)
    (lake.folder / key).unlink()
    report = lake.job().run()
    (text,) = report.failed.values()
    assert text.startswith("RawFileMissingError")
    assert f"s3://lake/{key} is not there" in text


def test_a_feed_without_a_document_fails_its_partitions(lake: SmallLake) -> None:
    lake.land("a.csv", SALES, feed="unknown")
    (text,) = lake.job().run().failed.values()
    assert text.startswith("FeedGoneError: feed acme/unknown has no document in table")


def test_a_stored_expression_that_names_no_column_fails_its_partition_by_name(lake: SmallLake) -> None:
    # written past `feeds put`, which refuses it
    lake.feeds.put_item(Item=feed_document(transform={"filter": "amuont > 0"}))
    lake.land("a.csv", SALES)
    (text,) = lake.job().run().failed.values()
    assert "$.transform.filter: names the column 'amuont', which is not there (did you mean 'amount'?)" in text


@pytest.mark.parametrize(
    "expression", ["reflect('java.lang.System', 'getProperty', 'user.home') = ''", "rand() < 0.5", "uuid() <> ''"]
)
def test_an_expression_computes_from_its_row_and_does_nothing_else(lake: SmallLake, expression: str) -> None:
    with pytest.raises(FeedInvalidError, match="which is none of the functions"):
        lake.put_feed(transform={"filter": expression})
    lake.feeds.put_item(Item=feed_document(transform={"filter": expression}))
    lake.land("a.csv", SALES)
    (text,) = lake.job().run().failed.values()
    assert "which is none of the functions" in text
    assert lake.entry("a.csv")["status"] == "UPLOADED"
    # were it to get there, Spark would not have it either
    with pytest.raises(AnalysisException, match="UNRESOLVED_ROUTINE"):
        lake.spark.sql(f"SELECT {expression}")


def test_an_expression_reads_no_files(lake: SmallLake, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("x")
    stolen = f"SELECT first(value) FROM text.`{secret}`"
    # written past `feeds put`, which refuses it
    lake.feeds.put_item(Item=feed_document(transform={"derive": {"stolen": f"({stolen})"}}))
    lake.land("a.csv", SALES)
    (text,) = lake.job().run().failed.values()
    assert "$.transform.derive.stolen: has SELECT" in text
    with pytest.raises(AnalysisException, match="TABLE_OR_VIEW_NOT_FOUND"):
        lake.spark.sql(stolen)


def test_a_row_that_overflows_is_dropped_by_name_kept_and_counted(lake: SmallLake) -> None:
    lake.put_feed(transform={"derive": {"ten": "order_id * 10"}})
    lake.land("a.csv", "order_id,amount\n1,2.00\n9223372036854775807,3.00\n")
    report = lake.job().run()
    assert report.failed == {}
    assert lake.entry("a.csv")["rows_dropped"] == {"error:derive.ten": 1}
    assert lake.rows("order_id, ten") == [(1, 10)]
    assert lake.rows("rule, row", "fallout") == [
        ("error:derive.ten", '{"order_id":"9223372036854775807","amount":"3.00"}')
    ]


def test_a_derived_column_cannot_take_the_place_of_a_partition_key(lake: SmallLake) -> None:
    lake.put_feed(transform={"derive": {"tenant": "'globex'"}})
    lake.land("a.csv", SALES)
    (text,) = lake.job().run().failed.values()
    assert text.startswith("FeedInvalidError: transform.derive: 'tenant'")


def test_a_files_own_dt_column_is_kept_under_another_name(lake: SmallLake) -> None:
    lake.land("a.csv", "order_id,amount,dt\n1,2.00,yesterday\n")
    assert lake.job().run().failed == {}
    assert lake.rows("order_id, source_dt") == [(1, "yesterday")]


def test_a_broken_fail_rule_fails_the_partition(lake: SmallLake) -> None:
    rule = {"name": "positive", "expression": "amount > 0", "action": "fail"}
    lake.put_feed(transform={"rules": [rule]})
    lake.land("a.csv", SALES)
    (text,) = lake.job().run().failed.values()
    assert "/outgoing/a.csv: 1 rows break the rule 'positive'" in text
    assert lake.entry("a.csv")["status"] == "UPLOADED"


def test_line_breaks_within_quotes_are_one_value(lake: SmallLake) -> None:
    text = 'order_id,amount,note\n1,10.00,"two\nlines, ""quoted"""\n2,5.00,plain\n'
    lake.land("a.csv", text, rows=2)
    assert lake.job().run().failed == {}
    assert lake.rows("order_id, note") == [(1, 'two\nlines, "quoted"'), (2, "plain")]


def test_files_of_one_day_may_have_their_columns_in_another_order_or_more_of_them(lake: SmallLake) -> None:
    lake.land("a.csv", SALES)
    lake.land("b.csv", "amount,shop,order_id\n7.00,north,70\n")
    assert lake.job().run().failed == {}
    assert lake.rows("order_id, amount, shop") == [
        (1, Decimal("10.00"), None),
        (3, Decimal("30.50"), None),
        (70, Decimal("7.00"), "north"),
    ]


def test_a_header_that_is_not_the_ledgers_fails_instead_of_mixing_columns(lake: SmallLake) -> None:
    lake.land("a.csv", SALES, columns=["amount", "order_id"])
    (text,) = lake.job().run().failed.values()
    assert "header" in text


def test_a_column_type_that_conflicts_with_the_table_fails_that_partition(lake: SmallLake) -> None:
    lake.land("a.csv", SALES)
    lake.job().run()
    lake.put_feed(feed="other", checks={"columns": [{"name": "amount", "type": "float64"}]})
    lake.land("o.csv", "amount\n1.5\n", feed="other")
    (text,) = lake.job(OTHER_RUN).run().failed.values()
    assert "column amount is double in /outgoing/o.csv, but decimal(12,2) in table curated.sales" in text
    assert lake.entry("o.csv")["pending"] == "aside"


def checked(lake: SmallLake, name: str) -> None:
    """The ledger says that the file has passed the feed's checks as they are."""
    entry = lake.entry(name)
    lake.ledger.update_item(
        Key={"feed_id": entry["feed_id"], "file_id": entry["file_id"]},
        UpdateExpression="SET checked_as = :checked",
        ExpressionAttributeValues={":checked": checked_as(parse_feed(feed_document()))},
    )


@pytest.mark.parametrize("row", ["x,1.00", "1,1.00,1"])
def test_a_row_that_passed_the_checks_is_never_dropped_as_broken(lake: SmallLake, row: str) -> None:
    lake.land("a.csv", SALES)
    lake.job().run()
    before = [row[:-1] for row in lake.rows()]
    lake.land("b.csv", f"order_id,amount\n{row}\n7,1.00\n")
    checked(lake, "b.csv")
    assert lake.job(OTHER_RUN).run().failed == {}
    (aside,) = lake.job()._ledger.asides.of(CURATE)
    assert "/outgoing/b.csv: rows that passed the checks" in aside.cause
    assert [row[:-1] for row in lake.rows()] == before
    assert lake.entry("b.csv")["pending"] == "aside"


@pytest.mark.parametrize("row", ["x,1.00", "1,1.00,1"])
def test_a_row_not_of_the_types_that_came_after_its_checks_is_dropped_by_name(lake: SmallLake, row: str) -> None:
    lake.land("b.csv", f"order_id,amount\n{row}\n7,1.00\n")
    checked(lake, "b.csv")
    columns = [{"name": "order_id", "type": "float64"}, {"name": "amount", "type": "decimal(12,2)"}]
    lake.put_feed(dataset="others", checks={"columns": columns})
    assert lake.job(OTHER_RUN).run().failed == {}
    assert sum(lake.entry("b.csv")["rows_dropped"].values()) == 1


class Killed(BaseException):
    """Stands for a process that ends here; nothing catches it."""


def _kill(*_: Any) -> Any:
    raise Killed


@pytest.mark.parametrize(
    ("point", "visible"), [("catalog.Catalog.publish", []), ("publishing.mark_curated", [(1,), (3,)])]
)
def test_a_job_killed_before_or_after_the_switch_is_simply_run_again(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch, point: str, visible: list[tuple[int]]
) -> None:
    lake.land("a.csv", SALES)
    lake.glue.create_table(
        DatabaseName="curated",
        TableInput={
            "Name": "sales",
            "StorageDescriptor": {"Columns": [], "Location": f"s3://{BUCKET}/curated/sales/"},
            "PartitionKeys": [],
        },
    )
    with monkeypatch.context() as patch:
        patch.setattr(point, _kill)
        with pytest.raises(Killed):
            lake.job().run()
    assert lake.rows("order_id") == visible
    assert lake.entry("a.csv")["status"] == "UPLOADED"
    assert lake.job().run().failed == {}  # the same run again, as a redriven execution does
    assert lake.rows("order_id") == [(1,), (3,)]
    assert lake.entry("a.csv")["rows_curated"] == 2
    assert lake.locations()["acme", "daily_sales", "2026-01-05"].endswith("/run-1-2/")


def test_readers_see_the_old_rows_while_new_ones_are_written_and_after_a_crash(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.land("a.csv", SALES)
    lake.job().run()
    before = lake.rows()
    lake.land("b.csv", "order_id,amount\n9,9.00\n")
    seen: list[list[tuple[Any, ...]]] = []
    written = sparkworker.SparkWorker._inspect

    def crash(*arguments: Any) -> Any:
        written(*arguments)  # the Parquet is there by now
        seen.append(lake.rows())
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sparkworker.SparkWorker, "_inspect", crash)
        assert [text.split(":")[0] for text in lake.job(OTHER_RUN).run().failed.values()] == ["Killed"]
    assert seen == [before]
    assert lake.rows() == before
    aside = lake.folder / "curated/sales/tenant=acme/feed=daily_sales/dt=2026-01-05/run-2"
    assert list(aside.glob("*.parquet"))
    assert lake.job(RUN.replace("run-1", "run-3")).run().failed == {}
    assert lake.rows("order_id") == [(1,), (3,), (9,)]
    assert not aside.exists(), "what nobody ever read is removed with the next switch"


WAYS: dict[str, list[tuple[str, ...]]] = {
    "all at once": [("a", "b", "c")],
    "file by file": [("a",), ("b",), ("c",)],
    "late, as a backfill": [("c",), ("b",), ("a",)],
    "run again": [("a", "b", "c"), (), ()],
    "delivered again": [("a", "b"), ("c", "a"), ("b",)],
}


@pytest.mark.parametrize("way", WAYS)
def test_the_data_is_the_same_whichever_way_it_came(lake: SmallLake, way: str) -> None:
    """Rows, fallout and what the ledger counts depend on the files alone, not on the runs that brought them."""
    files = {
        "a": "order_id,amount\n1,10.00\n2,-5.00\n3,30.50\nx,1.00\n",
        "b": "order_id,amount,shop\n3,30.50,north\n4,2000.00,north\n5,1.00,\n",
        "c": "amount,order_id\n7.00,6\n8.005,7\n",
    }
    rule = {"name": "not_huge", "expression": "amount < 1000", "action": "quarantine"}
    enrich = {"reference": "shops", "on": "shop", "key": "id", "columns": ["region"]}
    order = {"keys": ["order_id"], "order_by": ["shop"]}
    lake.put("reference/acme/shops/1/a.csv", "id,region\nnorth,N\n")
    kinds = {"order_id": "int64", "amount": "decimal(12,2)", "shop": "string"}
    lake.put_feed(
        checks={"columns": [{"name": name, "type": kind} for name, kind in kinds.items()]},
        transform={"filter": "amount > 0", "rules": [rule], "enrich": [enrich], "deduplicate": order},
    )
    for number, names in enumerate(WAYS[way]):
        for name in names:
            lake.land(f"{name}.csv", files[name])
        if not names:  # replayed
            for item in filter(lambda item: "path" in item, lake.ledger.scan()["Items"]):
                lake.ledger.update_item(
                    Key={"feed_id": item["feed_id"], "file_id": item["file_id"]},
                    UpdateExpression="SET pending = :raw",
                    ExpressionAttributeValues={":raw": "raw"},
                )
        assert lake.job(RUN.replace("run-1", f"run-{number}")).run().failed == {}
    assert lake.rows("order_id, amount, shop, region, _source_file[-5:]") == [
        (1, Decimal("10.00"), None, None, "a.csv"),
        (3, Decimal("30.50"), "north", "N", "b.csv"),
        (5, Decimal("1.00"), None, None, "b.csv"),
        (6, Decimal("7.00"), None, None, "c.csv"),
    ]
    assert query(lake, "SELECT rule, row FROM fallout ORDER BY rule, row").rows == [
        ("not_huge", '{"order_id":"4","amount":"2000.00","shop":"north"}'),
        ("type:amount", '{"order_id":"7","amount":"8.005"}'),
        ("type:order_id", '{"order_id":"x","amount":"1.00"}'),
    ]
    counted = {name: lake.entry(f"{name}.csv") for name in files}
    assert {name: (entry["rows_curated"], entry["rows_dropped"]) for name, entry in counted.items()} == {
        "a": (1, {"duplicate": 1, "filter": 1, "type:order_id": 1}),
        "b": (2, {"not_huge": 1}),
        "c": (1, {"type:amount": 1}),
    }


def test_generations_older_than_the_previous_one_are_removed(lake: SmallLake) -> None:
    for number in range(1, 4):
        lake.land(f"{number}.csv", SALES)
        lake.job(RUN.replace("run-1", f"run-{number}")).run()
    root = lake.folder / "curated/sales/tenant=acme/feed=daily_sales/dt=2026-01-05"
    assert sorted(path.name for path in root.iterdir()) == ["run-2", "run-3"]


def test_a_file_delivered_again_while_the_job_runs_stays_on_the_work_list(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.land("a.csv", SALES)
    publish = catalog.Catalog.publish

    def deliver_again(*arguments: Any) -> Any:
        lake.land("a.csv", SALES)  # same path, size and time: the same ledger item, uploaded later
        return publish(*arguments)

    monkeypatch.setattr(catalog.Catalog, "publish", deliver_again)
    lake.job().run()
    assert lake.entry("a.csv")["status"] == "UPLOADED"
    assert lake.entry("a.csv")["pending"] == "raw"
