"""What a deployed stack's run went through, as Step Functions tells it; and how the console is started."""

import asyncio
import json
import re
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from botocore.exceptions import ClientError

from cli.__main__ import main
from cli.console.command import _bound
from cli.console.executions import ExecutionLog, read_log
from cli.console.logs import FUNCTIONS
from cli.problems import DONE, FAILED, WRONG_USE
from cli.stack import Run
from tests.conftest import ROOT

BEGAN = datetime(2026, 11, 23, 7, tzinfo=UTC)
RUN = Run("arn:aws:states:eu-west-1:1:execution:m:one", "SUCCEEDED", BEGAN.isoformat(), 60.0)


def events(*kinds: tuple[str, str, Any]) -> list[dict[str, Any]]:
    """Events one after the other: kind, state, data."""
    found = []
    for number, (kind, state, data) in enumerate(kinds, 1):
        event: dict[str, Any] = {"type": kind, "id": number, "previousEventId": number - 1}
        event["timestamp"] = BEGAN + timedelta(seconds=number)
        if kind.endswith("Entered"):
            event["stateEnteredEventDetails"] = {"name": state, "input": json.dumps(data)}
        elif kind.endswith("Exited"):
            event["stateExitedEventDetails"] = {"name": state, "output": json.dumps(data)}
        elif kind.endswith("Failed"):
            event["taskFailedEventDetails"] = {"error": data, "cause": f"of {state}"}
        found.append(event)
    return found


POLL = events(
    ("ExecutionStarted", "", None),
    ("TaskStateEntered", "Poll server", {"a": "given"}),
    ("TaskScheduled", "", None),
    ("TaskFailed", "first", "ServerUnavailableError"),
    ("TaskScheduled", "", None),
    ("TaskSucceeded", "", None),
    ("TaskStateExited", "Poll server", {"b": "gave"}),
    ("TaskStateEntered", "Fetch files", {}),
    ("TaskScheduled", "", None),
    ("TaskFailed", "second", "LoginRejectedError"),
    ("TaskStateExited", "Fetch files", {}),
    ("PassStateEntered", "Feed is done", {}),
)


