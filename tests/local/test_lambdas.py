"""Functions as processes forked from a warm one: each its own, killed as sandboxes are, never more than the cap."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local import compiled, lambdas
from local.lambdas import MOST_GROWN, Function, Workers, kind_of
from local.nursery import Nursery, machine

CODE = """
import functools, json, os, sys, time
import boto3

class Clients:
    def __init__(self):
        self.made = {}
    @functools.cached_property
    def used(self):
        return self.made.setdefault("used", os.getpid())
    @functools.cached_property
    def unused(self):
        return self.made.setdefault("unused", os.getpid())
    @functools.cached_property
    def broken(self):
        raise LookupError

clients = functools.cache(Clients)

def asks(event, context):
    try:
        clients().broken
    except LookupError:
        pass
    return {"used": clients().used, "made": clients().made, "pid": os.getpid(), "parent": os.getppid()}

state = {"calls": 0, "colour_at_import": os.environ["COLOUR"]}

def tell(event, context):
    state["calls"] += 1
    return {**state, "pid": os.getpid(), "parent": os.getppid(), "path": sys.path[0], "cwd": os.getcwd(),
            "names": sorted(os.environ), "input": os.readlink("/proc/self/fd/0") if os.path.exists("/proc") else "",
            "zone": time.tzname[0]}

def sleep(event, context):
    open(event["started"], "w").close()
    time.sleep(event["seconds"])
    return os.getpid()

def loads(event, context):
    there = [name for name in ("colorsys", "app", "beside", "nowhere") if name in sys.modules]
    import beside, colorsys
    sys.modules.setdefault("nowhere", colorsys)
    return {"there": there, "parent": os.getppid(), "pid": os.getpid(), "word": beside.WORD}

def describes(event, context):
    from botocore.loaders import JSONFileLoader
    read, original = [], JSONFileLoader.load_file
    JSONFileLoader.load_file = lambda self, path: read.append(path) or original(self, path)
    boto3.resource("dynamodb"), boto3.client("s3")
    return read

def end(event, context):
    os._exit(3)

def grow(event, context):
    bytes_of = bytearray(80_000_000)
    return len(bytes_of)

def grow_and_wait(event, context):
    bytes_of = bytearray(160_000_000)
    open(event["started"], "w").close()
    while not os.path.exists(event["go"]):
        time.sleep(0.01)
    return os.getpid()

def chatter(event, context):
    print("a line of print")
    os.write(1, b"a line of the system's\\n")
    return "x" * 3_000_000
