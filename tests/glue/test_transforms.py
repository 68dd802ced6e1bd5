"""What a feed's `transform` does to rows, without files, ledger or catalog."""

import hashlib
from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from columns import column_names
from finishing import clustered, protected, renamed
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import DeduplicateSpec, EnrichSpec, Feed, FlattenSpec, parse_feed
from plan import enrich_step, fallout_rules, plan_of, rule_names
from tests.conftest import feed_document
from transforms import curate as curate_plan
from transforms import deduplicated, enriched, flattened

pytestmark = pytest.mark.spark


def curate(raw: DataFrame, feed: Feed, references: Any = None, *, with_text: bool = False) -> DataFrame:
    return curate_plan(raw, plan_of(feed), references, with_text=with_text)


def rows(spark: SparkSession, columns: str, *values: str) -> DataFrame:
    """Rows as `curate` has them half-way: business columns, lineage, nothing dropped yet."""
    listed = ", ".join(values)
    return spark.sql(
        f"SELECT *, 'raw/a.csv' AS _source_file, TIMESTAMP '2026-01-05 06:00:00' AS _ingested_at, 'r' AS _run_id, "
        f"0 AS _file_number, CAST(NULL AS STRING) AS _dropped_by FROM VALUES {listed} AS t({columns})"
    )


def table(frame: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in frame.select(*columns).collect()), key=str)


def test_of_duplicates_the_first_by_order_is_kept(spark: SparkSession) -> None:
    frame = rows(spark, "id, v", "(1, 10)", "(1, 30)", "(1, 20)", "(2, 5)")
    found = deduplicated(frame, DeduplicateSpec(keys=("id",), order_by=("v desc",)))
    assert table(found, "id", "v", "_dropped_by") == [
        (1, 10, "duplicate"),
        (1, 20, "duplicate"),
        (1, 30, None),
        (2, 5, None),
    ]


def test_rows_without_a_key_are_no_duplicates_and_dropped_ones_take_no_part(spark: SparkSession) -> None:
    frame = rows(spark, "id, v", "(NULL, 1)", "(NULL, 2)", "(1, 9)", "(1, 3)")
    frame = frame.withColumn("_dropped_by", F.expr("IF(v = 9, 'filter', NULL)"))
    found = deduplicated(frame, DeduplicateSpec(keys=("id",), order_by=("v desc",)))
    assert table(found, "v", "_dropped_by") == [(1, None), (2, None), (3, None), (9, "filter")]


def test_where_the_order_does_not_decide_the_row_that_came_last_is_kept(spark: SparkSession) -> None:
    frame = rows(spark, "id, v", "(1, 'old')", "(1, 'new')")
    frame = frame.withColumn("_ingested_at", F.expr("IF(v = 'new', TIMESTAMP '2026-01-06 06:00:00', _ingested_at)"))
    assert table(deduplicated(frame, DeduplicateSpec(keys=("id",))).where("_dropped_by IS NULL"), "v") == [("new",)]


def test_duplicates_are_resolved_the_same_way_whatever_the_rows_order(spark: SparkSession) -> None:
    values = [f"(1, '{letter}')" for letter in "abcdefgh"]
    kept = {
        tuple(
            table(
                deduplicated(rows(spark, "id, v", *order), DeduplicateSpec(("id",))).where("_dropped_by IS NULL"), "v"
            )
        )
        for order in (values, values[::-1], values[3:] + values[:3])
    }
    assert len(kept) == 1


def test_columns_of_a_reference_table_are_taken_over_by_key(spark: SparkSession) -> None:
    frame = rows(spark, "store, v", "(1, 'a')", "(2, 'b')", "(NULL, 'c')")
    reference = spark.sql("SELECT * FROM VALUES ('1', 'north', 'x'), ('3', 'south', 'y') AS t(id, region, other)")
    found = enriched(frame, enrich_step(EnrichSpec("stores", "store", ("region",), key="id")), reference)
    assert table(found, "v", "region", "_dropped_by") == [("a", "north", None), ("b", None, None), ("c", None, None)]
    assert found.columns[:3] == ["store", "v", "region"]


@pytest.mark.parametrize(
    ("missing", "rule"), [("drop", "reference:s"), ("quarantine", "reference:s"), ("fail", "fail:reference:s")]
)
def test_a_missing_key_is_named_when_it_matters(spark: SparkSession, missing: str, rule: str) -> None:
    frame = rows(spark, "k", "(1)", "(2)")
    reference = spark.sql("SELECT 1 AS k, 'x' AS name")
    found = enriched(frame, enrich_step(EnrichSpec("s", "k", ("name",), missing=missing)), reference)
    assert table(found, "k", "_dropped_by") == [(1, None), (2, rule)]


