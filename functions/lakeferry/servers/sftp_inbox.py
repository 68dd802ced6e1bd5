"""What arrives on an SFTP channel, cut into packets in the thread that decrypts it.

A file's bytes go from there straight to the sink. Handing each packet to another thread first is what makes SFTP with
paramiko slow: waking a thread takes longer than decrypting 32 KiB.
"""

import threading
import time
from collections.abc import Callable

from paramiko.buffered_pipe import PipeTimeout

from lakeferry.servers.sftp_packets import (
    DATA,
    DATA_HEADER,
    HEADER,
    LARGEST_PACKET,
    STATUS,
    Body,
    SftpProtocolError,
)
from lakeferry.servers.sftp_transfer import Transfer

ATTENTION_BYTES = 1024 * 1024
"""Taken so many, the other thread is woken to tell the server that it may send more."""


class Inbox:
    """Stands in for a paramiko channel's `in_buffer`, whose methods it has.

    `Channel.recv` gets from `read` how many bytes were taken, as a range of that length: it counts them to open the
    window again, and is not interested in the bytes.
    """

    def __init__(self) -> None:
        self.transfer: Transfer | None = None
        self.failure: BaseException | None = None
        self._changed = threading.Condition()
        self._awaited: set[int] = set()
        self._packets: dict[int, tuple[int, bytes]] = {}
        self._taken = 0
        self._needs_attention = False
        self._is_closed = False
        self._is_feeding = False
        self._last_fed = time.monotonic()
        # the packet that is coming in
        self._header = bytearray()
        self._kind = self._number = self._left = 0
        self._put: Callable[[memoryview], None] = self._collect
        self._body = bytearray()

    @property
    def is_closed(self) -> bool:
        """Nothing more will come."""
        return self._is_closed

    def expect(self, number: int) -> None:
        with self._changed:
            self._awaited.add(number)

    def has(self, number: int) -> bool:
        return number in self._packets

    def get(self, number: int) -> tuple[int, bytes]:
        with self._changed:
            return self._packets.pop(number)

    def forget(self, number: int) -> None:
        """Its answer is not waited for any more."""
        with self._changed:
            self._awaited.discard(number)
            self._packets.pop(number, None)

    def feed(self, data: bytes) -> None:
        """Called by the channel, in the transport's thread."""
        if self.failure is not None:
            return
        with self._changed:
            self._is_feeding = True
        try:
            self._cut(memoryview(data))
        except BaseException as error:
            # it must not leave this thread: that would end the connection, and nobody would learn why
            self.failure = error
            if self.transfer is not None:
                self.transfer.fail(error)
            self._needs_attention = True
        with self._changed:
            transfer = self.transfer
            self._is_feeding = False
            self._last_fed = time.monotonic()
            self._taken += len(data)
            if transfer is not None and (transfer.is_over or transfer.wants_asking()):
                self._needs_attention = True
            if self._needs_attention or self._taken >= ATTENTION_BYTES:
                self._changed.notify_all()

    def end_transfer(self) -> None:
        """When this returns, the sink is not running, and will not be called again."""
        with self._changed:
            transfer, self.transfer = self.transfer, None
            if transfer is not None:
                transfer.is_over = True
            while self._is_feeding:
                self._needs_attention = True  # so that the end of the feeding is told
                self._changed.wait()

    def read(self, nbytes: int, timeout: float | None = None) -> range:
        """Waits until something is to be done; how many bytes were taken meanwhile, none where the end was reached.

        Raises:
            PipeTimeout: nothing came for so long.
        """
        with self._changed:
            started = time.monotonic()
            while not (self._needs_attention or self._taken >= ATTENTION_BYTES or self._is_closed):
                silent = time.monotonic() - max(started, self._last_fed)
                if self._is_feeding:  # the sink takes its time
                    self._changed.wait(timeout)
                elif timeout is not None and (silent >= timeout or self._takes_too_long(started, timeout)):
                    raise PipeTimeout
                else:
                    # an answer that comes byte by byte is not silent, and looked at all the same
                    self._changed.wait(None if timeout is None else min(timeout - silent, timeout))
            taken, self._taken = self._taken, 0
            self._needs_attention = False
            return range(taken)

    def _takes_too_long(self, started: float, timeout: float) -> bool:
        """Whether bytes came all the time, and no answer; those of a file go on as they come."""
        return self.transfer is None and time.monotonic() - started >= timeout

    def read_ready(self) -> bool:
        return self._needs_attention

    def close(self) -> None:
        """Called when nothing more will come."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return self._taken

    def _cut(self, view: memoryview) -> None:
        position, end = 0, len(view)
        while position < end:
            if self._left:
                step = min(self._left, end - position)
                self._put(view[position : position + step])
                position += step
                self._left -= step
                if not self._left:
                    self._finish()
            else:
                position = self._begin(view, position, end)

    def _begin(self, view: memoryview, position: int, end: int) -> int:
        """Reads a header, or what there is of it; where its packet goes on."""
        wanted = DATA_HEADER.size if len(self._header) >= 5 and self._header[4] == DATA else HEADER.size
        if not self._header and end - position >= DATA_HEADER.size and view[position + 4] == DATA:
            length, kind, number, count = DATA_HEADER.unpack_from(view, position)
            position += DATA_HEADER.size
        else:
            step = min(wanted - len(self._header), end - position)
            self._header += view[position : position + step]
            position += step
            if len(self._header) < HEADER.size:
                return position
            if self._header[4] == DATA:
                if len(self._header) < DATA_HEADER.size:
                    return position
                length, kind, number, count = DATA_HEADER.unpack(self._header)
            else:
                length, kind, number = HEADER.unpack(self._header)
                count = length - 5
            self._header.clear()
        if not 5 <= length <= LARGEST_PACKET or (kind == DATA and count != length - 9):
            raise SftpProtocolError(f"a packet of {length} bytes: this is not SFTP, or a message came in between")
        self._kind, self._number, self._left = kind, number, count
        transfer = self.transfer
        if transfer is not None and kind == DATA and transfer.is_next(number):
            self._put = transfer.take
        elif number in self._awaited or (transfer is not None and transfer.expects(number)):
            self._body = bytearray()
            self._put = self._collect
        else:
            self._put = _drop
        if not count:
            self._finish()
        return position

    def _collect(self, view: memoryview) -> None:
        self._body += view

    def _finish(self) -> None:
        number, transfer = self._number, self.transfer
        if self._put is _drop:
            return
        if transfer is not None and transfer.expects(number):
            if self._kind == DATA:
                transfer.answered(number, bytes(self._body) if self._put == self._collect else None)
            elif self._kind == STATUS:
                transfer.refused(number, Body(bytes(self._body)).status())
            else:
                raise SftpProtocolError(f"packet of kind {self._kind} in answer to a reading")
            return
        with self._changed:
            if number in self._awaited:
                self._awaited.discard(number)
                self._packets[number] = (self._kind, bytes(self._body))
                self._needs_attention = True


def _drop(view: memoryview) -> None:
    """Nobody waits for it any more."""
