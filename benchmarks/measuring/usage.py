"""Memory and CPU of a local run's processes, the job's apart from the others."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import told_run
from benchmarks.measuring.processes import Sampler


class Usage(Sampler):
    """Sampled of a run that this process started with `told_run`.

    Attributes:
        ours, job: The most that its processes had, by `Pss` of /proc/PID/smaps_rollup (proc(5)), and the job's.
        job_cpu: CPU seconds of the job's processes, Java's among them, until the last look.
        functions_cpu: CPU seconds of what functions are forked from and of the functions, until the last look. No
            process that lives on waits for all of them, so they are not in the run's own figure.
    """

    def __init__(self) -> None:
        super().__init__(0.5)
        self.ours = self.job = 0
        self.functions_cpu = 0.0
        self._cpu: dict[int, float] = {}

    @property
    def job_cpu(self) -> float:
        return sum(self._cpu.values())

    def sample(self) -> None:
        ours = job = 0
        functions = 0.0
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError, StopIteration):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                size = int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1]) * 1024
                process = Path(f"/proc/{pid}")
                if _is_java(process) or _is_job(process):
                    job += size
                    self._cpu[pid] = _cpu_seconds(process, 2)
                else:
                    ours += size
                    if not _is_engine(process):
                        functions += _cpu_seconds(process, 4)
        self.ours, self.job = max(self.ours, ours), max(self.job, job)
        self.functions_cpu = max(self.functions_cpu, functions)


def _is_job(process: Path) -> bool:
    return "local.job_process" in (process / "cmdline").read_text().split("\0")


def _is_engine(process: Path) -> bool:
    return told_run.__name__ in (process / "cmdline").read_text().split("\0")


def _is_java(process: Path) -> bool:
    return (process / "exe").readlink().name == "java"


def _cpu_seconds(process: Path, fields: int) -> float:
    """User and system time of it alone (2), or also of those that it has waited for (4)."""
    ticks = (process / "stat").read_text().rpartition(")")[2].split()[11 : 11 + fields]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> Iterator[int]:
    """Processes that it started, and those that they did, but for the servers'."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                if f"\0{told_run.__name__}\0" in Path(f"/proc/{child}/cmdline").read_text() or pid != os.getpid():
                    yield child
                    yield from descendants(child)
