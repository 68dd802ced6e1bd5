"""The same work in six ways: CSV → typed, filtered, enriched, derived → Parquet (zstd), a file a partition.

    python -m benchmarks.curating.engines spark|small|guarded|duckdb|pyarrow|polars FOLDER PARTITIONS ROWS

`spark` and `small` are the job's own `Builder` with either of its engines: guarded casts, a named reason for each row
that is dropped, and the balance proved. `guarded` is DuckDB with equal guards; the others cast so that a value that is
not of its type ends them. So they are a floor, not an equal. Prints JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.curating.table import REFERENCE, partition_key, types

ROOT = Path(__file__).resolve().parent.parent.parent
FILTER = "amount > 0"
DERIVED = ("net", "amount * quantity")


def spark(folder: Path, partitions: int, rows: int) -> dict[str, float]:
    """The job's own path, on local[2]."""
    spark_memory(os.environ.get("DRIVER_MEMORY", "2g"))
    import sparksession
    from sparkworker import SparkWorker

    session = sparksession.spark_session()
    found = _job(folder, partitions, rows, lambda lake: SparkWorker(lambda: session, lake, "bench"))
    return {**found, "spark_jobs": session.sparkContext._jsc.sc().dagScheduler().numTotalJobs()}


def small(folder: Path, partitions: int, rows: int) -> dict[str, float]:
    """The job's own path, by its engine for small partitions."""
    from arrowworker import ArrowWorker

    return _job(folder, partitions, rows, lambda lake: ArrowWorker(lake, "bench", 1 << 40, lambda: None))


def _job(folder: Path, partitions: int, rows: int, worker: Callable[[Any], Any]) -> dict[str, float]:
    import boto3

    from lakeferry.feeds import (
        ChecksSpec,
        ColumnSpec,
        EnrichSpec,
        Feed,
        FilesSpec,
        FormatSpec,
        ServerSpec,
        TransformSpec,
    )
    from lakefiles import Lake
    from partition import Builder
    from worklist import LandedFile, Partition

    names = {"BIGINT": "int64", "VARCHAR": "string", "DOUBLE": "float64"}
    feed = Feed(
        tenant="acme",
        feed="sales",
        server=ServerSpec("sftp", "", 22, ""),
        files=FilesSpec("/", "*"),
        format=FormatSpec(),
        dataset="sales",
        checks=ChecksSpec(columns=tuple(ColumnSpec(n, names.get(t, t.lower())) for n, t in types().items())),
        transform=TransformSpec(
            filter=FILTER, derive=dict([DERIVED]), enrich=(EnrichSpec("stores", "store", ("region",)),)
        ),
    )
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    lake = Lake("lake", boto3.client("s3"), folder)
    builder = Builder(lake, "bench", [worker(lake)])
    with counted_listings(Lake) as listings:
        started = time.monotonic()

        def one(number: int) -> int:
            key = partition_key(number)
            landed = LandedFile(
                "acme/sales", key, key, (key,), tuple(types()), rows // partitions, "2026-01-01T00:00:00Z"
            )
            built = builder.build(feed, Partition("acme", "sales", f"day{number:03d}"), [landed])
            return sum(item.curated for item in built.counts)

        with ThreadPoolExecutor(int(os.environ.get("PARALLEL", "4"))) as pool:
            kept = sum(pool.map(one, range(partitions)))
        seconds = time.monotonic() - started
    return {"seconds": seconds, "kept": kept, "listings": listings[0]}


def spark_memory(memory: str) -> None:
    """Sets Spark up for work, not for tests of two rows: both compilers, a collector for two cores, more memory."""
    from local.java import SPARK_ARGUMENTS, spark_environment

    SPARK_ARGUMENTS[SPARK_ARGUMENTS.index("--driver-memory") + 1] = memory
    SPARK_ARGUMENTS[SPARK_ARGUMENTS.index("--driver-java-options") + 1] = "-XX:+UseParallelGC"
    end = SPARK_ARGUMENTS.index("pyspark-shell")
    SPARK_ARGUMENTS[end:end] = [
        part for setting in os.environ.get("SPARK_CONF", "").split() for part in ("--conf", setting)
    ]
    os.environ.update(spark_environment())


class counted_listings:
    """Counts how often the job lists a prefix of the lake."""

    def __init__(self, lake: Any) -> None:
        self._lake, self._sizes = lake, lake.sizes

    def __enter__(self) -> list[int]:
        count, sizes = [0], self._sizes

        def counting(lake: Any, prefix: str) -> Any:
            count[0] += 1
            return sizes(lake, prefix)

        self._lake.sizes = counting
        return count

    def __exit__(self, *_: object) -> None:
        self._lake.sizes = self._sizes


def duck(folder: Path, partitions: int, rows: int) -> dict[str, float]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET memory_limit = '1GB'; SET preserve_insertion_order = false")
        columns = json.dumps(types()).replace('"', "'")
        started = time.monotonic()
        for number in range(partitions):
            connection.execute(
                f"""COPY (SELECT s.*, r.region, {DERIVED[1]} AS {DERIVED[0]}
                    FROM read_csv('{folder / partition_key(number)}', columns = {columns}, header = true,
                                  auto_detect = false, delim = ',', quote = '"', escape = '"') AS s
                    LEFT JOIN read_csv('{folder / REFERENCE}', header = true) AS r USING (store)
                    WHERE {FILTER}) TO '{_output(folder, number)}' (FORMAT parquet, COMPRESSION zstd)"""
            )
    return {"seconds": time.monotonic() - started}


