"""Whether bytes come fast enough to be waited for: a byte a minute is no silence, and never ends."""

import time
from collections.abc import Callable

from lakeferry.errors import TransferInterruptedError

MEASURED_SECONDS = 120
"""Of waiting for bytes; a pause is no slow line."""


class Pace:
    """The speed of one transfer. What its sink takes to put bytes away is not the server's.

    Args:
        least: Bytes a second; 0 for any.
    """

    def __init__(self, least: float, path: str, where: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._least, self._path, self._where, self._clock = least, path, where, clock
        self._since, self._bytes = clock(), 0
        self._came_at = self._since

    def comes(self) -> None:
        """Bytes are here."""
        self._came_at = self._clock()

    def goes_on(self, count: int) -> None:
        """They are put away, and more are waited for.

        Raises:
            TransferInterruptedError: too few came, for long enough to be sure.
        """
        now = self._clock()
        waited, self._bytes = self._came_at - self._since, self._bytes + count
        self._since += now - self._came_at
        if waited < MEASURED_SECONDS:
            return
        if self._bytes < self._least * waited:
            raise TransferInterruptedError(
                f"{self._path} on {self._where} comes too slowly: {self._bytes} bytes in {waited:.0f} s. What came is "
                f"kept, and it is tried again; if it lasts, ask the partner, or lower server.min_bytes_per_second "
                f"({self._least:g}) of the feed."
            )
        self._since, self._bytes = now, 0
