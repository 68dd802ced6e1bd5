"""Warm processes that Lambda sandboxes are forked from, and what a sandbox does.

    python -m local.worker  standard input is a socket: requests of `REQUEST`'s form, answered by `ANSWER`'s

A sandbox runs a real handler, called over a socket with a JSON line each way. Others' packages are loaded before the
fork, once: in the first warm process those that every handler imports, in one that branched off from it those of one
handler, too, as its sandboxes have named them. Environment, folder and code come after that, so that a handler sees at
its import what it would see on Lambda: in the sandbox itself, or in a snapshot, a warm process of one function that
has imported its handler, has the clients that its sandboxes make, and has called nothing, as Lambda's SnapStart keeps
one.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from local import descriptions

REQUEST = struct.Struct("!cI")
"""What to do, and a number: of bytes that follow, JSON of what to load or to be, or of the process to kill."""
ANSWER = struct.Struct("!I")
"""The process it was done to."""
FORK, BRANCH, LOAD, BECOME, KILL = b"f", b"b", b"l", b"s", b"k"
"""A sandbox, its socket and log come along; another warm process, its socket comes along; modules; a function's
snapshot, from what is told to its sandboxes, too; the end of one."""
# not pyarrow, which only validate reads with: it would stand in the memory figure of all the others
IMPORTED_BY_ALL = (
    "boto3",
    "boto3.dynamodb.transform",
    "aws_lambda_powertools",
    "botocore.httpsession",
    "botocore.auth",
)


class Context:
    """What the Lambda runtime hands to a handler ("AWS Lambda context object in Python")."""

    log_group_name = log_stream_name = "local"
    function_version = "$LATEST"
    identity = client_context = None

    def __init__(self, request_id: str, deadline: float) -> None:
        self.aws_request_id = request_id
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.memory_limit_in_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
        self.invoked_function_arn = os.environ["LOCAL_FUNCTION_ARN"]
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.time()) * 1000))


def _error(error: BaseException, request_id: str) -> dict[str, Any]:
    """The shape the runtime reports: the class's own name, never its bases."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def peak_bytes() -> int:
    """The process's largest resident set so far, what it shares with the process it was forked from included.

    Linux hands `ru_maxrss` on at a fork; VmHWM begins with what was resident then.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def loaded_since(known: Iterable[str], folder: Path) -> tuple[list[str], list[str]]:
    """Modules that are not known, in the order they were loaded: others' and those of a function's folder."""
    beside = f"{folder}{os.sep}"
    others: list[str] = []
    own: list[str] = []
    for name, module in sys.modules.copy().items():
        file = getattr(module, "__file__", None)
        if name not in known and file:
            (own if file.startswith(beside) else others).append(name)
    return others, own


def clients_made(module: str) -> list[str]:
    """The clients a handler's module has by now, by names that `load` makes them by: `poll.handler:s3`."""
    clients: Any = getattr(sys.modules.get(module), "clients", None)
    if not hasattr(clients, "cache_info") or not clients.cache_info().currsize:
        return []
    made = clients()
    names = [name for name in vars(made) if isinstance(getattr(type(made), name, None), cached_property)]
    return [f"{module}:{name}" for name in names]


class Told:
    """What a function's process is told first: environment, folder and handler."""

    def __init__(self, told: dict[str, Any]) -> None:
        """Takes up environment and folder."""
        self.folder = Path(told["folder"])
        self._handler = told["handler"]
        os.environ.clear()
        os.environ.update(told["environment"])
        time.tzset()
        tempfile.tempdir = None  # TMPDIR may be another
        os.chdir(self.folder)
        if sys.path[:1] != [told["folder"]]:
            sys.path.insert(0, told["folder"])

    @property
    def module(self) -> str:
        """The one the function is in."""
        return self._handler.rpartition(".")[0]

    def handler(self) -> Callable[[Any, Context], Any]:
        """The function, imported."""
        name = self._handler.rpartition(".")[2]
        handler: Callable[[Any, Context], Any] = getattr(importlib.import_module(self.module), name)
        return handler


class Snapshot:
    """A function that is imported; whoever is forked from here finds it so."""

    def __init__(self, told: dict[str, Any]) -> None:
        """Imports it.

        Raises:
            EOFError: that failed; a sandbox tells how.
        """
        self._folder, self._written = Path(told["folder"]), dict[str, int]()
        try:
            Told(told).handler()
        except BaseException as error:
            raise EOFError from error
        import boto3

        boto3.setup_default_session()  # its clients are made once a sandbox has told which
        self.is_old()
        freeze()

    def is_old(self) -> bool:
        """Whether code of the function's folder has changed since it was loaded."""
        for name in loaded_since((), self._folder)[1]:
            path = str(sys.modules[name].__file__)
            written = Path(path).stat().st_mtime_ns if Path(path).exists() else 0
            if self._written.setdefault(path, written) != written:
                return True
        return False


