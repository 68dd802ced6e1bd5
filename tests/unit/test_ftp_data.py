"""Data connections of FTP: bytes are gathered where they come fast, and handed on where they drip."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lakeferry.servers.ftp_data import WAKE_BYTES, DataConnection
from lakeferry.servers.ftp_tls import TlsStream
from tests.servers.certificates import LOOPBACK, Authority

LEFT = 100 * WAKE_BYTES
PATIENCE_SECONDS = 30


@pytest.fixture(params=["plain", "tls"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A server's socket and a client's, over loopback: a pair of Unix sockets knows no least number of bytes."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(listener.getsockname()))
        server = stack.enter_context(listener.accept()[0])
        if request.param == "tls":
            authority = Authority()
            (tmp_path / "both.pem").write_text("".join(reversed(authority.issue(*LOOPBACK))))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tmp_path / "both.pem")
            made: list[ssl.SSLSocket] = []
            shaking = threading.Thread(target=lambda: made.append(context.wrap_socket(server, server_side=True)))
            shaking.start()
            trusting = ssl.create_default_context(cadata=authority.bundle)
            client = TlsStream(client, trusting, "127.0.0.1", None)  # type: ignore[assignment]  # (has its methods)
            shaking.join(10)
            server = stack.enter_context(made[0])
        client.settimeout(PATIENCE_SECONDS)
        yield server, client


def test_a_few_bytes_are_handed_on_although_many_are_still_to_come(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    server, client = ends
    data, view = DataConnection(client), memoryview(bytearray(WAKE_BYTES))
    for piece in (b"a" * 1000, b"b" * 10, b"c"):
        server.sendall(piece)  # and nothing behind it
        assert data.receive(view, LEFT) == len(piece)
        assert view[: len(piece)] == piece
    assert client.gettimeout() == PATIENCE_SECONDS


def test_all_bytes_come_in_order_whatever_their_pace(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    sent = b"".join(bytes([number % 251]) * 40_000 for number in range(60))
    paused = threading.Event()

    def send() -> None:
        for start in range(0, len(sent), 300_000):
            server.sendall(sent[start : start + 300_000])
            paused.wait(0.3 if start == 600_000 else 0)
        server.shutdown(socket.SHUT_WR)

    sending = threading.Thread(target=send)
    sending.start()
    data, view, came = DataConnection(client), memoryview(bytearray(128 * 1024)), bytearray()
    while count := data.receive(view, len(sent) - len(came)):
        came += view[:count]
    sending.join(10)
    assert bytes(came) == sent


def test_silence_ends_after_the_patience_of_the_feed(ends: tuple[socket.socket, socket.socket]) -> None:
    _, client = ends
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        DataConnection(client).receive(memoryview(bytearray(10)), LEFT)


def test_a_certificate_that_is_not_trusted_ends_the_handshake_and_the_server_is_told(tmp_path: Path) -> None:
    (tmp_path / "both.pem").write_text("".join(reversed(Authority().issue(*LOOPBACK))))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    told: list[str] = []
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(listener.getsockname()))
        server = stack.enter_context(listener.accept()[0])

        def shake() -> None:
            try:
                context.wrap_socket(server, server_side=True).recv(1)
            except ssl.SSLError as error:
                told.append(str(error.reason))

        shaking = threading.Thread(target=shake)
        shaking.start()
        other = ssl.create_default_context(cadata=Authority().bundle)
        with pytest.raises(ssl.SSLCertVerificationError):
            TlsStream(client, other, "127.0.0.1", None)
        shaking.join(10)
    assert told == ["TLSV1_ALERT_UNKNOWN_CA"]
