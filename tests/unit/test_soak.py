"""300 hourly runs, servers and functions failing at random: nothing is lost or twice, SLAs are judged as by hand."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import boto3
import pytest

from check_sla.core import Surroundings, check
from lakeferry.feeds import load_feed, put_feed
from lakeferry.lake import raw_key
from lakeferry.ledger import Ledger
from lakeferry.mails.topic import Topic
from lakeferry.models import FileItem, RemoteFile
from lakeferry.sla.table import SlaTable
from tests.conftest import feed_document
from tests.unit.hours import Hours

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

HOURS = 300
SLAS: dict[str, dict[str, Any]] = {
    "acme/sales": {"expected_by": "20:00", "timezone": "America/New_York", "grace_minutes": 60, "min_files": 13},
    "globex/stock": {"expected_by": "07:45", "timezone": "Asia/Kathmandu", "grace_minutes": 45, "min_files": 2},
}
FEEDS = list(SLAS)


@pytest.mark.slow(seconds=80)
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [20261124])
def test_300_hours_lose_nothing_double_nothing_and_are_judged_as_by_hand(
    seed: int,
    tmp_path: Path,
    feeds_table: "Table",
    ledger: Ledger,
    sla_table: "Table",
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
    hours.most = 1 if seed % 2 else 50
    for module in ("lakeferry.ledger.files", "fetch.core", "validate.core", "worklist"):
        monkeypatch.setattr(f"{module}.utc_now", lambda: hours.now.isoformat())
    original = Ledger.land

    def land(self: Ledger, item: FileItem, values: Any, **named: Any) -> bool:
        if not original(self, item, values, **named):
            return False
        hours.landed[item.feed_id, item.file_id] += 1
        landings.append((item.feed_id, item.remote.name, hours.now))
        return True

    landings: list[tuple[str, str, datetime]] = []
    monkeypatch.setattr(Ledger, "land", land)
    checks = Checks(seed, hours, SlaTable(sla_table))
    hours.every_half_hour = checks.maybe
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
    checks.check()

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

    expected = {feed_id: reference(feed_id, landings, checks.moments) for feed_id in FEEDS}
    seen = Counter(status for verdicts in expected.values() for status, _ in verdicts.values())
    print(f"SLA verdicts of {len(checks.moments)} checks: {dict(seen)}")
    assert checks.verdicts() == expected
    assert min(seen[status] for status in ("MET", "LATE", "BREACHED")) >= 2
    checks.assert_told()


class Checks:
    """check_sla as its rule calls it: some checks do not take place, some do twice."""

    def __init__(self, seed: int, hours: Hours, table: SlaTable) -> None:
        self._chance, self._hours, self._table = random.Random(seed), hours, table
        self.moments: list[datetime] = []
        sns = boto3.client("sns")
        self._around = Surroundings(
            *(hours.feeds, hours.ledger, table),
            topic=Topic(sns, sns.create_topic(Name="mails")["TopicArn"]),
            states=boto3.client("stepfunctions"),
            state_machine=boto3.client("stepfunctions").create_state_machine(
                name="ingest", definition="{}", roleArn="arn:aws:iam::123456789012:role/r"
            )["stateMachineArn"],
            silent_after=timedelta(days=36500),
        )

    def maybe(self) -> None:
        for _ in range(self._chance.choice([0, 1, 1, 1, 2])):
            self.check()

    def check(self) -> None:
        self.moments.append(self._hours.now)
        check(replace(self._around, token=f"check {len(self.moments)}"), self._hours.now)

    def verdicts(self) -> dict[str, dict[date, tuple[str, int]]]:
        """Status and seconds late, by feed and business date."""
        return {
            feed_id: {
                date.fromisoformat(item.business_date): (item.status, item.late_seconds)
                for item in self._table.history(feed_id, "2", "3")
            }
            for feed_id in FEEDS
        }

    def assert_told(self) -> None:
        """Of each that is late somebody was told, and of each that came late that it came."""
        for feed_id in FEEDS:
            for item in self._table.history(feed_id, "2", "3"):
                if item.status == "BREACHED":
                    assert "sla_breached" in item.sent, item
                assert ("sla_recovered" in item.sent) or item.status != "LATE", item


def reference(
    feed_id: str, landings: list[tuple[str, str, datetime]], checks: list[datetime]
) -> dict[date, tuple[str, int]]:
    """The verdicts as one would come to them by hand: goes through the time minute by minute and reads the clock."""
    sla, zone = SLAS[feed_id], ZoneInfo(SLAS[feed_id]["timezone"])
    verdicts: dict[date, tuple[str, int]] = {}
    now, end = checks[0] + timedelta(minutes=1), checks[-1]
    while now <= end:
        clock = now.astimezone(zone)
        if f"{clock.hour:02}:{clock.minute:02}" == sla["expected_by"]:
            verdicts[clock.date()] = _by_hand(feed_id, landings, now.astimezone(UTC), clock.date(), end)
        now += timedelta(minutes=1)
    return verdicts


def _by_hand(
    feed_id: str, landings: list[tuple[str, str, datetime]], due: datetime, day: date, end: datetime
) -> tuple[str, int]:
    first: dict[str, datetime] = {}
    for landed_feed, name, at in landings:
        if landed_feed == feed_id and name.split("_")[1] == f"{day:%Y%m%d}" and name not in first:
            first[name] = at
    came = sorted(first.values())
    deadline = due + timedelta(minutes=SLAS[feed_id]["grace_minutes"])
    if len(came) < SLAS[feed_id]["min_files"]:
        return ("DUE" if end < deadline else "BREACHED"), 0
    complete = came[SLAS[feed_id]["min_files"] - 1]
    return ("MET" if complete <= deadline else "LATE"), max(0, int((complete - due).total_seconds()))


def _document(tenant: str, feed: str) -> dict[str, Any]:
    document = feed_document(tenant=tenant, feed=feed, sla=SLAS[f"{tenant}/{feed}"])
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
