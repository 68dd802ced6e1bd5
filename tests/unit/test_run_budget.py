"""What a run has no time for is left with what there is of it, and the next run goes on from there."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from fetch.batch import fetch_batch
from lakeferry.batches import BUSY_WAIT, Batch
from lakeferry.decode import DecodeKeys
from lakeferry.errors import LoginRejectedError, ServerUnavailableError
from lakeferry.feeds import parse_feed, put_feed
from lakeferry.ledger import LEFT_AT, LEFT_RUNS, Ledger
from lakeferry.mails.delays import EVERY_RUNS, FIRST_RUNS
from lakeferry.models import FeedItem, FileItem
from lakeferry.runs.budget import ASK_EVERY_SECONDS, BEGIN_SECONDS, Budget
from list_feeds.core import list_feeds
from list_feeds.order import SHORTEST_PART, SLOTS, dealt, shares
from poll.core import Surroundings
from poll.in_time import limited, poll_in_time
from reprocess.decide import LEFT_DELAY, Decider
from reprocess.request import Request
from tests.conftest import OTHER_RUN, RUN, feed_document
from tests.unit.batches import Batches
from tests.unit.conftest import SETTINGS, FolderServer
from tests.unit.pipeline import CSV, Pipeline, files
from tests.unit.test_batches import KilledError, kill_at
from upload.batch import upload_batch
from validate.batch import LONGEST_SECONDS, seconds_for, validate_batch

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

FEED = "acme/daily_sales"
MIB = 1024 * 1024


class Clock:
    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def with_left(seconds: float) -> Budget:
    return Budget(seconds, clock=lambda: 0.0)


# -- the budget


def test_a_run_without_a_deadline_has_all_the_time() -> None:
    assert Budget().allows(10**9)


def test_a_part_ends_only_while_others_wait() -> None:
    clock, waiting = Clock(), [True]
    budget = Budget(2700, 600, lambda: not waiting[0], clock)
    assert budget.left() == 600
    clock.now = 590
    assert budget.left() == 10
    waiting.clear()
    waiting.append(False)
    clock.now += ASK_EVERY_SECONDS - 1
    assert budget.left() < 0, "asked again only now and then"
    clock.now += 1
    assert budget.left() == 2700 - clock.now
    clock.now = 2701
    assert budget.left() == -1


# -- the order


def item(tenant: str, number: int) -> FeedItem:
    return FeedItem(tenant, f"f{number}", RUN)


def test_feeds_are_dealt_round_robin_over_tenants_those_that_were_slow_last() -> None:
    items = [item("acme", at) for at in range(4)] + [item("globex", at) for at in range(2)]
    order = dealt(items, {"acme/f0", "globex/f1"}, 2700)
    assert [one.feed_id for one in order] == ["acme/f1", "globex/f0", "acme/f2", "acme/f3", "acme/f0", "globex/f1"]
    assert {one.part for one in order} == {None}, "all of them begin at once"


def test_nobody_gets_more_slots_than_it_wants_and_what_one_leaves_is_the_others() -> None:
    assert shares({"a": 1, "b": 10, "c": 500}, 100) == {"a": 1, "b": 10, "c": 89}
    assert shares({"a": 60, "b": 60, "c": 5}, 100) == {"a": 47.5, "b": 47.5, "c": 5}


def test_a_tenant_with_more_feeds_than_its_share_gets_its_share_of_the_time() -> None:
    counts = {"acme": 150, "globex": 60, "initech": 3}
    order = dealt([item(tenant, at) for tenant, count in counts.items() for at in range(count)], set(), 2700)
    assert Counter(one.tenant for one in order) == counts
    parts = {one.tenant: one.part for one in order}
    share = (SLOTS - 3) / 2
    assert parts == {"acme": int(2700 * share / 150), "globex": int(2700 * share / 60), "initech": None}
    # whatever a tenant's servers do, together they hold no more slots than that
    assert 150 * int(parts["acme"] or 0) <= 2700 * share
    assert [one.is_last for one in order] == [False] * 212 + [True]


def test_no_part_is_too_short_to_take_a_file() -> None:
    order = dealt([item("acme", at) for at in range(5000)] + [item("globex", 1)], set(), 2700)
    assert {one.part for one in order if one.tenant == "acme"} == {SHORTEST_PART}


NOW = datetime(2030, 1, 1, 6, 0, 5, tzinfo=UTC)


def listed(feeds_table: "Table", ledger: Ledger, s3: "S3Client", minutes: int = 45) -> list[dict[str, Any]]:
    found = list_feeds(feeds_table, ledger, s3, "work", RUN, {}, NOW, minutes)
    items: list[dict[str, Any]] = json.loads(s3.get_object(Bucket="work", Key=found["key"])["Body"].read())
    return items


def test_a_deadline_travels_in_the_item_and_on_into_the_batches(
    feeds_table: "Table", ledger: Ledger, s3: "S3Client", pipeline: Pipeline
) -> None:
    put_feed(feeds_table, feed_document())
    (found,) = listed(feeds_table, ledger, s3, 30)
    deadline = NOW.timestamp() + 1800
    assert found["deadline"] == deadline
    event = {**found, "part": 600, "began": "2030-01-01T06:01:00.500Z", "in_batches": True}
    given = FeedItem.from_event(event)
    pipeline.configure(files=files())
    pipeline.put("a.csv", CSV)
    answer = poll_in_time(pipeline.feed, given, around(pipeline))
    (batch,) = json.loads(s3.get_object(Bucket="work", Key=answer["key"])["Body"].read())
    assert (batch["deadline"], batch["part_ends"]) == (deadline, int(NOW.timestamp()) + 55 + 600)
    again = Batch.from_event(batch).to_json("Fetch files")
    assert (again["deadline"], again["part_ends"]) == (batch["deadline"], batch["part_ends"])


def test_what_failed_or_was_out_of_time_is_slow_and_due(feeds_table: "Table", ledger: Ledger, s3: "S3Client") -> None:
    for feed in ("aa", "bb", "cc", "dd"):
        put_feed(feeds_table, feed_document(feed=feed, schedule="rate(300000 days)"))
        ledger.feeds.note_poll(f"acme/{feed}", OTHER_RUN)
    assert listed(feeds_table, ledger, s3) == []
    assert [ledger.feeds.note_out_of_time("acme/aa", run) for run in (OTHER_RUN, OTHER_RUN, RUN)] == [1, 0, 2]
    assert [one["feed"] for one in listed(feeds_table, ledger, s3)] == ["aa"]
    for feed in ("bb", "dd"):
        put_feed(feeds_table, feed_document(feed=feed))
    ledger._table.update_item(
        Key={"feed_id": "acme/bb", "file_id": "!feed"},
        UpdateExpression="SET failing_since = :x",
        ExpressionAttributeValues={":x": "2030"},
    )
    assert [one["feed"] for one in listed(feeds_table, ledger, s3)] == ["dd", "aa", "bb"]
    ledger.feeds.note_poll("acme/aa", RUN)
    assert [one["feed"] for one in listed(feeds_table, ledger, s3)] == ["dd", "bb"]
    ledger.feeds.note_poll("acme/bb", RUN)
    ledger.feeds.note_slow("acme/bb", RUN)
    ledger.feeds.note_slow("acme/dd", RUN)  # and polled since
    assert [one["feed"] for one in listed(feeds_table, ledger, s3)] == ["dd", "bb"]
    ledger.feeds.note_poll("acme/bb", OTHER_RUN)
    assert [one["feed"] for one in listed(feeds_table, ledger, s3)] == ["bb", "dd"]


# -- a poll


def around(pipeline: Pipeline, budget: Budget | None = None, connect: Callable[[], Any] | None = None) -> Surroundings:
    return Surroundings(
        connect or (lambda: pipeline.server), pipeline.ledger, pipeline.s3, "work", "lake", lambda run: False,
        clock=lambda: pipeline.now, sleep=pipeline.sleep, budget=budget or Budget(),
    )  # fmt: skip


def refuse(error: Exception) -> Callable[[], Any]:
    def connect() -> Any:
        raise error

    return connect


ITEM = FeedItem("acme", "daily_sales", RUN, in_batches=True)


def test_a_poll_is_not_begun_without_time_and_told_when_that_lasts(pipeline: Pipeline) -> None:
    pipeline.put("a.csv", CSV)
    told = []
    for at in range(1, EVERY_RUNS + 1):
        one = replace(ITEM, run=f"{RUN}-{at}")
        found = poll_in_time(
            pipeline.feed, one, around(pipeline, with_left(BEGIN_SECONDS - 1), refuse(AssertionError()))
        )
        assert (found["files"], found["out_of_time"]) == (0, True)
        if "news" in found:
            assert found["news"]["event"] == "feed_delayed"
            told.append(at)
        repeated = poll_in_time(pipeline.feed, one, around(pipeline, with_left(1)))
        assert "news" not in repeated, "once a run"
    assert told == [FIRST_RUNS, EVERY_RUNS]


def test_an_error_that_could_not_be_repeated_in_time_is_an_answer(pipeline: Pipeline) -> None:
    down = refuse(ServerUnavailableError("down"))
    with pytest.raises(ServerUnavailableError):
        poll_in_time(pipeline.feed, ITEM, around(pipeline, with_left(600), down))
    found = poll_in_time(pipeline.feed, ITEM, around(pipeline, with_left(100), down))
    assert (found["files"], found["error"]) == (0, {"Error": "ServerUnavailableError", "Cause": "down"})
    with pytest.raises(LoginRejectedError):  # is not repeated anyway
        poll_in_time(pipeline.feed, ITEM, around(pipeline, with_left(100), refuse(LoginRejectedError("no"))))


def test_a_feed_that_failed_last_time_has_one_try_a_run(pipeline: Pipeline) -> None:
    """A server that takes the connection and never speaks held every feed's curation up for 7 minutes a run."""
    pipeline.ledger._table.update_item(
        Key={"feed_id": FEED, "file_id": "!feed"},
        UpdateExpression="SET failing_since = :x",
        ExpressionAttributeValues={":x": "2030"},
    )
    found = poll_in_time(pipeline.feed, ITEM, around(pipeline, with_left(2000), refuse(ServerUnavailableError("down"))))
    assert found["error"]["Error"] == "ServerUnavailableError"


