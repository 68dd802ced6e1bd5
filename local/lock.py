"""One process at a time changes a lake: what two keep in memory, the last to write would win."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class LakeBusyError(Exception):
    """Another process works with the lake."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the lake's lock.

    Raises:
        LakeBusyError: another process does.
    """
    path = folder / ".lakeferry" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LakeBusyError(
                f"another process ({_holder(path)}) works with the lake {folder}: wait until it has ended, or end it."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process works with the lake now."""
    path = folder / ".lakeferry" / "lock"
    if not path.exists():
        return False
    with path.open("r", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _holder(path: Path) -> str:
    return f"process {path.read_text('utf-8') or 'unknown'}"
