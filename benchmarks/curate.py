"""The Glue job's hot path beside engines that need no cluster: CSV → typed, filtered, derived → Parquet (zstd).

    python benchmarks/curate.py [--rows N] [--partitions N] [--engines spark,duckdb,pyarrow,polars] [--folder DIR]

Spark runs `partition.Builder`, the job's own code with its guards and its balance, on local[2]; the others do the same
work in two threads with casts that raise instead of dropping a row, so they are a floor, not an equal. Each runs in a
process of its own; CPU and memory are of its whole process tree. Results are compared: equal rows, equal sums.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "functions"), str(ROOT / "glue")]

TYPES = {
    "order_id": "BIGINT",
    "sold_at": "TIMESTAMP",
    "store": "VARCHAR",
    "amount": "DECIMAL(12,2)",
    "quantity": "BIGINT",
    "sku": "VARCHAR",
    "note": "VARCHAR",
}
FILTER = "amount > 0"
DERIVED = ("net", "amount * quantity")


def generate(folder: Path, rows: int, partitions: int) -> int:
    """Writes one file a partition; returns the bytes."""
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.42)")
        for number in range(partitions):
            target = folder / partition_key(number)
            target.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f"""COPY (SELECT i + {number * rows} AS order_id,
                        strftime(TIMESTAMP '2026-01-01' + INTERVAL 1 SECOND * (random() * 86400)::BIGINT,
                                 '%Y-%m-%d %H:%M:%S') AS sold_at,
                        'store ' || (random() * 500)::INT AS store, (random() * 900 - 20)::DECIMAL(12,2) AS amount,
                        (random() * 100)::INT AS quantity,
                        'SKU' || lpad((random() * 50000)::INT::VARCHAR, 6, '0') AS sku,
                        CASE WHEN random() < 0.2 THEN 'note, with "quotes" and a comma and a bit of text'
                             ELSE 'a plain note that is about as long as people write' END AS note
                    FROM range({rows // partitions}) t(i)) TO '{target}' (HEADER)"""
            )
    return sum(file.stat().st_size for file in folder.rglob("*.csv"))


def partition_key(number: int) -> str:
    return f"raw/acme_sales/dt=day{number:03d}/sales-00000000.csv"


def spark(folder: Path, partitions: int, rows: int) -> dict[str, float]:
    """The job's own path. Memory is the JVM's limit as much as its need."""
    import boto3

    from local.glue_job import SPARK_ARGUMENTS, spark_environment

    # what suits two-row tests does not suit a gigabyte: both compilers, a real collector, more memory
    SPARK_ARGUMENTS[SPARK_ARGUMENTS.index("--driver-memory") + 1] = os.environ.get("DRIVER_MEMORY", "2g")
    SPARK_ARGUMENTS[SPARK_ARGUMENTS.index("--driver-java-options") + 1] = "-XX:+UseParallelGC"
    end = SPARK_ARGUMENTS.index("pyspark-shell")
    SPARK_ARGUMENTS[end:end] = [
        part for setting in os.environ.get("SPARK_CONF", "").split() for part in ("--conf", setting)
    ]
    os.environ.update(spark_environment())
    import curate
    from lakeferry.feeds import ChecksSpec, ColumnSpec, Feed, FilesSpec, FormatSpec, ServerSpec, TransformSpec
    from lakefiles import Lake
    from partition import Builder
    from worklist import LandedFile, Partition

    names = {"BIGINT": "int64", "VARCHAR": "string"}
    feed = Feed(
        tenant="acme",
        feed="sales",
        server=ServerSpec("sftp", "", 22, ""),
        files=FilesSpec("/", "*"),
        format=FormatSpec(),
        dataset="sales",
        checks=ChecksSpec(columns=tuple(ColumnSpec(n, names.get(t, t.lower())) for n, t in TYPES.items())),
        transform=TransformSpec(filter=FILTER, derive=dict([DERIVED])),
    )
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    lake = Lake("lake", boto3.client("s3"), folder)
    builder = Builder(curate.spark_session(), lake, "bench")
    started = time.monotonic()

    def one(number: int) -> int:
        key = partition_key(number)
        landed = LandedFile("acme/sales", key, key, (key,), tuple(TYPES), rows // partitions, "2026-01-01T00:00:00Z")
        built = builder.build(feed, Partition("acme", "sales", f"day{number:03d}"), [landed])
        return sum(item.curated for item in built.counts)

    with ThreadPoolExecutor(int(os.environ.get("PARALLEL", "4"))) as pool:
        kept = sum(pool.map(one, range(partitions)))
    return {"seconds": time.monotonic() - started, "kept": kept}


def duck(folder: Path, partitions: int, rows: int) -> dict[str, float]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET memory_limit = '1GB'; SET preserve_insertion_order = false")
        columns = json.dumps(TYPES).replace('"', "'")
        started = time.monotonic()
        for number in range(partitions):
            connection.execute(
                f"""COPY (SELECT *, {DERIVED[1]} AS {DERIVED[0]} FROM read_csv('{folder / partition_key(number)}',
                    columns = {columns}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"')
                    WHERE {FILTER}) TO '{_output(folder, number)}' (FORMAT parquet, COMPRESSION zstd)"""
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
    }
    convert = pacsv.ConvertOptions(column_types={name: kinds[kind] for name, kind in TYPES.items()})
    started = time.monotonic()
    for number in range(partitions):
        writer = None
        for batch in pacsv.open_csv(folder / partition_key(number), convert_options=convert):
            kept = batch.filter(pc.greater(batch["amount"], pa.scalar(0)))
            net = pc.multiply(kept["amount"], kept["quantity"].cast(pa.decimal128(19, 0)))
            table = pa.Table.from_batches([kept]).append_column("net", net)
            writer = writer or pq.ParquetWriter(_output(folder, number), table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()
    return {"seconds": time.monotonic() - started}


def polars(folder: Path, partitions: int, rows: int) -> dict[str, float]:
    import polars as pl  # type: ignore[import-not-found, unused-ignore]

    kinds = {"BIGINT": pl.Int64, "VARCHAR": pl.String, "TIMESTAMP": pl.String, "DECIMAL(12,2)": pl.Decimal(12, 2)}
    started = time.monotonic()
    for number in range(partitions):
        (
            pl.scan_csv(folder / partition_key(number), schema={name: kinds[kind] for name, kind in TYPES.items()})
            .with_columns(pl.col("sold_at").str.to_datetime("%Y-%m-%d %H:%M:%S"))
            .filter(pl.col("amount") > 0)
            .with_columns((pl.col("amount") * pl.col("quantity").cast(pl.Decimal(12, 0))).alias("net"))
            .sink_parquet(_output(folder, number), compression="zstd")
        )
    return {"seconds": time.monotonic() - started}


ENGINES = {"spark": spark, "duckdb": duck, "pyarrow": arrow, "polars": polars}


def _output(folder: Path, number: int) -> Path:
    target = folder / "curated" / f"dt=day{number:03d}" / "part.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


class TreeWatch(threading.Thread):
    """CPU seconds and peak resident memory of a process and its children, from /proc (proc(5))."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._over = pid, threading.Event()
        self.peak_bytes = 0
        self._cpu: dict[int, float] = {}

    @property
    def cpu_seconds(self) -> float:
        return sum(self._cpu.values())

    def run(self) -> None:
        tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        while not self._over.wait(0.1):
            resident = 0
            for pid in self._tree():
                try:
                    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                self._cpu[pid] = (int(fields[11]) + int(fields[12])) / tick
                resident += int(fields[21]) * page
            self.peak_bytes = max(self.peak_bytes, resident)

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _tree(self) -> list[int]:
        found, todo = [], [self._pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    todo += [int(child) for child in task.read_text().split()]
                except (FileNotFoundError, ProcessLookupError):
                    continue
        return found


def measure(engine: str, folder: Path, rows: int, partitions: int) -> dict[str, Any]:
    """Runs one engine in a process of its own."""
    shutil.rmtree(folder / "curated", ignore_errors=True)
    command = [sys.executable, __file__, "--run", engine, "--folder", str(folder), "--rows", str(rows)]
    started = time.monotonic()
    process = subprocess.Popen(
        [*command, "--partitions", str(partitions)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watch = TreeWatch(process.pid)
    watch.start()
    out, err = process.communicate()
    whole = time.monotonic() - started
    watch.stop()
    if process.returncode:
        return {"engine": engine, "error": (err.strip().splitlines() or ["?"])[-1]}
    files = list((folder / "curated").rglob("*.parquet"))
    with duckdb.connect() as connection:
        checked = connection.execute(
            "SELECT count(*), sum(net)::DECIMAL(38,2) FROM read_parquet(?)", [[str(file) for file in files]]
        ).fetchone()
    return {
        "engine": engine,
        **json.loads(out.strip().splitlines()[-1]),
        "process_seconds": whole,
        "cpu_seconds": watch.cpu_seconds,
        "peak_mb": watch.peak_bytes / 1e6,
        "output_mb": sum(file.stat().st_size for file in files) / 1e6,
        "result": checked,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--partitions", type=int, default=20)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--run", choices=ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        result = ENGINES[arguments.run](arguments.folder, arguments.partitions, arguments.rows)
        print(json.dumps(result), flush=True)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        size = generate(folder, arguments.rows, arguments.partitions)
        print(
            f"{arguments.rows:,} rows, {size / 1e9:.2f} GB of CSV, {arguments.partitions} partitions, "
            f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}\n"
        )
        print(f"{'engine':8} {'work s':>7} {'process s':>9} {'CPU s':>7} {'MB':>6} {'Parquet MB':>10}  rows, sum(net)")
        for engine in arguments.engines.split(","):
            found = measure(engine, folder, arguments.rows, arguments.partitions)
            if "error" in found:
                print(f"{engine:8} {found['error'][:100]}")
                continue
            print(
                f"{engine:8} {found['seconds']:7.1f} {found['process_seconds']:9.1f} {found['cpu_seconds']:7.1f} "
                f"{found['peak_mb']:6.0f} {found['output_mb']:10.1f}  {found['result'][0]:,}, {found['result'][1]}",
                flush=True,
            )


if __name__ == "__main__":
    main()
