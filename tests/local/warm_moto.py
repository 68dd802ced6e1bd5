"""Runs code in processes of its own that are born with moto loaded, as it is: its import takes seconds each time.

python warm_moto.py     takes a JSON line for each code to be run, and answers with one
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent
MODULES = (
    "boto3",
    "moto.cloudformation.models",
    "moto.cloudformation.responses",
    "moto.dynamodb.parsing.ast_nodes",
    "moto.dynamodb.responses",
    "moto.glue.responses",
    "moto.sqs.responses",
    "moto.stepfunctions.models",
    "moto.stepfunctions.parser.models",
    "moto.stepfunctions.responses",
)
MOST_SECONDS = 120


class WarmMoto:
    """The process that others are forked from; a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # end of input ends it

    def run(self, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As `python -c` runs it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([code, arguments]) + "\n")
        self._process.stdin.flush()
        status, out, err = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess([code, *arguments], status, out, err)


def _run(code: str, arguments: list[str]) -> None:
    from moto.moto_api._internal import mock_random

    mock_random.seed()  # two processes that draw draw differently
    signal.alarm(MOST_SECONDS)
    sys.argv = ["-c", *arguments]
    exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})


def _forked(code: str, arguments: list[str]) -> list[Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = os.fork()
        if process == 0:
            status = 1
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            try:
                _run(code, arguments)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode("utf-8", "replace"))
        return [status, *said]


def main() -> None:
    """Loads moto, and runs code until there is no more."""
    for name in MODULES:
        import_module(name)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        answers.write(json.dumps(_forked(*json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
