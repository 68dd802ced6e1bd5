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
from collections.abc import Iterator, Sequence

from benchmarks.measuring.processes import ROOT, service
from tests.servers.delay import Delayed

RECEIVE_BYTES = 256 * 1024
FAR = "127.0.0.2"


def _hand_on(source: socket.socket, target: socket.socket, seconds: float) -> None:
    """Bytes of one direction, until their end."""
    delayed = Delayed(source, target, seconds)
    with contextlib.suppress(OSError):
        while data := source.recv(RECEIVE_BYTES):
            delayed.send(data)
    delayed.end()


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
            for ends in ((client, server), (server, client)):
                threading.Thread(target=_hand_on, args=(*ends, seconds), daemon=True).start()


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
