#!/usr/bin/env python3
"""Many small partitions in one run of the Glue job: does the driver get through, and what does each cost?

    PYTHONPATH=functions:. python benchmarks/partitions.py [--partitions 500] [--rows 200] [--parallel 8]

The whole job (`curate.Job`) on local[2] with about an eighth of the heap that G.1X gives a driver; ledger and catalog
are moto's, in the same process, the lake is a folder. Calls are counted at boto3; a listing is one of a lake's prefix.

    500 partitions of 50 rows, 8 at a time: 390 s, load 21.1
    a partition: 2.0 Spark jobs, 4.0 listings, 3.00 calls of dynamodb, 5.69 calls of glue
    old generation of the heap at most 831 MB, heap 1200m

(2026-11-24, 2 CPUs that ten other programs had too, Spark 3.5.6.)
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.curating.engines import ROOT, counted_listings, spark_memory

HEAP = "1200m"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partitions", type=int, default=500)
    parser.add_argument("--rows", type=int, default=200, help="of each partition")
    parser.add_argument("--parallel", type=int, default=8, help="partitions built at the same time")
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "functions"), str(ROOT / "glue")]
    spark_memory(HEAP)
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    os.environ |= {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true"}
    from moto import mock_aws

    with tempfile.TemporaryDirectory() as folder, mock_aws():
        run(Path(folder), arguments)


def run(folder: Path, arguments: argparse.Namespace) -> None:
    """Lands the files, runs the job, prints what it took.

    Raises:
        SystemExit: a partition failed.
    """
    import boto3

    import curate
    import sparksession
    from lakefiles import Lake
    from tests.glue.conftest import SmallLake

    session = sparksession.spark_session()
    lake = SmallLake(session, folder)
    lake.put_feed(transform={"filter": "amount > 0", "derive": {"net": "amount * 2"}})
    text = "order_id,amount\n" + "".join(f"{number},{number}.50\n" for number in range(arguments.rows))
    for number in range(arguments.partitions):
        lake.land(f"{number}.csv", text, dt=f"day{number:04d}", rows=arguments.rows)
    calls: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        calls[model.service_model.service_name] += 1

    boto3.DEFAULT_SESSION.events.register("before-call", count)  # type: ignore[union-attr]
    job = curate.job(
        lambda: session, curate.parse_arguments([*lake.arguments(), "--parallel", str(arguments.parallel)])
    )
    with counted_listings(Lake) as listings:
        report = job.run()
    boto3.DEFAULT_SESSION.events.unregister("before-call", count)  # type: ignore[union-attr]
    if report.failed or report.partitions != arguments.partitions:
        raise SystemExit(f"{len(report.failed)} partitions failed: {next(iter(report.failed.values()), '?')}")
    each = arguments.partitions
    jobs = session.sparkContext._jsc.sc().dagScheduler().numTotalJobs()
    pools = session._jvm.java.lang.management.ManagementFactory.getMemoryPoolMXBeans()
    (old,) = (pool.getPeakUsage().getUsed() for pool in pools if pool.getName().endswith("Old Gen"))
    print(
        f"{each} partitions of {arguments.rows} rows, {arguments.parallel} at a time: {report.seconds:.0f} s, "
        f"load {os.getloadavg()[0]:.1f}\n"
        f"a partition: {jobs / each:.1f} Spark jobs, {listings[0] / each:.1f} listings, "
        + ", ".join(f"{calls[name] / each:.2f} calls of {name}" for name in sorted(calls))
        + f"\nold generation of the heap at most {old / 1e6:.0f} MB, heap {HEAP}"
    )


if __name__ == "__main__":
    main()
