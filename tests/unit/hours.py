"""Hours that pass in a moment: partners deliver, runs start, servers and functions fail at random, reprocess follows.

What decides is the real thing: list_feeds, poll, fetch, validate, upload, the ledger, the queue, reprocess. The state
machine's own flow is a few lines here (it is tested as it stands in tests/e2e); so 300 hours take a few minutes.
"""

import hashlib
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from fetch.batch import fetch_batch
from lakeferry.batches import Batch
from lakeferry.decode import DecodeKeys
from lakeferry.errors import (
    FileRejectedError,
    LakeferryError,
    ServerUnavailableError,
    TransferInterruptedError,
    cause_of,
)
from lakeferry.feeds import load_feed
from lakeferry.ledger import IN_WORK, Ledger
from lakeferry.models import FeedItem, FileItem
from lakeferry.runs.dead_letters import DeadLetterQueue
from list_feeds.core import list_feeds
from poll.core import Surroundings, poll
from poll.dealing import Limits
from poll.given import claim_given
from reprocess import core as reprocess
from reprocess.decide import Decider
from reprocess.executions import Starter
from reprocess.request import Request
from tests.unit.conftest import SETTINGS, FolderServer
from upload.batch import upload_batch
from validate.batch import validate_batch
from worklist import FileCounts, landed_files, mark_curated, pending

RETRIES = 2


class RunKilledError(BaseException):
    """The execution is stopped here."""


class Executions:
    """Step Functions as far as reprocess and poll ask it."""

    def __init__(self) -> None:
        self.todo: list[tuple[str, dict[str, Any]]] = []
        self.known: set[str] = set()
        self.running: set[str] = set()

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:
        run = stateMachineArn.replace(":stateMachine:", ":execution:") + f":{name}"
        if run in self.known:
            raise ClientError({"Error": {"Code": "ExecutionAlreadyExists", "Message": run}}, "StartExecution")
        self.known.add(run)
        self.running.add(run)
        self.todo.append((run, json.loads(input)))
        return {"executionArn": run}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        return {"status": "RUNNING" if executionArn in self.running else "SUCCEEDED"}


