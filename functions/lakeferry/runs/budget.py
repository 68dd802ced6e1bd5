"""How long a call may go on: the run's time for its feeds, and a feed's part of it while others wait for a slot."""

import time
from collections.abc import Callable
from math import inf

ASK_BEFORE_SECONDS = 300
"""Before a feed's part ends it is asked whether anybody waits at all; no stage keeps more of its time in reserve."""
ASK_EVERY_SECONDS = 15
REPEAT_SECONDS = 150
"""An error is not left to the state machine to repeat where less is left: it waits up to 120 s before it does."""
BEGIN_SECONDS = 60
"""Nothing is begun where less is left."""


class Budget:
    """What is left of it.

    Args:
        deadline: When the run's feeds end, UTC epoch seconds; None: never, as before there were any.
        share_ends: When this feed's part ends as long as feeds of the run wait for a slot; None where none does.
        have_all_begun: Tells whether every feed of the run has had its slot.
    """

    def __init__(
        self,
        deadline: float | None = None,
        share_ends: float | None = None,
        have_all_begun: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._deadline = inf if deadline is None else deadline
        self._share_ends = share_ends
        self._have_all_begun, self._clock = have_all_begun, clock
        self._ask_at = -inf

    def left(self) -> float:
        """Seconds; below zero where it is over."""
        now = self._clock()
        if self._share_ends is None:
            return self._deadline - now
        if self._share_ends - now < ASK_BEFORE_SECONDS and now >= self._ask_at:
            self._ask_at = now + ASK_EVERY_SECONDS
            if self._have_all_begun():
                self._share_ends = None
                return self._deadline - now
        return min(self._deadline, self._share_ends) - now

    def allows(self, seconds: float) -> bool:
        """Whether what takes so long ends in time."""
        return self.left() >= seconds