def test_a_reference_column_that_is_there_already_is_refused(spark: SparkSession) -> None:
    with pytest.raises(FeedInvalidError, match="have a column 'v' already"):
        enriched(
            rows(spark, "k, v", "(1, 2)"), enrich_step(EnrichSpec("s", "k", ("v",))), spark.sql("SELECT 1 AS k, 2 AS v")
        )


def test_personal_data_is_hashed_masked_or_left_out(spark: SparkSession) -> None:
    frame = rows(spark, "email, phone, pin, ssn", "('a@b.c', '0301234567', '123', 's')", "(NULL, NULL, NULL, NULL)")
    found = protected(frame, {"email": "hash", "phone": "mask", "pin": "mask", "ssn": "drop"})
    assert "ssn" not in found.columns
    assert table(found, "email", "phone", "pin") == [
        (hashlib.sha256(b"a@b.c").hexdigest(), "******4567", "***"),
        (None, None, None),
    ]


@pytest.mark.parametrize("step", [lambda f: protected(f, {"emial": "hash"}), lambda f: renamed(f, {"emial": "email"})])
def test_a_misspelt_column_is_an_error_and_not_passed_over(spark: SparkSession, step: Any) -> None:
    with pytest.raises(FeedInvalidError, match="there is no column 'emial'; there are mail"):
        step(rows(spark, "mail", "('x')"))


def test_two_columns_cannot_be_renamed_to_one(spark: SparkSession) -> None:
    with pytest.raises(FeedInvalidError, match="two columns 'b'"):
        renamed(rows(spark, "a, b", "(1, 2)"), {"a": "b"})


def test_values_within_json_become_columns_with_types(spark: SparkSession) -> None:
    nested = (
        """('{"name": "Ann", "address": {"city": "Bonn"}}', '[{"sku": "A", "price": 1.10}, {"sku": "B"}]'),"""
        """('{"name": "Bob", "address": null}', '[]'), (NULL, 'not JSON'),"""
        """(NULL, '[{"price": 12345678.50}]'), (NULL, '[{"price": 12345678.505}]')"""
    )
    raw = spark.sql(
        "SELECT *, 'raw/a.csv' AS _source_file, TIMESTAMP '2026-01-05 06:00:00' AS _ingested_at, 'r' AS _run_id, "
        f"0 AS _file_number, CAST(NULL AS STRING) AS _malformed FROM VALUES {nested} AS t(customer, items)"
    )
    feed = parse_feed(
        feed_document(
            checks={},
            transform={
                "flatten": [
                    {"name": "city", "path": "customer.address.city"},
                    {"name": "price", "path": "items[0].price", "type": "decimal(12,2)"},
                    {"name": "lost", "path": "gone.for.good", "type": "int64"},
                ],
                "protect": {"customer": "drop"},
            },
        )
    )
    found = curate(raw, feed)
    assert found.columns[:4] == ["city", "price", "lost", "items"]
    assert found.schema["price"].dataType.simpleString() == "decimal(12,2)"
    assert table(found, "city", "price", "lost", "_dropped_by") == [
        ("Bonn", Decimal("1.10"), None, None),
        (None, Decimal("12345678.50"), None, None),
        (None, None, None, "type:price"),
        (None, None, None, None),
        (None, None, None, None),
    ]


def test_a_value_within_json_that_is_not_of_its_type_drops_its_row_by_name(spark: SparkSession) -> None:
    frame = flattened(
        spark.sql("""SELECT '{"n": "x1"}' AS j, 'r' AS _source_file"""), [FlattenSpec("n", "j.n", type="int64")]
    )
    assert [tuple(row) for row in frame.select("n").collect()] == [("x1",)]
    feed = parse_feed(feed_document(checks={}, transform={"flatten": [{"name": "n", "path": "j.n", "type": "int64"}]}))
    assert "type:n" in rule_names(feed)
    assert "type:n" in fallout_rules(feed)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ({"flatten": [{"name": "order_id", "path": "a.b"}]}, "there is a column 'order_id' already"),
        ({"flatten": [{"name": "n", "path": "a.b"}, {"name": "n", "path": "a.c"}]}, "a column 'n' already"),
        ({"flatten": [{"name": "n", "path": "a"}]}, r"\$\.transform\.flatten\[0\]\.path"),
        ({"flatten": [{"name": "mail", "path": "who.mail"}], "protect": {"mail": "hash"}}, "readable in 'who'"),
    ],
)
def test_a_flatten_that_cannot_work_is_refused(transform: dict[str, Any], message: str) -> None:
    with pytest.raises(FeedInvalidError, match=message):
        parse_feed(feed_document(transform=transform))