def test_settling_is_not_waited_for_beyond_the_end(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(settle_seconds=100))
    pipeline.put("a.csv", CSV, age=0)
    before = pipeline.now
    found = poll_in_time(pipeline.feed, ITEM, around(pipeline, with_left(150)))
    assert (found["files"], found["settling"], pipeline.now) == (0, 1, before)
    found = poll_in_time(pipeline.feed, replace(ITEM, run=OTHER_RUN), around(pipeline, with_left(200)))
    assert found["files"] == 1
    assert pipeline.now == before + 100


def test_the_last_feed_of_the_list_says_that_nobody_waits(pipeline: Pipeline) -> None:
    feeds = pipeline.ledger.feeds
    poll_in_time(pipeline.feed, ITEM, around(pipeline))
    assert not feeds.have_all_begun(RUN)
    poll_in_time(pipeline.feed, replace(ITEM, is_last=True), around(pipeline, with_left(0)))
    assert feeds.have_all_begun(RUN)
    assert not feeds.have_all_begun(OTHER_RUN)


def test_a_feed_may_give_itself_less_time_and_no_more() -> None:
    document = feed_document(files=files(max_minutes_per_run=10))
    feed, unlimited = parse_feed(document), parse_feed(feed_document())
    given = replace(ITEM, deadline=5000, began=1000.0)
    assert limited(given, feed, 2000).deadline == 1600
    assert limited(replace(given, deadline=1200), feed, 2000).deadline == 1200
    assert limited(ITEM, feed, 2000).deadline == 2600
    assert limited(given, unlimited, 2000) == given


