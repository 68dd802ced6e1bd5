"""A hundred feeds of one tenant hang, each in its way: the other tenants' files land as if they were alone."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from list_feeds.order import SLOTS
from tests.conftest import feed_document
from tests.unit.machine_hour import STAGE_SECONDS, Hour
from tests.unit.pipeline import CSV, files

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

BUDGET = 45 * 60
HANGING = ("never speaks", "lists for ever", "drips", "drips, and may")
TENANTS = ("acme", "globex", "initech", "umbrella")
FEEDS_EACH = 26
OLD = 1_700_000_000


def deliver(root: Path, feed_id: str, number: int) -> None:
    path = root / feed_id / "outgoing" / f"{number}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CSV + f"{number},9.00\n".encode())
    os.utime(path, (OLD, OLD))


def put(feeds: "Table", root: Path, feed_id: str) -> None:
    tenant, feed = feed_id.split("/")
    server = {**feed_document()["server"], "secret": f"lakeferry/{tenant}/x"}
    put_feed(feeds, feed_document(tenant=tenant, feed=feed, server=server, files=files(), dataset=feed))
    deliver(root, feed_id, 0)


@pytest.mark.slow(seconds=20)
@pytest.mark.timeout(1200)
def test_the_others_files_land_in_the_same_run_and_from_the_second_on_at_the_same_moment(
    tmp_path: Path, feeds_table: "Table", ledger: Ledger, s3: "S3Client"
) -> None:
    good = [f"{tenant}/f{number:03}" for tenant in TENANTS for number in range(FEEDS_EACH)]
    assert len(good) > SLOTS, "slots are short"
    kinds = dict.fromkeys(good, "serves")
    for feed_id in good:
        put(feeds_table, tmp_path, feed_id)
    alone = Hour(tmp_path, feeds_table, ledger, s3, kinds)
    alone.run(0)
    assert set(alone.landed) == set(good)

    evil = [f"aaevil/h{number:03}" for number in range(100)]  # first in every order by name
    kinds |= {feed_id: HANGING[number % len(HANGING)] for number, feed_id in enumerate(evil)}
    for feed_id in evil:
        put(feeds_table, tmp_path, feed_id)
    hour = Hour(tmp_path, feeds_table, ledger, s3, kinds)
    for number in (1, 2):
        for feed_id in good:
            deliver(tmp_path, feed_id, number)
        hour.run(number)
        assert set(hour.landed) == set(good), "each has its new file in the lake when the job starts"
        assert max(hour.landed.values()) < BUDGET
        assert hour.ended < BUDGET + STAGE_SECONDS / 10, "and the job starts on time"
    assert hour.landed == alone.landed, "who hung last time comes last: the others do not even notice"
