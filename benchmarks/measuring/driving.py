"""The functions of a run, driven by a plain loop with the state machine's concurrency."""

import json
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from benchmarks.measuring.job import Job
from benchmarks.measuring.polling import feed_of
from fetch.batch import fetch_batch
from lakeferry.aws.calls import s3_client, table_of
from lakeferry.batches import Batch
from lakeferry.decode import DecodeKeys
from lakeferry.feeds import Feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.connections import Connections
from lakeferry.models import FeedItem
from lakeferry.servers import open_server
from lakeferry.settings import Settings
from poll.core import Surroundings, poll
from upload.batch import upload_batch
from validate.batch import validate_batch

RUN = "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest:many"
TRANSITIONS = {"Fetch files": 2, "Validate files": 2, "Upload files": 2}
"""Each with the choice after it."""
POLL, TAKING = 3, 2
"""States that a poll enters, and more where it takes files; tests/contract/test_cost.py holds them."""


@dataclass
class Leased:
    """A connection with its place, as `lakeferry.partner` opens it."""

    feed: Feed
    secret: Any
    connections: Connections

    def __enter__(self) -> Any:
        self._lease = self.connections.lease(self.feed.server, self.feed.tenant, 20)
        self._lease.__enter__()
        try:
            self._server = open_server(self.feed.server, self.secret)
            return self._server.__enter__()
        except BaseException:
            self._lease.__exit__(None, None, None)
            raise

    def __exit__(self, *error: Any) -> None:
        self._server.__exit__(*error)
        self._lease.__exit__(*error)


class Driver:
    """Takes all files of a job's feeds, as often as it is asked to.

    Attributes:
        seconds: Of each call, by state.
    """

    def __init__(self, job: Job, session: Any) -> None:
        self._job = job
        self._settings = Settings("ledger", "feeds", "lake", "inbox", "work", 16 * 1024 * 1024, 5)
        self._s3 = s3_client(session, s3={"addressing_style": "path"}, max_pool_connections=64)
        table = table_of("ledger", session)
        self._ledger, self._connections = Ledger(table), Connections(table)
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def take(self, turn: int = 1) -> dict[str, Any]:
        """One run: how many files, each function's calls and seconds, and what the machine would make of it."""
        before = {name: len(found) for name, found in self.seconds.items()}
        with ThreadPoolExecutor(max_workers=self._job.together) as pool:
            taken = list(pool.map(partial(self._feed, turn), range(self._job.feeds)))
        called = {name: len(found) - before.get(name, 0) for name, found in self.seconds.items()}
        stages = {name: sum(found[before.get(name, 0) :]) for name, found in self.seconds.items()}
        batches = called.get("Fetch files", 0)
        steps = sum(TRANSITIONS.get(name, 0) * times for name, times in called.items())
        transitions = POLL * len(taken) + TAKING * sum(map(bool, taken)) + steps + batches
        return {"files": sum(taken), "called": called, "transitions": transitions, "batches": batches, "stages": stages}

    def _feed(self, turn: int, number: int) -> int:
        feed = _feed_of(self._job, number)
        way = partial(Leased, feed, self._job.secret, self._connections)
        around = Surroundings(way, self._ledger, self._s3, "work", "lake", lambda run: False, time.time, time.sleep)
        item = FeedItem(feed.tenant, feed.feed, f"{RUN}{turn}", in_batches=True)
        found = self._timed("Poll server", lambda: poll(feed, item, around))
        if not found["files"]:
            return 0
        batches = json.loads(self._s3.get_object(Bucket="work", Key=found["key"])["Body"].read())
        with ThreadPoolExecutor(max_workers=feed.server.max_connections) as side:
            return sum(side.map(partial(self._batch, feed, way), batches))

    def _batch(self, feed: Feed, way: Any, batch: dict[str, Any]) -> int:
        aws = (self._ledger, self._s3, self._settings, lambda: 800.0)
        stages: dict[str, Callable[[Batch], dict[str, Any]]] = {
            "Fetch files": lambda given: fetch_batch(given, feed, way, *aws),
            "Validate files": lambda given: validate_batch(given, feed, DecodeKeys(), *aws),
            "Upload files": lambda given: upload_batch(given, feed, way, *aws)[0],
        }
        while batch["next"] != "end":
            stage, given = batch["next"], Batch.from_event(batch)
            batch = self._timed(stage, partial(stages[stage], given))
        if batch["failed"]:
            raise SystemExit(batch["failed"][0]["cause"])
        return len(batch["outcomes"])

    def _timed(self, name: str, call: Callable[[], Any]) -> Any:
        began = time.monotonic()
        try:
            return call()
        finally:
            self.seconds[name].append(time.monotonic() - began)


def _feed_of(job: Job, number: int) -> Feed:
    feed = feed_of(job.spec, f"{job.directory}/feed{number}")
    return replace(feed, tenant=f"tenant{number}", feed="many", files=replace(feed.files, settle_seconds=0))