def serve(connection: socket.socket) -> None:
    """Is a sandbox: its environment and code are told in the first line; calls follow until the other end closes."""
    lines, answers = connection.makefile("r", encoding="utf-8"), connection.makefile("w", encoding="utf-8")
    told = Told(json.loads(lines.readline()))
    handler = None
    known, count = set(sys.modules), len(sys.modules)
    made = clients_made(told.module)
    for line in lines:
        call = json.loads(line)
        try:
            if handler is None:
                handler = told.handler()
            answer: dict[str, Any] = {
                "result": json.dumps(handler(call["event"], Context(call["id"], call["deadline"])))
            }
        except BaseException as error:
            answer = {"error": json.dumps(_error(error, call["id"]))}
        answer["peak_bytes"] = peak_bytes()
        if len(sys.modules) != count:
            answer["modules"], answer["own"] = loaded_since(known, told.folder)
            known.update(answer["modules"], answer["own"])
            count = len(sys.modules)
        if (clients := clients_made(told.module)) != made:
            answer["own"], made = [*answer.get("own", ()), *clients], clients
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def load(names: Iterable[str]) -> None:
    """Loads modules, and makes clients, once; what cannot be had by itself is left to whoever needs it.

    A client has no connection before its first call, so all processes that are forked may have the same one.
    """
    for name in names:
        module, _, client = name.partition(":")
        with contextlib.suppress(Exception):
            if client:
                getattr(sys.modules[module].clients(), client)
            elif name not in sys.modules:
                importlib.import_module(name)
    freeze()


def freeze() -> None:
    """Puts aside what there is."""
    gc.collect()
    gc.freeze()  # a collection in a sandbox does not touch, and so copy, what is shared


class Forks:
    """The processes that were forked and have not been waited for: their process ids are theirs until then."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: set[int] = set()
        self._snapshot: Snapshot | None = None

    def answer(self, what: bytes, number: int, descriptors: list[int]) -> int:
        """Does what a request asks for; the process it concerns.

        Raises:
            EOFError: what there is is of no use any more.
        """
        self._reap()
        if what in {LOAD, BECOME}:
            data = json.loads(self._control.recv(number, socket.MSG_WAITALL))
            if what == LOAD:
                load(data)
            else:
                self._snapshot = Snapshot(data)
        elif what == BRANCH:
            (control,) = descriptors
            return self._fork(lambda: fork_as_asked(socket.socket(fileno=control)), descriptors)
        elif what == FORK:
            if self._snapshot is not None and self._snapshot.is_old():
                raise EOFError
            connection, log = descriptors
            return self._fork(lambda: _sandbox(connection, log), descriptors)
        elif number in self._running:
            os.kill(number, signal.SIGKILL)
        return number

    def _fork(self, be: Callable[[], None], descriptors: list[int]) -> int:
        process = os.fork()
        if process == 0:
            status = 1
            try:
                self._control.close()
                be()
                status = 0
            except (BrokenPipeError, ConnectionResetError, EOFError):
                status = 0  # nobody asks any more, or is to ask
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        for descriptor in descriptors:
            os.close(descriptor)
        self._running.add(process)
        return process

    def _reap(self) -> None:
        for process in list(self._running):
            if os.waitpid(process, os.WNOHANG)[0]:
                self._running.discard(process)


def _sandbox(connection: int, log: int) -> None:
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    serve(socket.socket(fileno=connection))


def fork_as_asked(control: socket.socket) -> None:
    """Forks, branches and kills until the other end closes; sandboxes that are idle end by themselves then."""
    forks = Forks(control)
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, REQUEST.size, 2, socket.MSG_WAITALL)
        if len(request) < REQUEST.size:
            return
        what, number = REQUEST.unpack(request)
        control.sendall(ANSWER.pack(forks.answer(what, number, descriptors)))


def main() -> None:
    """Is the first warm process."""
    control = socket.socket(fileno=os.dup(0))
    sys.path.pop(0)  # this project is no module of a function
    descriptions.read()
    load(IMPORTED_BY_ALL)
    fork_as_asked(control)


if __name__ == "__main__":
    main()
