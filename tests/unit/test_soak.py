"""300 hourly runs with randomly failing servers and functions: nothing is lost, nothing is there twice."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from lakeferry.feeds import load_feed, put_feed
from lakeferry.lake import raw_key
from lakeferry.ledger import Ledger
from lakeferry.models import FileItem, RemoteFile
from tests.conftest import feed_document
from tests.unit.hours import Hours

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

HOURS = 300
FEEDS = ["acme/sales", "globex/stock"]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [20261124])
def test_300_hours_lose_nothing_and_double_nothing(
    seed: int,
    tmp_path: Path,
    feeds_table: "Table",
    ledger: Ledger,
    s3: "S3Client",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for feed_id in FEEDS:
        tenant, feed = feed_id.split("/")
        put_feed(feeds_table, _document(tenant, feed))
        (tmp_path / feed_id).mkdir(parents=True)
    hours = Hours(seed, tmp_path, feeds_table, ledger, s3, sqs, queue)
    for module in ("lakeferry.ledger", "fetch.core", "validate.core", "worklist"):
        monkeypatch.setattr(f"{module}.utc_now", lambda: hours.now.isoformat())
    original = Ledger.land

    def land(self: Ledger, item: FileItem, values: Any, *, superseded: Sequence[str]) -> None:
        original(self, item, values, superseded=superseded)
        hours.landed[item.feed_id, item.file_id] += 1

    monkeypatch.setattr(Ledger, "land", land)
    for number in range(HOURS):
        hours.hour(FEEDS, number)
    failed = sum(hours.faults.values())
    hours.failing, hours.down = False, set()
    for number in range(HOURS, HOURS + 3):
        hours.hour(FEEDS, number)
        hours.reprocess(all=True, dry_run=False)
        hours.run_all()
    hours.curate()
    told = hours.reprocess(by="schedule")

    lost = [key for key, data in hours.delivered.items() if _raw(s3, feeds_table, key) != data]
    doubled = [key for key, times in hours.landed.items() if times > 1]
    print(f"\n{HOURS} runs, {len(hours.delivered)} files in {len(hours.landed)} versions, {failed} faults:")
    print("\n".join(f"    {count:>5} {name}" for name, count in sorted(hours.faults.items())))
    print(f"lost {len(lost)}, doubled {len(doubled)}")
    assert lost == []
    assert doubled == []
    assert failed > 100
    assert len(hours.delivered) > 200
    assert (told["start"], told["waits"], told["under_way"]) == (0, 0, 0)
    assert sqs.receive_message(QueueUrl=queue).get("Messages", []) == []
    for bucket in ("lake", "inbox"):
        assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def _document(tenant: str, feed: str) -> dict[str, Any]:
    document = feed_document(tenant=tenant, feed=feed)
    document["server"] |= {"secret": f"lakeferry/{tenant}/{feed}"}
    document["files"] |= {"directory": "/"}
    return document


def _raw(s3: "S3Client", feeds: "Table", key: tuple[str, str]) -> bytes | None:
    """What the lake has of a file."""
    feed_id, name = key
    feed = load_feed(feeds, *feed_id.split("/"))
    day = name.split("_")[1]
    raw = raw_key(feed, f"{day[:4]}-{day[4:6]}-{day[6:]}", RemoteFile(f"/{name}", 0, 0), name)
    try:
        return s3.get_object(Bucket="lake", Key=raw)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
