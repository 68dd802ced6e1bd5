"""Bytes that arrive later than they were sent, as over a long way."""

import socket
import threading
import time
from collections import deque
from contextlib import suppress

ON_ITS_WAY_BYTES = 64 * 1024 * 1024
"""The most that one direction holds, so that a fast sender does not fill the memory."""


class Delayed:
    """What is sent from one socket to another, each byte as much later as the way is long, in order."""

    def __init__(self, source: socket.socket, target: socket.socket, seconds: float) -> None:
        self._source, self._target, self._seconds = source, target, seconds
        self._due: deque[tuple[float, bytes]] = deque()
        self._held = 0
        self._changed = threading.Condition()
        self._is_broken = False
        threading.Thread(target=self._give, daemon=True).start()

    def send(self, data: bytes) -> None:
        """Waits while too much is on its way.

        Raises:
            BrokenPipeError: nobody reads it any more.
        """
        with self._changed:
            while self._held > ON_ITS_WAY_BYTES and not self._is_broken:
                self._changed.wait()
            if self._is_broken:
                raise BrokenPipeError
            self._take(data)

    def end(self) -> None:
        """Nothing more will be sent."""
        with self._changed:
            self._take(b"")

    def _take(self, data: bytes) -> None:
        self._due.append((time.monotonic() + self._seconds, data))
        self._held += len(data)
        self._changed.notify_all()

    def _give(self) -> None:
        while True:
            with self._changed:
                while not self._due:
                    self._changed.wait()
                due, data = self._due.popleft()
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            try:
                if not data:
                    self._target.shutdown(socket.SHUT_WR)
                    return
                self._target.sendall(data)
            except OSError:
                with suppress(OSError):  # the sender is to know, who may be waiting to send more
                    self._source.shutdown(socket.SHUT_RDWR)
                with self._changed:
                    self._is_broken = True
                    self._changed.notify_all()
                return
            with self._changed:
                self._held -= len(data)
                self._changed.notify_all()
