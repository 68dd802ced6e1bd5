"""What a run's files came to, as lines of JSON in the lake."""

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3

from export_ledger.core import export_ledger
from lakeferry.ledger import Ledger
from lakeferry.ledger.exports import LEDGER
from tests.conftest import OTHER_RUN, RUN
from tests.unit.conftest import SETTINGS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STARTED = 1795417200412  # 2026-11-23T07:00:00.412Z


def put(file_id: str, run: str = RUN, **values: Any) -> None:
    item: dict[str, Any] = {"feed_id": "acme/daily_sales", "file_id": file_id, "run": run, "status": "FAILED", **values}
    boto3.resource("dynamodb").Table("ledger").put_item(Item=item)


def lines(s3: "S3Client", key: str) -> list[dict[str, object]]:
    text = s3.get_object(Bucket="lake", Key=key)["Body"].read().decode()
    return [json.loads(line) for line in text.splitlines()]


def test_each_file_of_the_run_is_a_line_and_no_other_runs_is(ledger: Ledger, s3: "S3Client") -> None:
    put("/a.csv#1#1", size=Decimal(3), rows_dropped={"filter": Decimal(2)}, raw_keys=["raw/a"], error="zu spät")
    put("/b.csv#1#1", inbox_upload_id="not for people")
    put("/c.csv#1#1", run=OTHER_RUN)
    assert export_ledger(ledger, s3, SETTINGS.lake_bucket, RUN, STARTED) == 2
    first, second = lines(s3, "ledger/day=2026-11-23/run-1.json")
    assert (first["size"], first["rows_dropped"], first["raw_keys"]) == (3, '{"filter": 2}', '["raw/a"]')
    assert first["error"] == "zu spät"
    assert set(second) <= {name for name, _ in LEDGER.columns}


def test_an_event_that_comes_twice_writes_the_same_object_over(ledger: Ledger, s3: "S3Client") -> None:
    put("/a.csv#1#1")
    for _ in range(2):
        export_ledger(ledger, s3, SETTINGS.lake_bucket, RUN, STARTED)
    assert len(s3.list_objects_v2(Bucket="lake")["Contents"]) == 1


def test_a_run_without_files_leaves_no_object(ledger: Ledger, s3: "S3Client") -> None:
    assert export_ledger(ledger, s3, SETTINGS.lake_bucket, RUN, STARTED) == 0
    assert "Contents" not in s3.list_objects_v2(Bucket="lake")