def guarded(folder: Path, partitions: int, rows: int) -> dict[str, float]:
    """DuckDB with the job's guards: text first, the reason of each row, counts by reason, lineage, the sum proved."""
    typed = {name: f"TRY_CAST(nullif(trim(raw.{name}), '') AS {kind})" for name, kind in types().items()}
    typed |= {name: f"nullif(raw.{name}, '')" for name, kind in types().items() if kind == "VARCHAR"}
    broken = "".join(
        f" WHEN {name} IS NULL AND trim(raw_{name}) <> '' THEN 'type:{name}'"
        for name, kind in types().items()
        if kind != "VARCHAR"
    )
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET memory_limit = '1GB'; SET preserve_insertion_order = false")
        started = time.monotonic()
        for number in range(partitions):
            key = partition_key(number)
            casts = ", ".join(f"{cast} AS {name}, raw.{name} AS raw_{name}" for name, cast in typed.items())
            connection.execute(
                f"""CREATE OR REPLACE TEMP TABLE rows AS
                    SELECT {", ".join(types())}, region, {DERIVED[1]} AS {DERIVED[0]},
                    CASE{broken} WHEN NOT coalesce({FILTER}, false) THEN 'filter' END AS dropped_by
                    FROM (SELECT {casts} FROM read_csv('{folder / key}', all_varchar = true, header = true,
                                  auto_detect = false, delim = ',', quote = '"', escape = '"', columns =
                                  {json.dumps(dict.fromkeys(types(), "VARCHAR")).replace('"', "'")}) AS raw)
                    LEFT JOIN read_csv('{folder / REFERENCE}', header = true) USING (store)"""
            )
            counts = dict(connection.execute("SELECT dropped_by, count(*) FROM rows GROUP BY 1").fetchall())
            if sum(counts.values()) != rows // partitions:
                raise SystemExit(f"rows do not add up: {counts}")
            connection.execute(
                f"""COPY (SELECT * EXCLUDE (dropped_by), '{key}' AS _source_file,
                    TIMESTAMP '2026-01-01' AS _ingested_at, 'bench' AS _run_id FROM rows WHERE dropped_by IS NULL)
                    TO '{_output(folder, number)}' (FORMAT parquet, COMPRESSION zstd)"""
            )
    return {"seconds": time.monotonic() - started}


def arrow(folder: Path, partitions: int, rows: int) -> dict[str, float]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    pa.set_cpu_count(2)
    kinds = {
        "BIGINT": pa.int64(),
        "VARCHAR": pa.string(),
        "TIMESTAMP": pa.timestamp("s"),
        "DECIMAL(12,2)": pa.decimal128(12, 2),
        "DATE": pa.date32(),
        "DOUBLE": pa.float64(),
    }
    reference = pacsv.read_csv(folder / REFERENCE).combine_chunks()
    stores, regions = reference["store"].chunk(0), reference["region"].chunk(0)
    convert = pacsv.ConvertOptions(column_types={name: kinds[kind] for name, kind in types().items()})
    started = time.monotonic()
    for number in range(partitions):
        writer = None
        for batch in pacsv.open_csv(folder / partition_key(number), convert_options=convert):
            kept = batch.filter(pc.greater(batch["amount"], pa.scalar(0)))
            net = pc.multiply(kept["amount"], kept["quantity"].cast(pa.decimal128(19, 0)))
            region = regions.take(pc.index_in(kept["store"], stores))
            table = pa.Table.from_batches([kept]).append_column("region", region).append_column("net", net)
            writer = writer or pq.ParquetWriter(_output(folder, number), table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()
    return {"seconds": time.monotonic() - started}


def polars(folder: Path, partitions: int, rows: int) -> dict[str, float]:
    import polars as pl  # type: ignore[import-not-found, unused-ignore]

    kinds: dict[str, Any] = {
        "BIGINT": pl.Int64,
        "VARCHAR": pl.String,
        "TIMESTAMP": pl.String,
        "DECIMAL(12,2)": pl.Decimal(12, 2),
        "DATE": pl.Date,
        "DOUBLE": pl.Float64,
    }
    stores = pl.scan_csv(folder / REFERENCE)
    started = time.monotonic()
    for number in range(partitions):
        (
            pl.scan_csv(folder / partition_key(number), schema={name: kinds[kind] for name, kind in types().items()})
            .with_columns(pl.col("sold_at").str.to_datetime("%Y-%m-%d %H:%M:%S"))
            .filter(pl.col("amount") > 0)
            .with_columns((pl.col("amount") * pl.col("quantity").cast(pl.Decimal(12, 0))).alias("net"))
            .join(stores, on="store", how="left")
            .sink_parquet(_output(folder, number), compression="zstd")
        )
    return {"seconds": time.monotonic() - started}


ENGINES = {"spark": spark, "small": small, "guarded": guarded, "duckdb": duck, "pyarrow": arrow, "polars": polars}


def _output(folder: Path, number: int) -> Path:
    target = folder / "curated" / f"dt=day{number:03d}" / "part.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def main() -> None:
    sys.path[:0] = [str(ROOT), str(ROOT / "functions"), str(ROOT / "glue")]
    name, folder, partitions, rows = sys.argv[1:]
    print(json.dumps(ENGINES[name](Path(folder), int(partitions), int(rows))), flush=True)


if __name__ == "__main__":
    main()
