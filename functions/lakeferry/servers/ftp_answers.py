"""Lines of FTP's control connection: an answer as a whole has a limit in time and in bytes, not each of its lines."""

import ftplib
import io
import socket
import time
from typing import Any

ANSWER_BYTES = 1024 * 1024
"""Of one answer, which STAT, FEAT and MLST fill with some thousand."""


FIRST_BYTES = 100
"""Of what came, so much is worth to be told."""


class EndlessAnswerError(ftplib.error_proto):
    """It has no end, as far as anybody would wait for it."""


class Answers(io.RawIOBase):
    """Reads a connection for as long as the answer has that is waited for.

    Attributes:
        first: What came first.
    """

    def __init__(self, connection: socket.socket, encoding: str) -> None:
        super().__init__()
        self._connection = connection
        self.first = b""
        self._ends, self._room = 0.0, 0
        self._lines = io.TextIOWrapper(io.BufferedReader(self), encoding=encoding)

    def begin(self, seconds: float) -> None:
        """Another answer is waited for, so long at most."""
        self._ends, self._room = time.monotonic() + seconds, ANSWER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  (a writable buffer)
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        if self._room <= 0:
            raise EndlessAnswerError(f"an answer of more than {ANSWER_BYTES} bytes")
        before = self._connection.gettimeout()
        self._connection.settimeout(left)
        try:
            count = self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(before)
        self._room -= count
        if len(self.first) < FIRST_BYTES:
            self.first += bytes(buffer[: min(count, FIRST_BYTES - len(self.first))])
        return count

    def line(self, limit: int) -> str:
        """The next one with its end, or so many characters of it; empty where there is none."""
        return self._lines.readline(limit)
