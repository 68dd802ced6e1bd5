"""An hour's run on a fake clock: the state machine's Map, its slots, repeats and waits, around the real functions.

What decides is real: list_feeds with its order and parts, poll_in_time, the three stages, the ledger. The machine is a
few lines here; what it repeats and how long it waits are those of `statemachine/ingest.asl.json`, at their longest.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from fetch.batch import fetch_batch
from lakeferry.batches import Batch
from lakeferry.decode import DecodeKeys
from lakeferry.errors import LakeferryError, ServerUnavailableError, TransferInterruptedError
from lakeferry.feeds import load_feed
from lakeferry.ledger import Ledger
from lakeferry.models import FeedItem
from lakeferry.runs.budget import Budget
from lakeferry.servers.pace import Pace
from list_feeds.core import list_feeds
from list_feeds.order import SLOTS
from poll.core import Surroundings
from poll.in_time import poll_in_time
from tests.unit.clockwork import Clockwork
from tests.unit.conftest import SETTINGS, FolderServer
from upload.batch import upload_batch
from validate.batch import validate_batch

REPEATS = (15, 30, 60, 120)
POLL_SECONDS, STAGE_SECONDS, PARTING_SECONDS = 600, 900, 20


class TimedServer(FolderServer):
    """A partner's server that takes its time, until the connection is ended from this side."""

    def __init__(self, root: Path, clock: Clockwork, kind: str, seconds: float) -> None:
        super().__init__(root)
        self.clock, self.kind, self.ends = clock, kind, clock() + seconds
        if kind == "never speaks":
            self.wait(20, ServerUnavailableError("no greeting within 20 s"))
            raise ServerUnavailableError("no greeting within 20 s")
        self.wait(1)

    def wait(self, seconds: float, error: LakeferryError | None = None) -> None:
        left = self.ends - self.clock()
        self.clock.sleep(min(seconds, max(0.0, left)))
        if seconds > left:
            raise error or ServerUnavailableError("it had not ended when the time for it was over")

    def list_files(self, *arguments: Any, **named: Any) -> Any:
        self.wait(10**9 if self.kind == "lists for ever" else 2)
        return super().list_files(*arguments, **named)

    def read(self, path: str, offset: int, sink: Any, size: int | None = None) -> int:
        if self.kind not in ("drips", "drips, and may"):
            self.wait(20)
            return super().read(path, offset, sink, size)
        pace, sent = Pace(1000 if self.kind == "drips" else 0, path, "evil", self.clock), 0
        while True:
            self.wait(59, TransferInterruptedError("it had not ended when the time for it was over"))
            pace.comes()
            sent += 1
            if not sink(memoryview(b"x")):
                return sent
            pace.goes_on(1)


class Hour:
    """One run after the other, each on the hour.

    Attributes:
        landed: When each feed's files landed, by feed, in seconds after the run began.
        ended: When the Map ended, and the Glue job would start; likewise.
    """

    def __init__(self, root: Path, feeds: Any, ledger: Ledger, s3: Any, kinds: dict[str, str]) -> None:
        self.root, self.feeds, self.ledger, self.s3, self.kinds = root, feeds, ledger, s3, kinds
        self.landed: dict[str, float] = {}
        self.ended = 0.0
        self.running: set[str] = set()

    def run(self, number: int) -> None:
        begun = datetime(2030, 1, 1, number, tzinfo=UTC)
        self.clock, self.begun, self.landed = Clockwork(begun.timestamp()), begun.timestamp(), {}
        run = f"arn:aws:states:eu-west-1:123456789012:execution:ingest:hour-{number}"
        self.running = {run}
        event = {"trigger": "schedule", "time": begun.isoformat()}
        listing = list_feeds(self.feeds, self.ledger, self.s3, "work", run, event, begun)
        items = self._read(listing)
        free, waiting = [SLOTS], list(items)

        def begin() -> None:
            while free[0] and waiting:
                free[0] -= 1
                self.clock.start(partial(child, waiting.pop(0)))

        def child(item: dict[str, Any]) -> None:
            try:
                self._feed({**item, "began": datetime.fromtimestamp(self.clock(), UTC).isoformat()})
            finally:
                free[0] += 1
                begin()

        begin()
        self.clock.run()
        self.ended = self.clock() - self.begun

    def _read(self, listing: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.s3.get_object(Bucket=listing["bucket"], Key=listing["key"])["Body"].read()
        )
        return found

    def _feed(self, event: dict[str, Any]) -> None:
        item = replace(FeedItem.from_event(event), in_batches=True)
        feed = load_feed(self.feeds, item.tenant, item.feed)
        try:
            answer = self._repeated(lambda: poll_in_time(feed, item, self._around(item)))
        except LakeferryError as error:
            answer = {"error": {"Error": type(error).__name__}}
        if "error" in answer:  # what "Record feed failure" writes
            self.ledger._table.update_item(
                Key={"feed_id": item.feed_id, "file_id": "!feed"},
                UpdateExpression="SET failing_since = :at, #error = :error ADD failed_polls :one",
                ExpressionAttributeNames={"#error": "error"},
                ExpressionAttributeValues={":at": "2030", ":error": answer["error"]["Error"], ":one": 1},
            )
        elif answer["files"]:
            for batch in self._read(answer):
                self._batch(batch)

    def _batch(self, batch: dict[str, Any]) -> None:
        while batch["next"] != "end":
            if batch["next"] == "Fetch files" and batch["wait"]:
                self.clock.sleep(batch["wait"])
            try:
                batch = self._repeated(partial(self._call, batch))
            except LakeferryError:
                return
        if "UPLOADED" in batch["outcomes"]:
            self.landed[f"{batch['tenant']}/{batch['feed']}"] = self.clock() - self.begun

    def _call(self, event: dict[str, Any]) -> dict[str, Any]:
        batch, called = Batch.from_event(event), self.clock()
        feed = load_feed(self.feeds, batch.tenant, batch.feed)
        budget = self._budget(batch.deadline, batch.part_ends, batch.run)

        def remaining() -> float:
            return min(STAGE_SECONDS - (self.clock() - called), budget.left())

        def connect() -> FolderServer:
            return self._server(batch.feed_id, remaining() - PARTING_SECONDS)

        rest = self.ledger, self.s3, SETTINGS, remaining, budget
        if event["next"] == "Fetch files":
            return fetch_batch(batch, feed, connect, *rest)
        if event["next"] == "Validate files":
            return validate_batch(batch, feed, DecodeKeys(), *rest)
        return upload_batch(batch, feed, connect, *rest)[0]

    def _repeated(self, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        for seconds in REPEATS:
            try:
                return act()
            except (ServerUnavailableError, TransferInterruptedError):
                self.clock.sleep(seconds)
        return act()

    def _around(self, item: FeedItem) -> Surroundings:
        called, budget = self.clock(), self._budget(item.deadline, item.part_ends, item.run)

        def connect() -> FolderServer:
            left = min(POLL_SECONDS - (self.clock() - called), budget.left())
            return self._server(item.feed_id, left - PARTING_SECONDS)

        return Surroundings(
            connect, self.ledger, self.s3, "work", "lake", self.running.__contains__,
            clock=self.clock, sleep=self.clock.sleep, budget=budget,
        )  # fmt: skip

    def _budget(self, deadline: float | None, part_ends: float | None, run: str) -> Budget:
        return Budget(deadline, part_ends, lambda: self.ledger.feeds.have_all_begun(run), self.clock)

    def _server(self, feed_id: str, seconds: float) -> FolderServer:
        return TimedServer(self.root / feed_id, self.clock, self.kinds[feed_id], seconds)
