"""A Spark session all tests of the job share, and a small lake: ledger and catalog in moto, objects in a folder."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from pyspark.sql import SparkSession

import curate
import sparksession
from job import Job
from lakeferry.feeds import put_feed
from local.engines import SMALL_BYTES, forced
from local.java import spark_environment
from tests.conftest import RUN, feed_document

BUCKET, DATABASE = "lake", "curated"
ENGINES = {"spark": 0, "arrow": SMALL_BYTES}
"""Engine → raw bytes up to which partitions are Arrow's."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The engine of each test's lake.

    A module with `BOTH_ENGINES` is tested with either, others with Spark; `LAKEFERRY_ENGINE` forces one upon all, but
    for the tests in a module's `SPARKS_ALONE`, which look into Spark.
    """
    if "lake" not in metafunc.fixturenames:
        return
    engines = {"spark": ["spark"], "small": ["arrow"], "": ["spark"]}[forced()]
    if metafunc.function.__name__ in getattr(metafunc.module, "SPARKS_ALONE", ()):
        engines = ["spark"]
    elif not forced() and getattr(metafunc.module, "BOTH_ENGINES", False):
        engines = list(ENGINES)
    metafunc.parametrize("lake", engines, indirect=True)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    os.environ.update(spark_environment())
    session = sparksession.spark_session()
    yield session
    session.stop()


class SmallLake:
    """Lands files as the pipeline leaves them, and runs the job over them."""

    def __init__(self, spark: SparkSession, folder: Path, engine: str = "spark") -> None:
        self.spark, self.folder, self.engine = spark, folder, engine
        self.glue = boto3.client("glue")
        self.glue.create_database(DatabaseInput={"Name": DATABASE})
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        dynamodb = boto3.resource("dynamodb")
        keys = {"by_partition": ("partition", "file_id"), "pending": ("pending", "partition")}
        names = ("feed_id", "file_id", "partition", "pending")
        self.ledger: Any = dynamodb.create_table(
            TableName="ledger",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=_key_schema("feed_id", "file_id"),
            GlobalSecondaryIndexes=[
                {"IndexName": name, "KeySchema": _key_schema(*pair), "Projection": {"ProjectionType": "KEYS_ONLY"}}
                for name, pair in keys.items()
            ],
        )
        self.feeds: Any = dynamodb.create_table(
            TableName="feeds",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("tenant", "feed")],
            KeySchema=_key_schema("tenant", "feed"),
        )
        self.rescanned: list[str] = []
        self._uploads = 0

    # what local/ needs of AWS on this machine

    endpoint = ""

    def client(self, name: str) -> Any:
        return boto3.client(name)  # type: ignore[call-overload]

    def bucket_folder(self, bucket: str) -> Path:
        assert bucket == BUCKET
        return self.folder

    def s3_rescan(self, bucket: str, prefix: str = "") -> None:
        self.rescanned.append(f"{bucket}/{prefix}")

    # the pipeline's side

    def put_feed(self, **changes: Any) -> None:
        put_feed(self.feeds, feed_document(**changes))

    def land(
        self,
        name: str,
        text: str,
        *,
        rows: int | None = None,
        dt: str = "2026-01-05",
        tenant: str = "acme",
        feed: str = "daily_sales",
        columns: list[str] | None = None,
    ) -> str:
        """Puts a raw file and its ledger item there, UPLOADED and pending; returns the raw key.

        Args:
            rows: What the ledger says; counted from the lines when absent.
        """
        key = f"raw/{tenant}_{feed}/dt={dt}/{name}"
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="")
        self._uploads += 1
        lines = text.splitlines()
        self.ledger.put_item(
            Item={
                "feed_id": f"{tenant}/{feed}",
                "file_id": f"/outgoing/{name}#{len(text)}#1767571200",
                "path": f"/outgoing/{name}",
                "status": "UPLOADED",
                "run": RUN,
                "dt": dt,
                "raw_keys": [key],
                "columns": lines[0].split(",") if columns is None else columns,
                "rows_landed": len(lines) - 1 if rows is None else rows,
                "uploaded_at": f"2026-01-05T06:{self._uploads // 60:02d}:{self._uploads % 60:02d}.000Z",
                "partition": f"{tenant}/{feed}/{dt}",
                "pending": "raw",
            }
        )
        return key

    def put(self, key: str, text: str) -> None:
        """Puts any object there."""
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="")

    def job(self, run: str = RUN) -> Job:
        return curate.job(lambda: self.spark, curate.parse_arguments(self.arguments(run)))

    def arguments(self, run: str = RUN) -> list[str]:
        return [
            *("--run", run, "--ledger_table", "ledger", "--feeds_table", "feeds", "--lake_bucket", BUCKET),
            *("--database", DATABASE, "--path_map", f"s3://{BUCKET}={self.folder}", "--JOB_ID", "j_1"),
            *("--small_partition_bytes", str(ENGINES[self.engine])),
        ]

    def entry(self, name: str, feed_id: str = "acme/daily_sales") -> Mapping[str, Any]:
        found = [item for item in self.ledger.scan()["Items"] if item.get("path") == f"/outgoing/{name}"]
        assert len(found) == 1
        return dict(found[0])

    def table_columns(self, dataset: str = "sales") -> dict[str, str]:
        table = self.glue.get_table(DatabaseName=DATABASE, Name=dataset)["Table"]
        return {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}

    def locations(self, dataset: str = "sales") -> dict[tuple[str, ...], str]:
        found = self.glue.get_partitions(DatabaseName=DATABASE, TableName=dataset)["Partitions"]
        return {tuple(item["Values"]): item["StorageDescriptor"]["Location"] for item in found}

    def files_at(self, location: str) -> list[Path]:
        return sorted((self.folder / location.removeprefix(f"s3://{BUCKET}/")).rglob("*.parquet"))

    def rows(self, columns: str = "*", dataset: str = "sales") -> list[tuple[Any, ...]]:
        """What a reader of the catalog sees, sorted."""
        files = [str(file) for place in self.locations(dataset).values() for file in self.files_at(place)]
        if not files:
            return []
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found: list[tuple[Any, ...]] = connection.execute(
                f"SELECT {columns} FROM (SELECT * REPLACE (_ingested_at AT TIME ZONE 'UTC' AS _ingested_at) "
                "FROM read_parquet(?, union_by_name = true, hive_partitioning = false)) ORDER BY ALL",
                [files],
            ).fetchall()
            return found


def _key_schema(partition: str, sort: str) -> Any:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


@pytest.fixture
def lake(aws: None, spark: SparkSession, tmp_path: Path, request: pytest.FixtureRequest) -> SmallLake:
    lake = SmallLake(spark, tmp_path / "lake", request.param)
    lake.put_feed(transform={"filter": "amount > 0", "derive": {"net": "amount * 2"}})
    return lake
