"""A TCP proxy on loopback that breaks, stalls or delays what goes through it."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.servers.delay import Delayed

RECEIVE_BYTES = 256 * 1024
_ESTABLISHED = 1
"""`TCP_ESTABLISHED` of Linux's include/net/tcp_states.h; after the peer's FIN it is CLOSE_WAIT."""
DRIPS, DRIP_SECONDS = 12, 0.1


@dataclass
class Fault:
    """What happens to bytes from the server on their way to the client.

    Attributes:
        kind: `cut` ends the connection as the server would, `reset` tears it down, `stall` goes silent, `drip` lets
            `DRIPS` bytes through one by one before it goes on.
        after: Bytes that still pass on a connection; counted from its beginning.
        channel: `data` for FTP's data connections, else `control`, which is all that SFTP has.
        times: Connections it hits; later ones are left alone.
    """

    kind: str
    after: int = 0
    channel: str = "control"
    times: int = 1


class Proxy:
    """Forwards to a port of 127.0.0.1; FTP's data connections go through it as well.

    Args:
        ftp: Reads the control connection (plain text), to pass data connections too.
        answer: Changes a line the FTP server answers, the end of the line left out.
        delay_seconds: Each way, so half of the round trip it adds.

    Attributes:
        port: On 127.0.0.1.
        connections: How many clients there were, data connections not counted.
        most_at_once: How many of them at the same time.
        open: How many connections of clients there are, data connections too, until the client ends them.
        fault: Can be set while it runs.
    """

    def __init__(
        self,
        target: int,
        *,
        ftp: bool = False,
        fault: Fault | None = None,
        answer: Callable[[str], str] | None = None,
        delay_seconds: float = 0,
    ) -> None:
        self.fault = fault
        self.connections = self.most_at_once = self.open = 0
        self._clients: list[socket.socket] = []
        self._target, self._ftp, self._answer, self._delay = target, ftp, answer, delay_seconds
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        with self._lock:
            sockets, self._open = [*self._open, self._listener], []
        for each in sockets:
            _shut(each)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._join(client, self._target, "control")

    def _join(self, client: socket.socket, target: int, channel: str) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", target))
        except OSError:
            client.close()
            return
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open += [client, server]
            self.open += 1
            if channel == "control":
                self._clients = [one for one in self._clients if _is_open(one)] + [client]
                self.most_at_once = max(self.most_at_once, len(self._clients))
        threading.Thread(target=self._pass_on, args=(client, server, None), daemon=True).start()
        threading.Thread(target=self._pass_on, args=(server, client, channel), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, channel: str | None) -> None:
        """Bytes of one direction until their end; `channel` is set for those that come from the server."""
        try:
            self._move(source, target, channel)
        finally:
            with self._lock:
                self.open -= channel is None

    def _move(self, source: socket.socket, target: socket.socket, channel: str | None) -> None:
        delayed = Delayed(source, target, self._delay) if self._delay else None
        send = target.sendall if delayed is None else delayed.send
        passed, reader = 0, source.makefile("rb") if channel == "control" and self._ftp else None
        try:
            while data := reader.readline() if reader else source.recv(RECEIVE_BYTES):
                if reader:
                    data = self._line(data)
                fault = self._due(channel, passed + len(data))
                if fault is not None:
                    send(data[: max(0, fault.after - passed)])
                    if fault.kind != "drip":
                        return self._break(fault, source, target)
                    _drip(send, data[max(0, fault.after - passed) :])
                    passed += len(data)
                    continue
                send(data)
                passed += len(data)
        except OSError:
            pass
        if delayed is None:
            _shut(target, socket.SHUT_WR)
        else:
            delayed.end()
        return None

    def _due(self, channel: str | None, passed: int) -> Fault | None:
        with self._lock:
            fault = self.fault
            if fault is None or channel != fault.channel or passed <= fault.after or fault.times == 0:
                return None
            fault.times -= 1
            return fault

    def _break(self, fault: Fault, source: socket.socket, target: socket.socket) -> None:
        if fault.kind == "stall":
            self._stopped.wait()
            return
        if fault.kind == "reset":
            target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            _shut(target, socket.SHUT_RD)  # ends the other thread's recv, which would keep it open
            target.close()
        else:
            _shut(target)
        _shut(source)
        source.close()  # tells the server, which would else fill a buffer that nobody reads

    def _line(self, data: bytes) -> bytes:
        """A line of the FTP server, its passive port exchanged for one of ours."""
        text = data.decode("latin-1")
        if text.startswith("227 ") and (found := re.search(r"(\d+,\d+,\d+,\d+),(\d+),(\d+)", text)):
            port = self._forward_data(int(found[2]) * 256 + int(found[3]))
            text = text.replace(found[0], f"127,0,0,1,{port >> 8},{port & 255}")
        elif text.startswith("229 ") and (found := re.search(r"\(\|\|\|(\d+)\|\)", text)):
            text = text.replace(found[0], f"(|||{self._forward_data(int(found[1]))}|)")
        if self._answer is not None:
            text = self._answer(text.rstrip("\r\n")) + "\r\n"
        return text.encode("latin-1")

    def _forward_data(self, target: int) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        with self._lock:
            self._open.append(listener)

        def accept() -> None:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._join(client, target, "data")

        threading.Thread(target=accept, daemon=True).start()
        port: int = listener.getsockname()[1]
        return port


def _drip(send: Callable[[bytes], None], data: bytes) -> None:
    for place in range(min(DRIPS, len(data))):
        send(data[place : place + 1])
        time.sleep(DRIP_SECONDS)
    send(data[DRIPS:])


def _shut(connection: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    with suppress(OSError):
        connection.shutdown(how)


def _is_open(client: socket.socket) -> bool:
    """Whether the client has not closed it yet: the kernel knows before any thread here has read so."""
    try:
        state = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return False
    return state == _ESTABLISHED
