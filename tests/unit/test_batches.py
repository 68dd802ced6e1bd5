"""Batches of files: what becomes of each, whatever becomes of the others."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from lakeferry import errors
from lakeferry.batches import BUSY_WAIT, STAGES, TRIES, Batch, Call
from lakeferry.batches import KILLS as MOST_KILLS
from lakeferry.errors import (
    ConnectionsBusyError,
    LakeferryError,
    LoginRejectedError,
    Outcome,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.ledger.queries import files_of_feed
from lakeferry.servers import Sink
from tests.conftest import OTHER_RUN
from tests.unit.batches import Batches
from tests.unit.conftest import FolderServer
from tests.unit.pipeline import CSV, Pipeline, files

OURS = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, LakeferryError) and found is not LakeferryError
]


class KilledError(BaseException):
    """The function ends here."""


@pytest.fixture(params=[1, 50], ids=lambda most: f"batches of {most}")
def batches(pipeline: Pipeline, request: pytest.FixtureRequest) -> Batches:
    pipeline.configure(files=files())
    return Batches(pipeline, request.param)


@pytest.fixture
def batch(pipeline: Pipeline) -> Batches:
    pipeline.configure(files=files())
    return Batches(pipeline)


def deliver(pipeline: Pipeline, number: int) -> dict[str, bytes]:
    """Files with different rows, by name."""
    found = {f"{at}.csv": CSV + b"%d,1.00\n" % (at + 10) for at in range(number)}
    for at, (name, data) in enumerate(found.items()):
        pipeline.put(name, data, age=1000 - at)
    return found


def uploaded(batch: dict[str, Any]) -> int:
    return int(batch["outcomes"].count("UPLOADED"))


def statuses(pipeline: Pipeline) -> dict[str, str]:
    entries = files_of_feed(pipeline.ledger, "acme/daily_sales")
    return {entry["path"].rsplit("/", 1)[-1]: entry["status"] for entry in entries}


def in_the_lake(pipeline: Pipeline) -> list[bytes]:
    assert pipeline.open_uploads() == []
    return sorted(pipeline.raw().values())


def test_all_files_land(batches: Batches, pipeline: Pipeline) -> None:
    delivered = deliver(pipeline, 5)
    done = batches.run()
    assert [uploaded(one) for one in done] == ([1] * 5 if batches.most == 1 else [5])
    assert in_the_lake(pipeline) == sorted(delivered.values())
    assert batches.run(OTHER_RUN) == []


def test_a_batch_opens_the_server_once(batch: Batches, pipeline: Pipeline) -> None:
    pipeline.configure(files=files(after={"action": "delete"}))
    deliver(pipeline, 5)
    batch.run()
    assert batch.connected == 2, "to fetch, and for what is to be done afterwards"
    assert list((pipeline.server.root / "outgoing").iterdir()) == []


def test_a_file_that_fails_has_its_own_cause_and_the_others_go_on(batches: Batches, pipeline: Pipeline) -> None:
    pipeline.configure(files=files(pattern="*", size={"max_bytes": 1000}))
    delivered = deliver(pipeline, 4)
    pipeline.put("large.csv", CSV * 100, age=2000)
    pipeline.put("broken.csv.gz", b"not gzip at all", age=998)
    done = batches.run()
    failed = {file["path"]: file for one in done for file in one["failed"]}
    assert {path: (file["stage"], file["error"]) for path, file in failed.items()} == {
        "/outgoing/large.csv": ("Fetch files", "FileRejectedError"),
        "/outgoing/broken.csv.gz": ("Validate files", "FileRejectedError"),
    }
    assert "at most 1000" in failed["/outgoing/large.csv"]["cause"]
    for file in failed.values():
        assert pipeline.ledger.get(file["feed_id"], file["file_id"]) is not None
    assert sum(uploaded(one) for one in done) == 4
    assert in_the_lake(pipeline) == sorted(delivered.values())


def test_files_that_changed_are_released_and_those_of_another_run_left(batch: Batches, pipeline: Pipeline) -> None:
    delivered = deliver(pipeline, 4)
    (given,) = batch.poll()
    pipeline.put("1.csv", b"changed", age=1)
    pipeline.ledger._table.update_item(
        Key={"feed_id": "acme/daily_sales", "file_id": given["files"][2]["file_id"]},
        UpdateExpression="SET #run = :other",
        ExpressionAttributeNames={"#run": "run"},
        ExpressionAttributeValues={":other": OTHER_RUN},
    )
    done = batch.through(given)
    assert (sorted(done["outcomes"]), done["failed"]) == (["LEFT", "RELEASED", "UPLOADED", "UPLOADED"], [])
    assert in_the_lake(pipeline) == sorted([delivered["0.csv"], delivered["3.csv"]])
    assert Counter(statuses(pipeline).values()) == {"UPLOADED": 2, "RELEASED": 1, "CLAIMED": 1}


def interrupted(pipeline: Pipeline, name: str, times: int) -> None:
    """Reading that file breaks the connection so often."""
    left, real = [times], pipeline.server.read

    def read(path: str, offset: int, sink: Sink, *size: Any) -> int:
        if path.endswith(name) and left[0]:
            left[0] -= 1
            raise TransferInterruptedError("reset")
        return real(path, offset, sink, *size)

    pipeline.server.read = read  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("times", [1, TRIES, TRIES + 1])
def test_what_passes_is_tried_again_as_often_as_the_machine_does_and_holds_up_nobody(
    batch: Batches, pipeline: Pipeline, times: int
) -> None:
    delivered = deliver(pipeline, 4)
    interrupted(pipeline, "/1.csv", times)
    (given,) = batch.poll()
    first = batch.call(given)
    assert ([file["path"][-5:] for file in first["files"]], first["next"]) == (
        ["0.csv", "2.csv", "3.csv"],
        "Validate files",
    )
    assert ([file["path"][-5:] for file in first["again"]], first["again"][0]["tries"]) == (["1.csv"], 1)
    assert 1 <= first["wait"] <= 15
    done = batch.through(first)
    assert len(batch.waited) == min(times, TRIES)
    if times > TRIES:
        del delivered["1.csv"]
        (failed,) = done["failed"]
        assert (failed["error"], failed["cause"]) == ("TransferInterruptedError", "reset")
    assert uploaded(done) == len(delivered)
    assert in_the_lake(pipeline) == sorted(delivered.values())


@pytest.mark.parametrize("error", [ServerUnavailableError, LoginRejectedError])
def test_what_is_the_servers_is_raised_for_all(
    batches: Batches, pipeline: Pipeline, error: type[LakeferryError]
) -> None:
    deliver(pipeline, 3)
    given = batches.poll()[0]

    def connect() -> Any:
        raise error("no")

    batches.connect = connect  # type: ignore[method-assign]
    with pytest.raises(error):
        batches.call(given)


def test_a_server_that_goes_down_in_the_middle_keeps_what_came(batch: Batches, pipeline: Pipeline) -> None:
    delivered = deliver(pipeline, 4)
    interrupted(pipeline, "/1.csv", 1)
    (given,) = batch.poll()
    opened = iter([pipeline.server])
    up = batch.connect

    def connect() -> FolderServer:
        try:
            return next(opened)
        except StopIteration:
            raise ServerUnavailableError("down") from None

    batch.connect = connect  # type: ignore[method-assign]
    first = batch.call(given)
    assert [file["path"][-5:] for file in first["files"]] == ["0.csv"]
    assert [(file["path"][-5:], file.get("tries", 0)) for file in first["again"]] == [
        ("1.csv", 1), ("2.csv", 0), ("3.csv", 0)
    ]  # fmt: skip
    following = batch.call(batch.call(first))
    assert (following["next"], uploaded(following)) == ("Fetch files", 1)
    with pytest.raises(ServerUnavailableError):
        batch.call(following)
    batch.connect = up  # type: ignore[method-assign]
    assert uploaded(batch.through(following)) == 4
    assert in_the_lake(pipeline) == sorted(delivered.values())


def test_a_batch_that_gets_no_connection_waits_where_it_costs_nothing(batch: Batches, pipeline: Pipeline) -> None:
    delivered = deliver(pipeline, 3)
    (given,) = batch.poll()
    up, busy = batch.connect, [True] * 7

    def connect() -> Any:
        if busy:
            busy.pop()
            raise ConnectionsBusyError("all taken")
        return up()

    batch.connect = connect  # type: ignore[method-assign]
    done = batch.through(given)
    assert batch.waited == [BUSY_WAIT] * 7, "more often than a file is tried: it is no fault of its"
    assert uploaded(done) == 3
    assert in_the_lake(pipeline) == sorted(delivered.values())


def test_out_of_time_is_no_attempt_and_each_call_gets_on(batches: Batches, pipeline: Pipeline) -> None:
    delivered = deliver(pipeline, 4)
    batches.seconds = lambda: 50.0
    done = batches.run()
    assert sum(uploaded(one) for one in done) == 4
    assert [one["failed"] for one in done] == [[]] * len(done)
    assert in_the_lake(pipeline) == sorted(delivered.values())
    assert batches.waited == []


WRITES = {
    "Fetch files": ["PutObject", "UpdateItem"],
    "Validate files": ["PutObject", "UpdateItem"],
    "Upload files": ["CopyObject", "UpdateItem", "DeleteObjects"],
}


def kill_at(pipeline: Pipeline, operation: str, number: int, *, after: bool) -> Callable[[], None]:
    """The function dies at that call of that operation, before or after AWS has done it; returns what ends that."""
    seen = [0]

    def strike(**_: Any) -> None:
        seen[0] += 1
        if seen[0] == number:
            raise KilledError

    clients = (pipeline.s3, pipeline.ledger._table.meta.client)
    event = "after-call" if after else "before-call"
    for client in clients:
        client.meta.events.register(f"{event}.*.{operation}", strike)

    def stop() -> None:
        for client in clients:
            client.meta.events.unregister(f"{event}.*.{operation}", strike)

    return stop


KILLS = [
    (stage, operation, number, after)
    for stage, operations in WRITES.items()
    for operation in operations
    for number in (1, 2, 3)
    for after in (False, True)
]


@pytest.mark.slow
@pytest.mark.parametrize("killed", WRITES)
@pytest.mark.parametrize("most", [1, 50])
def test_a_function_killed_between_any_two_files_and_in_each_write_loses_and_doubles_nothing(
    pipeline: Pipeline, most: int, killed: str
) -> None:
    pipeline.configure(files=files())
    lost = doubled = 0
    before: Counter[bytes] = Counter()
    for at, (stage, operation, number, after) in enumerate(one for one in KILLS if one[0] == killed):
        batches = Batches(pipeline, most)
        delivered = {f"{at}-{one}.csv": CSV + b"%d,%d.00\n" % (at + 10, one) for one in range(3)}
        for name, data in delivered.items():
            pipeline.put(name, data)
        for one in batches.poll(f"arn:run-{at}"):
            batch, is_due = one, True
            while batch["next"] != "end":
                strikes = is_due and batch["next"] == stage
                stop = kill_at(pipeline, operation, number, after=after) if strikes else lambda: None
                try:
                    batch = batches.call(batch)
                except KilledError:
                    batch, is_due = {**batch, "alone": True}, False
                finally:
                    stop()
            assert batch["failed"] == []
        now = Counter(pipeline.raw().values())
        landed, before = now - before, now
        lost += sum((Counter(delivered.values()) - landed).values())
        doubled += sum((landed - Counter(delivered.values())).values())
        assert pipeline.open_uploads() == [], (stage, operation, number, after)
    assert (lost, doubled) == (0, 0)
    assert set(statuses(pipeline).values()) == {"UPLOADED"}


def test_after_a_kill_a_call_takes_one_file(batch: Batches, pipeline: Pipeline) -> None:
    delivered = deliver(pipeline, 3)
    (given,) = batch.poll()
    first = batch.call({**given, "alone": True})
    assert ([file["path"][-5:] for file in first["files"]], len(first["again"]), first["wait"]) == (["0.csv"], 2, 0)
    done = batch.through(first)
    assert (uploaded(done), done["alone"]) == (3, True)
    assert in_the_lake(pipeline) == sorted(delivered.values())


@pytest.mark.parametrize("stage", STAGES.values())
def test_a_file_that_ended_the_function_twice_fails_by_name_and_the_others_go_on(
    batch: Batches, pipeline: Pipeline, stage: str
) -> None:
    delivered = deliver(pipeline, 3)
    (given,) = batch.poll()
    while given["next"] != stage:
        given = batch.call(given)
    given["files"][0]["killed"] = MOST_KILLS - 1
    once = batch.call({**given, "alone": True})
    assert once["failed"] == [], "once may be chance"
    assert not any("killed" in file for file in once["files"]), "the next stage may bear it"
    given["files"][0]["killed"] = MOST_KILLS
    batch.calls.clear()
    done = batch.through({**given, "alone": True})
    (failed,) = done["failed"]
    heavy = given["files"][0]["path"]
    assert (failed["path"], failed["error"], failed["stage"]) == (heavy, "FileTooHeavyError", stage)
    assert failed["cause"].startswith(f"{heavy}, {failed['size']} bytes: the function of the stage {stage!r} ended")
    assert "more memory" in failed["cause"]
    assert "killed" not in failed, "a person who reprocesses it begins anew"
    assert uploaded(done) == len(delivered) - 1


@pytest.mark.parametrize("error", OURS, ids=lambda error: error.__name__)
def test_a_file_goes_where_its_error_says(batch: Batches, pipeline: Pipeline, error: type[LakeferryError]) -> None:
    deliver(pipeline, 2)
    (given,) = batch.poll()
    call = Call(Batch.from_event(given), "fetch", pipeline.ledger)
    call.erred(call.items[0], error("so it is"))
    call.went(call.items[1])
    found = call.answer()
    assert [file["path"] for file in found["files"]] == ["/outgoing/1.csv"]
    if error.outcome is not Outcome.FAILED:
        assert (found["outcomes"], found["again"], found["failed"]) == ([error.outcome.name], [], [])
        assert statuses(pipeline)["0.csv"] == ("RELEASED" if error.outcome is Outcome.RELEASED else "CLAIMED")
    elif error.retryable:
        assert (len(found["again"]), found["failed"]) == (1, [])
    else:
        assert (found["again"], found["failed"][0]["error"]) == ([], error.__name__)


def test_a_bug_that_one_file_meets_is_that_files(
    batch: Batches, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(pipeline, 3)

    def meets(work: Any) -> None:
        if work.item.path.endswith("1.csv"):
            raise KeyError("dt")

    monkeypatch.setattr("fetch.core._check_wanted", meets)
    (done,) = batch.run()
    (failed,) = done["failed"]
    assert (failed["path"], failed["error"], uploaded(done)) == ("/outgoing/1.csv", "KeyError", 2)


def test_a_version_that_comes_with_an_older_one_is_what_stays(batch: Batches, pipeline: Pipeline) -> None:
    pipeline.put("a.csv", CSV, age=100)
    (given,) = batch.poll()
    pipeline.put("a.csv", CSV + b"3,3.00\n", age=50)
    (newer,) = batch.poll("arn:newer")
    assert len(newer["files"]) == 1
    older = batch.call(given)
    assert older["outcomes"] == ["RELEASED"]
    assert uploaded(batch.through(newer)) == 1
    assert in_the_lake(pipeline) == [CSV + b"3,3.00\n"]


def counted(pipeline: Pipeline, calls: Counter[str]) -> None:
    for client in (pipeline.s3, pipeline.ledger._table.meta.client):
        client.meta.events.register("before-call", lambda model, **_: calls.update([model.name]))


@pytest.mark.slow
def test_a_small_file_takes_few_calls(batch: Batches, pipeline: Pipeline) -> None:
    deliver(pipeline, 50)
    calls: Counter[str] = Counter()
    counted(pipeline, calls)
    done = batch.run()
    assert sum(map(uploaded, done)) == 50
    assert calls["PutObject"] == 2 * 50 + 2, "inbox and staging; the list of batches and the memory of polls"
    assert (calls["CopyObject"], calls["GetObject"]) == (50, 50 + 2)
    assert (calls["UpdateItem"], calls["Query"]) == (3 * 50 + len(done) + 1, 50)
    assert calls["TransactWriteItems"] == 1
    assert sum(calls.values()) / 50 <= 9


def test_a_poll_that_finds_nothing_takes_few_calls(batch: Batches, pipeline: Pipeline) -> None:
    deliver(pipeline, 3)
    batch.run()
    assert batch.poll(OTHER_RUN) == []
    calls: Counter[str] = Counter()
    counted(pipeline, calls)
    assert batch.poll(OTHER_RUN) == []
    # besides them the feed's document, its secret, and a connection taken and given back
    assert calls == {"GetObject": 1, "UpdateItem": 1}
