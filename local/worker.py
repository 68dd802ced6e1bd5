"""One warm process that Lambda sandboxes are forked from, and what a sandbox does.

    python worker.py        standard input is a socket: requests of `REQUEST`'s form, answered by `ANSWER`'s

A sandbox runs a real handler, called over a socket with a JSON line each way. What every handler imports is loaded
before the fork, once; environment, folder and code come after it, so that a handler sees at its import what it would
see on Lambda.
"""

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
from pathlib import Path
from typing import Any

REQUEST = struct.Struct("!cI")
"""What to do, and the process to do it to (0 for a fork, which the sandbox's socket comes with)."""
ANSWER = struct.Struct("!I")
"""The process it was done to."""
FORK, KILL = b"f", b"k"
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
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Forks:
    """The sandboxes that were forked and have not been waited for: their process ids are theirs until then."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: set[int] = set()

    def answer(self, what: bytes, process: int, sockets: list[int]) -> int:
        """Does what a request asks for; the process it concerns."""
        self._reap()
        if what == FORK:
            process = self._fork(sockets[0])
        elif process in self._running:
            os.kill(process, signal.SIGKILL)
        return process

    def _fork(self, descriptor: int) -> int:
        process = os.fork()
        if process == 0:
            status = 1
            try:
                self._control.close()
                with Path(os.devnull).open() as nothing:
                    os.dup2(nothing.fileno(), 0)
                serve(socket.socket(fileno=descriptor))
                status = 0
            except (BrokenPipeError, ConnectionResetError):
                status = 0  # nobody asks any more
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(descriptor)
        self._running.add(process)
        return process

    def _reap(self) -> None:
        for process in list(self._running):
            if os.waitpid(process, os.WNOHANG)[0]:
                self._running.discard(process)


def main() -> None:
    """Forks and kills as asked until the other end closes; sandboxes that are idle end by themselves then."""
    control = socket.socket(fileno=os.dup(0))
    sys.path.pop(0)  # this file's neighbours are no modules of a function
    for name in IMPORTED_BY_ALL:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a sandbox does not touch, and so copy, what is shared
    forks = Forks(control)
    while True:
        request, sockets, _, _ = socket.recv_fds(control, REQUEST.size, 1, socket.MSG_WAITALL)
        if len(request) < REQUEST.size:
            return
        what, process = REQUEST.unpack(request)
        control.sendall(ANSWER.pack(forks.answer(what, process, sockets)))


if __name__ == "__main__":
    main()