# -- the stages


class Timed(Batches):
    """Calls that know how much time there is."""

    def __init__(self, pipeline: Pipeline, left: float = 2700) -> None:
        super().__init__(pipeline)
        self.left = left

    def call(self, batch: dict[str, Any]) -> dict[str, Any]:
        pipeline, given, stage = self.pipeline, Batch.from_event(batch), batch["next"]
        self.calls.append(stage)
        budget = Budget(self.left, clock=lambda: 0.0)
        rest = pipeline.ledger, pipeline.s3, SETTINGS, lambda: self.seconds(), budget
        if stage == "Fetch files":
            return fetch_batch(given, pipeline.feed, self.connect, *rest)
        if stage == "Validate files":
            return validate_batch(given, pipeline.feed, DecodeKeys(), *rest)
        return upload_batch(given, pipeline.feed, self.connect, *rest)[0]


@pytest.fixture
def timed(pipeline: Pipeline) -> Timed:
    pipeline.configure(files=files())
    return Timed(pipeline)


def entry(pipeline: Pipeline, name: str = "a.csv") -> dict[str, Any]:
    (found,) = pipeline.ledger.versions(FEED, f"/outgoing/{name}")
    return dict(found)


@pytest.mark.parametrize(("calls", "status"), [(0, "CLAIMED"), (1, "FETCHED"), (2, "VALIDATED")])
def test_a_file_is_left_where_it_is_and_goes_on_from_there(
    timed: Timed, pipeline: Pipeline, calls: int, status: str
) -> None:
    pipeline.put("a.csv", CSV)
    (batch,) = timed.poll()
    for _ in range(calls):
        batch = timed.call(batch)
    timed.left = 20
    done = timed.call(batch)
    assert (done["next"], done["outcomes"], done["failed"]) == ("end", ["OUT_OF_TIME"], [])
    found = entry(pipeline)
    assert (found["status"], found["attempts"], found[LEFT_RUNS]) == (status, 0, 1)
    assert pipeline.ledger.feeds.get(FEED)["out_of_time"] == 1
    repeated = timed.call(batch)  # whose answer was lost
    assert repeated["outcomes"] == ["OUT_OF_TIME"]
    assert (entry(pipeline)["attempts"], entry(pipeline)[LEFT_RUNS]) == (0, 1)
    # the next run, while this one's Glue job is still running
    timed.left = 2700
    pipeline.server.reads.clear()
    (batch,) = poll_while_all_run(timed, OTHER_RUN)
    assert LEFT_AT not in entry(pipeline)
    assert entry(pipeline)["attempts"] == 1
    assert timed.through(batch)["outcomes"] == ["UPLOADED"]
    assert list(pipeline.raw().values()) == [CSV]
    assert len(pipeline.server.reads) == (1 if status == "CLAIMED" else 0), "what is here is not fetched again"
    assert LEFT_RUNS not in entry(pipeline)
    # the run that left it has nothing to say any more
    assert timed.call({**repeated, "files": batch["files"], "next": "Fetch files", "outcomes": []})["outcomes"] == [
        "LEFT"
    ]