class StepFunctions:
    """Of a run with two feeds' executions."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def get_execution_history(self, executionArn: str, **_: Any) -> dict[str, Any]:
        self.read.append(executionArn)
        if executionArn == RUN.arn:
            return {"events": events(("TaskStateEntered", "List feeds", {}), ("TaskStateExited", "List feeds", {}))}
        return {"events": POLL}

    def list_map_runs(self, **_: Any) -> dict[str, Any]:
        return {"mapRuns": [{"mapRunArn": "map"}]}

    def list_executions(self, **_: Any) -> dict[str, Any]:
        return {"executions": [{"executionArn": "acme"}, {"executionArn": "globex"}, {"executionArn": "odd"}]}

    def describe_execution(self, executionArn: str) -> dict[str, str]:
        return {"input": "no JSON" if executionArn == "odd" else json.dumps({"tenant": executionArn, "feed": "one"})}


def test_states_have_what_they_were_given_gave_and_failed_with() -> None:
    log = ExecutionLog()
    log.add(POLL, "acme", "one")
    poll, fetch, done = log.entries
    assert (poll.outcome, poll.seconds, poll.feed_id) == ("good", 5.0, "acme/one")
    assert [error.partition(":")[0] for error in poll.retries] == ["ServerUnavailableError"]
    assert "given" in log.data(poll.given)
    assert "gave" in log.data(poll.gave)
    assert (fetch.outcome, fetch.error) == ("failed", "LoginRejectedError: of second")
    assert (done.outcome, done.seconds, log.data(done.gave)) == ("open", None, "")


def test_a_tenants_executions_alone_are_read() -> None:
    states = StepFunctions()
    log = read_log(states, RUN, "acme", "")
    assert states.read == [RUN.arn, "acme"]
    assert {one.tenant for one in log.entries} == {"", "acme"}
    everything = StepFunctions()
    read_log(everything, RUN, "", "")
    assert everything.read == [RUN.arn, "acme", "globex"]
    chosen = StepFunctions()
    read_log(chosen, RUN, "", "globex/one")
    assert chosen.read == [RUN.arn, "globex"]


def test_a_run_that_step_functions_has_forgotten_has_no_states() -> None:
    def unknown(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "x")

    states: Any = SimpleNamespace(get_execution_history=unknown, list_map_runs=unknown)
    assert read_log(states, RUN, "", "").entries == []


def test_what_step_functions_refuses_is_said_beside_what_it_told() -> None:
    class Refusing(StepFunctions):
        def list_executions(self, **_: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListExecutions")

    log = read_log(Refusing(), RUN, "", "")
    assert [one.state for one in log.entries] == ["List feeds"]
    assert "could not be read: your AWS credentials may not do this" in log.more


def test_each_state_names_its_execution() -> None:
    log = read_log(StepFunctions(), RUN, "acme", "")
    assert {one.execution for one in log.entries} == {RUN.arn, "acme"}


def test_a_states_function_is_the_one_that_the_machine_calls() -> None:
    text = Path(ROOT / "statemachine" / "ingest.asl.json").read_text("utf-8")
    called = {
        name: re.search(r"\$\{(\w+)FunctionArn\}", json.dumps(state.get("Arguments", "")))
        for name, state in _states(json.loads(text))
    }
    functions = {name: re.sub("(?<!^)(?=[A-Z])", "_", found[1]).lower() for name, found in called.items() if found}
    assert FUNCTIONS.keys() == functions.keys()
    for state, name in functions.items():
        handler = (ROOT / "functions" / name / "handler.py").read_text("utf-8")
        assert f'logger_for("{FUNCTIONS[state]}")' in handler, state


def _states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in (state.get("ItemProcessor"), *state.get("Branches", ())):
            if inner:
                yield from _states(inner)


# -- the command


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    tables = tmp_path / "lake" / ".lakeferry" / "tables"
    tables.mkdir(parents=True)
    (tables / "FeedsTable.json").write_text("[]")
    return tmp_path / "lake"


def test_it_listens_on_loopback_alone_and_prints_its_address(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bound: list[tuple[str, int]] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: bound.append(sockets[0].getsockname()))
    monkeypatch.setattr("cli.console.command.place_opened", lambda call: _NoPlace())
    assert main(["console", "--lake", str(lake), "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    ((host, port),) = bound
    assert host == "127.0.0.1"
    assert told["console"].startswith(f"http://127.0.0.1:{port}/?token=")
    assert len(told["console"].partition("token=")[2]) >= 32


def test_a_browser_that_is_quick_is_not_refused_and_small_answers_do_not_wait_for_an_acknowledgement() -> None:
    async def served() -> int:
        taken: asyncio.Future[asyncio.BaseTransport] = asyncio.get_running_loop().create_future()

        class Taking(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                taken.set_result(transport)

        # the address is printed, and nobody serves yet
        with _bound(0) as bound, socket.create_connection(bound.getsockname(), timeout=5):
            server = await asyncio.get_running_loop().create_server(Taking, sock=bound)
            transport = await asyncio.wait_for(taken, 5)
            found: int = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            transport.close()
            server.close()
        return found

    assert asyncio.run(served())


class _NoPlace:  # of a lake
    """A lake that is not opened: this process' moto is the tests'."""

    name = "lake"

    def stack(self) -> "_NoPlace":
        return self

    def __enter__(self) -> "_NoPlace":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def physical(self, logical: str) -> str:
        return logical


def test_what_cannot_be_is_said(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cli.console.command.place_opened", lambda call: _NoPlace())
    assert main(["console", "--lake", str(lake), "--timezone", "Nowhere/None"]) == WRONG_USE
    assert "no time zone" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["console", "--lake", str(lake), "--port", str(taken.getsockname()[1])]) == FAILED
    assert "cannot be had" in capsys.readouterr().err


def test_without_its_packages_it_says_how_they_are_had(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["console", "--lake", str(lake)]) == FAILED
    assert "'.[console]'" in capsys.readouterr().err
