"""Events, bytes, mails and dead letters of large runs, counted by walking the state machine itself (`walking.py`).

test_limits.py computes the same limits from ways that a person wrote down; here the machine finds its own way, and each
expression in it has the data that a run of 10,000 has.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest

from describe.core import describe
from lakeferry.batches import Batch, BatchFile
from lakeferry.feeds import parse_feed
from lakeferry.models import FeedItem, FileItem
from lakeferry.runs.dead_letters import DeadLetter
from tests.conftest import RUN, feed_document
from tests.contract.asl import scopes
from tests.contract.test_limits import EVENTS, listed
from tests.contract.walking import PAYLOAD, Execution, StateFailedError, Walk, evaluated

MANY = 10_000
SUBJECT = 100
"""Characters ("Publish", Amazon SNS API Reference)."""
LETTER = "sqs:sendMessage"
MAIL = "sns:publish"
FOLLOWING = {"Fetch files": "Validate files", "Validate files": "Upload files", "Upload files": "end"}
REASON = "row 17: amount is 12,50 where a decimal(12,2) is to be. " * 60

Service = Callable[[Any], Any]


class World:
    """A run's services: `feeds` feeds, `files` new files in each; and what goes wrong."""

    def __init__(self, feeds: int, files: int, *, poll: str | None = None, validate: str | None = None) -> None:
        self.feeds = [FeedItem("acme", f"feed_{'n' * 36}_{number:05}", RUN, deadline=2**31) for number in range(feeds)]
        self.paths = [f"/outgoing/{'p' * 100}/sales_20261124_{number:05}.csv" for number in range(files)]
        self._poll_error, self._validate_error = poll, validate
        feed = parse_feed(feed_document())
        told, batches = listed(feed, [FileItem("acme", "daily_sales", RUN, path, 100_000, 1) for path in self.paths])
        self.told, self.files = {**told, "max_connections": 4}, files
        mail = dict(describe(_failure(self.feeds[0]), "lake").to_json())
        self.lists = {
            "feeds.json": [item.to_json() for item in self.feeds],
            told.get("key", "none"): batches,
            # of one size; the summary is the first, as reconcile writes them
            "mails.json": [mail | {"event": "run_succeeded"}, *[mail | {"event": "feed_succeeded"}] * feeds],
        }
        self.services: dict[str, Service] = {
            "ListFeedsFunctionArn": lambda _: {"bucket": "work", "key": "feeds.json", "feeds": feeds},
            "PollFunctionArn": self.poll,
            **{f"{stage}FunctionArn": self.stage for stage in ("Fetch", "Validate", "Upload")},
            "PlanCrawlFunctionArn": lambda _: {"crawl": False},
            "ReconcileFunctionArn": lambda _: {"mails": {"count": feeds + 1, "bucket": "work", "key": "mails.json"}},
            "DescribeFunctionArn": lambda payload: describe(payload, "lake").to_json(),
            "glue:startJobRun.sync": lambda _: {"JobRunState": "SUCCEEDED"},
            "dynamodb:query": self.query,
            "dynamodb:updateItem": self.update,
            LETTER: lambda _: {"MessageId": "m", "SequenceNumber": "1"},
            MAIL: lambda _: {"MessageId": "m"},
        }

    def poll(self, _: Any) -> Any:
        if self._poll_error:
            raise StateFailedError(self._poll_error, json.dumps({"errorMessage": REASON}))
        return self.told

    def stage(self, payload: Any) -> Any:
        batch = Batch.from_event(payload)
        stage = payload.get("next") or "Fetch files"
        if stage == "Validate files" and self._validate_error:
            batch.failed = [_failed(batch, file, self._validate_error) for file in batch.files]
            batch.files = []
        elif stage == "Upload files":
            batch.outcomes, batch.files = ["UPLOADED"] * len(batch.files), []
        return batch.to_json(FOLLOWING[stage])

    def query(self, arguments: Any) -> Any:
        if arguments["IndexName"] == "pending":
            return {"Count": 1, "Items": [{}]}
        texts = {"path": self.paths[0], "error": "FileRejectedError", "stage": "Validate files", "cause": REASON}
        return {"Count": 5, "Items": [{name: {"S": text} for name, text in texts.items()}] * 5}

    def update(self, arguments: Any) -> Any:
        if arguments["ReturnValues"] == "ALL_OLD":
            return {}
        return {"Attributes": {"attempts": {"N": "1"}, "retryable": {"BOOL": False}}}

    def walk(self, most: int = 4, **more: Any) -> tuple[Execution, dict[str, list[Execution]]]:
        """The run, and all executions that were walked, by workflow."""
        walk = Walk(self.services, self.lists, most=most, **more)
        run = walk.run({"trigger": "schedule", "time": "2026-11-24T06:00:00Z"}, RUN)
        found: dict[str, list[Execution]] = {name: [] for name in ("run", "feed", "batch", "mail")}
        for one in walk.executions:
            found[one.workflow].append(one)
        return run, found


