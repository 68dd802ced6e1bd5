"""What a process and its children cost, read while they run."""

import os
import threading
from pathlib import Path


class TreeWatch(threading.Thread):
    """CPU seconds and peak resident memory of a process and its children, from /proc (proc(5))."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._over = pid, threading.Event()
        self.peak_bytes = 0
        self._cpu: dict[int, float] = {}

    @property
    def cpu_seconds(self) -> float:
        return sum(self._cpu.values())

    def run(self) -> None:
        tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        while not self._over.wait(0.1):
            resident = 0
            for pid in self._tree():
                try:
                    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                self._cpu[pid] = (int(fields[11]) + int(fields[12])) / tick
                resident += int(fields[21]) * page
            self.peak_bytes = max(self.peak_bytes, resident)

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _tree(self) -> list[int]:
        found, todo = [], [self._pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                for task in Path(f"/proc/{pid}/task").glob("*/children"):
                    todo += [int(child) for child in task.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found