def test_rows_of_equal_values_are_next_to_each_other(spark: SparkSession) -> None:
    values = [f"('{'abc'[number % 3]}', {number})" for number in range(30)]
    frame = clustered(rows(spark, "region, n", *values), ("region",), 2)
    files = defaultdict[int, list[str]](list)
    for file, region in frame.select(F.spark_partition_id(), "region").collect():
        files[file].append(region)
    one, other = files.values()
    for regions in (one, other):
        assert regions == sorted(regions)
    assert not set(one) & set(other)
    with pytest.raises(FeedInvalidError, match=r"transform\.partition_by: there is no column 'shop'"):
        clustered(frame, ("shop",), 1)


def test_header_names_become_column_names() -> None:
    assert column_names(["Order ID", " amount ", "dt", "Größe", "", "_run_id"]) == [
        *("order_id", "amount", "source_dt", "größe", "unnamed", "source_run_id"),
    ]
    with pytest.raises(FeedInvalidError, match="more than one column is called 'a_b'"):
        column_names(["a b", "A-B"])


def test_the_first_rule_that_applies_is_the_one_that_is_named(spark: SparkSession) -> None:
    feed = parse_feed(
        feed_document(
            transform={
                "filter": "amount > 0",
                "rules": [{"name": "small", "expression": "amount < 100", "action": "quarantine"}],
                "deduplicate": {"keys": ["order_id"], "order_by": ["amount desc"]},
                "rename": {"amount": "price"},
            }
        )
    )
    raw = spark.sql(
        "SELECT *, 'raw/a.csv' AS _source_file, TIMESTAMP '2026-01-05 06:00:00' AS _ingested_at, 'r' AS _run_id, "
        "0 AS _file_number FROM VALUES ('1', '5', NULL), ('x', '-5', NULL), ('2', '-1', NULL), ('3', '200', NULL), "
        "('1', '4', NULL), (NULL, NULL, 'a,b,c,d') AS t(order_id, amount, _malformed)"
    )
    found = table(curate(raw, feed, with_text=True), "_dropped_by", "_row")
    assert {name for name, _ in found if name} <= set(rule_names(feed))
    assert found == [
        ("duplicate", '{"order_id":"1","amount":"4"}'),
        ("filter", '{"order_id":"2","amount":"-1"}'),
        ("malformed", "a,b,c,d"),
        ("small", '{"order_id":"3","amount":"200"}'),
        ("type:order_id", '{"order_id":"x","amount":"-5"}'),
        (None, '{"order_id":"1","amount":"5"}'),
    ]
    assert fallout_rules(feed) == [
        *("malformed", "type:order_id", "type:amount", "error:filter", "error:rules.small", "small")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "(select max(amount) from range(10)) > 0",
        "order_id in (select id from range(10))",
        "struct(*) is not null",
        "'${env:HOME}' = 'x'",
        "rand() < 0.5",
    ],
)
def test_the_job_refuses_what_reaches_beyond_the_row_whatever_a_feed_holds(spark: SparkSession, text: str) -> None:
    feed = parse_feed(feed_document(transform={"filter": "amount > 0"}))
    # as if it had come past the checks of documents
    hostile = replace(feed, transform=replace(feed.transform, filter=text))
    with pytest.raises(FeedInvalidError, match=r"\$\.transform\.filter: "):
        curate(sales(spark, "('1', '5', NULL)"), hostile)


def sales(spark: SparkSession, *values: str) -> DataFrame:
    """Raw rows with an order, an amount, and a malformed line."""
    return spark.sql(
        "SELECT *, 'raw/a.csv' AS _source_file, TIMESTAMP '2026-01-05 06:00:00' AS _ingested_at, 'r' AS _run_id, "
        f"0 AS _file_number FROM VALUES {', '.join(values)} AS t(order_id, amount, _malformed)"
    )


