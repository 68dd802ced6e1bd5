"""What a file on its way writes under each partition key of the ledger and its indexes: the table in docs/quotas.md."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lakeferry.aws.items import plain
from lakeferry.ledger.outbox import Outbox
from tests.conftest import RUN
from tests.unit.pipeline import CSV, Pipeline
from worklist import mark_curated

PAGE = Path(__file__).parent.parent.parent / "docs" / "quotas.md"
INDEXES = {
    "by_run": ("run", "file_id"),
    "by_partition": ("partition", "file_id"),
    "pending": ("pending", "partition"),
    "outbox": ("outbox", "feed_id"),
    "unfinished": ("feed_id", "unfinished"),
}
FEW, MORE = 3, 8


class Units:
    """Write units by table or index and partition key, of every call that one client makes.

    A write is one, in a transaction two; an index takes one where an item's key in it comes or goes, two where it
    changes ("DynamoDB read and write operations", Amazon DynamoDB Developer Guide). They are of items up to 1 KB: how
    many KB an item has by then is counted apart, in `largest`.
    """

    def __init__(self, table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: Counter[tuple[str, str]] = Counter()
        self.largest = 0
        self._table, self._lock = table, threading.RLock()
        self._call: Callable[..., Any] = table.meta.client._make_api_call
        monkeypatch.setattr(table.meta.client, "_make_api_call", self._counted)

    def _counted(self, operation: str, given: Any) -> Any:
        keys, units = self._written(operation, given)
        with self._lock:
            before = [self._item(key) for key in keys]
            answer = self._call(operation, given)
            for key, was in zip(keys, before, strict=True):
                self._count(was, self._item(key), units)
        return answer

    def _written(self, operation: str, given: Any) -> tuple[list[dict[str, str]], int]:
        if operation == "TransactWriteItems":
            # a condition that is only checked is paid as a write
            return [next(iter(one.values()))["Key"] for one in given["TransactItems"]], 2
        if operation in ("UpdateItem", "DeleteItem"):
            return [dict(given["Key"])], 1
        if operation == "PutItem":
            return [{name: given["Item"][name] for name in ("feed_id", "file_id")}], 1
        assert not operation.startswith(("Batch", "Execute")) or operation == "BatchGetItem"
        return [], 0

    def _item(self, key: dict[str, str]) -> dict[str, Any]:
        found = self._call("GetItem", {"TableName": self._table.name, "Key": key, "ConsistentRead": True})
        return dict(plain(found.get("Item") or {}))

    def _count(self, before: dict[str, Any], after: dict[str, Any], units: int) -> None:
        self.largest = max(self.largest, *(len(json.dumps(one)) for one in (before, after)))
        self.found["table", str((after or before)["feed_id"])] += units
        for index, (hashed, ranged) in INDEXES.items():
            was, now = (
                (one[hashed], one[ranged]) if {hashed, ranged} <= one.keys() else None for one in (before, after)
            )
            if was != now:
                for key in (was, now):
                    if key is not None:
                        self.found[index, str(key[0])] += 1


def units_of(pipeline: Pipeline, files: int, monkeypatch: pytest.MonkeyPatch) -> Units:
    """Of a run of so many files, from their claims to the events about them."""
    for number in range(files):
        pipeline.put(f"sales_20261124_{number}.csv", CSV)
    table = pipeline.ledger.table
    with monkeypatch.context() as patch:
        units = Units(table, patch)
        items = pipeline.poll()
        assert len(items) == files
        for item in items:
            pipeline.all(item)
        outbox: Any = Outbox(table, ("feed_id", "file_id"))
        for one in outbox:
            outbox.told(one, ["file_landed"])
        for item in items:
            entry = pipeline.ledger.get(item.feed_id, item.file_id)
            assert entry is not None
            file = SimpleNamespace(feed_id=item.feed_id, file_id=item.file_id, uploaded_at=entry["uploaded_at"])
            counts: Any = SimpleNamespace(file=file, curated=2, dropped={})
            assert mark_curated(table, RUN, [counts], "spark") == 1
        for one in outbox:
            outbox.told(one, ["partition_curated"])
    return units


def emptied(pipeline: Pipeline) -> None:
    """Server and ledger as before the first run."""
    for name in pipeline.server.root.joinpath("outgoing").iterdir():
        name.unlink()
    table = pipeline.ledger.table
    for one in table.scan()["Items"]:
        table.delete_item(Key={name: one[name] for name in ("feed_id", "file_id")})


def test_the_page_has_what_each_file_writes_under_each_key(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    few = units_of(pipeline, FEW, monkeypatch)
    emptied(pipeline)
    more = units_of(pipeline, MORE, monkeypatch)
    assert 1024 < more.largest < 2048, "bytes of an item, as the page has them"
    each = {key: (units - few.found[key]) / (MORE - FEW) for key, units in more.found.items()}
    # what is written by files, and not once a run
    named = {"acme/daily_sales": "the feed", RUN: "the run", "acme/daily_sales/2026-11-24": "the feed's day"}
    written = {(where, named.get(key, f"`{key}`")): f"{units:g}" for (where, key), units in each.items() if units}
    page = PAGE.read_text("utf-8").partition("## Hot keys")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (\d+) \|", page, re.MULTILINE)
    assert written == {(where, key): units for where, key, units in rows}
