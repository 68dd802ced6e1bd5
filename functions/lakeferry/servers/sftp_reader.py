"""Reads one open SFTP file with many requests in flight, over paramiko's public channel.

paramiko's own prefetch asks for 32 KiB at a time and plans the whole file in advance; this one asks for as
much as OpenSSH answers at once, and needs memory for what is in flight only.
"""

import errno
import struct
from collections import deque
from collections.abc import Iterator

import paramiko

REQUEST_BYTES = 255 * 1024
"""What OpenSSH's sftp-server hands out at most for one request (its `max-read-length`, 261,120)."""
REQUESTS_IN_FLIGHT = 64
RECEIVE_BYTES = 1024 * 1024

# draft-ietf-secsh-filexfer-02, sections 3 and 7
_READ, _STATUS, _DATA = 5, 101, 103
_END_OF_FILE, _NO_SUCH_FILE, _PERMISSION_DENIED = 1, 2, 3
_HEADER = struct.Struct(">IBI")
_NUMBER = struct.Struct(">I")
_FIRST_REQUEST = 1 << 31
"""paramiko numbers its own requests from 1 on over the same channel."""


class PipelinedReader:
    """Bytes of one open file. While it reads, nothing else may use the channel.

    A reader that was not used up leaves answers behind: its channel must be closed.
    """

    def __init__(self, channel: paramiko.Channel, handle: bytes) -> None:
        self._channel = channel
        self._handle = handle
        self._next = _FIRST_REQUEST
        self._received = memoryview(b"")
        self._early: dict[int, bytes] = {}

    def chunks(self, offset: int, size: int) -> Iterator[memoryview]:
        """The bytes from `offset` to the end of the file, in order.

        The first request goes alone: what comes back tells how much this server answers at once.

        Args:
            size: Bytes the file is believed to have; only so far are requests sent ahead.

        Raises:
            EOFError: the server closed the channel.
            TimeoutError: it went silent for the channel's time-out.
            OSError: it refused to read on.
            paramiko.SFTPError: it broke the protocol.
        """
        pending: deque[tuple[int, int, int]] = deque()
        request, limit, ahead = REQUEST_BYTES, 1, offset
        while True:
            while not pending or (len(pending) < limit and ahead < size):
                pending.append(self._ask(ahead, request))
                ahead += request
            number, start, asked = pending.popleft()
            got = 0
            for piece in self._answer(number):
                got += len(piece)
                yield piece
            if got == 0:
                break
            if limit == 1:
                limit, ahead = REQUESTS_IN_FLIGHT, start + got
                request = max(got, 32 * 1024)  # every server must answer that much (section 3)
            elif got < asked:
                pending.appendleft(self._ask(start + got, asked - got))
        for number, _, _ in pending:
            for _ in self._answer(number):
                pass

    def _ask(self, offset: int, length: int) -> tuple[int, int, int]:
        number, self._next = self._next, self._next + 1
        body = struct.pack(
            f">BII{len(self._handle)}sQI", _READ, number, len(self._handle), self._handle, offset, length
        )
        self._channel.sendall(_NUMBER.pack(len(body)) + body)
        return number, offset, length

    def _answer(self, number: int) -> Iterator[memoryview]:
        """Data of one request as it arrives, nothing at the end of the file; answers to others are kept."""
        if number in self._early:
            early = self._early.pop(number)
            if early:
                yield memoryview(early)
            return
        while True:
            length, kind, answered = _HEADER.unpack(self._exactly(_HEADER.size))
            if kind not in (_DATA, _STATUS) or answered < _FIRST_REQUEST:
                self._exactly(length - 5)
                continue
            (value,) = _NUMBER.unpack(self._exactly(_NUMBER.size))
            if kind == _STATUS:
                _raise_unless_end(value, self._exactly(length - 9))
                if answered == number:
                    return
                self._early[answered] = b""
            elif value > REQUEST_BYTES:
                raise paramiko.SFTPError(f"{value} bytes in an answer to a request for at most {REQUEST_BYTES}")
            elif answered == number:
                while value:
                    piece = self._some(value)
                    value -= len(piece)
                    yield piece
                return
            else:
                self._early[answered] = self._exactly(value)

    def _some(self, most: int) -> memoryview:
        if not self._received:
            # large pieces: taking a few bytes makes paramiko move everything that waits behind them
            data = self._channel.recv(RECEIVE_BYTES)
            if not data:
                raise EOFError("the server closed the SFTP channel")
            self._received = memoryview(data)
        piece, self._received = self._received[:most], self._received[most:]
        return piece

    def _exactly(self, length: int) -> bytes:
        if not 0 <= length <= REQUEST_BYTES + 1024:
            raise paramiko.SFTPError(f"an SFTP packet with a part of {length} bytes")
        parts = bytearray()
        while len(parts) < length:
            parts += self._some(length - len(parts))
        return bytes(parts)


def _raise_unless_end(code: int, rest: bytes) -> None:
    if code == _END_OF_FILE:
        return
    text = rest[4 : 4 + _NUMBER.unpack(rest[:4])[0]].decode("utf-8", "replace") if len(rest) >= 4 else ""
    number = {_NO_SUCH_FILE: errno.ENOENT, _PERMISSION_DENIED: errno.EACCES}.get(code, errno.EIO)
    raise OSError(number, text or f"SFTP status {code}")
