#!/usr/bin/env python3
"""The Glue job's hot path beside engines that need no cluster: CSV → typed, filtered, enriched, derived → Parquet.

    PYTHONPATH=. python benchmarks/curated_zone.py [--size MB] [--partitions N] [--rounds N] [--engines spark,duckdb]

Spark (on local[2]) and `small` run the job's own code; the others do the same work in two threads, `guarded` with the
job's guards, as benchmarks/curating/engines.py says. Each runs in a process of its own, in turns; CPU and memory are of
its whole process tree; ratios are of CPU seconds to DuckDB's in the same round, since a busy machine stretches the
clock but hardly the work. Results are compared: equal rows, equal sums, equal rows with a region. Needs
requirements/bench.txt.

    9,174,312 rows, 1,013 MB of CSV, 20 partitions, 2 CPUs, load 0.5
    engine    work s process s   CPU s x duckdb     MB Parquet MB
    spark       48.5      53.8    89.4     9.33   1773      152.2
    duckdb       7.9       8.0     9.6     1.00    363      155.6
    pyarrow      8.2       8.6     8.8     0.92    257      225.2
    polars       3.4       3.9     6.6     0.69    285      165.7
    each: 8,970,066 rows kept, sum(net) 197120446778.14, 8,970,066 with a region
    spark: 3.1 Spark jobs and 3.0 listings of prefixes a partition

(2026-11-24, Spark 3.5.6, DuckDB 2.0.0, Polars 2.1.0, Python 3.11, one round. With `guarded`: docs/speed.md.)
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.curating.engines import ENGINES, ROOT
from benchmarks.curating.table import bytes_a_row, generate
from benchmarks.curating.tree import TreeWatch


def measure(engine: str, folder: Path, rows: int, partitions: int) -> dict[str, Any]:
    """Runs one engine in a process of its own.

    Raises:
        SystemExit: it failed.
    """
    shutil.rmtree(folder / "curated", ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.curating.engines", engine, str(folder), str(partitions), str(rows)]
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with TreeWatch(process.pid) as watch:
        out, err = process.communicate()
        whole = time.monotonic() - started
    if process.returncode:
        raise SystemExit(f"{engine} failed: {(err.strip().splitlines() or ['?'])[-1]}")
    files = list((folder / "curated").rglob("*.parquet"))
    with duckdb.connect() as connection:
        checked = connection.execute(
            "SELECT count(*), sum(net)::DECIMAL(38,2), count(region) FROM read_parquet(?, hive_partitioning = false)",
            [[str(file) for file in files]],
        ).fetchone()
    return {
        "engine": engine,
        **json.loads(out.strip().splitlines()[-1]),
        "process_seconds": whole,
        "cpu_seconds": watch.cpu_seconds,
        "java_seconds": watch.java_seconds,
        "peak_mb": watch.peak_bytes / 1e6,
        "output_mb": sum(file.stat().st_size for file in files) / 1e6,
        "result": checked,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1000, help="megabytes (10^6) of CSV")
    parser.add_argument("--partitions", type=int, default=20)
    parser.add_argument("--more-columns", type=int, default=0, help="besides seven, of each type in turn")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--folder", type=Path, help="where the data is made; a temporary folder when absent")
    arguments = parser.parse_args()
    os.environ["MORE_COLUMNS"] = str(arguments.more_columns)  # for each engine's process, too
    engines, rounds = arguments.engines.split(","), list[dict[str, dict[str, Any]]]()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        rows = round(arguments.size * 1e6 / bytes_a_row())
        size = generate(folder, rows, arguments.partitions)
        print(
            f"{rows:,} rows, {size / 1e6:,.0f} MB of CSV, {arguments.partitions} partitions, "
            f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
        )
        for _ in range(arguments.rounds):
            rounds.append({engine: measure(engine, folder, rows, arguments.partitions) for engine in engines})
    report(engines, rounds, arguments.partitions)


def report(engines: list[str], rounds: list[dict[str, dict[str, Any]]], partitions: int) -> None:
    """Prints medians, ratios, and whether all did the same.

    Raises:
        SystemExit: results differ.
    """
    print(f"{'engine':8} {'work s':>7} {'process s':>9} {'CPU s':>7} {'x duckdb':>8} {'MB':>6} {'Parquet MB':>10}")
    for engine in engines:
        found = [each[engine] for each in rounds]
        middle = {name: statistics.median(item[name] for item in found) for name in MEASURED}
        peer = "duckdb" if "duckdb" in engines else engines[0]
        ratio = statistics.median(each[engine]["cpu_seconds"] / each[peer]["cpu_seconds"] for each in rounds)
        print(
            f"{engine:8} {middle['seconds']:7.1f} {middle['process_seconds']:9.1f} {middle['cpu_seconds']:7.1f} "
            f"{ratio:8.2f} {middle['peak_mb']:6.0f} {middle['output_mb']:10.1f}"
        )
    results = {each[engine]["result"] for each in rounds for engine in engines}
    if len(results) > 1:
        raise SystemExit(f"results differ: {results}")
    ((kept, total, regions),) = results
    print(f"each: {kept:,} rows kept, sum(net) {total}, {regions:,} with a region")
    if "spark" in engines:
        spark, java = rounds[-1]["spark"], [each["spark"]["java_seconds"] for each in rounds]
        own = {kind: statistics.median(each[kind] for each in java) for kind in ("compiler", "collector")}
        print(
            f"spark: {own['compiler']:.1f} CPU s of Java's compilers and {own['collector']:.1f} of its collector\n"
            f"spark: {spark['spark_jobs'] / partitions:.1f} Spark jobs and {spark['listings'] / partitions:.1f} "
            "listings of prefixes a partition"
        )


MEASURED = ("seconds", "process_seconds", "cpu_seconds", "peak_mb", "output_mb")

if __name__ == "__main__":
    main()
