"""Many things at once on a clock that goes on when all of them wait: an hour takes as long as its work does.

Each thing is a thread, and one at a time runs: the one that is to wake first. So the order is the same each time.
"""

import heapq
import threading
from collections.abc import Callable
from itertools import count


class Clockwork:
    """A clock, and who sleeps on it."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._waiting: list[tuple[float, int, threading.Event]] = []
        self._numbers = count()
        self._has_stopped = threading.Event()
        self._failed: list[BaseException] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Of one of the things: the others go on."""
        wake = threading.Event()
        heapq.heappush(self._waiting, (self.now + max(0.0, seconds), next(self._numbers), wake))
        self._has_stopped.set()
        wake.wait()

    def start(self, act: Callable[[], object]) -> None:
        """Begins another thing, now."""
        wake = threading.Event()

        def run() -> None:
            wake.wait()
            try:
                act()
            except BaseException as error:
                self._failed.append(error)
            finally:
                self._has_stopped.set()

        heapq.heappush(self._waiting, (self.now, next(self._numbers), wake))
        threading.Thread(target=run, daemon=True).start()

    def run(self) -> None:
        """Until nothing is left to be done.

        Raises:
            BaseException: what one of the things raised.
        """
        while self._waiting and not self._failed:
            self.now, _, wake = heapq.heappop(self._waiting)
            self._has_stopped.clear()
            wake.set()
            self._has_stopped.wait()
        if self._failed:
            raise self._failed[0]
