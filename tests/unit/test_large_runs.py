"""Runs of the job that have much to rebuild: Java gets both its compilers for them (docs/decisions.md)."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from pyspark import SparkContext

from local import java, job_process
from local.engines import LARGE_RUN_BYTES
from local.glue_job import is_large
from local.java import FIRST_COMPILER_ALONE, SUBMIT_ARGUMENTS

HALF = LARGE_RUN_BYTES // 2


@pytest.fixture
def ledger(aws: None) -> Any:
    names = {"feed_id": "HASH", "file_id": "RANGE", "pending": "HASH", "partition": "RANGE"}
    keys: Any = [{"AttributeName": name, "KeyType": kind} for name, kind in names.items()]
    return boto3.resource("dynamodb").create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=keys[:2],
        GlobalSecondaryIndexes=[
            {"IndexName": "pending", "KeySchema": keys[2:], "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
    )


class Landing:
    """Files of days, as large as they are said to be, without any bytes on the disk."""

    def __init__(self, ledger: Any, lake: Path) -> None:
        self._ledger, self.lake = ledger, lake

    def land(self, name: str, dt: str, size: int, *, pending: bool = True) -> None:
        path = self.lake / "raw" / "acme_sales" / f"dt={dt}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)
        item = {"feed_id": "acme/sales", "file_id": f"{dt}/{name}", "partition": f"acme/sales/{dt}"}
        self._ledger.put_item(Item=item | ({"pending": "raw"} if pending else {}))

    @property
    def is_large(self) -> bool:
        return is_large(SimpleNamespace(client=boto3.client), "ledger", self.lake)


@pytest.fixture
def landing(ledger: Any, tmp_path: Path) -> Landing:
    return Landing(ledger, tmp_path)


def test_days_of_few_bytes_together_are_no_large_run(landing: Landing) -> None:
    assert not landing.is_large
    landing.land("a.csv", "2026-01-05", HALF)
    landing.land("a.csv", "2026-01-06", HALF)
    assert not landing.is_large
    landing.land("b.csv", "2026-01-06", 1)
    assert landing.is_large


def test_a_day_counts_with_all_its_files_and_once_and_one_that_is_done_does_not(landing: Landing) -> None:
    landing.land("done.csv", "2026-01-04", LARGE_RUN_BYTES + 1, pending=False)
    landing.land("a.csv", "2026-01-05", HALF)
    landing.land("b.csv", "2026-01-05", HALF)
    assert not landing.is_large
    landing.land("before.csv", "2026-01-05", 1, pending=False)  # the day is rebuilt from this one, too
    assert landing.is_large


def test_a_day_without_a_folder_is_for_the_job_to_tell(landing: Landing) -> None:
    landing.land("a.csv", "2026-01-05", 1)
    (landing.lake / "raw" / "acme_sales" / "dt=2026-01-05" / "a.csv").unlink()
    (landing.lake / "raw" / "acme_sales" / "dt=2026-01-05").rmdir()
    assert not landing.is_large


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments each session was started with."""
    monkeypatch.setattr(java, "_java_home", lambda: Path("/java"))
    monkeypatch.setenv(SUBMIT_ARGUMENTS, java.spark_environment()[SUBMIT_ARGUMENTS])
    return []


@pytest.mark.parametrize(
    ("running", "ends"), [(None, 0), (["spark-submit", f"{FIRST_COMPILER_ALONE} -XX:+UseSerialGC"], 1), (["-Xmx1g"], 0)]
)
def test_a_large_run_has_java_with_both_compilers_and_one_that_has_one_ends_before(
    running: list[str] | None, ends: int, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    gateway = running and SimpleNamespace(proc=SimpleNamespace(args=running))
    monkeypatch.setattr(SparkContext, "_gateway", gateway)
    monkeypatch.setattr(job_process, "end_java", lambda: ended.append(1))
    before = os.environ[SUBMIT_ARGUMENTS]
    assert before.count(FIRST_COMPILER_ALONE) == 1
    job_process.with_both_compilers(lambda: started.append(os.environ[SUBMIT_ARGUMENTS]))()
    assert started == [before.replace(f"{FIRST_COMPILER_ALONE} ", "")]
    assert FIRST_COMPILER_ALONE not in started[0]
    assert "-XX:+UseSerialGC" in started[0]
    assert len(ended) == ends
