"""What reads a run's files holds some of them at a time, so memory does not grow with their number."""

import json
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from export_ledger.core import export_ledger
from export_ledger.counts import RunCounts
from lakeferry.errors import BalanceError
from lakeferry.feeds import parse_feed
from lakeferry.lake import SMALLEST_PART
from lakeferry.ledger import Ledger
from lakeferry.ledger.exports import LEDGER
from lakeferry.ledger.queries import unfinished
from lakeferry.mails.run_summary import RunSummary
from lakeferry.sla.arrivals import arrivals
from lakeferry.streamed import write_streamed
from reconcile.core import ATTRIBUTES, imbalances, reconcile
from reconcile.mail_list import FeedMails
from reprocess.decide import DECIDED_BY
from tests.conftest import RUN, feed_document
from tests.unit.conftest import SETTINGS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

AT_A_TIME, FEW, MANY = 100, 200, 1400
ALLOWED = 300_000
"""Bytes that many files may take more than a few: 250 a file, so not even the keys may be kept."""
ASKS = feed_document(notify={"emails": ["data@acme.example"], "success": "feed"})


def entry(number: int, **changes: Any) -> dict[str, Any]:
    """A curated file with all that its stages left in its item."""
    path, at = f"/outgoing/sales_{number:06}.csv", "2026-11-24T12:00:00.000Z"
    return {
        **{
            "feed_id": "acme/daily_sales",
            "file_id": f"{path}#9#1",
            "path": path,
            "size": Decimal(9),
            "mtime": Decimal(1),
        },
        **{"dt": "2026-11-24", "status": "CURATED", "run": RUN, "bytes_fetched": Decimal(9), "rows_read": Decimal(3)},
        **{"rows_landed": Decimal(2), "rows_rejected": Decimal(1), "rows_curated": Decimal(1)},
        **{"rows_dropped": {"filter": Decimal(1)}, "report_key": f"fallout/{number}.txt", "notes": ["a note"]},
        **{"columns": [f"column_{at}" for at in range(20)], "outputs": [{"upload_id": "u" * 200, "key": path}]},
        **{"after_error": "550 no", "uploaded_at": at, "cause": "c" * 400, "unfinished": "failed#run-1#" + at},
        **{"schema_fingerprint": "f", "partition": "acme/daily_sales/2026-11-24", "pending": "raw"},
    } | changes


class Pager:
    """A ledger table that makes its items as they are asked for, so that it holds none itself."""

    name = "ledger"

    def __init__(self, files: int) -> None:
        self._files = files
        self.meta = SimpleNamespace(client=self)

    def query(self, IndexName: str = "", ExclusiveStartKey: int = 0, **asked: Any) -> dict[str, Any]:
        if "!feed" in asked["ExpressionAttributeValues"].values() or not IndexName:
            return {"Items": []}  # no feed has left anything, and none is set aside
        end = min(self._files, ExclusiveStartKey + AT_A_TIME)
        found = (entry(number) for number in range(ExclusiveStartKey, end))
        keys = [{name: one[name] for name in ("feed_id", "file_id", "partition")} for one in found]
        return {"Items": keys} | ({"LastEvaluatedKey": end} if end < self._files else {})

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        asked = RequestItems[self.name]
        wanted = asked.get("ExpressionAttributeNames", {}).values()
        found = (entry(int(key["file_id"][16:22])) for key in asked["Keys"])
        items = [{name: value for name, value in one.items() if not wanted or name in wanted} for one in found]
        return {"Responses": {self.name: items}}


class Sink:
    """An S3 that keeps how much it got."""

    def __init__(self) -> None:
        self.parts: list[dict[str, Any]] = []

    def put_object(self, Body: bytes, **_: Any) -> dict[str, Any]:
        return {"ETag": "e"}

    def create_multipart_upload(self, **_: Any) -> dict[str, Any]:
        return {"UploadId": "u"}

    def upload_part(self, PartNumber: int, Body: bytes, **_: Any) -> None:
        self.parts.append({"PartNumber": PartNumber, "Size": len(Body), "ETag": "e"})

    def get_paginator(self, _: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [{"Parts": self.parts}])

    def complete_multipart_upload(self, **_: Any) -> None:
        """Nothing is kept of it."""


def _reconcile(ledger: Ledger, s3: Any) -> object:
    queue = SimpleNamespace(send=None)
    return reconcile(ledger, s3, cast("Any", queue), SETTINGS, RUN, [ASKS])["files"]


def _unbalanced(ledger: Ledger, s3: Any) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reconcile.core.imbalances", lambda entry: [f"{entry['path']} is wrong" * 20])
        with pytest.raises(BalanceError):
            _reconcile(ledger, s3)
    return None


READERS: dict[str, Callable[[Ledger, Any], object]] = {
    "reconcile": _reconcile,
    "reconcile, where nothing adds up": _unbalanced,
    "export_ledger": lambda ledger, s3: export_ledger(ledger, s3, "lake", RUN, 0, RunCounts().add),
    "plan_crawl": lambda ledger, _: ledger.pending_schemas(),
    "the job's work list": lambda ledger, _: ledger.pending_partitions(),
    "check_sla": lambda ledger, _: sum(1 for _ in ledger.of_partition("acme/daily_sales/2026-11-24", ("path",))),
    "reprocess": lambda ledger, _: sum(1 for _ in unfinished(ledger, "acme/daily_sales", attributes=DECIDED_BY)),
}


