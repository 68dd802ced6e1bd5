"""What a run's files came to, as lines of JSON in the lake."""

import io
import json
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from export_ledger import handler
from export_ledger.core import export_ledger
from export_ledger.counts import NAMES, RunCounts
from lakeferry.ledger import Ledger
from lakeferry.ledger.exports import LEDGER
from tests.conftest import OTHER_RUN, ROOT, RUN, called
from tests.unit.conftest import SETTINGS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SEEN = list[Any]().append
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
    assert export_ledger(ledger, s3, SETTINGS.lake_bucket, RUN, STARTED, SEEN) == 2
    first, second = lines(s3, "ledger/day=2026-11-23/run-1.json")
    assert (first["size"], first["rows_dropped"], first["raw_keys"]) == (3, '{"filter": 2}', '["raw/a"]')
    assert first["error"] == "zu spät"
    assert set(second) <= {name for name, _ in LEDGER.columns}


def test_an_event_that_comes_twice_writes_the_same_object_over(ledger: Ledger, s3: "S3Client") -> None:
    put("/a.csv#1#1")
    for _ in range(2):
        export_ledger(ledger, s3, SETTINGS.lake_bucket, RUN, STARTED, SEEN)
    assert len(s3.list_objects_v2(Bucket="lake")["Contents"]) == 1


def test_a_run_without_files_leaves_no_object(ledger: Ledger, s3: "S3Client") -> None:
    assert export_ledger(ledger, s3, SETTINGS.lake_bucket, RUN, STARTED, SEEN) == 0
    assert "Contents" not in s3.list_objects_v2(Bucket="lake")


def test_a_runs_files_are_counted_over_all_and_for_those_that_have_metrics_of_their_own() -> None:
    counts = RunCounts(("acme", "globex/stock", "initech"))
    rows = {"rows_read": 10, "rows_landed": 9, "rows_rejected": 1}
    for feed_id, values in (
        ("acme/sales", {"status": "CURATED", "size": 100, **rows, "rows_curated": 8}),
        ("acme/sales", {"status": "FAILED", "size": 50}),
        ("globex/stock", {"status": "UPLOADED", "size": 7, **rows}),
        ("globex/other", {"status": "SUPERSEDED", "size": 7, "rows_read": None}),
    ):
        counts.add({"feed_id": feed_id, "file_id": "f", **values})
    assert counts.total == {
        "FilesSeen": 4, "FilesLanded": 2, "FilesFailed": 1, "LandedBytes": 107,
        "RowsRead": 20, "RowsLanded": 18, "RowsRejected": 2, "RowsCurated": 8,
    }  # fmt: skip
    named = {tuple(whose.items()): values for whose, values in counts.named()}
    assert set(named) == {(("tenant", "acme"),), (("tenant", "globex"), ("feed", "stock"))}
    assert named[(("tenant", "acme"),)]["LandedBytes"] == 100
    assert named[(("tenant", "globex"), ("feed", "stock"))]["FilesSeen"] == 1


def test_the_metrics_are_in_one_line_and_tenants_only_where_asked_for(
    ledger: Ledger, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    put("/a.csv#1#1", status="CURATED", size=5)
    event = json.loads((ROOT / "events" / "export_ledger.json").read_text())
    event["detail"] |= {"executionArn": RUN, "startDate": STARTED}
    said = io.StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", said)
    for metrics_of, lines_written in (((), 1), (("acme/daily_sales",), 2)):
        clients = SimpleNamespace(ledger=ledger, s3=s3, settings=replace(SETTINGS, metrics_of=metrics_of))
        monkeypatch.setattr(handler, "clients", lambda clients=clients: clients)
        assert handler.handler(event, called()) == {"files": 1}
        written = [json.loads(line) for line in said.getvalue().splitlines()]
        said.truncate(said.seek(0))
        assert len(written) == lines_written
        dimensions = [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in written]
        assert dimensions == [[["function_name"]], [["function_name", "tenant", "feed"]]][:lines_written]
        for line, (named,) in zip(written, dimensions, strict=True):
            assert set(named) <= set(line), "a dimension is a key of the line"
            assert line["LandedBytes"] == 5
            assert set(NAMES) <= set(line), "what is 0 as well"
    units = {one["Name"]: one["Unit"] for one in written[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert units == {name: "Bytes" if name == "LandedBytes" else "Count" for name in NAMES if written[0][name]}
    assert len(units) == 3
