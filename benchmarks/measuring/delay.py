"""A long way on one machine: a process that hands TCP streams on, some milliseconds late each way.

    python -m benchmarks.measuring.delay MILLISECONDS FROM_ADDRESS TO_ADDRESS PORT [PORT ...]

It listens on the same ports of another loopback address (all of 127.0.0.0/8 is this machine) as the server does on
its own: so FTP's data connections take the same way without anybody reading the control connection, and TLS passes
untouched. Prints a line when it listens. It neither loses nor limits anything: the round trip alone is measured.
"""

import contextlib
import resource
import selectors
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence

from benchmarks.measuring.processes import ROOT, service

RECEIVE_BYTES = 256 * 1024
ON_ITS_WAY_BYTES = 64 * 1024 * 1024
"""The most that one direction holds, so that a fast server does not fill the memory."""
FAR = "127.0.0.2"


class _Direction:
    """Bytes from one socket to another, each as much later as the way is long."""

    def __init__(self, source: socket.socket, target: socket.socket, seconds: float) -> None:
        self._source, self._target, self._seconds = source, target, seconds
        self._due: deque[tuple[float, bytes]] = deque()
        self._held = 0
        self._changed = threading.Condition()
        for work in (self._take, self._give):
            threading.Thread(target=work, daemon=True).start()

    def _take(self) -> None:
        data = b"-"
        while data:
            try:
                data = self._source.recv(RECEIVE_BYTES)
            except OSError:
                data = b""
            with self._changed:
                self._due.append((time.monotonic() + self._seconds, data))
                self._held += len(data)
                self._changed.notify_all()
                while self._held > ON_ITS_WAY_BYTES:
                    self._changed.wait()

    def _give(self) -> None:
        while True:
            with self._changed:
                while not self._due:
                    self._changed.wait()
                due, data = self._due.popleft()
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            try:
                if not data:
                    self._target.shutdown(socket.SHUT_WR)
                    return
                self._target.sendall(data)
            except OSError:
                with contextlib.suppress(OSError):  # nobody reads it any more: the sender is to know
                    self._source.shutdown(socket.SHUT_RDWR)
                self._held = 0
                return
            finally:
                with self._changed:
                    self._held -= len(data)
                    self._changed.notify_all()


def _serve(seconds: float, near: str, far: str, ports: Sequence[int]) -> None:
    selector = selectors.DefaultSelector()
    for port in ports:
        listener = socket.create_server((far, port), backlog=64)
        selector.register(listener, selectors.EVENT_READ, port)
    print("listening", flush=True)
    while True:
        for key, _ in selector.select():
            client, _ = key.fileobj.accept()  # type: ignore[union-attr]
            try:
                server = socket.create_connection((near, key.data))
            except OSError:
                client.close()
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Direction(client, server, seconds)
            _Direction(server, client, seconds)


@contextlib.contextmanager
def round_trip(milliseconds: float, ports: Sequence[int], near: str = "127.0.0.1") -> Iterator[str]:
    """The address under which a server of this machine is that far away."""
    command = [sys.executable, "-m", __spec__.name, str(milliseconds), FAR, near, *map(str, ports)]
    with service(command, env={"PYTHONPATH": str(ROOT)}) as said:
        if said.readline() != b"listening\n":
            raise RuntimeError("the delaying process did not start")
        yield FAR


def main() -> None:
    milliseconds, far, near, *ports = sys.argv[1:]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard) if soft < hard else (soft, hard))
    _serve(float(milliseconds) / 2000, near, far, [int(port) for port in ports])


if __name__ == "__main__":
    main()
