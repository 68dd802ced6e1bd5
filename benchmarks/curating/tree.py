"""What a process and its children cost, read while they run (proc(5))."""

import contextlib
import os
from collections import Counter
from pathlib import Path

from benchmarks.measuring.processes import Sampler

_TICK, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
_KINDS = {"C1 CompilerThre": "compiler", "C2 CompilerThre": "compiler", "GC Thread": "collector", "G1 ": "collector"}
"""What names of Java's own threads begin with (HotSpot's, cut by the kernel after 15 letters) → what they do."""
_LOOKS_A_LOOK_AT_THREADS = 5


class TreeWatch(Sampler):
    """CPU seconds and peak resident memory of a process and its children.

    Attributes:
        peak_bytes: The most that all had together.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(0.1)
        self._pid, self._looks = pid, 0
        self.peak_bytes = 0
        self._cpu: dict[int, float] = {}
        self._threads: dict[str, tuple[str, float]] = {}

    @property
    def cpu_seconds(self) -> float:
        return sum(self._cpu.values())

    @property
    def java_seconds(self) -> Counter[str]:
        """CPU seconds of Java's own threads, by what they do: `compiler` and `collector`."""
        found = Counter[str]()
        for kind, seconds in self._threads.values():
            found[kind] += seconds  # type: ignore[assignment]  # (a Counter of seconds)
        return found

    def sample(self) -> None:
        resident, self._looks = 0, self._looks + 1
        for pid in descendants(self._pid):
            with contextlib.suppress(OSError):
                fields = _fields(Path(f"/proc/{pid}/stat"))
                self._cpu[pid] = _seconds(fields)
                resident += int(fields[21]) * _PAGE
                if self._looks % _LOOKS_A_LOOK_AT_THREADS == 0:
                    self._look_at_threads(pid)
        self.peak_bytes = max(self.peak_bytes, resident)

    def _look_at_threads(self, pid: int) -> None:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                name = (thread / "comm").read_text()
                if kind := next((kind for start, kind in _KINDS.items() if name.startswith(start)), None):
                    self._threads[thread.name] = kind, _seconds(_fields(thread / "stat"))


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    found, todo = [], [pid]
    while todo:
        found.append(pid := todo.pop())
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                todo += [int(child) for child in task.read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    """Of a process until now, without its children; 0 where it is gone."""
    with contextlib.suppress(OSError):
        return _seconds(_fields(Path(f"/proc/{pid}/stat")))
    return 0.0


def _fields(stat: Path) -> list[str]:
    """From the state on: a name may have blanks."""
    return stat.read_text().rsplit(") ", 1)[1].split()


def _seconds(fields: list[str]) -> float:
    return (int(fields[11]) + int(fields[12])) / _TICK
