"""What is taken again, when, and what becomes of its message."""

import json
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lakeferry.errors import RemoteAccessError, ReprocessInvalidError, ServerUnavailableError
from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from lakeferry.models import FeedItem, FileItem
from lakeferry.runs import dead_letters
from lakeferry.runs.dead_letters import DeadLetterQueue
from lakeferry.runs.running import RunningRuns
from poll.core import Surroundings as PollSurroundings
from poll.given import claim_given
from reprocess.backfill import backfill
from reprocess.core import Surroundings, reprocess
from reprocess.decide import Decider
from reprocess.executions import MAX_INPUT_BYTES, Starter, inputs_of_files
from reprocess.request import Backfill, Request
from tests.conftest import OTHER_RUN, RUN, feed_document
from tests.unit.pipeline import CSV, Pipeline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs import SQSClient

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DEFINITION = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}'
FEED = "acme/daily_sales"


@dataclass
class Desk:
    """Ledger, queue and state machine of a stack."""

    feeds: "Table"
    ledger: Ledger
    sqs: "SQSClient"
    url: str
    machine: str
    sent: int = 0

    def fail(
        self, name: str = "a.csv", *, error: str = "ServerUnavailableError", minutes: int = 60, **more: Any
    ) -> FileItem:
        """A file that failed so many minutes ago, and its message."""
        item = FileItem("acme", "daily_sales", RUN, f"/out/{name}", 10, 1)
        self.ledger.claim(item, dt="2026-11-23", entry=self.ledger.get(FEED, item.file_id))
        at = (NOW - timedelta(minutes=minutes)).isoformat()
        values = {
            "status": "FAILED",
            "error": error,
            "stage": "Fetch files",
            "failed_at": at,
            "unfinished": f"failed#run-1#{at}",
        }
        self.ledger.advance(item, **values, retryable=error == "ServerUnavailableError", **more)
        file = {"path": item.path, "size": 10, "mtime": 1, "file_id": item.file_id}
        self.send(
            error=error,
            at=at,
            file=file,
            resume={"trigger": "reprocess", "files": [{"feed_id": FEED, "file_id": item.file_id}]},
        )
        return item

    def send(self, **changes: Any) -> None:
        letter: dict[str, Any] = {
            **{
                "version": 1,
                "kind": "file",
                "tenant": "acme",
                "feed": "daily_sales",
                "file": None,
                "stage": "Fetch files",
            },
            **{"error": "ServerUnavailableError", "cause": "down", "link": "https://x", "attempt": 1, "run": RUN},
            **{"execution": RUN, "at": (NOW - timedelta(hours=1)).isoformat()},
            **changes,
        }
        self.sent += 1
        once = f"m{self.sent}"
        self.sqs.send_message(
            QueueUrl=self.url, MessageBody=json.dumps(letter), MessageGroupId=once, MessageDeduplicationId=once
        )

    def call(self, now: datetime = NOW, **event: Any) -> dict[str, Any]:
        states = boto3.client("stepfunctions")
        around = Surroundings(
            feeds=self.feeds,
            ledger=self.ledger,
            queue=DeadLetterQueue(self.sqs, self.url),
            starter=Starter(states, self.machine, now),
            decider=Decider(Request.from_event(event), RunningRuns(states), 3, now),
        )
        return reprocess(around)

    def by_hand(self, **event: Any) -> dict[str, Any]:
        return self.call(dry_run=False, **event)

    def by_schedule(self, now: datetime = NOW) -> dict[str, Any]:
        return self.call(now, by="schedule")

    def inputs(self) -> list[dict[str, Any]]:
        states = boto3.client("stepfunctions")
        found = states.list_executions(stateMachineArn=self.machine)["executions"]
        return [json.loads(states.describe_execution(executionArn=one["executionArn"])["input"]) for one in found]

    def waiting(self) -> int:
        """Messages a reader would see."""
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def hidden(self) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        return int(answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"])


@pytest.fixture
def desk(ledger: Ledger, feeds_table: "Table") -> Desk:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    machine = boto3.client("stepfunctions").create_state_machine(
        name="ingest", definition=DEFINITION, roleArn="arn:aws:iam::123456789012:role/r"
    )["stateMachineArn"]
    put_feed(feeds_table, feed_document())
    return Desk(feeds_table, ledger, sqs, url, machine)


def test_a_call_by_hand_only_tells_unless_it_says_otherwise(desk: Desk) -> None:
    desk.fail()
    told = desk.call(feed=FEED)
    assert (told["dry_run"], told["start"], told["executions"]) == (True, 1, [])
    assert desk.inputs() == []
    assert desk.waiting() == 1


def test_a_file_is_started_by_its_ledger_key_and_its_message_hidden_until_that_is_settled(desk: Desk) -> None:
    item = desk.fail(error="FileRejectedError")
    told = desk.by_hand(feed=FEED)
    assert desk.inputs() == [{"trigger": "reprocess", "files": [{"feed_id": FEED, "file_id": item.file_id}]}]
    assert len(told["executions"]) == 1
    assert (desk.waiting(), desk.hidden()) == (0, 1)


@pytest.mark.parametrize("status", ["UPLOADED", "CURATED", "SUPERSEDED", "DUPLICATE", "RELEASED"])
def test_the_message_of_a_file_that_is_settled_is_removed(desk: Desk, status: str) -> None:
    desk.ledger.advance(desk.fail(), status=status, remove=("unfinished",))
    assert desk.by_schedule()["settled"] == 1
    assert desk.inputs() == []
    assert (desk.waiting(), desk.hidden()) == (0, 0)


def test_a_file_a_running_run_has_is_left_to_it_and_a_dead_ones_is_started(desk: Desk) -> None:
    item = desk.fail()
    states = boto3.client("stepfunctions")
    running = states.start_execution(stateMachineArn=desk.machine, name="other", input='{"trigger": "other"}')[
        "executionArn"
    ]
    claimed = (NOW - timedelta(hours=1)).isoformat()
    desk.ledger.advance(item, status="CLAIMED", run=running, claimed_at=claimed)
    assert desk.by_schedule()["under_way"] == 1
    states.stop_execution(executionArn=running)
    assert desk.by_schedule()["start"] == 1
    assert {"trigger": "reprocess", "files": [{"feed_id": FEED, "file_id": item.file_id}]} in desk.inputs()


@pytest.mark.parametrize(("attempts", "waits_minutes"), [(1, 15), (2, 30)])
def test_the_schedule_waits_longer_after_each_attempt(desk: Desk, attempts: int, waits_minutes: int) -> None:
    desk.fail(minutes=waits_minutes - 1, attempts=attempts)
    assert desk.by_schedule()["start"] == 0
    assert desk.waiting() == 1
    assert desk.by_schedule(NOW + timedelta(minutes=1))["start"] == 1


@pytest.mark.parametrize(
    ("error", "attempts", "reason"),
    [("FileRejectedError", 1, "would fail the same way"), ("ServerUnavailableError", 3, "3 attempts failed")],
)
def test_what_cannot_pass_by_itself_waits_for_a_person(desk: Desk, error: str, attempts: int, reason: str) -> None:
    desk.fail(error=error, attempts=attempts, minutes=10_000)
    told = desk.by_schedule()
    assert (told["start"], told["waits"], desk.inputs(), desk.waiting()) == (0, 1, [], 1)
    assert reason in told["open"][0]["reason"]
    assert desk.by_hand(file="a.csv")["start"] == 1


@pytest.mark.parametrize(
    ("event", "names"),
    [
        ({"all": True}, {"a.csv", "b.csv"}),
        ({"tenant": "acme"}, {"a.csv", "b.csv"}),
        ({"tenant": "acme", "feed": "daily_sales"}, {"a.csv", "b.csv"}),
        ({"tenant": "globex"}, set()),
        ({"error": "FileRejectedError"}, {"b.csv"}),
        ({"file": "b.csv"}, {"b.csv"}),
        ({"file": "/out/a.csv"}, {"a.csv"}),
        ({"file": "/out/a.csv#10#1"}, {"a.csv"}),
        ({"runs": True}, set()),
    ],
)
def test_what_is_asked_for_is_taken_and_nothing_else(desk: Desk, event: dict[str, Any], names: set[str]) -> None:
    desk.fail("a.csv")
    desk.fail("b.csv", error="FileRejectedError")
    told = desk.call(**event)
    assert {one["file"].split("#")[0].split("/")[-1] for one in told["open"] if one["decision"] == "start"} == names


def test_a_message_that_was_lost_or_never_sent_does_not_matter(desk: Desk) -> None:
    desk.fail()
    desk.sqs.purge_queue(QueueUrl=desk.url)
    assert desk.by_schedule()["start"] == 1


def test_of_several_messages_of_one_file_the_newest_stays(desk: Desk) -> None:
    desk.fail(minutes=300)
    desk.fail(minutes=1)
    assert desk.by_schedule()["waits"] == 1
    assert desk.waiting() == 1


def test_two_passes_at_once_start_one_execution(desk: Desk) -> None:
    desk.fail()
    first, second = desk.by_schedule(), desk.by_schedule()
    assert first["executions"] == second["executions"]
    assert len(desk.inputs()) == 1


def test_a_feed_is_polled_again_and_its_message_goes_once_a_poll_succeeded(desk: Desk) -> None:
    resume = {"trigger": "reprocess", "feeds": [FEED]}
    desk.send(kind="feed", stage="Poll server", resume=resume)
    assert desk.by_schedule()["start"] == 1
    assert desk.inputs() == [resume]
    desk.ledger.feeds.note_poll(FEED, RUN)
    desk.send(kind="feed", stage="Poll server", resume=resume)
    told = desk.by_schedule()
    assert (told["settled"], desk.waiting()) == (1, 0)


def test_a_run_goes_on_without_polling_and_its_next_failure_counts_on(desk: Desk) -> None:
    letter: dict[str, Any] = {"kind": "run", "tenant": None, "feed": None, "stage": "Run Glue job"}
    desk.send(**letter, error="Lambda.Unknown", attempt=2, resume={"trigger": "reprocess", "feeds": []})
    assert desk.by_hand(runs=True)["start"] == 1
    assert desk.inputs() == [{"trigger": "reprocess", "feeds": [], "attempt": 3}]
    assert (desk.waiting(), desk.hidden()) == (0, 0)


def test_an_unreadable_message_is_told_of_and_stays(desk: Desk) -> None:
    desk.sqs.send_message(QueueUrl=desk.url, MessageBody="?", MessageGroupId="g", MessageDeduplicationId="d")
    assert "not JSON" in desk.by_schedule()["unreadable"][0]
    assert desk.hidden() == 1


def test_where_no_execution_can_be_started_every_message_is_shown_again(desk: Desk) -> None:
    desk.fail()
    broken = replace_machine(desk)
    with pytest.raises(Exception, match="StateMachineDoesNotExist"):
        broken.by_schedule()
    assert desk.waiting() == 1


def replace_machine(desk: Desk) -> Desk:
    return replace(desk, machine=desk.machine.replace("ingest", "nowhere"))


@pytest.mark.parametrize(
    ("event", "match"),
    [
        ({}, "name what to take"),
        ({"dry_run": False}, "name what to take"),
        ({"feeds": "x"}, "does not know feeds"),
        ({"feed": "sales"}, "needs its tenant"),
        ({"all": True, "dry_run": "no"}, "neither true nor false"),
        ({"backfill": {"feed": FEED}}, "from, to missing"),
        ({"backfill": {"feed": FEED, "from": "2026-11-02", "to": "2026-11-01"}}, "no range"),
        ({"backfill": {"feed": FEED, "from": "x", "to": "2026-11-01"}}, "are dates"),
        ({"backfill": {"feed": FEED, "from": "2026-11-01", "to": "2026-11-01", "source": "tape"}}, "is none of"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused_by_name(event: dict[str, Any], match: str) -> None:
    with pytest.raises(ReprocessInvalidError, match=match):
        Request.from_event(event)


def test_many_files_are_several_executions_none_too_large() -> None:
    files = [{"feed_id": FEED, "file_id": f"/out/{'x' * 800}{number}#1#1"} for number in range(1000)]
    inputs = list(inputs_of_files(files, trigger="reprocess"))
    assert len(inputs) == 5
    assert [file for one in inputs for file in one["files"]] == files
    assert all(len(json.dumps(one)) < MAX_INPUT_BYTES + 1000 for one in inputs)


# -- many messages


def counted(desk: Desk) -> Counter[str]:
    """Calls of SQS from now on."""
    calls: Counter[str] = Counter()
    desk.sqs.meta.events.register("before-call.sqs", lambda model, **_: calls.update([model.name]))
    return calls


def fails_in_a_batch(desk: Desk, operation: str, number: str) -> None:
    """That entry of each call has no effect, and SQS says so."""
    events = desk.sqs.meta.events

    def leave_out(params: Any, **_: Any) -> Any:
        return params | {"Entries": [entry for entry in params["Entries"] if entry["Id"] != number]}

    def say(parsed: Any, **_: Any) -> None:
        parsed["Failed"] = [{"Id": number, "Code": "InternalError", "SenderFault": False}]

    events.register(f"provide-client-params.sqs.{operation}", leave_out)
    events.register(f"after-call.sqs.{operation}", say)


def test_messages_are_answered_ten_a_call(desk: Desk) -> None:
    for number in range(25):
        desk.fail(f"{number}.csv", error="FileRejectedError")
    for number in range(12):
        desk.ledger.advance(desk.fail(f"settled-{number}.csv"), status="CURATED", remove=("unfinished",))
    calls = counted(desk)
    told = desk.by_schedule()
    assert (told["waits"], told["settled"]) == (25, 12)
    assert calls == {"ReceiveMessage": 5, "ChangeMessageVisibilityBatch": 3, "DeleteMessageBatch": 2}
    assert (desk.waiting(), desk.hidden()) == (25, 0)


def test_a_message_that_stays_is_checked_once_a_process(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    validator = dead_letters._validator

    def noted() -> Any:
        checked.append("")
        return validator()

    monkeypatch.setattr(dead_letters, "_validator", noted)
    desk.fail("of this test alone.csv", error="FileRejectedError")
    assert [desk.by_schedule()["waits"] for _ in range(3)] == [1, 1, 1]
    assert len(checked) == 1


def test_what_is_known_to_be_a_letter_takes_no_more_memory_than_some_digests(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "_CHECKED", known := set[bytes]())
    monkeypatch.setattr(dead_letters, "_MOST_CHECKED", 3)
    for number in range(5):
        desk.fail(f"{number}.csv", error="FileRejectedError")
    assert [desk.by_schedule()["waits"] for _ in range(2)] == [5, 5]
    assert len(known) <= 3
    assert {len(one) for one in known} == {32}


def test_what_fails_of_a_batch_is_asked_for_alone(desk: Desk) -> None:
    for number in range(12):
        desk.fail(f"{number}.csv", error="FileRejectedError")
        desk.ledger.advance(desk.fail(f"settled-{number}.csv"), status="CURATED", remove=("unfinished",))
    for operation in ("ChangeMessageVisibilityBatch", "DeleteMessageBatch"):
        fails_in_a_batch(desk, operation, "1")
    calls = counted(desk)
    told = desk.by_schedule()
    assert (told["waits"], told["settled"]) == (12, 12)
    assert (calls["ChangeMessageVisibility"], calls["DeleteMessage"]) == (2, 2), "of two batches each"
    assert (desk.waiting(), desk.hidden()) == (12, 0)


def test_a_message_that_is_visible_again_already_is_passed_over_and_other_refusals_are_not(desk: Desk) -> None:
    for name in ("a.csv", "b.csv"):
        desk.fail(name)
    queue = DeadLetterQueue(desk.sqs, desk.url)
    letters = list(queue.receive(300))
    queue.hide([*letters, replace(letters[0], receipt="of another time")], 0)
    assert desk.waiting() == 2
    fails_in_a_batch(desk, "ChangeMessageVisibilityBatch", "0")
    refused: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}

    def refuse(**_: Any) -> None:
        raise ClientError(refused, "ChangeMessageVisibility")

    desk.sqs.meta.events.register("before-call.sqs.ChangeMessageVisibility", refuse)
    with pytest.raises(ClientError, match="AccessDenied"):
        queue.hide(letters, 0)


# -- a file that is in the lake, and is taken once more


def once_more(pipeline: Pipeline, item: FileItem, run: str, source: str | None) -> list[FileItem]:
    around = PollSurroundings(
        lambda: pipeline.server, pipeline.ledger, pipeline.s3, "work", "lake", lambda run: False, time.time, time.sleep
    )
    result = claim_given(pipeline.feed, FeedItem("acme", "daily_sales", run, (item.file_id,), source), around)
    if not result["files"]:
        return []
    body = pipeline.s3.get_object(Bucket=result["bucket"], Key=result["key"])["Body"].read()
    return [FileItem.from_event(one) for one in json.loads(body)]


def curated(pipeline: Pipeline) -> tuple[FileItem, Path]:
    path = pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    pipeline.ledger.advance(item, status="CURATED", rows_curated=2, rows_dropped={}, remove=("pending",))
    return item, path


def fails(pipeline: Pipeline, item: FileItem, error: Exception, **changes: Any) -> None:
    """What the state machine leaves of it."""
    at = (NOW - timedelta(hours=1)).isoformat()
    failure = {"status": "FAILED", "error": type(error).__name__, "cause": str(error), "stage": "Fetch files"}
    named = {"failed_at": at, "unfinished": f"failed#run-1#{at}", "retryable": False}
    pipeline.ledger.advance(item, **{**failure, **named, **changes})


def test_a_file_that_cannot_be_fetched_once_more_is_as_it_was_and_can_be_taken_from_the_inbox(
    desk: Desk, pipeline: Pipeline
) -> None:
    item, path = curated(pipeline)
    before = pipeline.ledger.owned(item)
    path.unlink()
    (again,) = once_more(pipeline, item, OTHER_RUN, "server")
    with pytest.raises(RemoteAccessError, match="take it from the inbox instead") as caught:
        pipeline.fetch(again)
    fails(pipeline, again, caught.value)
    assert desk.by_schedule()["settled"] == 1
    entry = pipeline.ledger.owned(again)
    changed = {name for name in {*before, *entry} if before.get(name) != entry.get(name)}
    assert changed == {"run", "claimed_at", "attempts", "updated_at", "redo_error", "redo_failed_at"}
    assert entry["redo_error"].startswith("RemoteAccessError: /outgoing/sales_20261101.csv cannot be taken")
    (anew,) = once_more(pipeline, item, f"{OTHER_RUN}-2", "inbox")
    pipeline.all(anew)
    assert pipeline.ledger.owned(anew)["status"] == "UPLOADED"
    assert pipeline.raw()[pipeline.ledger.owned(anew)["raw_keys"][0]] == CSV
    assert pipeline.ledger.owned(anew)["arrived_at"] == before["uploaded_at"], "what SLAs count"


@pytest.mark.parametrize("attempts", [1, 3])
def test_one_that_may_pass_is_tried_again_until_its_attempts_are_over(
    desk: Desk, pipeline: Pipeline, attempts: int
) -> None:
    item, _ = curated(pipeline)
    (again,) = once_more(pipeline, item, OTHER_RUN, "server")
    fails(pipeline, again, ServerUnavailableError("down"), retryable=True, attempts=attempts)
    answer = desk.by_schedule()
    assert (answer["start"], answer["settled"]) == ((1, 0) if attempts == 1 else (0, 1))
    assert pipeline.ledger.owned(again)["status"] == ("FAILED" if attempts == 1 else "CURATED")


def test_the_inbox_is_there_for_it_while_it_is_failed(pipeline: Pipeline) -> None:
    """Nobody has to wait for the schedule to follow the advice of the mail."""
    item, path = curated(pipeline)
    path.unlink()
    (again,) = once_more(pipeline, item, OTHER_RUN, "server")
    fails(pipeline, again, RemoteAccessError("gone"))
    (anew,) = once_more(pipeline, item, f"{OTHER_RUN}-2", "inbox")
    pipeline.all(anew)
    assert pipeline.server.reads == [0], "the server was asked once, at first"
    entry = pipeline.ledger.owned(anew)
    assert entry["status"] == "UPLOADED"
    assert not {"landed", "refetch", "unfinished"} & entry.keys()


def test_a_redo_that_fails_after_it_was_validated_has_its_counts_back(desk: Desk, pipeline: Pipeline) -> None:
    item, path = curated(pipeline)
    before = pipeline.ledger.owned(item)
    (again,) = once_more(pipeline, item, OTHER_RUN, "inbox")
    pipeline.fetch(again)
    pipeline.ledger.advance(again, status="VALIDATED", rows_read=9, rows_landed=9, sha256="other", notes=["new"])
    fails(pipeline, again, RemoteAccessError("no"))
    desk.by_schedule()
    entry = pipeline.ledger.owned(again)
    assert path.exists()
    assert [entry.get(name) for name in ("rows_read", "rows_landed", "sha256", "notes")] == [
        before.get(name) for name in ("rows_read", "rows_landed", "sha256", "notes")
    ]


def landed(desk: Desk, name: str, dt: str, status: str) -> str:
    item = FileItem("acme", "daily_sales", RUN, f"/out/{name}", 10, 1)
    desk.ledger.claim(item, dt=dt, entry=None)
    desk.ledger.land(item, {"raw_keys": ["k"], "partition": f"{FEED}/{dt}"}, superseded=[])
    if status == "CURATED":
        desk.ledger.advance(item, status="CURATED", remove=("pending",))
    return item.file_id


@pytest.mark.parametrize("source", ["inbox", "server", "raw"])
def test_a_backfill_takes_a_feeds_files_of_a_range(desk: Desk, source: str) -> None:
    inside = landed(desk, "b.csv", "2026-11-02", "CURATED")
    landed(desk, "a.csv", "2026-11-01", "CURATED")
    landed(desk, "waiting.csv", "2026-11-02", "UPLOADED")
    failed = desk.fail("f.csv")
    asked = Backfill(FEED, date(2026, 11, 2), date(2026, 11, 23), source)
    starter = Starter(boto3.client("stepfunctions"), desk.machine, NOW)
    assert backfill(asked, desk.ledger, starter, dry_run=True)["executions"] == []
    assert desk.inputs() == []
    told = backfill(asked, desk.ledger, starter, dry_run=False)
    (started,) = desk.inputs()
    if source == "raw":
        assert started == {"trigger": "backfill", "feeds": []}
        assert told["files"] == 1
        entry = desk.ledger.get(FEED, inside)
        assert entry is not None
        assert (entry["status"], entry["pending"]) == ("CURATED", "raw")
    else:
        assert started["source"] == source
        assert {file["file_id"] for file in started["files"]} == {inside, failed.file_id}


def test_asked_again_while_the_first_still_runs_it_says_so_and_starts_nothing(desk: Desk, pipeline: Pipeline) -> None:
    file_id = landed(desk, "b.csv", "2026-11-02", "CURATED")
    asked = Backfill(FEED, date(2026, 11, 2), date(2026, 11, 2), "inbox")
    starter = Starter(boto3.client("stepfunctions"), desk.machine, NOW)
    first = backfill(asked, desk.ledger, starter, dry_run=False)
    assert (first["matched"], first["answer"]) == (True, "1 file of 2026-11-02 to 2026-11-02 taken once more.")
    again = backfill(asked, desk.ledger, starter, dry_run=False)
    assert again["executions"] == first["executions"], "before its first state: the same execution"
    entry = desk.ledger.get(FEED, file_id)
    assert entry is not None
    (run,) = first["executions"]
    item = FileItem("acme", "daily_sales", run, entry["path"], entry["size"], entry["mtime"])
    assert desk.ledger.claim(item, dt=entry["dt"], entry=entry, source="inbox")
    meanwhile = backfill(asked, desk.ledger, starter, dry_run=False)
    assert (meanwhile["files"], meanwhile["executions"], meanwhile["matched"]) == (0, [], True)
    assert meanwhile["answer"] == "1 file under way already."
    assert len(desk.inputs()) == 1
    told = desk.by_hand(feed=FEED)
    assert (told["executions"], told["answer"]) == ([], "1 under way already.")


@pytest.mark.parametrize("source", ["inbox", "server", "raw"])
@pytest.mark.parametrize("feed_id", [FEED, "acme/nothing", "nobody/nothing"])
def test_a_backfill_of_what_is_not_there_says_so(desk: Desk, source: str, feed_id: str) -> None:
    asked = Backfill(feed_id, date(2025, 1, 1), date(2025, 1, 2), source)
    told = backfill(asked, desk.ledger, Starter(boto3.client("stepfunctions"), desk.machine, NOW), dry_run=False)
    assert (told["files"], told["executions"], told["matched"]) == (0, [], False)
    assert (
        told["answer"] == f"Feed {feed_id} has no file in the lake, and none that failed, of 2025-01-01 to 2025-01-02."
    )


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        ({"tenant": "nobody"}, "There is no feed of tenant nobody. Nothing failed that you named."),
        ({"feed": "acme/nothing"}, "There is no feed acme/nothing. Nothing failed that you named."),
        ({"error": "NoSuchError"}, "Nothing failed that you named."),
        ({"file": "nothing.csv"}, "Nothing failed that you named."),
        ({"runs": True}, "Nothing failed that you named."),
    ],
)
def test_a_call_that_names_what_is_not_there_is_answered(desk: Desk, event: dict[str, Any], answer: str) -> None:
    desk.fail("a.csv", error="FileRejectedError")
    told = desk.by_hand(**event)
    assert (told["executions"], told["matched"], told["answer"]) == ([], False, answer)


@pytest.mark.parametrize("by_hand", [True, False])
def test_files_of_a_deleted_feed_are_left_with_what_can_be_done_and_no_run_is_started_for_them(
    desk: Desk, by_hand: bool
) -> None:
    desk.fail("a.csv")
    desk.feeds.delete_item(Key={"tenant": "acme", "feed": "daily_sales"})
    told = desk.by_hand(all=True) if by_hand else desk.by_schedule(NOW + timedelta(hours=9))
    (one,) = told["open"]
    assert (one["decision"], told["executions"]) == ("waits", [])
    assert "feeds history acme/daily_sales --restore 1" in one["reason"]
    assert "feeds delete acme/daily_sales --pending drop" in one["reason"]
    put_feed(desk.feeds, feed_document())
    assert len((desk.by_hand(all=True) if by_hand else desk.by_schedule(NOW + timedelta(hours=9)))["executions"]) == 1