def poll_while_all_run(timed: Timed, run: str) -> list[dict[str, Any]]:
    pipeline = timed.pipeline
    running = replace(around(pipeline), is_running=lambda run: True)
    found = poll_in_time(pipeline.feed, replace(ITEM, run=run), running)
    body = pipeline.s3.get_object(Bucket=found["bucket"], Key=found["key"])["Body"].read()
    batches: list[dict[str, Any]] = json.loads(body)
    return batches


def test_a_run_that_still_works_on_a_file_keeps_it(timed: Timed, pipeline: Pipeline) -> None:
    pipeline.put("a.csv", CSV)
    timed.poll()
    running = replace(around(pipeline), is_running=lambda run: True)
    assert poll_in_time(pipeline.feed, replace(ITEM, run=OTHER_RUN), running)["files"] == 0


class Slow(FolderServer):
    """Gives 6 MiB, and then the clock has moved on."""

    def __init__(self, root: Any, timed: Timed, to: float) -> None:
        super().__init__(root)
        self.timed, self.to = timed, to

    def read(self, path: str, offset: int, sink: Any, size: int | None = None) -> int:
        self.reads.append(offset)
        data = self._local(path).read_bytes()
        sent = 0
        while offset + sent < len(data) and sent < 6 * MIB:
            more = sink(memoryview(data[offset + sent : offset + sent + MIB]))
            sent += MIB
            if not more:
                break
        self.timed.seconds = lambda: self.to
        if offset + sent < len(data):
            sink(memoryview(data[offset + sent : offset + sent + 1]))
        return sent