def test_a_row_whose_expression_cannot_be_computed_is_named_by_the_place_of_that_expression(
    spark: SparkSession,
) -> None:
    feed = parse_feed(
        feed_document(
            transform={
                "filter": "100 / amount > 0",
                "derive": {"ten": "order_id * 10", "tried": "TRY(order_id * 10)"},
                "rules": [{"name": "whole", "expression": "CAST(amount AS int64) > 0", "action": "quarantine"}],
            }
        )
    )
    greatest = "9223372036854775807"
    raw = sales(spark, "('1', '5', NULL)", f"('{greatest}', '6', NULL)", "('2', '0', NULL)", "('x', '7', NULL)")
    found = curate(raw, feed, with_text=True)
    assert table(found, "_dropped_by", "ten", "tried", "_row") == [
        ("error:derive.ten", None, None, f'{{"order_id":"{greatest}","amount":"6"}}'),
        ("error:filter", 20, 20, '{"order_id":"2","amount":"0"}'),
        ("type:order_id", None, None, '{"order_id":"x","amount":"7"}'),
        (None, 10, 10, '{"order_id":"1","amount":"5"}'),
    ]
    errors = ["error:derive.ten", "error:derive.tried", "error:filter", "error:rules.whole"]
    assert [name for name in rule_names(feed) if name.startswith("error:")] == errors
    assert set(errors) <= set(fallout_rules(feed))


def test_columns_of_a_reference_table_are_text_to_expressions_whatever_the_table_has(spark: SparkSession) -> None:
    enrich = [{"reference": "rates", "on": "order_id", "columns": ["rate", "until"]}]
    derive = {"tax": "amount * CAST(rate AS decimal(4,2))", "ends": "CAST(until AS date)"}
    feed = parse_feed(feed_document(transform={"enrich": enrich, "derive": derive}))
    raw = sales(spark, "('1', '5', NULL)")
    expected = [(Decimal("0.9500"), date(2026, 12, 31), None)]
    for rate in ("'0.19'", "CAST('0.19' AS decimal(3,2))"):
        rates = spark.sql(f"SELECT '1' AS order_id, {rate} AS rate, DATE '2026-12-31' AS until")
        assert table(curate(raw, feed, {"rates": rates}), "tax", "ends", "_dropped_by") == expected
    with pytest.raises(FeedInvalidError, match="column 'rate' for text, and it is double"):
        curate(raw, feed, {"rates": spark.sql("SELECT '1' AS order_id, 0.19D AS rate, '2026-12-31' AS until")})


@pytest.mark.parametrize("action", ["drop", "quarantine", "fail"])
def test_a_rule_that_cannot_be_computed_is_an_error_whatever_its_action(spark: SparkSession, action: str) -> None:
    rule = {"name": "sum", "expression": "order_id + 1 > 0", "action": action}
    feed = parse_feed(feed_document(transform={"rules": [rule]}))
    found = curate(sales(spark, "('9223372036854775807', '5', NULL)"), feed)
    name = "fail:error:rules.sum" if action == "fail" else "error:rules.sum"
    assert table(found, "_dropped_by") == [(name,)]
    assert name in rule_names(feed)


def test_an_error_counts_only_where_what_is_before_leaves_it_open(spark: SparkSession) -> None:
    feed = parse_feed(
        feed_document(
            transform={
                "derive": {
                    "a": "amount <> 0 AND 100 / amount > 0",
                    "b": "amount = 0 OR 100 / amount > 0",
                    "c": "CASE WHEN amount <> 0 THEN 100 / amount END",
                    "d": "coalesce(amount, 1 / amount)",
                    "e": "if(amount = 0, NULL, 100 / amount)",
                }
            }
        )
    )
    found = curate(sales(spark, "('1', '0', NULL)"), feed)
    assert table(found, "_dropped_by", "a", "b", "c", "d", "e") == [(None, False, True, None, Decimal("0.00"), None)]


def test_columns_of_a_file_that_are_of_another_type_than_declared_are_taken_as_declared(spark: SparkSession) -> None:
    feed = parse_feed(feed_document(transform={"derive": {"ten": "order_id * 10"}}))
    raw = sales(spark, "(1, '5', NULL)")
    assert dict(raw.dtypes)["order_id"] == "int"
    assert table(curate(raw, feed), "ten") == [(10,)]


def test_an_undeclared_column_that_is_no_text_has_to_be_declared(spark: SparkSession) -> None:
    feed = parse_feed(feed_document(checks={}, transform={"filter": "amount <> ''"}))
    with pytest.raises(FeedInvalidError, match="takes column 'amount' for text, and it is double: declare it"):
        curate(sales(spark, "('1', 5.0D, NULL)"), feed)
    with pytest.raises(FeedInvalidError, match=r"names the column 'amuont', which no file has \(did you mean 'amount'"):
        curate(
            sales(spark, "('1', '5', NULL)"),
            parse_feed(feed_document(checks={}, transform={"filter": "amuont <> ''"})),
        )


def test_nothing_in_an_expression_is_replaced_by_the_jobs_environment(spark: SparkSession) -> None:
    assert spark.sql("SELECT '${env:HOME}' AS text").first() == ("${env:HOME}",)
