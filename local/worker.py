"""Warm processes that Lambda sandboxes are forked from, and what a sandbox does.

    python worker.py        standard input is a socket: requests of `REQUEST`'s form, answered by `ANSWER`'s

A sandbox runs a real handler, called over a socket with a JSON line each way. Others' packages are loaded before the
fork, once: in the first warm process those that every handler imports, in one that branched off from it those of one
handler, too, as its sandboxes have named them. Environment, folder and code come after the fork, so that a handler
sees at its import what it would see on Lambda.
"""

import contextlib
import functools
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
from pathlib import Path
from typing import Any, cast

REQUEST = struct.Struct("!cI")
"""What to do, and a number: of bytes that follow, the names to load as a JSON array, or of the process to kill."""
ANSWER = struct.Struct("!I")
"""The process it was done to."""
FORK, BRANCH, LOAD, KILL = b"f", b"b", b"l", b"k"
"""A sandbox, its socket and log come along; another warm process, its socket comes along; modules; the end of one."""
# not pyarrow, which only validate reads with: it would stand in the memory figure of all the others
IMPORTED_BY_ALL = (
    "boto3",
    "boto3.dynamodb.transform",
    "aws_lambda_powertools",
    "botocore.httpsession",
    "botocore.auth",
)
DESCRIBED_TO_ALL = ("dynamodb", "s3")
"""Services that most functions call: their descriptions are most of what a client costs."""


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


def others_modules(folder: Path, known: Iterable[str]) -> list[str]:
    """Modules in the order they were loaded but for those of a function's folder, and those that are known."""
    beside = f"{folder}{os.sep}"
    loaded: list[str] = []
    for name, module in sys.modules.copy().items():
        file = getattr(module, "__file__", None)
        if name not in known and file and not file.startswith(beside):
            loaded.append(name)
    return loaded


def serve(connection: socket.socket) -> None:
    """Is a sandbox: its environment and code are told in the first line; calls follow until the other end closes."""
    lines, answers = connection.makefile("r", encoding="utf-8"), connection.makefile("w", encoding="utf-8")
    told = json.loads(lines.readline())
    os.environ.clear()
    os.environ.update(told["environment"])
    time.tzset()
    tempfile.tempdir = None  # TMPDIR may be another
    os.chdir(told["folder"])
    sys.path.insert(0, told["folder"])
    module, _, name = told["handler"].rpartition(".")
    handler = None
    known, count = set(sys.modules), len(sys.modules)
    for line in lines:
        call = json.loads(line)
        try:
            if handler is None:
                handler = getattr(importlib.import_module(module), name)
            answer: dict[str, Any] = {
                "result": json.dumps(handler(call["event"], Context(call["id"], call["deadline"])))
            }
        except BaseException as error:
            answer = {"error": json.dumps(_error(error, call["id"]))}
        answer["peak_bytes"] = peak_bytes()
        if len(sys.modules) != count:
            answer["modules"] = others_modules(Path(told["folder"]), known)
            known.update(answer["modules"])
            count = len(sys.modules)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def load(names: Iterable[str]) -> None:
    """Loads modules, once; one that cannot be loaded by itself is left to whoever needs it."""
    for name in names:
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a sandbox does not touch, and so copy, what is shared


def decode_descriptions_quickly() -> None:
    """botocore reads its descriptions of services with a slow decoder, to keep an order that all dicts have by now."""
    import msgspec
    from botocore.loaders import JSONFileLoader

    def load(self: Any, full_path: str, open_method: Callable[..., Any]) -> Any:
        if not Path(full_path).is_file():
            return None
        with open_method(full_path, "rb") as file:
            return msgspec.json.decode(file.read())

    JSONFileLoader._load_file = load  # type: ignore[attr-defined]


def list_descriptions_once() -> None:
    """botocore looks into all 400 folders of descriptions for each service that a new session, or moto, asks for."""
    from botocore.loaders import Loader

    original = Loader.list_available_services
    known: dict[tuple[str, ...], list[str]] = {}

    def listed(self: Any, type_name: str) -> list[str]:
        key = (type_name, *self.search_paths)
        if key not in known:
            known[key] = original(self, type_name)
        return known[key]

    Loader.list_available_services = listed  # type: ignore[method-assign]


def share_descriptions() -> None:
    """What botocore has of a service is read once for all sessions of this process."""
    import botocore.session

    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    decode_descriptions_quickly()
    list_descriptions_once()


def read_descriptions() -> None:
    """Reads it of what most functions call, for the sessions of all processes that are forked from this one."""
    import boto3.session

    share_descriptions()
    session = boto3.session.Session(region_name="us-east-1")
    for service in DESCRIBED_TO_ALL:
        session.client(cast("Any", service))
    session.resource("dynamodb")


class Forks:
    """The processes that were forked and have not been waited for: their process ids are theirs until then."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: set[int] = set()

    def answer(self, what: bytes, number: int, descriptors: list[int]) -> int:
        """Does what a request asks for; the process it concerns."""
        self._reap()
        if what == LOAD:
            names = self._control.recv(number, socket.MSG_WAITALL)
            load(json.loads(names))
        elif what == BRANCH:
            (control,) = descriptors
            return self._fork(lambda: fork_as_asked(socket.socket(fileno=control)), descriptors)
        elif what == FORK:
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
            except (BrokenPipeError, ConnectionResetError):
                status = 0  # nobody asks any more
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
    sys.path.pop(0)  # this file's neighbours are no modules of a function
    read_descriptions()
    load(IMPORTED_BY_ALL)
    fork_as_asked(control)


if __name__ == "__main__":
    main()
