"""One warm Lambda sandbox: a process that runs a real handler, called over pipes with a JSON line each way.

python worker.py poll.handler.handler
"""

import importlib
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any


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
    """The process's largest resident set so far.

    Linux hands `ru_maxrss` on from the process that forked this one; VmHWM begins with this program.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def main() -> None:
    """Answers calls until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a handler prints is log, not answer
    sys.path.insert(0, str(Path.cwd()))
    module, _, name = sys.argv[1].rpartition(".")
    handler = None
    for line in sys.stdin:
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


if __name__ == "__main__":
    main()
