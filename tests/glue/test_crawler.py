"""The local crawler makes the tables AWS documents."""

import io
import json
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.classifiers import SAMPLE_BYTES, classify
from local.crawler import CrawlerFailedError, crawl
from local.template import load
from tests.conftest import ROOT

CONFIGURATION = {
    "Version": 1.0,
    "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 3},
    "CrawlerOutput": {
        "Partitions": {"AddOrUpdateBehavior": "InheritFromTable"},
        "Tables": {"AddOrUpdateBehavior": "MergeNewColumns"},
    },
}


class Stack:
    """A bucket, a database and a crawler as the template has them."""

    def __init__(self) -> None:
        self.glue, self.s3 = boto3.client("glue"), boto3.client("s3")
        self.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.glue.create_database(DatabaseInput={"Name": "db"})
        self.glue.create_crawler(
            Name="raw",
            Role="r",
            DatabaseName="db",
            TablePrefix="raw_",
            Targets={"S3Targets": [{"Path": "s3://lake/raw/"}]},
            Configuration=json.dumps(CONFIGURATION),
        )

    def client(self, name: str) -> Any:
        return boto3.client(name)  # type: ignore[call-overload]

    def put(self, key: str, text: str) -> None:
        self.s3.put_object(Bucket="lake", Key=key, Body=text.encode())

    def table(self, name: str) -> Any:
        return self.glue.get_table(DatabaseName="db", Name=name)["Table"]

    def columns(self, name: str) -> dict[str, str]:
        return {item["Name"]: item["Type"] for item in self.table(name)["StorageDescriptor"]["Columns"]}


@pytest.fixture
def stack(aws: None) -> Stack:
    return Stack()


def test_each_feed_folder_is_one_table_partitioned_by_dt(stack: Stack) -> None:
    stack.put("raw/acme_daily_sales/dt=2026-01-05/a.csv", "Order ID,amount,day\n1,2.5,2026-01-05\n")
    stack.put("raw/acme_daily_sales/dt=2026-01-06/a.csv", "Order ID,amount,day\n1,2,2026-01-05\n")
    stack.put("raw/globex_orders/dt=2026-01-05/b.csv", "id;ok\n1;true\n")
    stack.put("curated/sales/part.parquet", "PAR1")
    result = crawl(stack, "raw")
    assert (result.tables_created, result.partitions_created, result.warnings) == (2, 3, [])
    assert stack.columns("raw_acme_daily_sales") == {"order id": "bigint", "amount": "double", "day": "string"}
    assert stack.columns("raw_globex_orders") == {"id": "bigint", "ok": "boolean"}
    table = stack.table("raw_acme_daily_sales")
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    assert table["StorageDescriptor"]["Location"] == "s3://lake/raw/acme_daily_sales/"
    assert table["Parameters"]["classification"] == "csv"
    assert table["Parameters"]["skip.header.line.count"] == "1"
    assert stack.table("raw_globex_orders")["Parameters"]["delimiter"] == ";"
    found = stack.glue.get_partitions(DatabaseName="db", TableName="raw_acme_daily_sales")["Partitions"]
    assert {tuple(item["Values"]): item["StorageDescriptor"]["Location"] for item in found} == {
        ("2026-01-05",): "s3://lake/raw/acme_daily_sales/dt=2026-01-05/",
        ("2026-01-06",): "s3://lake/raw/acme_daily_sales/dt=2026-01-06/",
    }


def test_a_second_crawl_adds_what_is_new_and_nothing_else(stack: Stack) -> None:
    stack.put("raw/acme_x/dt=2026-01-05/a.csv", "id,name\n1,a\n")
    crawl(stack, "raw")
    again = crawl(stack, "raw")
    assert (again.tables_created, again.tables_updated, again.partitions_created) == (0, 0, 0)
    stack.put("raw/acme_x/dt=2026-01-06/a.csv", "id,name,extra\n1,a,2\n")
    result = crawl(stack, "raw")
    assert (result.tables_created, result.tables_updated, result.partitions_created) == (0, 1, 1)
    assert stack.columns("raw_acme_x") == {"id": "bigint", "name": "string", "extra": "bigint"}
    (old,) = [
        item
        for item in stack.glue.get_partitions(DatabaseName="db", TableName="raw_acme_x")["Partitions"]
        if item["Values"] == ["2026-01-05"]
    ]
    assert [column["Name"] for column in old["StorageDescriptor"]["Columns"]] == ["id", "name", "extra"]


def test_more_partitions_than_one_call_takes(stack: Stack) -> None:
    for day in range(130):
        stack.put(f"raw/acme_x/dt=day{day:03d}/a.csv", "id,name\n1,a\n")
    assert crawl(stack, "raw").partitions_created == 130


