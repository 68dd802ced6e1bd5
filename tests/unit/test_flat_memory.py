"""What a poll and a reconciliation keep does not grow with a million names or ten thousand files."""

import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from lakeferry.ledger import Ledger
from lakeferry.models import RemoteFile
from poll import listing
from poll.listing import Listing
from poll.memory import Memory
from poll.questions import Questions
from reconcile.core import ATTRIBUTES, reconcile
from tests.conftest import RUN
from tests.unit.conftest import SETTINGS
from tests.unit.pipeline import CSV, Pipeline, files

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def peak_of(act: Callable[[], object]) -> int:
    """Bytes at once while it runs."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Names:
    """A server that has so many new names; it keeps none of them."""

    def __init__(self, pipeline: Pipeline, count: int) -> None:
        self._server, self._count = pipeline.server, count

    def __enter__(self) -> Any:
        server = self._server.__enter__()
        return _Listing(server, self._count)

    def __exit__(self, *_: object) -> None: ...


class _Listing:
    def __init__(self, server: Any, count: int) -> None:
        self.unread: list[str] = []
        self.listed, self._count = server.listed, count

    def list_files(self, *_: object, **__: object) -> Iterator[RemoteFile]:
        for number in range(self._count):
            self.listed.entries += 1
            yield RemoteFile(f"/outgoing/a/partners/long/name/sales_{number:09d}.csv", 10, 1_700_000_000)


class Nothing(Ledger):
    """Knows no file."""

    def __init__(self) -> None: ...

    def known(self, feed_id: str, file_ids: Any) -> dict[str, Any]:
        return {}


def test_what_a_poll_keeps_does_not_grow_with_the_names_on_the_server(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_CANDIDATES", 1_000)
    pipeline.configure(files=files())

    def look(count: int) -> None:
        with Questions(Nothing(), "acme/daily_sales") as questions:
            found = Listing(pipeline.feed, Memory(), questions, pipeline.now)
            found.take(lambda: Names(pipeline, count))
            assert questions.answers() == {}
        assert (len(found.candidates), found.beyond) == (1_000, count - 1_000)
        assert found.balance.listed == count

    look(2_000)  # what is imported and compiled once
    few, many = (peak_of(partial(look, count)) for count in (4_000, 20_000))
    assert many < few + 200_000, "less than 13 bytes a name"


def test_more_names_than_a_poll_keeps_come_in_run_after_run(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_CANDIDATES", 5)
    pipeline.configure(files=files(max_files_per_run=2))
    for number in range(9):
        pipeline.put(f"{number}.csv", CSV, age=200_000 - number)
    came: list[str] = []
    for hour in range(9):
        items = pipeline.poll(f"{RUN}{hour}")
        came += [item.remote.name for item in items]
        counts = pipeline.result
        assert counts["entries"]["listed"] == 9
        assert "unaccounted" not in counts["entries"]
        assert counts["carried_over"] == 9 - len(came)
        for item in items:
            pipeline.all(item)
        if len(came) == 9:
            break
    assert came == [f"{number}.csv" for number in range(9)]
    assert hour == 4


class Wide:
    """A ledger table with so many files of a run, each with 800 columns in its item."""

    name = "ledger"

    def __init__(self, count: int) -> None:
        self._count = count
        self.meta = self
        self.client = self

    def query(self, **asked: Any) -> dict[str, Any]:
        at = int(asked.get("ExclusiveStartKey", {"at": 0})["at"])
        keys = [{"feed_id": "acme/a", "file_id": f"/{n}#1#1"} for n in range(at, min(at + 500, self._count))]
        more = {"LastEvaluatedKey": {"at": at + 500}} if at + 500 < self._count else {}
        if asked.get("IndexName") != "by_run" or " AND " in asked["KeyConditionExpression"]:
            return {"Items": []}  # what is set aside, and what is known of feeds
        return {"Items": keys, **more}

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        asked = RequestItems["ledger"]
        wanted = set(asked["ExpressionAttributeNames"].values())
        item = {
            **{"path": "/a.csv", "status": "CURATED", "run": RUN, "size": 1, "bytes_fetched": 1, "rows_read": 1},
            **{"rows_landed": 1, "rows_rejected": 0, "rows_curated": 1},
            "columns": [f"a column with a long name {number}" for number in range(800)],
        }
        found = [{**{name: item[name] for name in wanted & item.keys()}, **key} for key in asked["Keys"]]
        return {"Responses": {"ledger": found}}


def test_what_a_reconciliation_keeps_does_not_grow_with_the_runs_files(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "columns" not in ATTRIBUTES, "800 of them in each of 10,000 files"

    def look(count: int) -> None:
        table: Any = Wide(count)
        queue: Any = None
        told = reconcile(Ledger(table), s3, queue, SETTINGS, RUN)
        assert told["files"] == count

    look(500)
    few, many = (peak_of(partial(look, count)) for count in (1_000, 5_000))
    assert many < few + 200_000, "less than 50 bytes a file"
