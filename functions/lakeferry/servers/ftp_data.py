"""One data connection of FTP, and how bytes come out of it."""

import socket
from contextlib import suppress
from dataclasses import dataclass

GATHER_SECONDS = 0.2
"""So long are bytes gathered before a sink gets them: each call costs, but it looks at the clock."""
WAKE_BYTES = 256 * 1024


@dataclass(slots=True)
class DataConnection:
    """An open data connection.

    Attributes:
        socket: With a file under TLS a `TlsStream`, which has of a socket what reading needs.
        begins_at: Offset in the file of the first byte it brings.
        last_words: What the server says at the end.
        is_ended: The server has said that all was sent, before it came.
        has_begun: Set by the reader of a file: bytes have come, so it is there.
        is_whole: Set by the reader who knows that nothing is missing, whatever the server says afterwards.
    """

    socket: socket.socket
    begins_at: int = 0
    is_ended: bool = False
    last_words: str = ""
    has_begun: bool = False
    is_whole: bool = False
    _woken_by: int = 1
    _drips: bool = False

    def receive(self, view: memoryview, left: int) -> int:
        """Bytes received, many where they come quickly; 0 at the end.

        Args:
            left: Bytes that are still to come.
        """
        before = self.socket.gettimeout()
        if left < 4 * WAKE_BYTES or self._drips:  # the end of the stream wakes too, but an answer may have to be sent
            self._wake_by(1)
            return self.socket.recv_into(view)
        self._wake_by(WAKE_BYTES)
        self.socket.settimeout(GATHER_SECONDS)
        try:
            return self.socket.recv_into(view)
        except TimeoutError:
            self._drips = True
        finally:
            self.socket.settimeout(before)
        return self.receive(view, left)

    def _wake_by(self, count: int) -> None:
        """The kernel wakes this process for so many bytes, not for a few of them: that costs more than to decrypt."""
        if count != self._woken_by:
            with suppress(OSError):  # a help only
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
            self._woken_by = count
