"""The job as the state machine starts it on this machine: a process of its own, and SQL over what it left."""

import contextlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from local import glue_job
from local.engines import ENGINE
from local.glue_job import ROOT, JobProcesses, run_job, warm_up
from local.java import FIRST_COMPILER_ALONE
from local.sql import query
from tests.conftest import OTHER_RUN, RUN, feed_document
from tests.glue.conftest import BUCKET, DATABASE, SmallLake

pytestmark = pytest.mark.spark

SALES = "order_id,amount\n1,10.00\n2,-5.00\n3,30.50\n"


@pytest.fixture(scope="module")
def processes() -> Iterator[JobProcesses]:
    """Those of this module's jobs, in place of the session's: one is kept, and with it its Java, once it is there."""
    processes = JobProcesses()
    yield processes
    processes.close()


@pytest.fixture
def served(lake: SmallLake, processes: JobProcesses, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallLake]:
    """The same small lake, its AWS to be had over loopback too."""
    monkeypatch.setattr(glue_job, "processes", processes)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    lake.endpoint = f"http://{host}:{port}"
    lake.glue.create_job(
        Name="curate",
        Role="r",
        Command={"Name": "glueetl", "ScriptLocation": "s3://work/scripts/curate.py"},
        DefaultArguments={
            "--ledger_table": "ledger",
            "--feeds_table": "feeds",
            "--lake_bucket": BUCKET,
            "--database": "overridden",
            "--enable-metrics": "true",
        },
        Timeout=5,
    )
    yield lake
    server.stop()


def _javas(group: int) -> list[str]:
    """Commands of the Javas in a process group, those of scripts that start one left out."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if os.getpgid(int(path.parent.name)) == group:
                found.append(path.read_bytes().decode())
    return [command for command in found if command.partition("\0")[0].endswith("/java")]


def test_small_partitions_start_no_java_and_one_that_needs_spark_does(
    served: SmallLake, processes: JobProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.close()  # none that has started Java
    monkeypatch.setenv(ENGINE, "small")
    served.land("a.csv", SALES)
    warm_up()
    ok, message = run_job(served, "curate", {"--run": RUN, "--database": DATABASE}, tmp_path / "logs")
    assert ok, message
    process = processes.take()
    processes.give_back(process)
    assert _javas(process.pid) == []
    assert served.entry("a.csv")["curated_by"] == "arrow"
    served.put_feed(curate={"engine": "spark"})
    served.land("b.csv", SALES)
    ok, message = run_job(served, "curate", {"--run": OTHER_RUN, "--database": DATABASE}, tmp_path / "logs")
    assert ok, message
    assert {served.entry(name)["curated_by"] for name in ("a.csv", "b.csv")} == {"spark"}
    (small,) = _javas(process.pid)
    assert FIRST_COMPILER_ALONE in small
    # another run has much to rebuild: Java is started anew, with both its compilers, and kept
    monkeypatch.setattr(glue_job, "LARGE_RUN_BYTES", 10)
    for run, name in (("run-3", "c.csv"), ("run-4", "d.csv")):
        served.land(name, SALES)
        arguments = {"--run": RUN.replace("run-1", run), "--database": DATABASE}
        ok, message = run_job(served, "curate", arguments, tmp_path / "logs")
        assert ok, message
        (large,) = _javas(process.pid)
        assert FIRST_COMPILER_ALONE not in large
    assert {served.entry(name)["curated_by"] for name in ("a.csv", "c.csv", "d.csv")} == {"spark"}


def test_the_job_runs_in_a_process_and_its_table_answers_sql(served: SmallLake, tmp_path: Path) -> None:
    served.land("a.csv", SALES)
    served.land("b.csv", SALES, dt="2026-01-06")
    warm_up()
    ok, message = run_job(served, "curate", {"--run": RUN, "--database": DATABASE}, tmp_path / "logs")
    assert ok, message
    assert message.startswith("2 partitions of 2 files: 6 rows landed, 4 curated, 2 dropped (filter 2)")
    answer = query(
        served, "SELECT dt, sum(net) AS net, max(_ingested_at)::VARCHAR FROM curated.sales GROUP BY dt ORDER BY dt"
    )
    assert answer.columns[:2] == ("dt", "net")
    assert answer.rows == [
        ("2026-01-05", Decimal("81.00"), "2026-01-05 06:00:01"),
        ("2026-01-06", Decimal("81.00"), "2026-01-05 06:00:02"),
    ]
    assert f"{BUCKET}/curated/" in served.rescanned


def test_a_failed_job_tells_which_partition_and_why(served: SmallLake, tmp_path: Path) -> None:
    served.land("a.csv", SALES, rows=7)
    ok, message = run_job(served, "curate", {"--run": RUN, "--database": DATABASE}, tmp_path / "logs")
    assert not ok
    assert message.startswith("JobFailedError: 1 of 1 partitions failed: BalanceError: acme/daily_sales dt=2026-01-05")
    assert "7 rows landed, Spark read 3" in message
    log = tmp_path / "logs" / "run-1.log"
    assert message.endswith(f" (all it wrote: {log})")
    assert "Traceback (most recent call last):" in log.read_text()


def test_sql_sees_an_empty_partition_as_no_rows(lake: SmallLake) -> None:
    lake.land("a.csv", "order_id,amount\n1,-1.00\n")
    assert lake.job().run().failed == {}
    assert query(lake, "SELECT order_id, net, tenant FROM sales").rows == []


def test_sql_reads_partitions_from_before_a_new_column_as_null(lake: SmallLake) -> None:
    lake.land("a.csv", SALES)
    lake.job().run()
    lake.land("b.csv", "order_id,amount,shop\n9,9.00,north\n", dt="2026-01-06")
    lake.job().run()
    assert query(lake, "SELECT order_id, shop, dt FROM curated.sales ORDER BY 1").rows == [
        (1, None, "2026-01-05"),
        (3, None, "2026-01-05"),
        (9, "north", "2026-01-06"),
    ]


def test_the_modules_work_from_the_zip_files_glue_is_given(tmp_path: Path) -> None:
    archive = tmp_path / "extra.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for folder in (ROOT / "functions/lakeferry", ROOT / "glue"):
            for file in (file for file in folder.rglob("*") if file.suffix in {".py", ".json"}):
                target.write(file, file.relative_to(folder.parent if folder.name == "lakeferry" else folder))
    document = json.dumps(feed_document())
    code = "import curate, json; from lakeferry.feeds import parse_feed; "
    code += f"print(parse_feed(json.loads({document!r})).dataset)"
    environment = {"PYTHONPATH": str(archive), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("sales", 0), done.stderr
