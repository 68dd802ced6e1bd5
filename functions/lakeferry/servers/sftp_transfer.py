"""What was asked of one file and what came: many requests in flight, bytes handed on in order."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from lakeferry.servers.server import Sink
from lakeferry.servers.sftp_packets import (
    END_OF_FILE,
    NO_SUCH_FILE,
    PERMISSION_DENIED,
    SftpProtocolError,
    SftpStatusError,
)

REQUESTS_IN_FLIGHT = 128
LARGEST_REQUEST = 255 * 1024
"""What OpenSSH's server gives at most (its `max-read-length`, 261,120)."""
LEAST_AHEAD, MOST_AHEAD = 4 * 1024 * 1024, REQUESTS_IN_FLIGHT * LARGEST_REQUEST
"""Bytes that are asked for before they are needed. What the sink does not take at once the server has to keep: OpenSSH
takes three times the processor's time for 32 MB of it that it takes for 4."""
FASTEST = 1_000_000_000
"""Bytes a second that a line is believed to carry at most."""
SMALLEST_ANSWER = 32 * 1024
"""Every server gives that much (draft-ietf-secsh-filexfer-02, section 3)."""


def ahead_over(seconds: float) -> int:
    """Bytes to ask for ahead, so that a line over which an answer takes so long is never idle."""
    return int(min(LEAST_AHEAD + FASTEST * seconds, MOST_AHEAD))


@dataclass(slots=True)
class Request:
    """Bytes asked for; `number` is 0 as long as they are not."""

    number: int
    offset: int
    length: int


class Transfer:
    """The state of one reading, shared by two threads: one asks, the other hands on what comes.

    Attributes:
        handed: Bytes given to the sink.
        failure: What ended it early.
        was_stopped: The sink had enough.
        was_refused_much: The server takes no request for more than 32 KiB.
        is_over: The end of the file, the sink's word or a failure was reached.
    """

    def __init__(self, sink: Sink, offset: int, size: int, request_bytes: int | None, ahead: int = MOST_AHEAD) -> None:
        """
        Args:
            size: Bytes the file is believed to have: so far is asked ahead, and one request more to find its end.
            request_bytes: What the server gives at most for one request; None where that has to be found out.
            ahead: Bytes that may be asked for and not be there yet.
        """
        self.handed = 0
        self.failure: BaseException | None = None
        self.was_stopped = False
        self.is_over = False
        self.was_refused_much = False
        self._sink, self._start, self._size = sink, offset, size
        self._lock = threading.Lock()
        self._pending: deque[Request] = deque()
        self._early: dict[int, bytes] = {}
        self._ahead = offset
        self._request_bytes, self._bytes_ahead = request_bytes or LARGEST_REQUEST, ahead
        self._most = self._most_ahead() if request_bytes else 1
        self._got = 0

    def _is_beyond(self, number: int) -> bool:
        """Whether no byte is expected of that request: of a file given once, some say there that it is gone."""
        with self._lock:
            return self._size > 0 and any(one.number == number and one.offset >= self._size for one in self._pending)

    @property
    def is_whole(self) -> bool:
        """All bytes that the file should have were handed on."""
        return 0 < self._size <= self._start + self.handed

    @property
    def asks_for_much(self) -> bool:
        """The only request is the first, of more bytes than every server gives, and nothing has come of it."""
        return self._most == 1 and not self.handed and self._request_bytes > SMALLEST_ANSWER

    def asks(self, numbers: Iterator[int]) -> list[Request]:
        """The requests to send now, in that order."""
        asked: list[Request] = []
        with self._lock:
            if self.is_over:
                return asked
            # what a short answer left out; everything behind it waits
            asked.extend(request for request in list(self._pending)[:1] if request.number == 0)
            while len(self._pending) < self._most and self._ahead < self._size:
                length = min(self._request_bytes, self._size - self._ahead)
                self._pending.append(request := Request(0, self._ahead, length))
                self._ahead += length
                asked.append(request)
            if self._ahead >= self._size and not any(request.offset >= self._size for request in self._pending):
                end = min(self._request_bytes, SMALLEST_ANSWER)  # there are servers that refuse more
                self._pending.append(request := Request(0, self._ahead, end))
                self._ahead += request.length
                asked.append(request)
            for request in asked:
                request.number = next(numbers)
        return asked

    def wants_asking(self) -> bool:
        """There is something to ask for, and enough of it to be worth waking a thread."""
        pending = self._pending
        if not pending or pending[0].number == 0:
            return True
        return self._ahead < self._size and len(pending) <= self._most * 3 // 4

    def expects(self, number: int) -> bool:
        with self._lock:  # the other thread may be asking for more just now
            return any(request.number == number for request in self._pending)

    def is_next(self, number: int) -> bool:
        """Its bytes can go straight to the sink."""
        return bool(self._pending) and self._pending[0].number == number and not self.is_over

    def take(self, view: memoryview) -> None:
        """The next bytes of the request that is next."""
        if self.is_over:
            return
        self._got += len(view)
        self.handed += len(view)
        if not self._sink(view):
            self.was_stopped = self.is_over = True

    def answered(self, number: int, data: bytes | None) -> None:
        """A request is answered in full.

        Args:
            data: Its bytes; None where they were taken as they came.
        """
        if data is not None and not self.is_next(number):
            self._early[number] = data
            return
        if not data and not self._got:  # some say so that the file ends there
            self.is_over = True
            return
        if data is not None:
            self.take(memoryview(data))
        while not self.is_over:
            self._advance()
            with self._lock:
                early = self._early.pop(self._pending[0].number, None) if self._pending else None
            if early is None:
                return
            if not early:
                self.is_over = True
                return
            self.take(memoryview(early))

    def refused(self, number: int, error: SftpStatusError) -> None:
        """A request was answered with a status."""
        if (
            error.code not in (END_OF_FILE, NO_SUCH_FILE, PERMISSION_DENIED)
            and self.asks_for_much
            and self.is_next(number)
        ):
            with self._lock:  # it may be no more than the size of the request that is refused
                request = self._pending[0]
                self._request_bytes = min(SMALLEST_ANSWER, request.length)
                self.was_refused_much = True
                self._pending = deque([Request(0, request.offset, self._request_bytes)])
                self._ahead = request.offset + self._request_bytes
        elif error.code != END_OF_FILE and not self._is_beyond(number):
            self.fail(error)
        elif self.is_next(number):
            self.is_over = True
        else:
            self._early[number] = b""

    def fail(self, error: BaseException) -> None:
        if self.failure is None and not self.is_over:
            self.failure = error
        self.is_over = True

    def _advance(self) -> None:
        """What was asked first is done, or partly: then the rest is to be asked for."""
        with self._lock:
            request, got, self._got = self._pending[0], self._got, 0
            if not 0 < got <= request.length:
                raise SftpProtocolError(f"{got} bytes in an answer to a request for {request.length}")
            if self._most == 1:  # the first answer shows how much this server gives at once
                self._request_bytes = min(self._request_bytes, max(got, SMALLEST_ANSWER))
                self._most = self._most_ahead()
            if got == request.length:
                self._pending.popleft()
            else:
                self._pending[0] = Request(0, request.offset + got, request.length - got)

    def _most_ahead(self) -> int:
        return max(2, min(REQUESTS_IN_FLIGHT, self._bytes_ahead // self._request_bytes))