def test_a_large_file_goes_on_from_its_checkpoint_run_after_run_and_no_attempt_is_counted(
    timed: Timed, pipeline: Pipeline
) -> None:
    data = CSV + b"3,4.00\n" * (20 * MIB // 7)
    pipeline.put("a.csv", data)
    offsets: list[int] = []
    for at in range(20):
        run = f"{RUN}-{at}"
        (batch,) = timed.poll(run)
        pipeline.server = Slow(pipeline.server.root, timed, 30)
        timed.seconds, timed.left = (lambda: 900.0), 2700
        batch = timed.call(batch)
        offsets += pipeline.server.reads
        timed.seconds = lambda: 900.0
        if batch["next"] != "Fetch files":
            break
        assert not batch["files"][0].get("tries")
        timed.left = 10
        batch = timed.call(batch)
        assert batch["outcomes"] == ["OUT_OF_TIME"]
        assert entry(pipeline)["attempts"] == 0
        assert entry(pipeline)[LEFT_RUNS] == at + 1
    assert offsets == sorted(set(offsets)), "each run began where the one before had ended"
    assert len(offsets) > FIRST_RUNS
    timed.left = 2700
    assert timed.through(batch)["outcomes"] == ["UPLOADED"]
    assert list(pipeline.raw().values()) == [data]
    assert pipeline.open_uploads() == []


def test_a_delay_that_lasts_is_told_by_the_poll_that_takes_the_file_again(timed: Timed, pipeline: Pipeline) -> None:
    pipeline.put("a.csv", CSV)
    told = []
    for at in range(1, 7):
        found = poll_in_time(pipeline.feed, replace(ITEM, run=f"{RUN}-{at}"), around(pipeline))
        (batch,) = json.loads(pipeline.s3.get_object(Bucket="work", Key=found["key"])["Body"].read())
        told += [(at, found["news"])] if "news" in found else []
        timed.left = 0
        assert timed.call(batch)["outcomes"] == ["OUT_OF_TIME"]
    ((at, mail),) = told
    assert at == FIRST_RUNS + 1
    assert mail["event"] == "feed_delayed"
    assert "3 runs in a row ended before these files" in mail["message"]
    assert "/outgoing/a.csv" in mail["message"]


def test_an_attempt_that_came_to_nothing_counts(timed: Timed, pipeline: Pipeline) -> None:
    pipeline.put("a.csv", CSV)
    (batch,) = timed.poll()
    batch["files"][0]["tries"] = 2
    timed.left = 0
    assert timed.call(batch)["outcomes"] == ["OUT_OF_TIME"]
    assert entry(pipeline)["attempts"] == 1


def test_a_server_that_is_down_near_the_end_is_not_left_to_repeats_that_come_after_it(
    timed: Timed, pipeline: Pipeline
) -> None:
    pipeline.put("a.csv", CSV)
    (batch,) = timed.poll()
    timed.connect = refuse(ServerUnavailableError("down"))  # type: ignore[method-assign]
    timed.left = 200
    with pytest.raises(ServerUnavailableError):
        timed.call(batch)
    timed.left = BEGIN_SECONDS + BUSY_WAIT + 1
    waits = timed.call(batch)
    assert (waits["next"], waits["wait"]) == ("Fetch files", BUSY_WAIT)
    timed.left -= 2
    assert timed.call(waits)["outcomes"] == ["OUT_OF_TIME"]


def test_validate_does_not_begin_what_cannot_end_and_takes_what_can(timed: Timed, pipeline: Pipeline) -> None:
    large = CSV + b"3,4.00\n" * (3 * MIB // 7)
    pipeline.put("large.csv", large, age=4000)
    pipeline.put("small.csv", CSV)
    (batch,) = timed.poll()
    while batch["next"] == "Fetch files":
        batch = timed.call(batch)
    assert len(batch["files"]) == 2
    timed.left = seconds_for(len(large)) - 1
    batch = timed.call(batch)
    assert (batch["outcomes"], len(batch["files"])) == (["OUT_OF_TIME"], 1)
    timed.left = 2700
    assert timed.through(batch)["outcomes"] == ["OUT_OF_TIME", "UPLOADED"]
    assert entry(pipeline, "large.csv")["status"] == "FETCHED"
    (batch,) = timed.poll(OTHER_RUN)
    assert timed.through(batch)["outcomes"] == ["UPLOADED"]
    assert sorted(pipeline.raw().values()) == sorted([CSV, large])


def test_no_file_is_thought_to_take_longer_than_a_function_has() -> None:
    assert seconds_for(10**12) == LONGEST_SECONDS < 900


def test_a_landed_file_whose_answer_was_lost_is_not_left(timed: Timed, pipeline: Pipeline) -> None:
    pipeline.put("a.csv", CSV)
    (batch,) = timed.poll()
    batch = timed.call(timed.call(batch))
    timed.call(batch)
    timed.left = 0
    assert timed.call(batch)["outcomes"] == ["UPLOADED"]
    assert entry(pipeline)["status"] == "UPLOADED"


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("stage", ["Fetch files", "Validate files", "Upload files"])
def test_a_function_killed_as_it_leaves_files_loses_and_doubles_nothing(
    timed: Timed, pipeline: Pipeline, stage: str, number: int, after: bool
) -> None:
    delivered = {f"{at}.csv": CSV + b"%d,1.00\n" % (at + 10) for at in range(3)}
    for name, data in delivered.items():
        pipeline.put(name, data)
    (batch,) = timed.poll()
    while batch["next"] != stage:
        batch = timed.call(batch)
    timed.left = 0
    stop = kill_at(pipeline, "UpdateItem", number, after=after)
    with suppress(KilledError):
        timed.call(batch)
    stop()
    # the machine goes on with one file a call, and some of them may be left already
    batch = timed.through({**batch, "alone": True})
    assert (batch["failed"], batch["outcomes"]) == ([], ["OUT_OF_TIME"] * 3)
    assert {entry(pipeline, name)["attempts"] for name in delivered} == {0}
    assert {entry(pipeline, name)[LEFT_RUNS] for name in delivered} == {1}
    timed.left = 2700
    (batch,) = poll_while_all_run(timed, OTHER_RUN)
    assert timed.through(batch)["outcomes"] == ["UPLOADED"] * 3
    assert sorted(pipeline.raw().values()) == sorted(delivered.values())
    assert pipeline.open_uploads() == []


@pytest.mark.slow
def test_a_run_killed_in_the_middle_of_a_large_file_near_its_end_is_gone_on_from(
    timed: Timed, pipeline: Pipeline
) -> None:
    data = CSV + b"3,4.00\n" * (20 * MIB // 7)
    pipeline.put("a.csv", data)
    (batch,) = timed.poll()
    pipeline.server = Slow(pipeline.server.root, timed, 30)
    batch = timed.call(batch)
    assert batch["next"] == "Fetch files"
    kept = pipeline.server.reads[:]
    timed.seconds, timed.left = (lambda: 900.0), 300
    stop = kill_at(pipeline, "UploadPart", 1, after=True)
    with pytest.raises(KilledError):  # and with it the run: nobody says that the file is left
        timed.call(batch)
    stop()
    assert entry(pipeline)["status"] == "CLAIMED"
    assert LEFT_AT not in entry(pipeline)
    timed.left, timed.seconds = 2700, (lambda: 900.0)
    pipeline.server = FolderServer(pipeline.server.root)
    (batch,) = timed.poll(OTHER_RUN)  # which finds the first run ended
    assert timed.through(batch)["outcomes"] == ["UPLOADED"]
    assert pipeline.server.reads[0] > 0, "from the part that was sent as it was killed"
    assert kept == [0]
    assert list(pipeline.raw().values()) == [data]
    assert pipeline.open_uploads() == []


# -- reprocess


def test_what_was_left_is_the_next_runs_and_reprocess_takes_it_only_when_no_poll_does(
    timed: Timed, pipeline: Pipeline
) -> None:
    pipeline.put("a.csv", CSV)
    (batch,) = timed.poll()
    timed.left = 0
    timed.call(batch)
    found = entry(pipeline)
    left_at = datetime.fromisoformat(found[LEFT_AT])

    def decision(after: Any) -> str:
        decider = Decider(Request.from_event({"by": "schedule"}), lambda run: True, 5, left_at + after)
        return decider.file(found, FEED, found["file_id"], []).decision

    assert decision(LEFT_DELAY * 0.9) == "waits"
    assert decision(LEFT_DELAY * 1.1) == "start"
    assert pipeline.ledger.is_free(found, OTHER_RUN, lambda run: True)
    (claimed,) = [FileItem("acme", "daily_sales", OTHER_RUN, found["path"], found["size"], found["mtime"])]
    assert pipeline.ledger.claim(claimed, dt=found["dt"], entry=found)
    assert not pipeline.ledger.claim(replace(claimed, run=f"{RUN}-3"), dt=found["dt"], entry=found), "one of two"
