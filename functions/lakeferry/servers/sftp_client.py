"""Requests of SFTP version 3 over one channel: several in flight, answers told apart by their number."""

import itertools
from collections import deque
from collections.abc import Generator
from contextlib import suppress

import paramiko

from lakeferry.servers.server import Sink
from lakeferry.servers.sftp_inbox import Inbox
from lakeferry.servers.sftp_packets import (
    ATTRS,
    CLOSE,
    END_OF_FILE,
    EXTENDED,
    EXTENDED_REPLY,
    FOR_READING,
    FSTAT,
    HANDLE,
    INIT,
    LSTAT,
    MKDIR,
    NAME,
    NOTHING,
    OK,
    OPEN,
    OPENDIR,
    READDIR,
    REMOVE,
    RENAME,
    STAT,
    STATUS,
    VERSION,
    Attributes,
    Body,
    SftpProtocolError,
    SftpStatusError,
    packet,
    read_request,
    string,
)
from lakeferry.servers.sftp_transfer import LARGEST_REQUEST, SMALLEST_ANSWER, Transfer

SPOKEN_VERSION = 3
LATEST_VERSION = 9
"""6 is the last that was drafted; a server may name no later one than it was greeted with, and some do."""
EMPTY_ANSWERS = 100
"""Lists of no names in a row, where the end of the listing would be a status."""
LISTINGS_IN_FLIGHT = 16
"""OpenSSH gives about 100 names an answer: over a long way these make the listing as fast as the line."""

_POSIX_RENAME, _LIMITS = b"posix-rename@openssh.com", b"limits@openssh.com"
_CHECK_FILE = b"check-file-name"
_WHOLE = bytes(20)
"""From offset 0, to the end (0), as one block (0)."""


PATIENCE = 10
"""Time-outs in a row while bytes come, but no packet that is of any use: a line may be slow, a packet is large."""