class Hours:
    """A stack, its partners, and a clock."""

    machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:ingest"

    def __init__(self, seed: int, root: Path, feeds: Any, ledger: Ledger, s3: Any, sqs: Any, queue: str) -> None:
        self.chance = random.Random(seed)
        self.root, self.feeds, self.ledger, self.s3, self.sqs, self.queue = root, feeds, ledger, s3, sqs, queue
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.executions = Executions()
        self.failing = True
        self.most = 50
        self.down: set[str] = set()
        self.delivered: dict[tuple[str, str], bytes] = {}
        self.faults: Counter[str] = Counter()
        self.landed: Counter[tuple[str, str]] = Counter()
        self.every_half_hour: Callable[[], object] = lambda: None

    # -- the world

    def deliver(self, feed_id: str, number: int) -> None:
        """A new file, or now and then the same one once more with other rows."""
        day = self.now.strftime("%Y%m%d")
        names = sorted(name for found, name in self.delivered if found == feed_id)
        again = names and self.chance.random() < 0.1
        name = self.chance.choice(names) if again else f"sales_{day}_{number}.csv"
        data = f"order_id,amount\n{number},1.50\n{self.chance.randrange(10**6)},2.50\n".encode()
        path = self.root / feed_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (self.now.timestamp(), self.now.timestamp()))
        self.delivered[feed_id, name] = data

    def hour(self, feed_ids: list[str], number: int) -> None:
        """Deliveries, the hourly run, and reprocess every half an hour."""
        self.down = {feed_id for feed_id in feed_ids if self.failing and self.chance.random() < 0.1}
        for feed_id in feed_ids:
            if self.failing and self.chance.random() < 0.6:
                self.deliver(feed_id, number)
                if self.chance.random() < 0.3:  # two that travel together
                    self.deliver(feed_id, 1000 + number)
        self.start({"trigger": "schedule", "time": self.now.isoformat()}, f"hourly-{number}")
        if self.failing and self.chance.random() < 0.05:  # EventBridge delivers once more
            self.start({"trigger": "schedule", "time": self.now.isoformat()}, f"hourly-{number}-twice")
        for _ in range(2):
            self.run_all()
            self.curate()
            self.now += timedelta(minutes=30)
            self.every_half_hour()
            self.reprocess(by="schedule")
        self.run_all()

    def start(self, execution_input: dict[str, Any], name: str) -> None:
        self.executions.start_execution(stateMachineArn=self.machine, name=name, input=json.dumps(execution_input))

    def reprocess(self, **event: Any) -> dict[str, Any]:
        from moto.sqs.models import sqs_backends

        for message in sqs_backends["123456789012"]["eu-west-1"].queues[self.queue.rsplit("/", 1)[-1]]._messages:
            message.change_visibility(0)  # the time passed for which it was hidden
        states: Any = self.executions
        decider = Decider(Request.from_event(event), lambda run: run in self.executions.running, 3, self.now)
        starter, queue = Starter(states, self.machine, self.now), DeadLetterQueue(self.sqs, self.queue)
        return reprocess.reprocess(reprocess.Surroundings(self.feeds, self.ledger, queue, starter, decider))

    def curate(self) -> None:
        """The Glue job's ledger writes."""
        for partition in pending(self.ledger):
            counts = [
                FileCounts(file, file.rows_landed) for file in landed_files(self.ledger, partition, self._no_object)
            ]
            mark_curated(self.ledger._table, "job", counts, "spark")

    @staticmethod
    def _no_object(key: str) -> bytes:
        raise AssertionError(f"{key}: only archives of many members have one")

    # -- the state machine

    def run_all(self) -> None:
        while self.executions.todo:
            run, execution_input = self.executions.todo.pop(0)
            try:
                self._run(run, execution_input)
            except RunKilledError:
                self.faults["run killed"] += 1
            self.executions.running.discard(run)

    def _run(self, run: str, execution_input: dict[str, Any]) -> None:
        listing = list_feeds(self.feeds, self.ledger, self.s3, "work", run, execution_input, self.now)
        for event in self._read(listing):
            item = FeedItem.from_event(event)
            try:
                result = self._try("Poll server", item.feed_id, partial(self._poll, item))
            except LakeferryError as error:
                self._feed_failed(item, event, error)
                continue
            for one in self._read(result):
                self._batch(one)

    def _read(self, listing: dict[str, Any]) -> list[dict[str, Any]]:
        if not listing.get("files", listing.get("feeds")):
            return []
        body = self.s3.get_object(Bucket=listing["bucket"], Key=listing["key"])["Body"].read()
        found: list[dict[str, Any]] = json.loads(body)
        return found

    def _server(self, feed_id: str) -> FolderServer:
        if feed_id in self.down:
            raise ServerUnavailableError(f"the server of {feed_id} is down")
        return FolderServer(self.root / feed_id)

    def _poll(self, item: FeedItem) -> dict[str, Any]:
        feed = load_feed(self.feeds, item.tenant, item.feed)
        around = Surroundings(
            connect=lambda: self._server(item.feed_id),
            ledger=self.ledger,
            s3=self.s3,
            work_bucket="work",
            lake_bucket="lake",
            is_running=lambda run: run in self.executions.running,
            clock=self.now.timestamp,
            sleep=lambda seconds: None,
            limits=Limits(self.most, 64 * 1024 * 1024),
        )
        item = replace(item, in_batches=True)
        return poll(feed, item, around) if item.files is None else claim_given(feed, item, around)

    def _batch(self, batch: dict[str, Any]) -> None:
        feed_id = f"{batch['tenant']}/{batch['feed']}"
        while batch["next"] != "end":
            stage = batch["next"]
            try:
                batch = self._try(stage, feed_id, partial(self._call, batch))
            except LakeferryError as error:
                why = {"stage": stage, "error": type(error).__name__, "cause": str(error)}
                failed = [*batch["failed"], *({**file, **why} for file in batch["files"])]
                following = "Fetch files" if batch["again"] else "end"
                batch = {**batch, "files": batch["again"], "again": [], "failed": failed, "next": following}
        for file in batch["failed"]:
            item = FileItem(batch["tenant"], batch["feed"], batch["run"], file["path"], file["size"], file["mtime"])
            self._file_failed(item, file["stage"], file["error"], file["cause"])

    def _call(self, batch: dict[str, Any]) -> dict[str, Any]:
        given, feed = Batch.from_event(batch), load_feed(self.feeds, batch["tenant"], batch["feed"])
        aws = self.ledger, self.s3, SETTINGS, lambda: 600.0
        if batch["next"] == "Fetch files":
            return fetch_batch(given, feed, lambda: self._server(given.feed_id), *aws)
        if batch["next"] == "Validate files":
            return validate_batch(given, feed, DecodeKeys(), *aws)
        answer, _ = upload_batch(given, feed, lambda: self._server(given.feed_id), *aws)
        return answer

    def _try(self, stage: str, feed_id: str, act: Callable[[], Any]) -> Any:
        """A task: may be killed, fail before or after its effect, and is retried for what passes."""
        for attempt in range(RETRIES + 1):
            try:
                return self._once(stage, act)
            except (ServerUnavailableError, TransferInterruptedError):
                if attempt == RETRIES:
                    raise
        raise AssertionError

    def _once(self, stage: str, act: Callable[[], Any]) -> Any:
        dice = self.chance.random() if self.failing else 1.0
        if dice < 0.01:
            raise RunKilledError
        if dice < 0.08:
            self.faults[f"{stage}: failed before its effect"] += 1
            raise ServerUnavailableError("fault")
        answer = act()
        if dice < 0.02 + 0.08:
            raise RunKilledError
        if dice < 0.16:
            self.faults[f"{stage}: answer lost"] += 1
            raise TransferInterruptedError("fault")
        if dice < 0.18:
            self.faults[f"{stage}: lasting error"] += 1
            raise FileRejectedError("fault")
        return answer

    # -- what Record file failure and the queue states do

    def _file_failed(self, item: FileItem, stage: str, name: str, cause: str) -> None:
        entry = self.ledger.get(item.feed_id, item.file_id)
        if entry is None or entry["run"] != item.run or entry["status"] not in {*IN_WORK, "FAILED"}:
            return
        at, run_id = self.now.isoformat(), item.run.rsplit(":", 1)[-1]
        values = {"status": "FAILED", "error": name, "cause": cause, "stage": stage, "failed_at": at}
        self.ledger.advance(item, **values, retryable=cause_of(name).retryable, unfinished=f"failed#{run_id}#{at}")
        file = {"path": item.path, "size": item.size, "mtime": item.mtime, "file_id": item.file_id}
        resume = {"trigger": "reprocess", "files": [{"feed_id": item.feed_id, "file_id": item.file_id}]}
        self._send("file", item, stage, name, item.run, resume, file, item.file_id)

    def _feed_failed(self, item: FeedItem, event: dict[str, Any], error: LakeferryError) -> None:
        resume: dict[str, Any] = {"trigger": "reprocess", "feeds": [item.feed_id]}
        if "files" in event:
            files = [{"feed_id": item.feed_id, "file_id": name} for name in event["files"]]
            resume = {"trigger": "reprocess", "files": files}
        self._send("feed", item, "Poll server", type(error).__name__, item.run, resume, None, repr(event))

    def _send(
        self, kind: str, item: FeedItem | FileItem, stage: str, error: str, run: str, resume: Any, file: Any, key: str
    ) -> None:
        letter = {
            **{"version": 1, "kind": kind, "tenant": item.tenant, "feed": item.feed, "file": file, "stage": stage},
            **{"error": error, "cause": "fault", "link": "https://console", "attempt": 1, "run": run},
            **{"execution": run, "at": self.now.isoformat(), "resume": resume},
        }
        once = hashlib.sha256(f"{run} {kind} {item.feed_id} {key}".encode()).hexdigest()
        self.sqs.send_message(
            QueueUrl=self.queue, MessageBody=json.dumps(letter), MessageGroupId=once, MessageDeduplicationId=once
        )