@pytest.mark.parametrize("reader", READERS)
def test_memory_does_not_grow_with_the_number_of_files(reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # the real parts are larger than what this test writes; these are filled and sent several times
    monkeypatch.setattr("lakeferry.streamed.PART_BYTES", 100_000)
    monkeypatch.setattr("lakeferry.aws.tables.AHEAD", AT_A_TIME)

    def peak(files: int) -> int:
        ledger = Ledger(cast("Table", Pager(files)))
        tracemalloc.start()
        try:
            READERS[reader](ledger, Sink())
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # what is imported and kept once
    assert peak(MANY) - peak(FEW) < ALLOWED


def test_what_is_kept_of_an_arrival_is_its_name_and_time() -> None:
    """So 10,000 files of a day are some 3 MB, in each of the eight feeds that check_sla looks at together."""
    feed = parse_feed(feed_document(sla={"expected_by": "06:30", "timezone": "America/New_York"}))
    assert feed.sla is not None
    tracemalloc.start()
    found = arrivals(Ledger(cast("Table", Pager(MANY))), feed, feed.sla, date(2026, 11, 24))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == MANY
    assert kept < 600 * MANY


class Recorded(dict[str, Any]):
    """An entry that keeps what is asked of it."""

    def __init__(self, values: Mapping[str, Any], asked: set[str]) -> None:
        super().__init__(values)
        self._asked = asked

    def __getitem__(self, name: str) -> Any:
        self._asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._asked.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self._asked.add(str(name))
        return super().__contains__(name)


def test_all_that_a_mail_may_say_of_a_file_is_read_of_it(ledger: Ledger) -> None:
    asked: set[str] = set()
    summary, mails = RunSummary(RUN, "lake"), FeedMails([ASKS], ledger.asides, "lake", RUN)
    for status in ("CURATED", "UPLOADED", "FAILED", "CLAIMED"):
        found = Recorded(entry(1, status=status), asked)
        list(imbalances(found))
        summary.add(found)
        mails.add(found)
    assert list(mails)
    assert asked <= {*ATTRIBUTES, "feed_id", "file_id"}


def test_a_mail_names_the_first_files_by_feed_whatever_order_they_are_read_in() -> None:
    texts = []
    for order in (1, -1):
        summary = RunSummary(RUN, "lake")
        for number in range(100)[::order]:
            for feed in ("acme/b", "acme/a"):
                summary.add(entry(number, feed_id=feed, rows_rejected=0))
        texts.append(summary.mail([]).text)
    assert texts[0] == texts[1]
    noted = [line for line in texts[0].splitlines() if line.endswith(": a note")]
    assert noted == [f"- acme/a /outgoing/sales_{number:06}.csv: a note" for number in range(40)]
    assert "... and 160 more; the ledger has all" in texts[0]


def test_a_run_over_several_pages_is_read_whole_and_in_order(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    table = boto3.resource("dynamodb").Table("ledger")
    monkeypatch.setattr("lakeferry.aws.tables.AHEAD", AT_A_TIME)
    number = AT_A_TIME + 20
    with table.batch_writer() as batch:
        for at in range(number):
            batch.put_item(Item=entry(at))
    assert [one["file_id"] for one in ledger.of_run(RUN, ("size",))] == [entry(at)["file_id"] for at in range(number)]
    assert next(iter(ledger.of_run(RUN, ("size",)))) == {
        **{"feed_id": "acme/daily_sales", "file_id": entry(0)["file_id"], "size": 9, "run": RUN}
    }


def test_a_long_export_goes_out_in_parts_and_is_one_object(
    ledger: Ledger, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakeferry.streamed.PART_BYTES", SMALLEST_PART)
    boto3.resource("dynamodb").Table("ledger").put_item(Item=entry(1, cause="c" * 200_000))
    whole = LEDGER.line(next(iter(ledger.of_run(RUN))))
    write_streamed(s3, "lake", "long.json", (whole for _ in range(60)), "application/json")
    found = s3.get_object(Bucket="lake", Key="long.json")
    assert (found["Body"].read(), found["ContentType"]) == (whole * 60, "application/json")
    assert found["ETag"].endswith('-3"')


def test_an_export_that_breaks_off_leaves_the_object_as_it_was_and_no_upload(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakeferry.streamed.PART_BYTES", SMALLEST_PART)
    write_streamed(s3, "lake", "ledger.json", [b"before"])

    def pieces() -> Iterator[bytes]:
        yield b"x" * (SMALLEST_PART + 1)
        raise OSError("the table is out of reach")

    with pytest.raises(OSError, match="out of reach"):
        write_streamed(s3, "lake", "ledger.json", pieces())
    assert s3.get_object(Bucket="lake", Key="ledger.json")["Body"].read() == b"before"
    assert s3.list_multipart_uploads(Bucket="lake").get("Uploads", []) == []


def test_nothing_to_write_is_no_object(s3: "S3Client") -> None:
    write_streamed(s3, "lake", "nothing.json", [])
    assert "Contents" not in s3.list_objects_v2(Bucket="lake")


def test_the_list_of_mails_is_the_array_that_the_state_machine_maps(ledger: Ledger, s3: "S3Client") -> None:
    table = boto3.resource("dynamodb").Table("ledger")
    for at, feed in enumerate(("acme/daily_sales", "acme/other")):
        table.put_item(Item=entry(at, feed_id=feed))
    found = reconcile(ledger, s3, cast("Any", None), SETTINGS, RUN, [ASKS])["mails"]
    mails = json.loads(s3.get_object(Bucket=found["bucket"], Key=found["key"])["Body"].read())
    assert [mail["event"] for mail in mails] == ["run_succeeded", "feed_succeeded"]
    assert found["count"] == 2
