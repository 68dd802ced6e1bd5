"""Versions of one path whose uploads meet: whichever way their calls fall, the one that was listed last is there."""

import itertools
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeferry.errors import ClaimLostError
from lakeferry.feeds import parse_feed
from lakeferry.file_at_work import file_at_work
from lakeferry.lake import file_metadata, put, start_upload
from lakeferry.ledger import Ledger
from lakeferry.models import FileItem
from tests.conftest import RUN, feed_document
from tests.unit.conftest import SETTINGS
from upload.core import upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FEED = parse_feed(feed_document())
DT = "2026-11-01"
DRAWN = int(os.environ.get("LAKEFERRY_DRAWN", "0"))
_PATHS = itertools.count(1)


class Killed(BaseException):
    """What ends a function in the middle."""


class Turns:
    """Lets several uploads go on one call to AWS at a time, in a drawn order."""

    def __init__(self, order: Iterator[int], actors: int) -> None:
        self._order, self._state = order, threading.Condition()
        self._waiting: Counter[int] = Counter()  # a few, where an upload makes calls side by side
        self._alive = set(range(actors))
        self._turn = -1

    def take(self, actor: int) -> None:
        """Waits until the actor may make its next call."""
        with self._state:
            self._waiting[actor] += 1
            self._deal()
            assert self._state.wait_for(lambda: self._turn == actor, 30)
            self._turn = -1
            self._waiting[actor] -= 1
            self._deal()

    def end(self, actor: int) -> None:
        with self._state:
            self._alive.discard(actor)
            self._deal()

    def _deal(self) -> None:
        # everybody who lives stands before its next call: the last one was made
        if self._turn < 0 and self._alive and all(self._waiting[actor] for actor in self._alive):
            alive = sorted(self._alive)
            self._turn = alive[next(self._order, 0) % len(alive)]
            self._state.notify_all()


class Upload:
    """One version in the hands of a run, with clients of its own, whose calls wait for their turns."""

    def __init__(self, actor: int, item: FileItem, turns: Turns, killed_at: int | None) -> None:
        self.actor, self.item, self._turns, self._killed_at = actor, item, turns, killed_at
        self._calls = 0
        self._s3 = boto3.client("s3")
        table = boto3.resource("dynamodb").Table("ledger")
        self._ledger = Ledger(table)
        for client in (self._s3, table.meta.client):
            client.meta.events.register("before-call", self._before)

    def _before(self, **_: object) -> None:
        self._turns.take(self.actor)
        self._calls += 1
        if self._calls == self._killed_at:
            raise Killed

    def run(self) -> None:
        """As the state machine calls it: again where it was killed; what another run has is left to it."""
        try:
            for _ in range(2):
                try:
                    upload(file_at_work(FEED, self.item, self._ledger, self._s3, SETTINGS))
                except Killed:
                    continue
                except ClaimLostError:
                    pass
                return
        finally:
            self._turns.end(self.actor)


def validated(ledger: Ledger, s3: "S3Client", item: FileItem, names: Sequence[str], *, is_large: bool) -> None:
    """As Validate leaves a version that has members of those names."""
    assert ledger.claim(item, dt=DT, entry=None)
    metadata = file_metadata(item.feed_id, item.file_id)
    outputs: list[dict[str, Any]] = []
    for name in names:
        data = f"{item.size} {name}".encode()
        key, staged = f"raw/{item.path}/{name}", f"staging/{item.file_id}/{name}"
        where: dict[str, Any] = {"key": key}
        if is_large:
            begun = start_upload(s3, "lake", key, metadata)
            s3.upload_part(Bucket="lake", Key=key, UploadId=begun.upload_id, PartNumber=1, Body=data)
            where["upload_id"] = begun.upload_id
        else:
            where |= {"staged": staged, "etag": put(s3, "work", staged, data, metadata)}
        outputs.append({"name": name, "bytes": len(data), "rows": 1, "sha256": f"{item.size}{name}", **where})
    counts: dict[str, Any] = {
        "rows_read": 1,
        "rows_landed": 1,
        "rows_rejected": 0,
        "columns": ["a"],
        "sha256": str(item.size),
    }
    ledger.advance(item, status="VALIDATED", outputs=outputs, **counts)


VERSIONS = st.lists(
    st.tuples(
        st.sampled_from([("a",), ("a", "b"), ("b", "c")]),  # members: raw objects of one name, and others
        st.booleans(),  # parts of an upload that is not completed, or staged
        st.none() | st.integers(1, 12),  # the call to AWS at which it is killed
    ),
    min_size=2,
    max_size=3,
)


def met(
    ledger: Ledger, s3: "S3Client", versions: Sequence[tuple[Sequence[str], bool, int | None]], order: Iterator[int]
) -> None:
    path = f"/outgoing/{next(_PATHS)}.csv"
    # listed in this order; their own times say the opposite
    items = [
        FileItem("acme", "daily_sales", f"{RUN}{number}", path, number + 1, 100 - number)
        for number in range(len(versions))
    ]
    turns = Turns(order, len(items))
    uploads = []
    for number, (item, (names, is_large, killed_at)) in enumerate(zip(items, versions, strict=True)):
        validated(ledger, s3, item, names, is_large=is_large)
        ledger.advance(item, first_listed_at=f"2026-11-01T06:00:0{number}.000Z")
        uploads.append(Upload(number, item, turns, killed_at))
    failed: list[BaseException] = []

    def run(one: Upload) -> None:
        try:
            one.run()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(one,), daemon=True) for one in uploads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []
    found = {entry["file_id"]: entry for entry in ledger.versions("acme/daily_sales", path)}
    *older, newest = (found[item.file_id] for item in items)
    assert (newest["status"], newest["pending"]) == ("UPLOADED", "raw")
    assert [one["status"] for one in older] == ["SUPERSEDED"] * len(older)
    assert all("pending" not in one and "partition" not in one for one in older)
    assert all(one["superseded_by"] in found for one in older)
    listed = s3.list_objects_v2(Bucket="lake", Prefix=f"raw/{path}/").get("Contents", [])
    raw = {one["Key"]: s3.get_object(Bucket="lake", Key=one["Key"])["Body"].read().decode() for one in listed}
    names = versions[-1][0]
    assert raw == {f"raw/{path}/{name}": f"{len(items)} {name}" for name in names}, (
        "the newest one's rows, and no others"
    )
    assert "Contents" not in s3.list_objects_v2(Bucket="work", Prefix=f"staging/{path}"), "nothing waits"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="lake", Prefix=f"raw/{path}/"), "no upload is open"


@pytest.mark.slow(seconds=10)
@pytest.mark.timeout(DRAWN * 10 + 300)
@settings(
    max_examples=DRAWN or 30,
    deadline=None,
    derandomize=not DRAWN,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(versions=VERSIONS, order=st.lists(st.integers(0, 2), max_size=60))
def test_however_uploads_of_a_paths_versions_meet_the_one_listed_last_is_in_the_lake(
    ledger: Ledger, s3: "S3Client", versions: list[tuple[Sequence[str], bool, int | None]], order: list[int]
) -> None:
    met(ledger, s3, versions, iter(order))


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("calls", range(1, 9))
def test_at_whichever_call_of_the_older_upload_the_newer_one_comes_in_between(
    ledger: Ledger, s3: "S3Client", calls: int, is_large: bool
) -> None:
    """The older one has made so many calls, then the newer one makes all of its own."""
    order: Callable[[], Iterator[int]] = lambda: itertools.chain([0] * calls, itertools.repeat(1))  # noqa: E731
    met(ledger, s3, [(("a",), is_large, None), (("a",), is_large, None)], order())
