#!/usr/bin/env python3
"""A day whose files come one by one: what does its rebuild cost at each arrival, and all of them together?

    PYTHONPATH=functions:. python benchmarks/arrivals.py [--files 24] [--mb 5]

The job's own builder on local[2]. The day is rebuilt at the 1st, 2nd, 4th, 8th, 16th and last arrival, in a JVM that is
warm; between them the cost is taken to grow evenly. CPU seconds are the JVM's and Python's, so that it matters little
what else the machine does.

      1 files:    2.0 CPU seconds
      8 files:    3.1 CPU seconds
     24 files:    4.6 CPU seconds
    24 files of 1 MB: 88 CPU seconds if the day is rebuilt at each, 4.6 if once at its end: 19.4 times

(2026-11-29, --mb 1, 2 CPUs that many other programs had too, load 36, Spark 3.5.)
"""

import argparse
import os
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from benchmarks.curating.engines import ROOT, spark_memory

COLUMNS = {"order_id": "int64", "amount": "decimal(12,2)", "sold_at": "timestamp", "store": "string"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=24, help="that come in a day")
    parser.add_argument("--mb", type=float, default=5, help="megabytes of each")
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "functions"), str(ROOT / "glue")]
    spark_memory("1500m")
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(Path(folder), arguments.files, arguments.mb)
    day = 0.0
    for (at, cost), (until, then) in pairwise(costs.items()):
        day += sum(cost + (then - cost) * (number - at) / (until - at) for number in range(at, until))
    last = costs[arguments.files]
    day += last
    print(
        f"{arguments.files} files of {arguments.mb:g} MB: {day:.0f} CPU seconds if the day is rebuilt at each, "
        f"{last:.1f} if once at its end: {day / last:.1f} times"
    )


def measure(folder: Path, files: int, megabytes: float) -> dict[int, float]:
    """CPU seconds of a rebuild, by how many files there are."""
    import boto3

    import sparksession
    from lakeferry.feeds import parse_feed
    from lakefiles import Lake
    from partition import Builder
    from sparkworker import SparkWorker
    from tests.conftest import feed_document
    from worklist import LandedFile, Partition

    checks = {"columns": [{"name": name, "type": kind} for name, kind in COLUMNS.items()]}
    feed = parse_feed(feed_document(checks=checks, transform={"filter": "amount > 0", "derive": {"net": "amount * 2"}}))
    lines = [
        f"{number},{number % 9999}.25,2026-01-05 06:{number % 60:02d}:08,store-{number % 501}\n"
        for number in range(9999)
    ]
    block = "".join(lines)
    blocks = max(1, round(megabytes * 1e6 / len(block)))
    landed = []
    for number in range(files):
        key = f"raw/acme_daily_sales/dt=2026-01-05/{number}.csv"
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(",".join(COLUMNS) + "\n" + block * blocks)
        landed.append(
            LandedFile(
                "acme/daily_sales", key, key, (key,), tuple(COLUMNS), blocks * len(lines), "2026-01-05T06:00:00Z"
            )
        )
    session = sparksession.spark_session()
    lake = Lake("lake", boto3.client("s3"), folder)
    builder = Builder(lake, "bench", [SparkWorker(lambda: session, lake, "bench")])
    java = Path(f"/proc/{session._jvm.java.lang.ProcessHandle.current().pid()}/stat")

    def cpu_seconds() -> float:
        fields = java.read_text().rpartition(")")[2].split()
        own = os.times()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + own.user + own.system

    def rebuild(number: int) -> float:
        before = cpu_seconds()
        built = builder.build(feed, Partition("acme", "daily_sales", "2026-01-05"), landed[:number])
        if sum(item.read for item in built.counts) != number * blocks * len(lines):
            raise SystemExit("rows are missing")
        spent = cpu_seconds() - before
        print(f"{number:3} files: {spent:6.1f} CPU seconds", flush=True)
        return spent

    for number in (1, 4):  # Java compiles what runs often; these two do not count
        rebuild(min(number, files))
    sizes = sorted({number for number in (1, 2, 4, 8, 16) if number < files} | {files})
    return {number: rebuild(number) for number in sizes}


if __name__ == "__main__":
    main()
