"""What is looked at: a deployed stack, or a lake, also while another process works with it."""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from cli.calling import Call
from cli.stack import Stack

_Found = TypeVar("_Found")
_MOST = 64
"""Answers that are kept."""
_FEWEST_SECONDS = 2.0
_TIMES = 10
"""What took a second to read is read anew after so many at the earliest: a console may not slow down what it shows."""


class Place:
    """Opens it, and opens it anew where a run has changed it; one caller at a time, since moto knows no more.

    Args:
        opening: Opens it.
        stamp: Another value where what was opened is out of date.
    """

    def __init__(self, opening: Callable[[], Any], stamp: Callable[[], Hashable] = lambda: None) -> None:
        self._opening, self._stamp = opening, stamp
        self._lock = threading.RLock()
        self._exit = ExitStack()
        self._stack: Stack | None = None
        self._opened: Hashable = None
        self._kept: dict[Hashable, tuple[Hashable, float, float, Any]] = {}

    @contextmanager
    def stack(self) -> Iterator[Stack]:
        """The stack, for as long as nobody else has it."""
        with self._lock:
            yield self._current()

    def _current(self) -> Stack:
        stamp = self._stamp()
        if self._stack is None or stamp != self._opened:
            self._exit.close()
            self._stack = None
            self._stack = self._exit.enter_context(self._opening())
            self._opened = stamp
        return self._stack

    @property
    def rests(self) -> bool:
        """Whether it is a lake that nobody works with: each change of its tables is one of its stamp."""
        with self._lock:
            self._current()
            return isinstance(self._opened, tuple)

    def close(self) -> None:
        """Ends it."""
        with self._lock:
            self._exit.close()
            self._stack = None

    def kept(self, key: Hashable, read: Callable[[Stack], _Found], *, is_over: bool) -> _Found:
        """What was read of the stack, or was just now.

        Args:
            is_over: It changes no more, but by what changes the lake.
        """
        with self._lock:
            stack = self._current()
            found = self._kept.get(key)
            now = time.monotonic()
            if found is not None and found[0] == self._opened:
                longest = 600.0 if is_over and self._opened is not None else max(_FEWEST_SECONDS, _TIMES * found[2])
                if now - found[1] < longest:
                    answer: _Found = found[3]
                    return answer
            answer = read(stack)
            self._kept[key] = (self._opened, time.monotonic(), time.monotonic() - now, answer)
            while len(self._kept) > _MOST:
                del self._kept[next(iter(self._kept))]
            return answer


def place_of(call: Call) -> Place:
    """Of what a command's options name."""
    if call.lake is None:
        return Place(call.stack)
    lake = call.lake.absolute()

    @contextmanager
    def opening() -> Iterator[Stack]:
        from cli.console.kept import KeptLake, ReachedAws
        from cli.lake import LakeStack
        from local.reached import find
        from local.still import StillLake

        running = find(lake)
        if running is not None:
            yield LakeStack(lake, ReachedAws(running.endpoint, running.resources))
        elif not (lake / ".lakeferry").is_dir():
            with call.stack():  # which says how one is made
                raise AssertionError("a lake that is none was opened")
        else:
            with StillLake(lake) as aws:
                yield KeptLake(lake, aws)

    def stamp() -> Hashable:
        from local.reached import find

        running = find(lake)
        if running is not None:
            return running.endpoint
        tables = sorted((lake / ".lakeferry" / "tables").glob("*.json"))
        return tuple((path.name, path.stat().st_mtime_ns) for path in tables)

    return Place(opening, stamp)
