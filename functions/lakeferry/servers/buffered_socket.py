"""A socket that is read in large pieces, for a library that asks for a few bytes at a time."""

import socket
from contextlib import suppress
from typing import Self

BUFFER_BYTES = 256 * 1024
FIRST_BYTES = 100
BEFORE_LOGIN_BYTES = 1024 * 1024
"""Banners, keys and what a login takes are some thousand; paramiko would keep a line without end."""


class BufferedSocket(socket.socket):
    """paramiko reads each SSH packet with two or three calls; with this most of them stay in this process.

    One thread at a time may receive, as paramiko does.
    """

    @classmethod
    def of(cls, connection: socket.socket) -> Self:
        """Takes over the connection; the one given is not to be used any more."""
        timeout = connection.gettimeout()
        taken = cls(connection.family, connection.type, connection.proto, fileno=connection.detach())
        taken.settimeout(timeout)
        taken._buffer = memoryview(bytearray(BUFFER_BYTES))
        taken.first = b""
        taken._start = taken._end = taken.received = 0
        taken.most = BEFORE_LOGIN_BYTES
        return taken

    first: bytes
    """What came first, as far as it is worth to be told."""
    received: int
    """Bytes that have come so far."""
    most: int | None
    """Bytes that may come; None from the login on."""
    _buffer: memoryview
    _start: int
    _end: int

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        if self._start == self._end:
            self._start, self._end = 0, self.recv_into(self._buffer)
            if not self.received:
                self.first = bytes(self._buffer[: min(self._end, FIRST_BYTES)])
            self.received += self._end
            if self.most is not None and self.received > self.most:
                raise OSError(f"more than {self.most} bytes before the login")
        end = min(self._start + bufsize, self._end)
        data = bytes(self._buffer[self._start : end])
        self._start = end
        return data

    def close(self) -> None:
        """Ends the connection at once: while paramiko's thread waits for bytes the system would keep it open.

        The server counts it until then, and the next one may be one too many.
        """
        with suppress(OSError):  # the server may have ended it, or it never began
            self.shutdown(socket.SHUT_RDWR)
        super().close()
