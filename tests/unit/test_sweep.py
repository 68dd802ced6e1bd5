"""Uploads that nobody goes on with are aborted and counted; those that somebody may go on with stay."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lakeferry.ledger import Ledger
from lakeferry.models import FileItem
from reconcile.sweep import AGE, sweep
from tests.conftest import RUN
from tests.unit.conftest import SETTINGS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LATER = datetime.now(UTC) + AGE + timedelta(hours=1)
INBOX, RAW = "acme/daily_sales/0123456789abcdef/a.csv", "raw/acme_daily_sales/dt=2026-11-01/a.csv"


def begun(s3: "S3Client", bucket: str, key: str) -> str:
    return s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]


def left(s3: "S3Client") -> set[str]:
    return {
        one["UploadId"]
        for bucket in ("inbox", "lake", "work")
        for one in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    }


def test_what_no_file_speaks_of_is_aborted_once_it_is_a_day_old(ledger: Ledger, s3: "S3Client") -> None:
    for bucket, key in (("inbox", INBOX), ("lake", RAW), ("work", "runs/run-1/mails.json")):
        begun(s3, bucket, key)
    curated = begun(s3, "lake", "curated/sales/part.parquet")
    assert sweep(ledger, s3, SETTINGS, datetime.now(UTC)) == 0, "a call may be about to note them"
    assert sweep(ledger, s3, SETTINGS, LATER) == 3
    assert left(s3) == {curated}, "the job's own are left to the lifecycle rule"
    assert sweep(ledger, s3, SETTINGS, LATER) == 0


@pytest.mark.parametrize("status", ["CLAIMED", "FETCHED", "VALIDATED", "FAILED"])
def test_what_a_file_in_work_or_failed_goes_on_with_stays(ledger: Ledger, s3: "S3Client", status: str) -> None:
    item = FileItem("acme", "daily_sales", RUN, "/outgoing/a.csv", 10, 1)
    assert ledger.claim(item, dt="2026-11-01", entry=None)
    transfer, filling, waiting = begun(s3, "inbox", INBOX), begun(s3, "lake", RAW), begun(s3, "lake", RAW)
    noted: dict[str, Any] = {
        "inbox_upload_id": transfer,
        "uploads_begun": [{"key": RAW, "upload_id": filling}],
        "outputs": [{"key": RAW, "upload_id": waiting}, {"key": RAW, "staged": "staging/a"}],
    }
    ledger.advance(item, status=status, **noted)
    begun(s3, "inbox", INBOX)
    begun(s3, "lake", RAW)
    assert sweep(ledger, s3, SETTINGS, LATER) == 2
    assert left(s3) == {transfer, filling, waiting}
    ledger.advance(item, status="CURATED", remove=("unfinished",))
    assert sweep(ledger, s3, SETTINGS, LATER) == 3, "its item speaks of uploads that are over"


def test_another_feed_whose_name_begins_alike_keeps_its_own(ledger: Ledger, s3: "S3Client") -> None:
    item = FileItem("acme", "daily_sales_too", RUN, "/outgoing/a.csv", 10, 1)
    assert ledger.claim(item, dt="2026-11-01", entry=None)
    own = begun(s3, "lake", "raw/acme_daily_sales_too/dt=2026-11-01/a.csv")
    ledger.advance(item, uploads_begun=[{"key": "k", "upload_id": own}])
    begun(s3, "lake", RAW)
    assert sweep(ledger, s3, SETTINGS, LATER) == 1
    assert left(s3) == {own}
