"""Lambda functions of the stack as processes of their own: own environment, real time-outs, real memory figures."""

import contextlib
import json
import os
import select
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.nursery import Nursery, machine
from local.session import REGION

MOST_SANDBOXES = 32
"""Processes at a time, idle ones included; a call beyond waits, as an account's concurrency limit makes it wait."""
GROWN_BYTES = 112 * 1024 * 1024
"""What a process that has had little to do stays below, most of it shared with the warm one."""
MOST_GROWN = 3
"""Idle processes above that: they keep what their biggest file took, and a new one costs half a second at most."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a function.

    Attributes:
        peak_bytes: Largest resident set of its process so far; None where it was killed.
    """

    function: str
    seconds: float
    peak_bytes: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Function:
    """What a sandbox needs of a deployed function."""

    name: str
    arn: str
    handler: str
    folder: Path
    timeout: float
    memory_mb: int
    environment: dict[str, str]


def kind_of(folder: Path, handler: str) -> str:
    """What processes of a function have in common with those of another."""
    return f"{folder} {handler}"


def told_to(function: Function, endpoint: str) -> dict[str, Any]:
    """What its processes are told first."""
    environment = {
        **machine(),
        **function.environment,
        "AWS_ACCESS_KEY_ID": function.name,  # whose a call is, as the role of a function tells AWS
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "LOCAL_FUNCTION_ARN": function.arn,
    }
    return {"environment": environment, "folder": str(function.folder), "handler": function.handler}


class _Sandbox:
    def __init__(self, function: Function, endpoint: str, nursery: Nursery, logs: IO[str]) -> None:
        self.function = function.name
        self.event: Any = None
        self.grown, self.idle_since = False, 0.0
        self._nursery, self._kind = nursery, kind_of(function.folder, function.handler)
        told = told_to(function, endpoint)
        self._forked = nursery.snapshots.fork(self._kind, told, logs)
        self._socket = self._forked.connection
        self._answers = self._socket.makefile("r", encoding="utf-8")
        self._ended = False
        with contextlib.suppress(OSError):  # it was killed already: the first call tells
            self._send(told)

    def _send(self, value: Any) -> None:
        self._socket.sendall((json.dumps(value) + "\n").encode())

    def call(self, event: Any, timeout: float) -> dict[str, Any] | None:
        """The answer; None when the time was over, and the process is gone then."""
        self.event = event
        call = {"event": event, "id": str(uuid.uuid4()), "deadline": time.time() + timeout}
        try:
            self._send(call)
            if not select.select([self._socket], [], [], timeout)[0]:
                self.close()
                return None
            line = self._answers.readline()
        except (OSError, ValueError):
            line = ""
        if not line:
            self.close()
            exited = {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {call['id']} Error: the process ended",
            }
            return {"error": json.dumps(exited)}
        answer: dict[str, Any] = json.loads(line)
        self._nursery.learn(self._kind, answer.pop("modules", ()))
        self._nursery.snapshots.learn(self._kind, answer.pop("own", ()))
        self.grown, self.idle_since = answer["peak_bytes"] > GROWN_BYTES, time.monotonic()
        return answer

    def kill(self) -> None:
        """Ends the process at once, as a sandbox ends; a call under way notices."""
        self._ended = True
        self._forked.kill()

    def close(self) -> None:
        """Ends it, and what it was talked to over."""
        self.kill()
        self._answers.close()
        self._socket.close()

    @property
    def alive(self) -> bool:
        """Of one that is idle: it says nothing then, so that there is only an end to be read."""
        return not self._ended and not select.select([self._socket], [], [], 0)[0]