"""


class Pool:
    """Workers, and functions of one file in a folder."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        (folder / "code").mkdir()
        (folder / "code" / "app.py").write_text(CODE)
        (folder / "code" / "beside.py").write_text("WORD = 'one'")
        self.folder = folder
        self.logs = (folder / "log").open("a")
        self.workers = Workers(lambda: "http://127.0.0.1:1", self.logs, **limits)

    def function(self, name: str, timeout: float = 60, **environment: str) -> Function:
        environment = {"COLOUR": "blue"} | environment
        return Function(name, f"arn:{name}", f"app.{name}", self.folder / "code", timeout, 128, environment)

    def call(self, name: str, event: Any = None, **settings: Any) -> Any:
        answer, failed = self.workers.invoke(self.function(name, **settings), event or {})
        return json.loads(answer)["errorType"] if failed else json.loads(answer)

    def sleeper(self, number: int, answers: list[Any], seconds: float = 60) -> threading.Thread:
        """A thread that waits for a function that sleeps; the function is at it when this returns."""
        started = self.folder / f"started{number}"
        event = {"started": str(started), "seconds": seconds}
        thread = threading.Thread(target=lambda: answers.append(self.call("sleep", event)))
        thread.start()
        _until(started.exists)
        return thread


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _running(process: int) -> bool:
    """Whether it runs; one that ended and was not waited for does not."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    pool = Pool(tmp_path)
    yield pool
    pool.workers.close()
    pool.logs.close()


def test_a_process_is_taken_again_and_is_forked_from_the_warm_one(pool: Pool) -> None:
    first, second = pool.call("tell"), pool.call("tell")
    assert (first["pid"], first["calls"], second["calls"]) == (second["pid"], 1, 2)
    assert first["parent"] == pool.workers._nursery.process.pid


def test_code_sees_its_own_environment_at_its_import_and_nothing_of_ours(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_TEST", "1")
    told = pool.call("tell", COLOUR="green", TZ="America/New_York")
    assert told["colour_at_import"] == "green"
    assert told["zone"] == "EST"
    assert "SECRET_OF_THE_TEST" not in told["names"]
    assert told["path"] == told["cwd"] == str(pool.folder / "code")
    assert told["input"] in {"", os.devnull}


def test_what_functions_load_is_known_to_the_nursery_of_a_later_process_until_their_code_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / "compiled")
    born: list[list[str]] = []
    pool = Pool(tmp_path)
    pool.workers.close()

    def another(expected: bool = False) -> None:
        nursery = Nursery(remembers=True)
        workers = Workers(lambda: "http://127.0.0.1:1", pool.logs, nursery=nursery)
        if expected:
            kind = kind_of(pool.folder / "code", "app.loads")
            nursery.prepare([kind, "nowhere app.nothing"]).join()
            assert (list(nursery._branches), nursery._branches[kind]._loaded) == ([kind], {"colorsys", "nowhere"})
        answer, _ = workers.invoke(pool.function("loads"), {})
        born.append(json.loads(answer)["there"])
        workers.close()
        nursery.close()

    another()
    another()
    (own,) = (tmp_path / "compiled").glob("own-*")
    assert json.loads(own.read_text()) == ["app", "beside"]
    (kept,) = (tmp_path / "compiled").glob("modules-*")
    kept.write_text("half of a li")
    another()
    another(expected=True)
    (pool.folder / "code" / "beside.py").write_text("WORD = 'changed'")
    another()
    pool.logs.close()
    first, later = ["app"], ["colorsys", "app"]
    assert born == [first, later, first, later, first]


def test_the_next_process_of_a_function_is_born_with_what_the_first_has_loaded_and_its_code_as_it_is_now(
    pool: Pool,
) -> None:
    first, again = pool.call("loads"), pool.call("loads")
    assert first["there"] == ["app"]
    assert again["there"] == ["colorsys", "app", "beside", "nowhere"]
    (pool.folder / "code" / "beside.py").write_text("WORD = 'another'")
    second, third = _anew(pool, "loads"), _anew(pool, "loads")
    assert (second["there"], second["word"]) == (["colorsys", "app", "beside"], "another")
    assert second["parent"] != first["parent"] == pool.workers._nursery.process.pid
    assert (third["parent"], third["there"]) == (second["parent"], second["there"])
    assert pool.call("tell")["parent"] == first["parent"]


def _anew(pool: Pool, name: str, **settings: Any) -> Any:
    """The answer of a new process."""
    pool.workers.kill()
    return pool.call(name, **settings)


def _end(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    _until(lambda: not _running(process))


def test_without_the_warm_processes_of_a_function_others_are_made(pool: Pool) -> None:
    first = pool.call("loads")["parent"]
    snapshot = _anew(pool, "loads")["parent"]
    _end(snapshot)
    branch = _anew(pool, "loads")["parent"]
    _end(branch)
    without = _anew(pool, "loads")["parent"]
    again = _anew(pool, "loads")["parent"]
    assert without == first
    assert len({first, snapshot, branch, again}) == 4
    assert _anew(pool, "loads")["parent"] == again


def test_a_snapshot_whose_code_has_changed_is_made_anew(pool: Pool) -> None:
    parents, words = [], []
    for word in ("one", "one", "changed", "changed", "changed"):
        if (code := f"WORD = '{word}'") != (beside := pool.folder / "code" / "beside.py").read_text():
            beside.write_text(code)
        told = _anew(pool, "loads")
        parents.append(told["parent"])
        words.append(told["word"])
    assert words == ["one", "one", "changed", "changed", "changed"]
    _, snapshot, without, another, again = parents
    assert len({snapshot, without, another}) == 3
    assert another == again


def test_a_snapshot_has_called_nothing_and_is_that_of_one_environment(pool: Pool) -> None:
    told = [_anew(pool, "tell") for _ in range(3)]
    assert [one["calls"] for one in told] == [1, 1, 1]
    assert len({one["pid"] for one in told}) == 3
    assert told[1]["parent"] == told[2]["parent"] != told[0]["parent"]
    green = [_anew(pool, "tell", COLOUR="green", TZ="America/New_York") for _ in range(3)]
    assert {(one["colour_at_import"], one["zone"]) for one in green} == {("green", "EST")}
    assert {(one["colour_at_import"], *one["names"]) for one in told} == {
        ("blue", *(name for name in green[2]["names"] if name != "TZ"))
    }
    assert _anew(pool, "tell")["parent"] == told[1]["parent"] != green[2]["parent"]


def test_the_next_processes_of_a_function_are_born_with_the_clients_that_its_calls_make_and_no_others(
    pool: Pool,
) -> None:
    first, second, third = (_anew(pool, "asks") for _ in range(3))
    assert first["made"] == {"used": first["pid"]}
    assert second["made"] == third["made"] == {"used": second["parent"]}
    assert second["parent"] == third["parent"] != first["parent"]
    assert _anew(pool, "tell")["calls"] == 1
    other = [_anew(pool, "asks", COLOUR="green") for _ in range(3)]
    assert other[2]["used"] == other[2]["parent"] != third["parent"]


def test_the_second_of_processes_that_are_made_at_once_is_born_with_the_clients_of_earlier_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / "compiled")
    pool = Pool(tmp_path)
    pool.workers.close()
    environment = {**machine(), "COLOUR": "blue", "AWS_LAMBDA_FUNCTION_NAME": "asks", "LOCAL_FUNCTION_ARN": "arn"}
    environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = "128"
    told = {"environment": environment, "folder": str(pool.folder / "code"), "handler": "app.asks"}
    call = {"event": {}, "id": "1", "deadline": time.time() + 60}
    born_with = []
    for _ in range(2):
        nursery = Nursery(remembers=True)
        first, second = (nursery.snapshots.fork(f"{told['folder']} app.asks", told, pool.logs) for _ in range(2))
        with second.connection, second.connection.makefile("rw") as lines:
            lines.write(f"{json.dumps(told)}\n{json.dumps(call)}\n")
            lines.flush()
            answer = json.loads(json.loads(lines.readline())["result"])
        first.connection.close()
        born_with.append(answer["used"] == answer["parent"])
        pool.workers = Workers(lambda: "http://127.0.0.1:1", pool.logs, nursery=nursery)
        pool.call("asks")
        pool.workers.close()
        nursery.close()
    pool.logs.close()
    assert born_with == [False, True]


def test_a_later_pool_whose_functions_are_told_the_same_has_the_snapshots_of_the_one_before(tmp_path: Path) -> None:
    nursery = Nursery()
    pool = Pool(tmp_path, nursery=nursery)
    parents = [_anew(pool, "tell")["parent"] for _ in range(2)]
    pool.workers.close()
    pool.workers = Workers(lambda: "http://127.0.0.1:1", pool.logs, nursery=nursery)
    parents += [_anew(pool, "tell")["parent"] for _ in range(2)]
    pool.workers.close()
    pool.workers = Workers(lambda: "http://127.0.0.1:2", pool.logs, nursery=nursery)
    parents += [_anew(pool, "tell")["parent"] for _ in range(2)]
    pool.workers.close()
    first, snapshot, again, once_more, another, last = parents
    assert snapshot == again == once_more
    assert another == first == nursery.process.pid
    assert len({first, snapshot, last}) == 3
    nursery.close()
    pool.logs.close()
    _until(lambda: not any(map(_running, parents)))


def test_of_a_function_that_will_be_called_soon_the_first_process_is_born_with_its_code_as_it_is_now(
    pool: Pool,
) -> None:
    soon = [pool.function("tell"), pool.function("loads")]
    for _ in range(2):  # also of one that is there
        pool.workers.get_ready(soon).join()
    told = [_anew(pool, "tell") for _ in range(2)]
    assert [one["calls"] for one in told] == [1, 1]
    assert told[0]["parent"] == told[1]["parent"] != pool.workers._nursery.process.pid
    assert pool.call("loads")["there"] == ["app"]
    (pool.folder / "code" / "app.py").write_text(f"{CODE}\nstate['calls'] = 10\n")
    assert _anew(pool, "tell")["calls"] == 11


def test_a_function_that_cannot_be_imported_says_so_in_each_process(pool: Pool) -> None:
    (pool.folder / "code" / "app.py").write_text("raise LookupError")
    assert [_anew(pool, "tell") for _ in range(3)] == ["LookupError"] * 3
    pool.workers.get_ready([pool.function("tell")]).join()
    assert _anew(pool, "tell") == "LookupError"


def test_a_warm_process_of_somebody_elses_stays_when_a_pool_ends(tmp_path: Path) -> None:
    nursery = Nursery()
    logs, parents = [], []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pool = Pool(tmp_path / name, nursery=nursery)
        parents.append(pool.call("tell")["parent"])
        pool.call("chatter")
        pool.workers.close()
        pool.logs.close()
        logs.append((tmp_path / name / "log").read_text())
    assert parents == [nursery.process.pid] * 2
    assert logs[0] == logs[1] == "a line of print\na line of the system's\n"
    nursery.close()
    _until(lambda: not _running(parents[0]))


def test_what_botocore_has_read_is_there_for_all(pool: Pool) -> None:
    pool.call("tell")
    assert pool.call("describes") == []


def test_functions_of_one_pool_share_no_state(pool: Pool) -> None:
    told = pool.call("tell")
    other = pool.workers.invoke(
        Function("other", "arn", "app.tell", pool.folder / "code", 60, 128, {"COLOUR": "red"}), {}
    )[0]
    assert '"calls": 1' in other
    assert str(told["pid"]) not in other


def test_the_memory_figure_is_the_functions_own(pool: Pool) -> None:
    pool.call("tell")
    pool.call("grow")
    pool.call("tell")
    small, grown, again = (call.peak_bytes or 0 for call in pool.workers.invocations)
    assert 10_000_000 < small < 80_000_000
    assert grown - small > 70_000_000
    assert again - small < 5_000_000


def test_of_idle_processes_few_keep_what_they_grew_by(pool: Pool) -> None:
    small = pool.call("tell")["pid"]
    answers: list[int] = []
    go = pool.folder / "go"
    events = [{"started": str(pool.folder / f"grown{number}"), "go": str(go)} for number in range(MOST_GROWN + 2)]
    threads = [
        threading.Thread(target=lambda event=event: answers.append(pool.call("grow_and_wait", event)))
        for event in events
    ]
    for thread in threads:
        thread.start()
    _until(lambda: all(Path(event["started"]).exists() for event in events))
    go.touch()
    for thread in threads:
        thread.join(30)
    assert len(set(answers)) == MOST_GROWN + 2
    _until(lambda: sum(map(_running, answers)) == MOST_GROWN)
    assert pool.call("tell")["pid"] == small
    assert pool.call("grow_and_wait", events[0]) in answers


def test_at_its_time_out_a_function_is_killed_and_the_next_call_has_a_new_process(pool: Pool) -> None:
    event = {"started": str(pool.folder / "started"), "seconds": 60}
    assert pool.call("sleep", event, timeout=0.5) == "Sandbox.Timedout"
    assert pool.workers.invocations[-1].seconds < 5
    assert pool.workers.invocations[-1].peak_bytes is None
    assert pool.call("sleep", event | {"seconds": 0}) > 0


def test_a_process_that_ends_itself_is_told_and_replaced(pool: Pool) -> None:
    assert pool.call("end") == "Runtime.ExitError"
    assert pool.call("end") == "Runtime.ExitError"
    assert pool.call("tell")["calls"] == 1


def test_a_kill_ends_busy_and_idle_processes_at_once(pool: Pool) -> None:
    idle = pool.call("tell")["pid"]
    answers: list[Any] = []
    threads = [pool.sleeper(number, answers) for number in range(3)]
    pool.workers.kill()
    for thread in threads:
        thread.join(10)
    assert answers == ["Runtime.ExitError"] * 3
    _until(lambda: not _running(idle))
    assert pool.call("tell")["pid"] != idle


def test_a_kill_of_one_ends_the_one_at_work_on_the_event(pool: Pool) -> None:
    answers: list[Any] = []
    killed = pool.sleeper(1, answers)
    other = pool.sleeper(2, answers, seconds=1)
    pool.workers.kill_one({"started": str(pool.folder / "started1"), "seconds": 60})
    killed.join(10)
    assert answers == ["Runtime.ExitError"]
    other.join(10)
    assert len(answers) == 2
    assert answers[1] != "Runtime.ExitError"


class _Slow(lambdas._Sandbox):
    """One that is made when it is told to be."""

    begun, goes_on = threading.Semaphore(0), threading.Event()

    def __init__(self, *arguments: Any) -> None:
        self.begun.release()
        self.goes_on.wait(10)
        super().__init__(*arguments)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[_Slow]:
    monkeypatch.setattr(_Slow, "begun", threading.Semaphore(0))
    monkeypatch.setattr(_Slow, "goes_on", threading.Event())
    monkeypatch.setattr(lambdas, "_Sandbox", _Slow)
    return _Slow


def test_a_process_that_is_being_made_when_all_are_to_end_ends_too(pool: Pool, slow: type[_Slow]) -> None:
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(pool.call, "tell")
        assert slow.begun.acquire(timeout=10)
        pool.workers.kill()
        slow.goes_on.set()
        assert answer.result(10) == "Runtime.ExitError"
    assert pool.call("tell")["calls"] == 1


def test_while_processes_are_made_others_are_called_and_they_count(tmp_path: Path, slow: type[_Slow]) -> None:
    pool = Pool(tmp_path, most=2)
    slow.goes_on.set()
    other = pool.call("loads")["pid"]
    slow.goes_on.clear()
    assert slow.begun.acquire(timeout=10)
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(pool.call, "tell")]
        assert slow.begun.acquire(timeout=10)
        assert pool.call("loads")["pid"] == other
        answers += [threads.submit(pool.call, "tell") for _ in range(3)]
        # the idle one makes way for one more
        assert slow.begun.acquire(timeout=10)
        assert not slow.begun.acquire(timeout=0.3)
        slow.goes_on.set()
        assert len({answer.result(20)["pid"] for answer in answers}) <= 2
    pool.workers.close()
    pool.logs.close()


def test_an_idle_process_that_was_killed_from_outside_is_not_taken(pool: Pool) -> None:
    first = pool.call("tell")["pid"]
    os.kill(first, signal.SIGKILL)
    _until(lambda: not _running(first))
    assert pool.call("tell")["calls"] == 1


def test_without_the_warm_process_a_new_one_is_started(pool: Pool) -> None:
    pool.call("tell")
    first = pool.workers._nursery.process.pid
    os.kill(first, signal.SIGKILL)
    pool.workers._nursery.process.wait()
    assert pool.call("grow") == 80_000_000
    assert pool.workers._nursery.process.pid != first


def test_large_answers_and_what_is_printed_keep_apart(pool: Pool) -> None:
    assert pool.call("chatter") == "x" * 3_000_000
    log = (pool.folder / "log").read_text()
    assert "a line of print\n" in log
    assert "a line of the system's\n" in log


def test_all_processes_end_with_the_pool(pool: Pool) -> None:
    processes = [pool.call("tell")["pid"], pool.workers._nursery.process.pid]
    pool.workers.close()
    _until(lambda: not any(map(_running, processes)))


def test_beyond_the_cap_idle_processes_make_way_and_calls_wait(tmp_path: Path) -> None:
    pool = Pool(tmp_path, most=2)
    try:
        idle = pool.call("tell")["pid"]
        answers: list[Any] = []
        threads = [pool.sleeper(number, answers, seconds=1) for number in range(2)]
        _until(lambda: not _running(idle))
        started = time.monotonic()
        assert pool.call("tell")["calls"] == 1
        assert time.monotonic() - started > 0.3
        for thread in threads:
            thread.join(10)
        assert len(answers) == 2
    finally:
        pool.workers.close()
        pool.logs.close()
