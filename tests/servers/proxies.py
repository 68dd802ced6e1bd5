"""A SOCKS5 and HTTP CONNECT proxy on loopback: it forwards, asks for a login, and answers what a test wants."""

import base64
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self


class ForwardProxy:
    """Takes both kinds of clients on one port, told apart by their first byte.

    Args:
        login: User name and password it insists on.
        answer: Bytes it answers in place of doing what it was asked, whatever that was; then it closes.
        at_once: Keeps the answer to CONNECT until the server has spoken, and sends both in one piece.
        names: What names it knows; any name leads to the address it has here.

    Attributes:
        port: On 127.0.0.1.
        asked: Host and port of each connection it was asked for.
        open: Connections it has now.
    """

    def __init__(
        self,
        *,
        login: tuple[str, str] | None = None,
        answer: bytes | None = None,
        at_once: bool = False,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.asked: list[tuple[str, int]] = []
        self._login, self._answer, self._at_once, self._names = login, answer, at_once, names or {}
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]

    @property
    def open(self) -> int:
        with self._lock:
            return len(self._sockets)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            sockets = [self._listener, *self._sockets]
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._sockets.add(client)
        try:
            with client, suppress(OSError, EOFError):
                if self._answer is not None:
                    client.recv(4096)
                    client.sendall(self._answer)
                    return
                first = _exactly(client, 1)
                (self._serve_socks if first == b"\x05" else self._serve_http)(client, first)
        finally:
            with self._lock:
                self._sockets.discard(client)

    def _serve_socks(self, client: socket.socket, _: bytes) -> None:
        methods = _exactly(client, _exactly(client, 1)[0])
        wanted = 0 if self._login is None else 2
        if wanted not in methods:
            return client.sendall(b"\x05\xff")
        client.sendall(bytes([5, wanted]))
        if self._login is not None:
            _exactly(client, 1)
            told = tuple(_exactly(client, _exactly(client, 1)[0]).decode() for _ in range(2))
            client.sendall(bytes([1, told != self._login]))
            if told != self._login:
                return None
        kind = _exactly(client, 4)[3]
        if kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode()
        else:
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            host = socket.inet_ntop(family, _exactly(client, 4 if kind == 1 else 16))
        server = self._connect(host, int.from_bytes(_exactly(client, 2), "big"))
        told_back = bytes([5, 5 if server is None else 0, 0, 1, 0, 0, 0, 0, 0, 0])
        return self._join(client, server, told_back)

    def _serve_http(self, client: socket.socket, first: bytes) -> None:
        head = first
        while not head.endswith(b"\r\n\r\n"):
            head += _exactly(client, 1)
        lines = head.decode().split("\r\n")
        if self._login is not None:
            wanted = base64.b64encode(":".join(self._login).encode()).decode()
            if f"Proxy-Authorization: Basic {wanted}" not in lines:
                return client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        host, _, port = lines[0].split()[1].rpartition(":")
        server = self._connect(host.strip("[]"), int(port))
        told = b"HTTP/1.1 502 Bad Gateway" if server is None else b"HTTP/1.1 200 OK\r\nVia: test"
        return self._join(client, server, told + b"\r\n\r\n")

    def _connect(self, host: str, port: int) -> socket.socket | None:
        self.asked.append((host, port))
        try:
            return socket.create_connection((self._names.get(host, host), port), timeout=10)
        except OSError:
            return None

    def _join(self, client: socket.socket, server: socket.socket | None, answer: bytes) -> None:
        if server is None:
            return client.sendall(answer)
        with server:
            server.settimeout(None)
            client.sendall(answer + (server.recv(4096) if self._at_once else b""))
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()
        return None


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(64 * 1024):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data