class Workers:
    """The pool: a free sandbox of a function is taken again, one is forked where none is free."""

    def __init__(
        self,
        endpoint: Callable[[], str],
        logs: IO[str],
        most: int = MOST_SANDBOXES,
        nursery: Nursery | None = None,
    ) -> None:
        """Starts the warm process.

        Args:
            most: Sandboxes at a time.
            nursery: A warm process that is there already, and stays.
        """
        self._endpoint, self._logs, self._most = endpoint, logs, most
        self._exit = contextlib.ExitStack()
        self._nursery = nursery or self._exit.enter_context(contextlib.closing(Nursery()))
        self._free: dict[str, list[_Sandbox]] = defaultdict(list)
        self._busy: set[_Sandbox] = set()
        self._coming = self._kills = 0
        self._changed = threading.Condition()
        self.invocations: list[Invocation] = []

    def expect(self, kinds: Iterable[str]) -> None:
        """Gets ready for functions that will be called soon."""
        self._nursery.prepare(kinds)

    def get_ready(self, functions: Iterable[Function]) -> threading.Thread:
        """Imports functions that will be called soon, while this process does something else."""
        told = [(kind_of(one.folder, one.handler), told_to(one, self._endpoint())) for one in functions]

        def make() -> None:
            for kind, of_one in told:
                self._nursery.snapshots.make(kind, of_one)

        thread = threading.Thread(target=make, daemon=True)
        thread.start()
        return thread

    def invoke(self, function: Function, event: Any) -> tuple[str, bool]:
        """Calls a function; its JSON answer, and whether that is an error."""
        sandbox = self._take(function)
        started = time.monotonic()
        answer = sandbox.call(event, function.timeout)
        seconds = time.monotonic() - started
        with self._changed:
            self._busy.discard(sandbox)
            if answer is not None and sandbox.alive:
                self._free[function.name].append(sandbox)
                self._let_go()
            self._changed.notify_all()
        if answer is None:
            message = f"Task timed out after {function.timeout:.2f} seconds"
            answer = {"error": json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": message})}
        error = answer.get("error")
        kind = json.loads(error)["errorType"] if error else None
        self.invocations.append(Invocation(function.name, seconds, answer.get("peak_bytes"), kind))
        return error or answer["result"], error is not None

    def _take(self, function: Function) -> _Sandbox:
        with self._changed:
            while True:
                free = self._free[function.name]
                while free:
                    sandbox = free.pop()
                    if sandbox.alive:
                        self._busy.add(sandbox)
                        return sandbox
                    sandbox.close()
                if self._room():
                    break
                self._changed.wait()
            self._coming += 1
            kills = self._kills
        try:
            # not under the lock: what others call and answer goes on meanwhile
            sandbox = _Sandbox(function, self._endpoint(), self._nursery, self._logs)
        except BaseException:
            with self._changed:
                self._coming -= 1
                self._changed.notify_all()
            raise
        with self._changed:
            self._coming -= 1
            self._busy.add(sandbox)
            if kills != self._kills:  # every process was to end when this one was not there yet
                sandbox.kill()
        return sandbox

    def _room(self) -> bool:
        """Whether one more may be forked; the one that has been idle longest makes way."""
        idle = [free for free in self._free.values() if free]
        if len(self._busy) + self._coming + sum(map(len, idle)) < self._most:
            return True
        if not idle:
            return False
        min(idle, key=lambda free: free[0].idle_since).pop(0).close()
        return True

    def _let_go(self) -> None:
        """Ends the idle ones that hold much and have been idle longest."""
        grown = [sandbox for free in self._free.values() for sandbox in free if sandbox.grown]
        for sandbox in sorted(grown, key=lambda one: one.idle_since)[:-MOST_GROWN]:
            self._free[sandbox.function].remove(sandbox)
            sandbox.close()

    def kill_one(self, event: Any) -> None:
        """Ends the process that is at work on this event, if one is."""
        with self._changed:
            found = [sandbox for sandbox in self._busy if sandbox.event == event]
        for sandbox in found:
            sandbox.kill()

    def kill(self) -> None:
        """Ends every process, busy or not; a call under way gets `Runtime.ExitError`."""
        with self._changed:
            self._kills += 1
            busy, idle = list(self._busy), [sandbox for free in self._free.values() for sandbox in free]
            self._free.clear()
            self._changed.notify_all()
        for sandbox in busy:
            sandbox.kill()
        for sandbox in idle:
            sandbox.close()

    def close(self) -> None:
        """Ends every process, and the warm one where it is this pool's."""
        self.kill()
        self._exit.close()
