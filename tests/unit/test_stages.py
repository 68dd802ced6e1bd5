"""One file through poll, fetch, validate and upload: what each stage decides, and that each can be called again."""

import gzip
import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from fetch.core import fetch
from lakeferry.errors import (
    BalanceError,
    ClaimLostError,
    ConnectionsBusyError,
    FileChangedError,
    FileRejectedError,
    TransferInterruptedError,
)
from lakeferry.ledger import Entry, Ledger
from lakeferry.ledger.dropping import drop_waiting
from lakeferry.ledger.versions import is_newer
from lakeferry.models import FeedItem, FileItem
from lakeferry.servers import Server
from poll.memory import Memory, share_at
from reconcile.core import reconcile
from tests.conftest import OTHER_RUN, RUN
from tests.unit.conftest import SETTINGS, FolderServer
from tests.unit.pipeline import CSV, NOW, Pipeline, files, names

DAY = 86_400
MIB = 1024 * 1024


def test_a_file_lands_once_with_its_business_date(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101_a.csv.gz", gzip.compress(CSV))
    (item,) = pipeline.poll()
    key = pipeline.all(item)
    assert key.startswith("raw/acme_daily_sales/dt=2026-11-01/")
    assert key.endswith(".csv")
    assert pipeline.raw() == {key: CSV}
    assert pipeline.poll(OTHER_RUN) == []
    assert pipeline.open_uploads() == []
    assert pipeline.ledger.pending_partitions() == ["acme/daily_sales/2026-11-01"]


def test_only_configured_files_are_taken_oldest_first(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(pattern="sales_{date:%Y%m%d}*"))
    pipeline.put("sales_20261102.csv", CSV, age=100)
    pipeline.put("sales_20261101.csv", CSV, age=200)
    pipeline.put("sales_20261104.csv.part", CSV)
    pipeline.put("readme.txt", CSV)
    assert names(pipeline.poll()) == ["sales_20261101.csv", "sales_20261102.csv"]


def test_a_file_is_complete_once_it_was_seen_unchanged_for_as_long_as_its_feed_says(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(settle_seconds=60))
    pipeline.put("old.csv", CSV, age=3 * DAY)
    pipeline.put("fresh.csv", CSV, age=0)
    pipeline.put("from the future.csv", CSV, age=-DAY)
    pipeline.put("growing.csv", CSV, age=7200)
    pipeline.put("touched.csv", CSV)
    pipeline.put("vanishing.csv", CSV)

    def meanwhile() -> None:
        pipeline.put("growing.csv", CSV + b"3,", age=7200)
        pipeline.put("touched.csv", CSV, age=1)
        (pipeline.server.root / "outgoing/vanishing.csv").unlink()

    pipeline.meanwhile = meanwhile
    assert names(pipeline.poll()) == ["old.csv", "fresh.csv", "from the future.csv"]
    assert pipeline.now == NOW + 60
    assert pipeline.result["settling"] == 2
    assert pipeline.server.closed == 2, "nobody keeps a connection while waiting"
    # the next run need not wait again
    pipeline.meanwhile = lambda: pytest.fail("waited")
    pipeline.now += 3600
    assert names(pipeline.poll(OTHER_RUN)) == ["growing.csv", "touched.csv"]


def test_nobody_waits_when_nothing_is_new(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(settle_seconds=60))
    pipeline.put("a.csv", CSV, age=0)
    (item,) = pipeline.poll()
    pipeline.all(item)
    pipeline.meanwhile = lambda: pytest.fail("waited")
    assert pipeline.poll(OTHER_RUN) == []


def test_a_long_time_to_settle_is_measured_from_poll_to_poll(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(settle_seconds=7200))
    pipeline.put("a.csv", CSV, age=0)
    pipeline.put("b.csv", CSV, age=5 * 3600)
    pipeline.put("c.csv", CSV, age=5 * DAY)
    pipeline.meanwhile = lambda: pytest.fail("waited")
    assert names(pipeline.poll()) == ["c.csv"]
    pipeline.now += 3600
    pipeline.put("a.csv", CSV + b"4,4\n", age=0)
    assert names(pipeline.poll(OTHER_RUN)) == []
    assert pipeline.result["settling"] == 2
    pipeline.now += 3600
    assert "b.csv" in names(pipeline.poll(OTHER_RUN))
    pipeline.now += 3600
    assert "a.csv" in names(pipeline.poll(OTHER_RUN))


def test_a_memory_of_polls_that_is_broken_is_done_without(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    pipeline.all(*pipeline.poll())
    for broken in (b"", b"not gzip", gzip.compress(b"{}\n"), gzip.compress(b'{"format":1,"seen":{}}\nabc')):
        pipeline.s3.put_object(Bucket="work", Key="polls/acme/daily_sales", Body=broken)
        assert pipeline.poll(OTHER_RUN) == []


def test_where_listings_show_minutes_only_old_files_that_are_done_with_are_not_asked_for_their_time(
    pipeline: Pipeline,
) -> None:
    pipeline.configure(files=files())
    pipeline.server.lists_minutes = True
    pipeline.put("old.csv", CSV, age=3 * DAY)
    pipeline.put("fresh.csv", CSV)
    for item in pipeline.poll():
        pipeline.all(item)
    assert pipeline.poll(OTHER_RUN) == []  # finds out that they are done
    pipeline.server.asked.clear()
    assert pipeline.poll(OTHER_RUN) == []
    assert pipeline.server.asked == ["fresh.csv"]
    # it grows old: once more by its time, then no more
    pipeline.now += 2 * DAY
    assert pipeline.poll(OTHER_RUN) == []
    pipeline.server.asked.clear()
    assert pipeline.poll(OTHER_RUN) == []
    assert pipeline.server.asked == []


def test_a_version_of_the_same_minute_and_size_is_taken_although_a_listing_shows_no_difference(
    pipeline: Pipeline,
) -> None:
    pipeline.configure(files=files())
    pipeline.server.lists_minutes = True
    start = int(NOW) // 60 * 60
    pipeline.now = start + 3600
    path = pipeline.put("a.csv", CSV)
    os.utime(path, (start, start))
    pipeline.all(*pipeline.poll())
    assert pipeline.poll(OTHER_RUN) == []
    os.utime(path, (start + 20, start + 20))
    (second,) = pipeline.poll(OTHER_RUN)
    assert second.mtime == start + 20
    pipeline.all(second)
    assert pipeline.poll(OTHER_RUN) == []


def test_an_old_version_exchanged_for_one_of_the_same_minute_and_size_is_found_by_a_later_poll(
    pipeline: Pipeline,
) -> None:
    pipeline.configure(files=files())
    pipeline.server.lists_minutes = True
    start = int(NOW) // 60 * 60 - 3 * DAY
    path = pipeline.put("a.csv", CSV)
    os.utime(path, (start, start))
    pipeline.all(*pipeline.poll())
    assert pipeline.poll(OTHER_RUN) == []
    os.utime(path, (start + 20, start + 20))
    assert pipeline.poll(OTHER_RUN) == []
    feed = FeedItem("acme", "daily_sales", RUN)
    (digest,) = Memory.load(pipeline.s3, "work", feed, -1).done
    while share_at(pipeline.now) != digest[0]:  # of so many hours, the one that asks about it
        pipeline.now += 3600
    (second,) = pipeline.poll(OTHER_RUN)
    assert second.mtime == start + 20


@pytest.mark.slow
def test_what_is_done_with_is_not_asked_about_again_but_for_a_share(pipeline: Pipeline) -> None:
    pipeline.configure(files=files())
    first = FileItem("acme", "daily_sales", RUN, "/outgoing/0.csv", 3, int(NOW))
    pipeline.ledger.claim(first, dt="2026-11-01", entry=None)
    entry = pipeline.ledger.get(first.feed_id, first.file_id)
    assert entry is not None
    with pipeline.ledger._table.batch_writer() as batch:  # in place of 600 calls
        for number in range(300):
            file_id = f"/outgoing/{number}.csv#3#{int(NOW)}"
            batch.put_item({**entry, "file_id": file_id, "path": f"/outgoing/{number}.csv", "status": "CURATED"})
            pipeline.put(f"{number}.csv", b"123", age=0)
    asked: list[int] = []
    known = pipeline.ledger.known

    def counted(feed_id: str, file_ids: Sequence[str]) -> dict[str, Entry]:
        asked.append(len(file_ids))
        return known(feed_id, file_ids)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.ledger, "known", counted)
        for _ in range(258):
            assert pipeline.poll(OTHER_RUN) == []
            pipeline.now += 3600
    assert asked[:3] == [100, 100, 100]
    assert max(asked[3:]) < 10
    # within 256 polls each was asked about once more, and in the one after that some for the third time
    assert 300 <= sum(asked[3:]) < 320


def test_a_file_waits_for_its_marker(pipeline: Pipeline) -> None:
    pipeline.configure(files={"directory": "/outgoing", "pattern": "*.csv", "marker": "{name}.done"})
    for name in ("a.csv", "b.csv", "c.csv"):
        pipeline.put(name, CSV, age=100)
    pipeline.put("a.csv.done", b"", age=90)
    pipeline.put("c.csv.done", b"", age=110)  # that of an earlier version
    pipeline.meanwhile = lambda: pytest.fail("waited")
    assert names(pipeline.poll()) == ["a.csv"]
    pipeline.put("b.csv.done", b"", age=0)
    assert names(pipeline.poll(OTHER_RUN)) == ["b.csv"]


def test_a_marker_goes_the_way_of_its_file(pipeline: Pipeline) -> None:
    for action in ({"action": "move", "to": "/archive"}, {"action": "delete"}):
        pipeline.configure(files=files(marker="{name}.done", after=action))
        pipeline.put("a.csv", CSV, age=100 if action["action"] == "move" else 50)
        pipeline.put("a.csv.done", b"", age=0)
        (item,) = pipeline.poll()
        pipeline.all(item)
        assert pipeline.finish_remote(item) is None
        assert list((pipeline.server.root / "outgoing").iterdir()) == []
    assert sorted(path.name for path in (pipeline.server.root / "archive").iterdir()) == ["a.csv", "a.csv.done"]


def test_names_of_half_files_are_left_alone_unless_the_feed_says_otherwise(pipeline: Pipeline) -> None:
    for name in ("a.part", "b.filepart", "c.tmp", ".in.d.csv.", "e.csv", "f.partial", "g.bak"):
        pipeline.put(name, CSV)
    pipeline.configure(files=files(pattern="*"))
    assert sorted(names(pipeline.poll())) == ["e.csv", "g.bak"]
    pipeline.configure(files=files(pattern="*", exclude=["*.bak", "e*"]))
    assert sorted(names(pipeline.poll(OTHER_RUN, running=lambda run: False))) == [
        ".in.d.csv.", "a.part", "b.filepart", "c.tmp", "f.partial"
    ]  # fmt: skip


def test_a_regular_expression_chooses_files_and_finds_their_date(pipeline: Pipeline) -> None:
    more = {"regex": r"(?i)sales-(?P<date>\d{6})\.(csv|txt)", "date_format": "%y%m%d"}
    pipeline.configure(files={key: value for key, value in files(**more).items() if key != "pattern"})
    for name in ("sales-261101.csv", "SALES-261102.TXT", "sales-269999.csv", "xsales-261101.csv", "sales-261101.csvx"):
        pipeline.put(name, CSV)
    assert sorted(names(pipeline.poll())) == ["SALES-261102.TXT", "sales-261101.csv"]
    dates = {entry["path"]: entry["dt"] for entry in pipeline.ledger.of_run(RUN)}
    assert dates == {"/outgoing/SALES-261102.TXT": "2026-11-02", "/outgoing/sales-261101.csv": "2026-11-01"}


def test_empty_files_are_reported_or_ignored_as_the_feed_says(pipeline: Pipeline) -> None:
    pipeline.put("empty.csv", b"")
    pipeline.configure(files=files(size={"zero_bytes": "ignore"}))
    assert pipeline.poll() == []
    pipeline.configure(files=files())
    (item,) = pipeline.poll()
    with pytest.raises(FileRejectedError, match="0 bytes"):
        pipeline.fetch(item)


def test_the_same_bytes_with_another_time_are_taken_once_where_the_feed_says_so(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(same_content="skip", after={"action": "move", "to": "/done"}))
    pipeline.put("a.csv", CSV, age=100)
    (item,) = pipeline.poll()
    key = pipeline.all(item)
    pipeline.put("a.csv", CSV, age=50)
    (again,) = pipeline.poll(OTHER_RUN)
    assert pipeline.fetch(again)["done"]
    pipeline.validate(again)
    assert pipeline.upload(again) == {"raw_keys": []}
    entry = pipeline.ledger.owned(again)
    assert (entry["status"], entry["duplicate_of"]) == ("DUPLICATE", item.file_id)
    assert pipeline.raw() == {key: CSV}
    assert pipeline.open_uploads() == []
    # its after-action is due, so the next run takes it again, and nothing else is done anew
    assert pipeline.poll("arn:third", running=lambda run: False) == [replace(again, run="arn:third")]
    again = replace(again, run="arn:third")
    assert pipeline.fetch(again)["done"]
    assert pipeline.validate(again) == {"rows": 2}
    assert pipeline.upload(again) == {"raw_keys": []}
    assert (pipeline.raw(), pipeline.open_uploads()) == ({key: CSV}, [])
    assert pipeline.finish_remote(again) is None
    assert not (pipeline.server.root / "outgoing/a.csv").exists()
    assert pipeline.poll("arn:third") == []
    pipeline.put("a.csv", CSV + b"3,1.00\n", age=25)
    (other,) = pipeline.poll(OTHER_RUN)
    assert pipeline.all(other) == key
    assert pipeline.raw() == {key: CSV + b"3,1.00\n"}


def test_moving_replaces_no_file_of_an_earlier_delivery_and_can_go_by_date(pipeline: Pipeline) -> None:
    pipeline.configure(
        files=files(pattern="sales_{date:%Y%m%d}.csv", after={"action": "move", "to": "/archive/{date:%Y/%m}"})
    )
    for age in (100, 50):
        pipeline.put("sales_20261101.csv", CSV + b"9,1.00\n" * (age == 50), age=age)
        (item,) = pipeline.poll()
        pipeline.all(item)
        assert pipeline.finish_remote(item) is None
    moved = sorted((pipeline.server.root / "archive/2026/11").iterdir())
    assert len(moved) == 2
    assert {path.read_bytes() for path in moved} == {CSV, CSV + b"9,1.00\n"}
    assert all(path.name.startswith("sales_20261101.") and path.suffix == ".csv" for path in moved)


def test_a_fetch_that_gets_no_connection_is_called_again(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()

    def busy() -> AbstractContextManager[Server]:
        raise ConnectionsBusyError("all are taken")

    answer = fetch(pipeline.at_work(item), busy, lambda: 900)
    assert answer == {"done": False, "bytes": 0}
    pipeline.all(item)
    assert pipeline.open_uploads() == []


def test_a_late_file_with_an_old_time_is_taken_all_the_same(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261102.csv", CSV, age=100)
    assert len(pipeline.poll()) == 1
    pipeline.put("sales_20261101.csv", CSV, age=10_000_000)
    assert [item.remote.name for item in pipeline.poll()] == ["sales_20261101.csv", "sales_20261102.csv"]
    assert [item.remote.name for item in pipeline.poll(OTHER_RUN)] == []


def test_what_exceeds_the_cap_waits_and_is_counted(pipeline: Pipeline) -> None:
    pipeline.configure(
        files={"directory": "/outgoing", "pattern": "*.csv", "settle_seconds": 0, "max_files_per_run": 2}
    )
    for number in range(5):
        pipeline.put(f"{number}.csv", CSV, age=100 - number)
    assert [item.remote.name for item in pipeline.poll()] == ["0.csv", "1.csv"]
    assert pipeline.result["carried_over"] == 3
    assert [item.remote.name for item in pipeline.poll(OTHER_RUN)] == ["2.csv", "3.csv"]


def test_a_dead_runs_files_come_back_and_go_on(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.fetch(item)
    pipeline.validate(item)
    assert pipeline.poll(OTHER_RUN, running=lambda run: True) == []
    (again,) = pipeline.poll(OTHER_RUN, running=lambda run: False)
    with pytest.raises(ClaimLostError):
        pipeline.upload(item)
    assert pipeline.raw() == {}
    reads = len(pipeline.server.reads)
    pipeline.all(again)
    assert len(pipeline.server.reads) == reads, "bytes that were there were fetched again"
    assert list(pipeline.raw().values()) == [CSV]
    assert pipeline.open_uploads() == []


def test_a_fetch_out_of_time_goes_on_from_its_parts(pipeline: Pipeline) -> None:
    data = b"order_id,amount\n" + b"1,2.50\n" * (13 * MIB // 7)
    pipeline.put("sales_20261101.csv", data)
    (item,) = pipeline.poll()
    calls = iter([900.0] * 6 + [10.0] * 100)
    first = pipeline.fetch(item, lambda: next(calls))
    assert first == {"done": False, "bytes": 5 * MIB}
    assert pipeline.fetch(item) == {"done": True, "bytes": len(data)}
    assert pipeline.server.reads == [0, 5 * MIB]
    pipeline.validate(item)
    pipeline.upload(item)
    assert list(pipeline.raw().values()) == [data]


def test_a_cut_connection_keeps_whole_parts_and_is_never_a_short_file(pipeline: Pipeline) -> None:
    data = b"order_id,amount\n" + b"1,2.50\n" * (12 * MIB // 7)
    pipeline.put("sales_20261101.csv", data)
    (item,) = pipeline.poll()
    pipeline.server.limit = 6 * MIB
    with pytest.raises(TransferInterruptedError, match=r"of \d+ bytes"):
        pipeline.fetch(item)
    pipeline.server.limit = None
    assert pipeline.fetch(item)["done"]
    assert pipeline.server.reads == [0, 5 * MIB]
    assert pipeline.server.closed >= 2


def test_a_server_too_slow_for_one_part_a_call_does_not_go_on_for_ever(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", bytes(9 * MIB))
    (item,) = pipeline.poll()
    with pytest.raises(TransferInterruptedError, match="too slow"):
        pipeline.fetch(item, lambda: 1.0)


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_file_that_changes_is_released_for_the_next_run(pipeline: Pipeline, when: str) -> None:
    path = pipeline.put("sales_20261101.csv", CSV * 1000)
    (item,) = pipeline.poll()

    def change() -> float:
        path.write_bytes(CSV * 2000)
        return 900

    if when == "before":
        change()
        with pytest.raises(FileChangedError):
            pipeline.fetch(item)
    else:
        with pytest.raises(FileChangedError):
            pipeline.fetch(item, change)
    assert pipeline.open_uploads() == []
    assert pipeline.raw() == {}
    (newer,) = pipeline.poll()
    assert newer.size == 2000 * len(CSV)


def test_a_file_that_vanished_is_not_an_error_of_the_server(pipeline: Pipeline) -> None:
    path = pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    path.unlink()
    with pytest.raises(FileChangedError):
        pipeline.fetch(item)


@pytest.mark.parametrize(
    ("size", "words"), [({"min_bytes": 1000}, "takes files from 1000"), ({"max_bytes": 5}, "at most 5")]
)
def test_a_file_outside_the_size_limits_is_rejected_before_any_byte_is_read(
    pipeline: Pipeline, size: dict[str, int], words: str
) -> None:
    pipeline.configure(files={"directory": "/outgoing", "pattern": "*.csv", "settle_seconds": 0, "size": size})
    pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    with pytest.raises(FileRejectedError, match=words):
        pipeline.fetch(item)
    assert pipeline.server.reads == []


def test_each_stage_called_again_does_nothing_twice(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    for _ in range(2):
        assert pipeline.fetch(item) == {"done": True, "bytes": len(CSV)}
    first = None
    for _ in range(2):
        assert pipeline.validate(item) == {"rows": 2}
        outputs = pipeline.ledger.owned(item)["outputs"]
        assert first in (None, outputs)
        first = outputs
    keys = [pipeline.upload(item)["raw_keys"] for _ in range(2)]
    assert keys[0] == keys[1]
    assert pipeline.validate(item) == {"rows": 2}
    assert pipeline.fetch(item)["done"]
    assert pipeline.open_uploads() == []


def test_an_upload_whose_answer_got_lost_is_found_done(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.fetch(item)
    pipeline.validate(item)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "land", lambda *args, **named: (_ for _ in ()).throw(ConnectionError("lost")))
        with pytest.raises(ConnectionError):
            pipeline.upload(item)
    assert list(pipeline.raw().values()) == [CSV]
    assert pipeline.ledger.owned(item)["status"] == "VALIDATED"
    assert pipeline.validate(item) == {"rows": 2}
    assert len(pipeline.upload(item)["raw_keys"]) == 1
    assert list(pipeline.raw().values()) == [CSV]


def test_a_validated_file_whose_parts_were_dropped_is_validated_again(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.fetch(item)
    pipeline.validate(item)
    (output,) = pipeline.ledger.owned(item)["outputs"]
    pipeline.s3.delete_object(Bucket="work", Key=output["staged"])
    with pytest.raises(BalanceError):
        pipeline.upload(item)
    pipeline.validate(item)
    pipeline.upload(item)
    assert list(pipeline.raw().values()) == [CSV]


@pytest.mark.parametrize("data", [CSV, b"order_id,amount\n" + b"1,2.50\n" * (6 * MIB // 7)], ids=["staged", "in parts"])
def test_what_a_function_killed_amid_its_work_left_waiting_is_replaced_by_the_next(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    pipeline.put("sales_20261101.csv", data)
    (item,) = pipeline.poll()
    pipeline.fetch(item)
    with monkeypatch.context() as killed:
        killed.setattr("validate.core._record", lambda *_: (_ for _ in ()).throw(SystemExit))
        killed.setattr("validate.core.RawOutputs.abandon", lambda *_: None)
        with pytest.raises(SystemExit):
            pipeline.validate(item)
    assert len(pipeline.open_uploads()) == 1
    pipeline.validate(item)
    assert len(pipeline.open_uploads()) == 1
    pipeline.upload(item)
    assert pipeline.open_uploads() == []
    assert list(pipeline.raw().values()) == [data]


def test_a_truncated_gzip_leaves_a_report_and_nothing_in_the_raw_zone(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv.gz", gzip.compress(CSV * 1000)[:-9])
    (item,) = pipeline.poll()
    pipeline.fetch(item)
    with pytest.raises(FileRejectedError, match=r"sales_20261101\.csv\.gz"):
        pipeline.validate(item)
    assert pipeline.raw() == {}
    assert pipeline.open_uploads() == []
    found = [found["Key"] for found in pipeline.s3.list_objects_v2(Bucket="lake", Prefix="fallout/")["Contents"]]
    (key,) = [key for key in found if key.endswith(".rejected.json")]
    report = json.loads(pipeline.s3.get_object(Bucket="lake", Key=key)["Body"].read())
    assert report["path"] == "/outgoing/sales_20261101.csv.gz"
    assert pipeline.s3.head_object(Bucket="inbox", Key=report["inbox_key"])["ContentLength"] == item.size


def test_a_redelivery_replaces_what_was_there(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV, age=500)
    (old,) = pipeline.poll()
    pipeline.all(old)
    pipeline.put("sales_20261101.csv", CSV + b"3,4\n", age=100)
    (new,) = pipeline.poll(OTHER_RUN)
    pipeline.all(new)
    assert list(pipeline.raw().values()) == [CSV + b"3,4\n"]
    assert [entry["file_id"] for entry in pipeline.ledger.of_partition("acme/daily_sales/2026-11-01")] == [new.file_id]


def test_an_older_version_never_replaces_a_newer_one(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV, age=500)
    (old,) = pipeline.poll()
    pipeline.fetch(old)
    pipeline.validate(old)
    pipeline.put("sales_20261101.csv", CSV + b"3,4\n", age=100)
    (new,) = [item for item in pipeline.poll(OTHER_RUN) if item.size != old.size]
    pipeline.all(new)
    assert pipeline.upload(old) == {"raw_keys": []}
    assert list(pipeline.raw().values()) == [CSV + b"3,4\n"]
    assert pipeline.open_uploads() == []


def test_a_correction_with_an_older_time_replaces_what_was_there(pipeline: Pipeline) -> None:
    """Copied with its time, or restored: newer is what was listed later."""
    pipeline.put("sales_20261101.csv", CSV, age=100)
    (old,) = pipeline.poll()
    pipeline.all(old)
    pipeline.put("sales_20261101.csv", CSV + b"3,4\n", age=500)
    (new,) = pipeline.poll(OTHER_RUN)
    pipeline.all(new)
    assert list(pipeline.raw().values()) == [CSV + b"3,4\n"]
    assert [entry["file_id"] for entry in pipeline.ledger.of_partition("acme/daily_sales/2026-11-01")] == [new.file_id]
    replaced = pipeline.ledger.owned(old)
    assert (replaced["status"], replaced["superseded_by"]) == ("SUPERSEDED", new.file_id)


def test_when_a_version_was_listed_first_is_written_once(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV, age=100)
    (old,) = pipeline.poll()
    first = pipeline.ledger.owned(old)["first_listed_at"]
    pipeline.fetch(old)
    pipeline.put("sales_20261101.csv", CSV + b"3,4\n", age=500)
    (new,) = [item for item in pipeline.poll(OTHER_RUN) if item.size != old.size]
    pipeline.all(new)
    # taken over by a later run, and still the earlier version
    assert pipeline.ledger.claim(
        replace(old, run="third"), dt="2026-11-01", entry=pipeline.ledger.get("acme/daily_sales", old.file_id)
    )
    late = replace(old, run="third")
    assert pipeline.ledger.owned(late)["first_listed_at"] == first
    pipeline.validate(late)
    assert pipeline.upload(late) == {"raw_keys": []}
    assert list(pipeline.raw().values()) == [CSV + b"3,4\n"]


@pytest.mark.parametrize(
    ("one", "other", "is_newer_"),
    [
        ({"first_listed_at": "2026-11-02", "mtime": 1}, {"first_listed_at": "2026-11-01", "mtime": 2}, True),
        ({"first_listed_at": "2026-11-01", "mtime": 2}, {"first_listed_at": "2026-11-02", "mtime": 1}, False),
        ({"first_listed_at": "2026-11-01", "mtime": 2}, {"first_listed_at": "2026-11-01", "mtime": 1}, True),
        ({"first_listed_at": "2026-11-01", "mtime": 1}, {"mtime": 2}, True),
        ({"mtime": 2}, {"first_listed_at": "2026-11-01", "mtime": 1}, False),
        ({"mtime": 2}, {"mtime": 1}, True),
        ({"mtime": 1}, {"mtime": 1}, False),
    ],
)
def test_a_version_is_newer_that_was_listed_later(
    one: dict[str, object], other: dict[str, object], is_newer_: bool
) -> None:
    assert is_newer(one, other) is is_newer_


def test_a_feed_can_take_versions_with_a_later_time_only(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(on_redelivery="newer"))
    pipeline.put("a.csv", CSV, age=500)
    pipeline.all(*pipeline.poll())
    pipeline.put("a.csv", CSV + b"3,4\n", age=100)
    pipeline.all(*pipeline.poll(OTHER_RUN))
    pipeline.put("a.csv", CSV + b"5,6\n7,8\n", age=300)
    (old,) = pipeline.poll("third")
    with pytest.raises(FileRejectedError, match=r"a\.csv was ingested before .*older than what it has.*on_redelivery"):
        pipeline.fetch(old)


def test_a_feed_can_reject_redeliveries(pipeline: Pipeline) -> None:
    pipeline.configure(
        files={"directory": "/outgoing", "pattern": "*.csv", "settle_seconds": 0, "on_redelivery": "reject"}
    )
    pipeline.put("a.csv", CSV, age=500)
    (old,) = pipeline.poll()
    pipeline.all(old)
    pipeline.put("a.csv", CSV + b"3,4\n", age=100)
    (new,) = pipeline.poll(OTHER_RUN)
    with pytest.raises(FileRejectedError, match="was ingested before"):
        pipeline.fetch(new)


@pytest.mark.parametrize("action", ["move", "delete"])
def test_the_after_action_is_done_once_the_file_is_in_the_lake(pipeline: Pipeline, action: str) -> None:
    after = {"action": action} | ({"to": "/archive"} if action == "move" else {})
    pipeline.configure(files={"directory": "/outgoing", "pattern": "*.csv", "settle_seconds": 0, "after": after})
    path = pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    assert path.exists()
    assert pipeline.finish_remote(item) is None
    assert not path.exists()
    assert (pipeline.server.root / "archive" / "a.csv").exists() is (action == "move")
    assert pipeline.finish_remote(item) is None


def test_a_failed_after_action_does_not_undo_the_ingest_and_is_tried_again(pipeline: Pipeline) -> None:
    pipeline.configure(
        files={"directory": "/outgoing", "pattern": "*.csv", "settle_seconds": 0, "after": {"action": "delete"}}
    )
    path = pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    key = pipeline.all(item)

    def refuse() -> FolderServer:
        raise TransferInterruptedError("connection reset")

    assert pipeline.finish_remote(item, refuse) == "connection reset"
    assert "connection reset" in pipeline.ledger.owned(item)["after_error"]
    (again,) = pipeline.poll(OTHER_RUN, running=lambda run: False)
    assert pipeline.all(again) == key
    assert pipeline.finish_remote(again) is None
    assert not path.exists()
    assert "after_error" not in pipeline.ledger.owned(again)


def test_an_after_action_leaves_a_newer_version_alone(pipeline: Pipeline) -> None:
    pipeline.configure(
        files={"directory": "/outgoing", "pattern": "*.csv", "settle_seconds": 0, "after": {"action": "delete"}}
    )
    path = pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    pipeline.put("a.csv", CSV + b"3,4\n", age=1)
    assert pipeline.finish_remote(item) is None
    assert path.exists()


def curate(pipeline: Pipeline, item: FileItem, rows: int, dropped: dict[str, int]) -> None:
    pipeline.ledger.advance(item, status="CURATED", rows_curated=rows, rows_dropped=dropped, remove=("pending",))


def test_a_run_that_adds_up_is_summed_up(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    curate(pipeline, item, 1, {"filter": 1})
    result = reconcile(pipeline.ledger, pipeline.s3, pipeline.queue, SETTINGS, RUN)
    assert (result["files"], result["rows"], result["imbalances"]) == (1, 1, 0)
    mail = pipeline.summary()
    assert "acme/daily_sales: 1 of 1 file, 1 row (dropped: 1 by filter)" in mail["message"]
    assert len(mail["subject"]) <= 100
    assert mail["message"].endswith("console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/" + RUN)


def test_a_row_that_got_lost_fails_the_run(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    curate(pipeline, item, 1, {})
    with pytest.raises(BalanceError, match="2 rows landed, 1 curated, 0 dropped"):
        reconcile(pipeline.ledger, pipeline.s3, pipeline.queue, SETTINGS, RUN)


def test_an_item_without_its_counts_is_named(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    curate(pipeline, item, 2, {})
    pipeline.ledger.advance(item, bytes_fetched="all", remove=("rows_read",))
    with pytest.raises(BalanceError, match=r"sales_20261101\.csv: .* does not tell its bytes_fetched, rows_read"):
        reconcile(pipeline.ledger, pipeline.s3, pipeline.queue, SETTINGS, RUN)


def test_a_file_the_job_passed_over_fails_the_run(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    with pytest.raises(BalanceError, match="is UPLOADED"):
        reconcile(pipeline.ledger, pipeline.s3, pipeline.queue, SETTINGS, RUN)


def test_a_file_that_was_dropped_with_its_feed_meanwhile_fails_no_run(pipeline: Pipeline) -> None:
    for name in ("sales_20261101.csv", "sales_20261102.csv"):
        pipeline.put(name, CSV)
    first, second = pipeline.poll()
    pipeline.all(first)
    pipeline.all(second)
    assert drop_waiting(pipeline.ledger.table, (first.feed_id, first.file_id))
    curate(pipeline, second, 1, {"filter": 1})
    message = pipeline.summary()["message"]
    assert "acme/daily_sales: 1 of 2 files, 1 row" in message
    assert "set aside" not in message
    # fetched once more, it is one of the job's again, and the run that forgets it fails
    pipeline.ledger.advance(first, status="VALIDATED")
    pipeline.ledger.land(first, {}, superseded=[])
    with pytest.raises(BalanceError, match=r"sales_20261101\.csv: is UPLOADED"):
        pipeline.summary()


def test_a_file_that_was_left_unfinished_is_told_of_and_fails_no_run(pipeline: Pipeline) -> None:
    for name in ("sales_20261101.csv", "sales_20261102.csv"):
        pipeline.put(name, CSV)
    first, _ = pipeline.poll()
    pipeline.all(first)
    curate(pipeline, first, 1, {"filter": 1})
    assert "1 file was left unfinished" in pipeline.summary()["message"]


def test_rows_that_do_not_add_up_keep_a_file_invisible(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.fetch(item)
    pipeline.validate(item)
    pipeline.ledger.advance(item, rows_read=3)
    with pytest.raises(BalanceError, match="3 rows read, 2 landed"):
        pipeline.upload(item)
    assert pipeline.raw() == {}
    (output,) = pipeline.ledger.owned(item)["outputs"]
    assert pipeline.at_work(item).waiting.holds(output)
