"""The benchmarks of the Glue job still run, prove that all did the same work, and print what they say they print."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.spark


def run(script: str, *arguments: str) -> str:
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}", "PATH": "/usr/bin:/bin", "HOME": "/tmp"}
    # benchmarks have both of Java's compilers, whose second has hardly begun to pay when so few rows are done
    environment["JAVA_TOOL_OPTIONS"] = "-XX:TieredStopAtLevel=1"
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_every_engine_does_the_same_work() -> None:
    out = run(
        "curated_zone.py", "--size", "0.2", "--partitions", "2", "--engines", "spark,small,guarded,duckdb,pyarrow"
    )
    engines = ["spark", "small", "guarded", "duckdb", "pyarrow"]
    assert [line.split()[0] for line in out.splitlines()[2:7]] == engines
    kept, regions = re.findall(r"each: ([\d,]+) rows kept, .* ([\d,]+) with a region", out)[0]
    assert kept == regions
    assert re.search(r"spark: [\d.]+ Spark jobs and [\d.]+ listings", out)


def test_many_partitions_in_one_run() -> None:
    out = run("partitions.py", "--partitions", "3", "--rows", "5")
    assert out.startswith("3 partitions of 5 rows")
    assert re.search(r"a partition: [\d.]+ Spark jobs, [\d.]+ listings, .*calls of glue", out)


def test_a_day_whose_files_come_one_by_one() -> None:
    out = run("arrivals.py", "--files", "2", "--mb", "0.1")
    assert re.search(r"^2 files of 0.1 MB: \d+ CPU seconds if the day is rebuilt at each, ", out, re.M)
