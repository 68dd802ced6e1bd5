"""Batches through fetch, validate and upload as the state machine takes them."""

import json
from collections.abc import Callable
from typing import Any

from fetch.batch import fetch_batch
from lakeferry.batches import Batch
from lakeferry.decode import DecodeKeys
from lakeferry.models import FeedItem
from poll.core import Surroundings, poll
from poll.dealing import Limits
from tests.conftest import RUN
from tests.unit.conftest import SETTINGS
from tests.unit.pipeline import Pipeline
from upload.batch import upload_batch
from validate.batch import validate_batch


class Batches:
    """A pipeline's feed, in batches.

    Attributes:
        waited: Seconds that the machine waited, each time.
        calls: Stages called.
    """

    def __init__(self, pipeline: Pipeline, most: int = 50) -> None:
        self.pipeline, self.most = pipeline, most
        self.seconds: Callable[[], float] = lambda: 900.0
        self.waited: list[int] = []
        self.calls: list[str] = []
        self.connected = 0

    def poll(self, run: str = RUN) -> list[dict[str, Any]]:
        pipeline = self.pipeline
        around = Surroundings(
            lambda: pipeline.server, pipeline.ledger, pipeline.s3, "work", "lake", lambda run: False,
            clock=lambda: pipeline.now, sleep=pipeline.sleep, limits=Limits(self.most, 64 * 1024 * 1024),
        )  # fmt: skip
        found = poll(pipeline.feed, FeedItem("acme", "daily_sales", run, in_batches=True), around)
        if not found["files"]:
            return []
        body = pipeline.s3.get_object(Bucket=found["bucket"], Key=found["key"])["Body"].read()
        batches: list[dict[str, Any]] = json.loads(body)
        return batches

    def connect(self) -> Any:
        self.connected += 1
        return self.pipeline.server

    def call(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The stage that is next."""
        pipeline, given, stage = self.pipeline, Batch.from_event(batch), batch["next"]
        self.calls.append(stage)
        aws = pipeline.ledger, pipeline.s3, SETTINGS, self.seconds
        if stage == "Fetch files":
            return fetch_batch(given, pipeline.feed, self.connect, *aws)
        if stage == "Validate files":
            return validate_batch(given, pipeline.feed, DecodeKeys(), *aws)
        answer, _ = upload_batch(given, pipeline.feed, self.connect, *aws)
        return answer

    def through(self, batch: dict[str, Any]) -> dict[str, Any]:
        """All stages, as often as it takes; what the machine's `Which stage is next?` does."""
        while batch["next"] != "end":
            if batch["next"] == "Fetch files" and batch["wait"]:
                self.waited.append(batch["wait"])
            batch = self.call(json.loads(json.dumps(batch)))
        return batch

    def run(self, run: str = RUN) -> list[dict[str, Any]]:
        return [self.through(batch) for batch in self.poll(run)]
