"""TLS of a data connection that brings a file: the socket is read in large pieces, and decrypted from memory.

OpenSSL on a socket asks the kernel twice for each record of 16 kB, for its head and for its body. A file of a gigabyte
is 120,000 system calls so, and costs as much time in them as decrypting it.
"""

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from select import select
from typing import TypeVar

RECEIVE_BYTES = 256 * 1024
END_SECONDS = 5
"""How long the other side has to end TLS; all bytes are there by then."""
Result = TypeVar("Result")


class TlsStream:
    """Has of a socket what reading a file needs. The handshake is done when it is made.

    Raises:
        ssl.SSLError: the server has no good certificate, or does not take ours.
        OSError: the connection is gone.
    """

    def __init__(
        self, connection: socket.socket, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None
    ) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host, session=session)
        self._received = memoryview(bytearray(RECEIVE_BYTES))
        try:
            self._run(self._tls.do_handshake)
        except ssl.SSLError:
            with suppress(OSError):
                self._send()  # the alert that tells the server why
            raise

    def recv_into(self, view: memoryview) -> int:
        """Fills the view with what is there; waits only while there is nothing. 0 at the end, told of or not.

        Raises:
            TimeoutError: nothing came; it can be called again.
        """
        filled = self._read(view)
        while filled < len(view) and self._incoming.pending:
            try:
                count = self._tls.read(len(view) - filled, view[filled:])
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                break
            if not count:
                break
            filled += int(count)
        return filled

    def settimeout(self, seconds: float | None) -> None:
        self._connection.settimeout(seconds)

    def gettimeout(self) -> float | None:
        return self._connection.gettimeout()

    def setsockopt(self, level: int, name: int, value: int) -> None:
        self._connection.setsockopt(level, name, value)

    def unwrap(self) -> None:
        """Says that nothing more is read, once all was, and waits for the server's word that all was sent."""
        self._run(self._tls.unwrap)

    def shutdown(self, how: int) -> None:
        self._connection.shutdown(how)

    def close(self) -> None:
        self._connection.close()

    def _read(self, view: memoryview) -> int:
        try:
            return int(self._run(lambda: self._tls.read(len(view), view)))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return 0

    def _run(self, action: Callable[[], Result]) -> Result:
        ends: float | None = None
        while True:
            try:
                result = action()
            except ssl.SSLWantReadError:
                self._send()
                # a record that comes byte by byte has the time of one, as on a socket of Python's own
                ends = self._wait(ends)
                count = self._connection.recv_into(self._received)
                if count:
                    self._incoming.write(self._received[:count])
                else:
                    self._incoming.write_eof()
            else:
                self._send()
                return result

    def _wait(self, ends: float | None) -> float | None:
        """Until there are bytes to receive, or the time is up that began with the first wait; when it is."""
        timeout = self._connection.gettimeout()
        if timeout is None or ends is None:
            return None if timeout is None else time.monotonic() + timeout
        left = ends - time.monotonic()
        if left <= 0 or not select([self._connection], [], [], left)[0]:
            raise TimeoutError("timed out")
        return ends

    def _send(self) -> None:
        if self._outgoing.pending:
            self._connection.sendall(self._outgoing.read())


def end_tls(connection: object) -> None:
    """Ends TLS on a data connection before the connection ends, as TLS wants it (RFC 5246, section 7.2.1).

    A server may count a transfer as failed whose end the client did not confirm so (vsftpd's
    `strict_ssl_write_shutdown`). Raises nothing: what counts is the answer on the control connection.
    """
    if isinstance(connection, TlsStream | ssl.SSLSocket):
        with suppress(OSError, ValueError):  # an SSLError is an OSError
            connection.settimeout(END_SECONDS)
            connection.unwrap()
