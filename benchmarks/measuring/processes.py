"""What a program and all it starts cost: wall time, CPU time, memory; and which bytes it brought."""

import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_SECONDS = 0.05
PAUSE = 30
"""Times as long as a look took is the pause after it, so that looking takes 3 % of a core at most."""


@dataclass(frozen=True)
class Cost:
    """Of one run.

    Attributes:
        cpu_seconds: User and system time of the process and of those it waited for.
        peak_bytes: The most that each of its processes had resident, added up.
        answer: What it printed, if that is JSON.
        sha256: Of all it printed, where that was asked for.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    answer: Mapping[str, Any] = field(default_factory=dict)
    sha256: str | None = None


class FailedError(Exception):
    """A program did not do its work."""


def throw_away(output: IO[bytes] | None) -> Mapping[str, Any]:
    """What it prints goes nowhere."""
    return {}


def as_json(output: IO[bytes] | None) -> Mapping[str, Any]:
    """It prints one JSON object."""
    assert output is not None
    return {"answer": json.loads(output.read() or b"{}")}


def as_digest(output: IO[bytes] | None) -> Mapping[str, Any]:
    """It prints the bytes it brings."""
    assert output is not None
    return {"sha256": hashlib.file_digest(output, "sha256").hexdigest()}  # type: ignore[arg-type]  # (reads, no more)


Reader = Callable[[IO[bytes] | None], Mapping[str, Any]]


def run(command: Sequence[str], read: Reader = throw_away, *, env: Mapping[str, str] | None = None) -> Cost:
    """Runs a program to its end.

    Args:
        env: Variables besides this process's own.

    Raises:
        FailedError: it says that it failed.
    """
    with tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if read is throw_away else subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(env or {})},
        )
        with contextlib.ExitStack() as stack:
            watch = stack.enter_context(_Watch(process.pid))
            stack.callback(process.kill)
            found = read(process.stdout)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)  # so that kill leaves alone who has the number next
            seconds = time.monotonic() - started
        if process.stdout is not None:
            process.stdout.close()
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace").strip()
            raise FailedError(f"{Path(command[0]).name} ended with {process.returncode}: {said[-1500:]}")
    return Cost(seconds, used.ru_utime + used.ru_stime, watch.peak_bytes, **found)


@contextlib.contextmanager
def service(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Iterator[IO[bytes]]:
    """A program that runs until the end of the block; what it prints."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={**os.environ, **(env or {})}
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        process.stdout.close()
        process.wait()


class Sampler(threading.Thread):
    """Looks again and again at something while a `with` lasts; `sample` is one look.

    Where there are many processes a look takes as much of the processor as some of them: what is measured has to have
    the machine, so the next look is the later the longer one takes.
    """

    def __init__(self, every_seconds: float) -> None:
        super().__init__(daemon=True)
        self._every, self._over = every_seconds, threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        pause = self._every
        while not self._over.wait(pause):
            before = time.thread_time()
            self.sample()
            pause = max(self._every, (time.thread_time() - before) * PAUSE)

    @abstractmethod
    def sample(self) -> None:
        """One look."""


class _Watch(Sampler):
    """Peak resident memory of a process and its children, from /proc (proc(5)).

    wait4's own figure does not do: what the starting process had resident counts into it.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(SAMPLE_SECONDS)
        self._pid = pid
        self._peaks: dict[int, int] = {}

    @property
    def peak_bytes(self) -> int:
        return sum(self._peaks.values())

    def sample(self) -> None:
        for pid in self._tree():
            with contextlib.suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                self._peaks[pid] = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

    def _tree(self) -> list[int]:
        found, todo = [], [self._pid]
        while todo:
            found.append(pid := todo.pop())
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    todo += [int(child) for child in children.read_text().split()]
        return found