def test_a_header_is_not_seen_where_every_column_is_text() -> None:
    shape = classify(b"name,city\nann,paris\n")
    assert shape is not None
    assert (shape.header, shape.columns) == (False, (("col0", "string"), ("col1", "string")))


def test_quoted_values_are_noted_but_the_serde_is_the_simple_one_as_in_aws(stack: Stack) -> None:
    stack.put("raw/acme_q/dt=2026-01-05/a.csv", 'id,note\n1,"a, b"\n')
    crawl(stack, "raw")
    table = stack.table("raw_acme_q")
    assert table["Parameters"]["areColumnsQuoted"] == "true"
    serde = table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    assert serde == "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"


def test_a_table_somebody_declared_only_gets_new_columns(stack: Stack) -> None:
    declared: Any = {
        "Name": "raw_acme_x",
        "Description": "Orders",
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": "dt", "Type": "string"}],
        "Parameters": {"lakeferry.tenant": "acme", "classification": "csv", "skip.header.line.count": "1"},
        "StorageDescriptor": {
            "Columns": [{"Name": "id", "Type": "string", "Comment": "declared int64"}],
            "Location": "s3://lake/raw/acme_x/",
            "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde"},
        },
    }
    stack.glue.create_table(DatabaseName="db", TableInput=declared)
    stack.put("raw/acme_x/dt=2026-01-05/a.csv", "id,total\n1,2\n")
    crawl(stack, "raw")
    table = stack.table("raw_acme_x")
    assert stack.columns("raw_acme_x") == {"id": "string", "total": "bigint"}
    assert table["StorageDescriptor"]["Columns"][0]["Comment"] == "declared int64"
    assert table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"].endswith("OpenCSVSerde")
    assert (table["Description"], table["Parameters"]["lakeferry.tenant"]) == ("Orders", "acme")
    (partition,) = stack.glue.get_partitions(DatabaseName="db", TableName="raw_acme_x")["Partitions"]
    assert partition["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"].endswith("OpenCSVSerde")


def test_the_templates_crawler_is_the_one_these_tests_configure() -> None:
    crawler = load(ROOT / "template.yaml")["Resources"]["RawCrawler"]["Properties"]
    assert json.loads(crawler["Configuration"]) == CONFIGURATION
    assert crawler["SchemaChangePolicy"] == {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}
    assert crawler["TablePrefix"] == "raw_"


def test_only_the_beginning_of_a_big_object_is_read(stack: Stack) -> None:
    lines = "id,name\n" + "1,a\n" * (SAMPLE_BYTES // 4) + "not a number,b\n"
    stack.put("raw/acme_big/dt=2026-01-05/a.csv", lines)
    crawl(stack, "raw")
    assert stack.columns("raw_acme_big") == {"id": "bigint", "name": "string"}


def test_json_lines_and_parquet_are_told_by_their_beginning(stack: Stack) -> None:
    stack.put("raw/acme_j/dt=2026-01-05/a.jsonl", '{"id":1,"to":{"City":"x"}}\n{"id":2.5,"tags":["a"]}\n')
    sink = io.BytesIO()
    pq.write_table(pa.table({"ID": pa.array([1], pa.int32()), "d": pa.array([None], pa.decimal128(6, 2))}), sink)
    stack.s3.put_object(Bucket="lake", Key="raw/acme_p/dt=2026-01-05/a.parquet", Body=sink.getvalue())
    assert crawl(stack, "raw").warnings == []
    assert stack.columns("raw_acme_j") == {"id": "double", "to": "struct<city:string>", "tags": "array<string>"}
    assert stack.columns("raw_acme_p") == {"id": "int", "d": "decimal(6,2)"}
    tables = [stack.table(name) for name in ("raw_acme_j", "raw_acme_p")]
    assert [table["Parameters"]["classification"] for table in tables] == ["json", "parquet"]
    assert [table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"] for table in tables] == [
        "org.openx.data.jsonserde.JsonSerDe",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ]


def test_an_object_that_is_no_csv_is_a_warning(stack: Stack) -> None:
    stack.put("raw/acme_odd/dt=2026-01-05/a.csv", "hello\n")
    assert crawl(stack, "raw").warnings == [
        "raw_acme_odd: no object is Parquet, JSON or CSV to the built-in classifiers"
    ]


def test_a_missing_bucket_fails_the_crawl(stack: Stack) -> None:
    stack.s3.delete_bucket(Bucket="lake")
    with pytest.raises(CrawlerFailedError, match="crawler raw"):
        crawl(stack, "raw")