class SftpClient:
    """Paths and names are the server's bytes.

    Attributes:
        refuses_much: A reading failed at its first request, which was for more than every server has to give.

    Every method raises `SftpStatusError` where the server refuses, `SftpProtocolError` where it makes no sense,
    `TimeoutError` after the channel's time-out of silence, `EOFError`, `OSError` or `paramiko.SSHException` where the
    connection is gone.
    """

    def __init__(self, channel: paramiko.Channel, request_bytes: int | None = None) -> None:
        """Starts the subsystem on a channel that was just opened.

        Args:
            request_bytes: What the server is known to give at most for one request.
        """
        self._channel = channel
        self._inbox = Inbox()
        channel.in_buffer = self._inbox  # type: ignore[assignment]  # (has its methods)
        self._numbers = itertools.count(1)
        self._request_bytes = request_bytes
        self.refuses_much = False
        self._patience = PATIENCE
        channel.invoke_subsystem("sftp")
        # the answer to the greeting has the version where other packets have a number
        for version in range(LATEST_VERSION + 1):
            self._inbox.expect(version)
        self._send(packet(INIT, SPOKEN_VERSION))
        while (version := next(filter(self._inbox.has, range(LATEST_VERSION + 1)), -1)) < 0:
            self._wait()
        kind, body = self._inbox.get(version)
        for other in range(LATEST_VERSION + 1):
            self._inbox.forget(other)
        if kind != VERSION:
            raise SftpProtocolError(f"packet of kind {kind} in answer to the greeting")
        if version != SPOKEN_VERSION:
            raise SftpProtocolError(f"it answers with version {version} of SFTP to a greeting of {SPOKEN_VERSION}")
        self._extensions = Body(body).extensions()
        self._numbers = itertools.count(LATEST_VERSION + 1)

    @property
    def is_open(self) -> bool:
        return not self._channel.closed

    def close(self) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):  # the connection itself may be gone
            self._channel.close()

    def lstat(self, path: bytes) -> Attributes:
        """Of a link itself."""
        return self._call(ATTRS, LSTAT, string(path)).attributes()

    def stat(self, path: bytes) -> Attributes:
        """Of what a link leads to."""
        return self._call(ATTRS, STAT, string(path)).attributes()

    def remove(self, path: bytes) -> None:
        self._call(STATUS, REMOVE, string(path))

    def make_directory(self, path: bytes) -> None:
        self._call(STATUS, MKDIR, string(path), NOTHING)

    def rename(self, path: bytes, target: bytes) -> None:
        """Whether a file that has the target's name is replaced is the server's choice; it is never removed first."""
        if _POSIX_RENAME in self._extensions:
            self._call(STATUS, EXTENDED, string(_POSIX_RENAME), string(path), string(target))
        else:
            self._call(STATUS, RENAME, string(path), string(target))

    def check_file(self, path: bytes, algorithms: bytes, seconds: float) -> tuple[bytes, bytes]:
        """The algorithm the server has chosen, and the hash of the whole file.

        draft-ietf-secsh-filexfer-extensions-00, section 3.

        Args:
            algorithms: Names with commas between, best first.
        """
        before = self._channel.gettimeout()
        self._channel.settimeout(seconds)
        self._patience = 1
        try:
            body = self._call(EXTENDED_REPLY, EXTENDED, string(_CHECK_FILE), string(path), string(algorithms), _WHOLE)
        finally:
            self._channel.settimeout(before)
            self._patience = PATIENCE
        name = body.string()
        # ProFTPD leaves out what paramiko's servers begin with
        return (body.string() if name.startswith(b"check-file") else name), body.rest()

    def names(self, path: bytes) -> Generator[tuple[bytes, Attributes], None, None]:
        """What the directory holds, as it comes in, `.` and `..` too."""
        handle = self._call(HANDLE, OPENDIR, string(path)).string()
        asked: deque[int] = deque()
        most, empty, first = 2, 0, b""
        try:
            while True:
                while len(asked) < most:
                    asked.append(self._ask(READDIR, string(handle)))
                try:
                    answer = self._result(NAME, asked.popleft())
                except SftpStatusError as error:
                    if error.code == END_OF_FILE:
                        return
                    raise
                most = LISTINGS_IN_FLIGHT
                data = answer.peek()
                empty = empty + 1 if data == NOTHING else 0
                if empty > EMPTY_ANSWERS or (first and data == first):
                    raise SftpProtocolError("it lists the same again and again")
                first = first or (b"" if empty else data)
                yield from answer.names()
        finally:
            for number in asked:
                self._inbox.forget(number)
            self._close(handle)

    def read(self, path: bytes, offset: int, sink: Sink, size: int | None = None) -> tuple[int, int]:
        """Hands on the bytes from the offset to the end; how many there were, and the size that the file should have.

        The size is asked for where it is not given; a server that does not tell it is read to the end all the same.
        What the sink raises comes through. A reading that ends early ends the session: what was asked still comes.
        """
        opening = self._ask(OPEN, string(path), FOR_READING, NOTHING)
        limits = self._ask_limits()
        handle = self._result(HANDLE, opening).string()
        if size is None:
            size = self._size_of(handle)
        transfer = Transfer(sink, offset, size, self._take_limits(limits))
        self._inbox.transfer = transfer
        try:
            while not transfer.is_over:
                requests = transfer.asks(self._numbers)
                self._send(b"".join(read_request(one.number, handle, one.offset, one.length) for one in requests))
                if not transfer.is_over:
                    self._wait()
            if transfer.failure is not None:
                raise transfer.failure
        except (OSError, EOFError, paramiko.SSHException, SftpStatusError) as error:
            self.close()
            self.refuses_much = transfer.asks_for_much
            if not transfer.is_whole or error is transfer.failure:
                raise
        except BaseException:
            self.close()
            raise
        finally:
            self._inbox.end_transfer()
        if transfer.was_refused_much:
            self._request_bytes = SMALLEST_ANSWER
        if transfer.was_stopped:
            self.close()
        else:
            self._close(handle)
        return transfer.handed, size

    def _size_of(self, handle: bytes) -> int:
        try:
            return self._call(ATTRS, FSTAT, string(handle)).attributes().size or 0
        except SftpStatusError:  # some give a file once, and say that it is gone as soon as it is open
            return 0

    def _ask_limits(self) -> int | None:
        if self._request_bytes is None and _LIMITS in self._extensions:
            return self._ask(EXTENDED, string(_LIMITS))
        return None

    def _take_limits(self, number: int | None) -> int | None:
        """Bytes the server gives at most for one request; None where it does not tell."""
        if number is not None:
            try:
                body = self._result(EXTENDED_REPLY, number)
                _largest_packet, largest_read = body.long(), body.long()
                self._request_bytes = min(largest_read or LARGEST_REQUEST, LARGEST_REQUEST)
            except SftpStatusError:
                del self._extensions[_LIMITS]
        return self._request_bytes

    def _close(self, handle: bytes) -> None:
        """Its answer changes nothing, so it is not waited for."""
        with suppress(OSError, EOFError, paramiko.SSHException):
            self._send(packet(CLOSE, next(self._numbers), string(handle)))

    def _call(self, expected: int, kind: int, *fields: bytes) -> Body:
        return self._result(expected, self._ask(kind, *fields))

    def _ask(self, kind: int, *fields: bytes) -> int:
        number = next(self._numbers)
        self._inbox.expect(number)
        self._send(packet(kind, number, *fields))
        return number

    def _result(self, expected: int, number: int) -> Body:
        kind, data = self._answer(number)
        body = Body(data)
        if kind == STATUS:
            error = body.status()
            if expected == STATUS and error.code == OK:
                return body
            raise error
        if kind != expected:
            raise SftpProtocolError(f"packet of kind {kind} instead of {expected}")
        return body

    def _answer(self, number: int) -> tuple[int, bytes]:
        while not self._inbox.has(number):
            self._wait()
        return self._inbox.get(number)

    def _wait(self) -> None:
        taken = self._receive()  # lets the server send as much again
        if self._inbox.failure is not None and self._inbox.transfer is None:
            raise self._inbox.failure
        if not taken and self._inbox.is_closed:
            raise EOFError("the server closed the SFTP channel")

    def _receive(self) -> int:
        """Waits for the channel; not only a packet that is whole, each byte of one is a sign of life."""
        waits = 1
        while True:
            before = self._received()
            try:
                return len(self._channel.recv(1))
            except TimeoutError:
                if waits >= self._patience or self._received() == before:
                    raise
                waits += 1

    def _received(self) -> int:
        return int(getattr(self._channel.get_transport().sock, "received", 0))

    def _send(self, data: bytes) -> None:
        if data:
            self._channel.sendall(data)
