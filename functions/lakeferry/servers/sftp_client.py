"""What is asked of an SFTP server: its files, its folders, and the bytes of a file."""

import stat
from collections import deque
from collections.abc import Generator
from contextlib import suppress

import paramiko

from lakeferry.servers.emptiness import says_empty
from lakeferry.servers.server import Sink
from lakeferry.servers.sftp_packets import (
    ATTRS,
    CLOSE,
    END_OF_FILE,
    EXTENDED,
    EXTENDED_REPLY,
    FAILURE,
    FOR_READING,
    FSTAT,
    HANDLE,
    LSTAT,
    MKDIR,
    NAME,
    NO_SUCH_FILE,
    NOTHING,
    OK,
    OPEN,
    OPENDIR,
    READDIR,
    REMOVE,
    RENAME,
    STAT,
    STATUS,
    Attributes,
    SftpProtocolError,
    SftpStatusError,
    packet,
    read_request,
    string,
)
from lakeferry.servers.sftp_requests import PATIENCE, SftpRequests
from lakeferry.servers.sftp_transfer import LARGEST_REQUEST, SMALLEST_ANSWER, Transfer, ahead_over

_ENDS = (END_OF_FILE, OK, NO_SUCH_FILE)
"""Answers by which a listing ends: the directory is open, so that "no such file" means that there is no other entry."""
EMPTY_ANSWERS = 100
"""Lists of no names in a row, where the end of the listing would be a status."""
LISTINGS_IN_FLIGHT = 16
"""OpenSSH gives about 100 names an answer: over a long way these make the listing as fast as the line."""

_POSIX_RENAME, _LIMITS = b"posix-rename@openssh.com", b"limits@openssh.com"
_CHECK_FILE = b"check-file-name"
_WHOLE = bytes(20)
"""From offset 0, to the end (0), as one block (0)."""


class SftpClient(SftpRequests):
    """Paths and names are the server's bytes.

    Attributes:
        refuses_much: A reading failed at its first request, which was for more than every server has to give.

    Every method raises `SftpStatusError` where the server refuses, `SftpProtocolError` where it makes no sense,
    `TimeoutError` after the channel's time-out of silence, `EOFError`, `OSError` or `paramiko.SSHException` where the
    connection is gone.
    """

    def __init__(self, channel: paramiko.Channel, request_bytes: int | None = None) -> None:
        """
        Args:
            request_bytes: What the server is known to give at most for one request.
        """
        super().__init__(channel)
        self._request_bytes = request_bytes
        self.refuses_much = False

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
        handle = self._opened(path)
        if handle is None:
            return
        asked: deque[int] = deque()
        most, empty = 2, 0
        seen: set[int] = set()
        try:
            while True:
                while len(asked) < most:
                    asked.append(self._ask(READDIR, string(handle)))
                try:
                    answer = self._result(NAME, asked.popleft())
                except SftpStatusError as error:
                    if error.code in _ENDS or (error.code == FAILURE and says_empty(str(error))):
                        return
                    raise
                most = LISTINGS_IN_FLIGHT
                data = answer.peek()
                empty = empty + 1 if data == NOTHING else 0
                page = hash(data)
                if empty > EMPTY_ANSWERS or (not empty and page in seen):
                    raise SftpProtocolError("it lists the same again and again")
                seen.add(page)
                yield from answer.names()
        finally:
            for number in asked:
                self._inbox.forget(number)
            self._close(handle)

    def _opened(self, path: bytes) -> bytes | None:
        """The handle of a directory; None of one that is there, and that the server does not open for being empty."""
        try:
            return self._call(HANDLE, OPENDIR, string(path)).string()
        except SftpStatusError as refused:
            if refused.code not in (FAILURE, NO_SUCH_FILE) or not says_empty(str(refused)):
                raise
            with suppress(SftpStatusError):
                if stat.S_ISDIR(self.stat(path).mode or 0):
                    return None
            raise

    def read(self, path: bytes, offset: int, sink: Sink, size: int | None = None) -> tuple[int, int]:
        """Hands on the bytes from the offset to the end; how many there were, and the size that the file should have.

        The size is asked for where it is not given; a server that does not tell it is read to the end all the same.
        What the sink raises comes through. A reading that ends early ends the session: what was asked still comes.
        """
        with self._timed():
            opening = self._ask(OPEN, string(path), FOR_READING, NOTHING)
            limits = self._ask_limits()
            handle = self._result(HANDLE, opening).string()
        if size is None:
            size = self._size_of(handle)
        transfer = Transfer(sink, offset, size, self._take_limits(limits), ahead_over(self.round_trip))
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
            except (SftpStatusError, SftpProtocolError):
                del self._extensions[_LIMITS]
        return self._request_bytes

    def _close(self, handle: bytes) -> None:
        """Its answer changes nothing, so it is not waited for."""
        with suppress(OSError, EOFError, paramiko.SSHException):
            self._send(packet(CLOSE, next(self._numbers), string(handle)))
