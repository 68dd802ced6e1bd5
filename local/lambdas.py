"""Lambda functions of the stack as warm worker processes: own environment, real time-outs, real memory figures."""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.session import REGION

WORKER = Path(__file__).parent / "worker.py"


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
    """What a worker needs of a deployed function."""

    name: str
    arn: str
    handler: str
    folder: Path
    timeout: float
    memory_mb: int
    environment: dict[str, str]


class _Worker:
    def __init__(self, function: Function, endpoint: str, logs: IO[str]) -> None:
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "TZ") if name in os.environ
        }
        environment |= function.environment
        environment |= {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "LOCAL_FUNCTION_ARN": function.arn,
            "PYTHONUNBUFFERED": "1",
        }
        self.event: Any = None
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), function.handler],
            cwd=function.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=logs,
            text=True,
        )

    def call(self, event: Any, timeout: float) -> dict[str, Any] | None:
        """The answer; None when the time was over, and the process is gone then."""
        assert self.process.stdin is not None  # noqa: S101  (pipes were asked for)
        assert self.process.stdout is not None  # noqa: S101
        self.event = event
        call = {"event": event, "id": str(uuid.uuid4()), "deadline": time.time() + timeout}
        try:
            self.process.stdin.write(json.dumps(call) + "\n")
            self.process.stdin.flush()
            if not select.select([self.process.stdout], [], [], timeout)[0]:
                self.kill()
                return None
            line = self.process.stdout.readline()
        except (OSError, ValueError):
            line = ""
        if not line:
            self.kill()
            exited = {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {call['id']} Error: the process ended",
            }
            return {"error": json.dumps(exited)}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def kill(self) -> None:
        """Ends the process at once, as a sandbox ends."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


class Workers:
    """The pool: a free worker of a function is taken again, one is started where none is free."""

    def __init__(self, endpoint: Callable[[], str], logs: IO[str]) -> None:
        self._endpoint, self._logs = endpoint, logs
        self._free: dict[str, list[_Worker]] = defaultdict(list)
        self._busy: set[_Worker] = set()
        self._lock = threading.Lock()
        self.invocations: list[Invocation] = []

    def invoke(self, function: Function, event: Any) -> tuple[str, bool]:
        """Calls a function; its JSON answer, and whether that is an error."""
        worker = self._take(function)
        started = time.monotonic()
        answer = worker.call(event, function.timeout)
        seconds = time.monotonic() - started
        with self._lock:
            self._busy.discard(worker)
            if worker.alive and answer is not None:
                self._free[function.name].append(worker)
        if answer is None:
            message = f"Task timed out after {function.timeout:.2f} seconds"
            answer = {"error": json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": message})}
        error = answer.get("error")
        kind = json.loads(error)["errorType"] if error else None
        self.invocations.append(Invocation(function.name, seconds, answer.get("peak_bytes"), kind))
        return error or answer["result"], error is not None

    def _take(self, function: Function) -> _Worker:
        with self._lock:
            free = self._free[function.name]
            while free:
                worker = free.pop()
                if worker.alive:
                    break
            else:
                worker = _Worker(function, self._endpoint(), self._logs)
            self._busy.add(worker)
            return worker

    def warm(self, function: Function) -> None:
        """Starts a worker before the first call."""
        with self._lock:
            self._free[function.name].append(_Worker(function, self._endpoint(), self._logs))

    def kill_one(self, event: Any) -> None:
        """Ends the process that is at work on this event, if one is."""
        with self._lock:
            found = [worker for worker in self._busy if worker.event == event]
        for worker in found:
            worker.process.kill()

    def kill(self) -> None:
        """Ends every process, busy or not; a call under way gets `Runtime.ExitError`."""
        with self._lock:
            workers = [*self._busy, *(worker for free in self._free.values() for worker in free)]
            self._free.clear()
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.wait()