def _failed(batch: Batch, file: BatchFile, error: str) -> dict[str, Any]:
    """As `lakeferry.batches` has it, with as much of a cause as a batch of so many files has room for."""
    names = {"tenant": batch.tenant, "feed": batch.feed, "feed_id": batch.feed_id, "run": batch.run}
    cause = REASON[: 80_000 // len(batch.files)]
    return {**file.to_json(), **names, "stage": "Validate files", "error": error, "cause": cause}


def _failure(item: FeedItem) -> dict[str, Any]:
    told = {"stage": "Poll server", "error": "LoginRejectedError", "cause": REASON, "attempt": 1}
    return {"event": "feed_failed", "tenant": item.tenant, "feed": item.feed, "run": RUN, **told}


def assert_within(executions: dict[str, list[Execution]]) -> None:
    """No execution is near the limits: a fifth of the events; the bytes of each input, output and variable."""
    for one in (execution for found in executions.values() for execution in found):
        assert one.events.total() < EVENTS // 5, (one.workflow, one.events)
        assert max(one.largest.values()) < PAYLOAD, (one.workflow, one.largest)


def letters(executions: list[Execution]) -> list[dict[str, Any]]:
    return [arguments for execution in executions for arguments in execution.called(LETTER)]


def groups(scope: str, names: list[str], variables: list[dict[str, Any]]) -> set[str]:
    """Message groups of as many dead letters, each with as many messages as it is there: one.

    The machine's own expression says what some of them are, and that the others are made alike.

    Args:
        names: What of each is hashed, after the run.
        variables: What the expression sees, of the first.
    """
    (found,) = [
        body["Arguments"] for name, body in scopes()[scope]["States"].items() if name.endswith("to dead-letter queue")
    ]
    group = found["MessageGroupId"]
    assert group == found["MessageDeduplicationId"], "a message that is sent twice is there once; no other is dropped"
    made = [hashlib.sha256(f"{RUN} {name}".encode()).hexdigest() for name in names]
    assert [evaluated(group, one) for one in variables] == made[: len(variables)]
    assert len(set(made)) == len(names)
    return set(made)


def test_every_event_that_is_counted_is_one_of_step_functions() -> None:
    shape: Any = botocore.session.get_session().get_service_model("stepfunctions").shape_for("HistoryEventType")
    _, executions = World(1, 3, validate="FileRejectedError").walk()
    counted = {event for found in executions.values() for one in found for event in one.events}
    assert len(counted) > 20
    assert counted <= set(shape.enum)


def test_a_run_finds_the_way_whose_events_are_computed() -> None:
    run, executions = World(1, 60).walk()
    assert run.failed is None
    assert run.entered == [
        *("List feeds", "Any feeds due?", "For each feed", "Look for pending files", "Anything new?", "Plan crawl"),
        *("Is crawl due?", "Who curates?", "Run Glue job", "Did crawl fail?", "Reconcile run", "For each mail"),
        *("Was everything delivered?", "Run is done"),
    ]
    (feed,) = executions["feed"]
    assert feed.entered == [
        *("Poll server", "Any news of feed?", "For each batch", "Any failures to mail?", "Feed is done"),
    ]
    next_stage = "Which stage is next?"
    for batch in executions["batch"]:
        assert batch.entered == [
            *("Fetch files", next_stage, "Validate files", next_stage, "Upload files", next_stage, "Batch is done"),
        ]
    totals = {name: {one.events.total() for one in found} for name, found in executions.items()}
    assert totals == {"run": {54}, "feed": {19}, "batch": {25}, "mail": {7}}, "as test_limits.py computes them"
    assert feed.output == "60 60 0 0 0"


@pytest.mark.slow
def test_ten_thousand_files_of_a_feed_land() -> None:
    run, executions = World(1, MANY).walk()
    assert_within(executions)
    (feed,) = executions["feed"]
    assert (run.failed, feed.output) == (None, f"{MANY} {MANY} 0 0 0")
    assert feed.stand_for == {"For each batch": 200}
    assert (run.events.total(), feed.events.total()) == (54, 19), "as of a feed with 60 files"
    assert feed.largest["result"] > 9 * MANY, "a word a file"
    assert not letters([one for found in executions.values() for one in found])


@pytest.mark.parametrize("files", [10, 100])
def test_events_of_files_that_fail_grow_with_their_batch_alone(files: int) -> None:
    run, executions = World(1, files, validate="FileRejectedError").walk()
    assert_within(executions)
    (feed,) = executions["feed"]
    assert (run.events.total(), feed.events.total()) == (54, 34)
    way = 2 + 2 * (5 + 2) + 4 + 2  # begun and ended; fetched and validated; the Map itself; done
    each = 2 + 2 + 5 + 5 + 2  # begun and ended; taken, recorded, sent, done
    for batch in executions["batch"]:
        assert batch.events.total() == way + each * len(batch.input["files"])
    sent = letters(executions["batch"])
    assert len(sent) == len({one["MessageGroupId"] for one in sent}) == files
    assert all(one["MessageGroupId"] == one["MessageDeduplicationId"] for one in sent)


@pytest.mark.slow
def test_ten_thousand_files_of_a_feed_fail() -> None:
    """As many dead letters, each a group of its own, and one mail."""
    world = World(1, MANY, validate="FileRejectedError")
    run, executions = world.walk(most=2)
    assert_within(executions)
    (feed,) = executions["feed"]
    assert (run.failed, feed.output) == (None, f"{MANY} 0 {MANY} 0 0")
    assert feed.stand_for == {"For each batch": 200}
    sent = letters(executions["batch"])
    assert len(sent) * 200 == MANY * len(executions["batch"])
    assert max(len(json.dumps(one["MessageBody"]).encode()) for one in sent) < 8_000
    assert {DeadLetter.parse(json.dumps(one["MessageBody"])).kind for one in sent} == {"file"}
    (mail,) = feed.called(MAIL)
    assert len(mail["Subject"]) <= SUBJECT
    assert "10,000 files" in mail["Subject"] + mail["Message"]
    assert len(mail["Message"].encode()) < PAYLOAD
    in_feed = {"tenant": "acme", "feed": "daily_sales", "feed_id": "acme/daily_sales", "run": RUN}
    file_ids = [f"{path}#100000#1" for path in world.paths]
    variables = [{"file": {**in_feed, "file_id": file_id}} for file_id in file_ids[:100]]
    found = groups("file", [f"acme/daily_sales {file_id}" for file_id in file_ids], variables)
    assert len(found) == MANY
    assert {one["MessageGroupId"] for one in sent} <= found


@pytest.mark.slow
def test_ten_thousand_feeds_have_nothing_new() -> None:
    run, executions = World(MANY, 0).walk()
    assert_within(executions)
    assert run.failed is None
    assert run.stand_for == {"For each feed": MANY, "For each mail": MANY + 1}
    assert run.events.total() == 54
    assert {one.events.total() for one in executions["feed"]} == {11}
    assert run.largest["result"] > 11 * MANY, "five numbers a feed"


@pytest.mark.slow
def test_ten_thousand_feeds_fail() -> None:
    """A dead letter and a mail each, on the first day of an outage; no other way is taken by any of them."""
    world = World(MANY, 0, poll="LoginRejectedError")
    run, executions = world.walk()
    assert_within(executions)
    assert run.failed is None
    assert run.events.total() == 54
    for one in executions["feed"]:
        assert one.events.total() == 33
        assert one.entered == [
            *("Poll server", "Read feed cause", "Record feed failure", "Send feed to dead-letter queue"),
            *("Is failure news?", "Describe failure", "Mail failure", "Feed is done"),
        ]
    mails = [mail for one in executions["feed"] for mail in one.called(MAIL)]
    assert len(mails) == len({mail["Subject"] for mail in mails}) == len(executions["feed"]), "one each, by its name"
    assert max(len(mail["Subject"]) for mail in mails) <= SUBJECT
    sent = letters(executions["feed"])
    assert len(sent) == len(executions["feed"])
    variables = [{"item": one.to_json(), "feedId": one.feed_id} for one in world.feeds[:100]]
    found = groups("feed", [one.feed_id for one in world.feeds], variables)
    assert len(found) == MANY
    assert {one["MessageGroupId"] for one in sent} <= found


@pytest.mark.parametrize(
    ("failed_item", "error"),
    [(lambda error: None, "FailuresNotDelivered"), (StateFailedError.to_json, "DataLimitExceeded")],
    ids=["null", "cause"],
)
def test_a_queue_that_takes_nothing_ends_the_run_as_failed(failed_item: Service, error: str) -> None:
    """Each letter is sent six times. What a Map has of a failed item, null or its cause, is documented nowhere."""
    world = World(100, 0, poll="LoginRejectedError")

    def refuses(_: Any) -> Any:
        raise StateFailedError("SQS.SqsException", "Service unavailable")

    world.services[LETTER] = refuses
    run, executions = world.walk(failed_item=failed_item)
    assert run.failed is not None
    assert run.failed.error == error
    assert ("100 messages" in run.failed.cause) is (error == "FailuresNotDelivered")
    assert run.events.total() < 75
    assert {one.events["TaskFailed"] for one in executions["feed"]} == {1 + 6}
    assert {one.failed.error for one in executions["feed"] if one.failed} == {"LoginRejectedError"}
