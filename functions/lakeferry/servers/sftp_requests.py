"""Requests of SFTP version 3 over one channel: several in flight, answers told apart by their number."""

import itertools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import paramiko

from lakeferry.servers.sftp_inbox import Inbox
from lakeferry.servers.sftp_packets import (
    INIT,
    OK,
    STATUS,
    VERSION,
    Body,
    SftpProtocolError,
    packet,
)

SPOKEN_VERSION = 3
LATEST_VERSION = 9
"""6 is the last that was drafted; a server may name no later one than it was greeted with, and some do."""
PATIENCE = 10
"""Time-outs in a row while bytes come, but no packet that is of any use: a line may be slow, a packet is large."""


class SftpRequests:
    """What is sent, and what is answered to it.

    Attributes:
        round_trip: The least seconds that an answer took: the way there and back, and little besides.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        """Starts the subsystem on a channel that was just opened."""
        self._channel = channel
        self._inbox = Inbox()
        channel.in_buffer = self._inbox  # type: ignore[assignment]  # (has its methods)
        self._numbers = itertools.count(1)
        self._patience = PATIENCE
        self.round_trip = math.inf
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

    def _call(self, expected: int, kind: int, *fields: bytes) -> Body:
        with self._timed():
            return self._result(expected, self._ask(kind, *fields))

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """One question and its answer."""
        began = time.monotonic()
        yield
        self.round_trip = min(self.round_trip, time.monotonic() - began)

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
