"""The thread that decrypts hands a file's bytes on; here it is stopped where the other thread gives up."""

import itertools
import math
import socket
import struct
import sys
import threading
from collections.abc import Iterator

import pytest

from lakeferry.servers.buffered_socket import BufferedSocket
from lakeferry.servers.sftp_inbox import Inbox
from lakeferry.servers.sftp_packets import DATA, Body
from lakeferry.servers.sftp_requests import SftpRequests
from lakeferry.servers.sftp_transfer import (
    LARGEST_REQUEST,
    LEAST_AHEAD,
    MOST_AHEAD,
    REQUESTS_IN_FLIGHT,
    SMALLEST_ANSWER,
    Transfer,
    ahead_over,
)


def answer(number: int, data: bytes) -> bytes:
    return struct.pack(">IBII", len(data) + 9, DATA, number, len(data)) + data


def test_once_a_transfer_has_ended_its_sink_is_not_running_and_is_called_no_more() -> None:
    reached, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    arrived = bytearray()

    def slow(view: memoryview) -> bool:
        reached.set()
        assert go_on.wait(10)
        arrived.extend(view)
        return True

    inbox = Inbox()
    inbox.transfer = transfer = Transfer(slow, 0, 300, 100)
    requests = transfer.asks(itertools.count(1))
    packets = [answer(one.number, bytes([one.number]) * 100) for one in requests[:3]]
    feeding = threading.Thread(target=inbox.feed, args=(b"".join(packets[:2]) + packets[2][:50],))
    feeding.start()
    assert reached.wait(10)

    def end() -> None:
        inbox.end_transfer()
        ended.set()

    ending = threading.Thread(target=end)
    ending.start()
    assert not ended.wait(0.1)
    go_on.set()
    ending.join(10)
    feeding.join(10)
    assert ended.is_set()
    assert arrived == b"\x01" * 100
    inbox.feed(packets[2][50:])
    assert arrived == b"\x01" * 100


@pytest.fixture
def _threads_that_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_that_take_turns_often")
def test_one_thread_asks_for_more_while_the_other_looks_whose_answer_has_come() -> None:
    transfer = Transfer(lambda view: True, 0, 20_000, 1)
    thrown: list[BaseException] = []
    over = threading.Event()

    def look() -> None:
        try:
            while not over.is_set():
                transfer.expects(-1)
        except BaseException as error:
            thrown.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    numbers = itertools.count(1)
    while transfer.handed < 20_000 and not thrown:
        for one in transfer.asks(numbers):
            if one.offset < 20_000:
                transfer.take(memoryview(b"-"))
                transfer.answered(one.number, None)
    over.set()
    looking.join(10)
    assert thrown == []


def test_a_closed_connection_ends_at_once_though_a_thread_waits_for_its_bytes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = BufferedSocket.of(socket.create_connection(listener.getsockname()))
        server, _ = listener.accept()
    with server:
        waiting = threading.Thread(target=client.recv, args=(1,), daemon=True)
        waiting.start()
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):  # by then the thread waits
            server.recv(1)
        client.close()
        server.settimeout(5)
        assert server.recv(1) == b""
        waiting.join(5)
        assert not waiting.is_alive()


@pytest.mark.parametrize("knows_limit", [True, False])
@pytest.mark.parametrize(
    ("seconds", "requests"),
    [
        (0.0, LEAST_AHEAD // LARGEST_REQUEST),
        (0.01, (LEAST_AHEAD + 10_000_000) // LARGEST_REQUEST),
        (0.03, 128),
        (9, 128),
    ],
)
def test_no_more_is_asked_for_than_the_line_needs(seconds: float, requests: int, knows_limit: bool) -> None:
    transfer = Transfer(lambda view: True, 0, 10**9, LARGEST_REQUEST if knows_limit else None, ahead_over(seconds))
    numbers = itertools.count(1)
    asked = transfer.asks(numbers)
    if not knows_limit:  # the first answer shows what the server gives
        (first,) = asked
        transfer.take(memoryview(bytes(first.length)))
        transfer.answered(first.number, None)
        asked = transfer.asks(numbers)
    assert len(asked) == requests <= REQUESTS_IN_FLIGHT
    assert transfer.asks(numbers) == []


def test_a_server_that_gives_little_is_asked_as_often_as_ever() -> None:
    transfer = Transfer(lambda view: True, 0, 10**9, SMALLEST_ANSWER, ahead_over(0))
    assert len(transfer.asks(itertools.count(1))) == REQUESTS_IN_FLIGHT


def test_the_way_there_and_back_is_the_quickest_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([1.0, 1.5, 2.0, 2.02, 3.0, 3.9])
    requests = object.__new__(SftpRequests)
    requests.round_trip = math.inf
    assert ahead_over(requests.round_trip) == MOST_AHEAD  # nobody knows yet
    monkeypatch.setattr(requests, "_ask", lambda *_: 7)
    monkeypatch.setattr(requests, "_result", lambda *_: Body(b""))
    monkeypatch.setattr("lakeferry.servers.sftp_requests.time.monotonic", lambda: next(clock))
    for _ in range(3):
        requests._call(1, 2)
    assert requests.round_trip == pytest.approx(0.02)
