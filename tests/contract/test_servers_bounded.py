"""A server, or a proxy, that goes on and on: each answer and packet has a limit in bytes, and a time as a whole.

None of these tests looks at a clock: without its limit each would go on for ever.
"""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from lakeferry.errors import LakeferryError, RemoteAccessError, ServerUnavailableError
from lakeferry.servers import ProxySpec, Server, ServerSpec, ftp_line, open_server
from lakeferry.servers.ftp_answers import ANSWER_BYTES
from lakeferry.servers.sftp_packets import ATTRS
from tests.servers.scripted_ftp import ScriptedFtp, Session
from tests.servers.scripted_sftp import Fields, ScriptedSftp, Talk

SOCKETS_HOLD = 64 * 1024 * 1024
"""Bytes that may be on their way, sent and never read."""


class Talking:
    """Says to everybody who connects what `talk` does.

    Attributes:
        sent: Bytes, until nobody took any more.
    """

    def __init__(self, piece: bytes, pause: float = 0, begin: bytes = b"") -> None:
        self.sent = 0
        self._begin, self._piece, self._pause = begin, piece, pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> "Talking":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.sendall(self._begin)
            while True:
                connection.sendall(self._piece)
                self.sent += len(self._piece)
                time.sleep(self._pause)

    def spec(self, protocol: str) -> ServerSpec:
        return ServerSpec(
            protocol, "127.0.0.1", self.port, "lake", secret="s", allow_plaintext=True, host_keys=("ssh-ed25519 AAAA",),
            connect_timeout_seconds=1, read_timeout_seconds=1,
        )  # fmt: skip


@pytest.mark.parametrize(
    "piece",
    [b"220-" + b"x" * 60 + b"\r\n", b"welcome\r\n" * 100, b"x" * 4096, b"\r\n" * 100],
    ids=lambda piece: repr(piece[:8]),
)
def test_an_ftp_greeting_without_end_is_given_up_after_a_megabyte(piece: bytes) -> None:
    """It took 6.6 GB in 20 s."""
    with Talking(piece) as server:
        with pytest.raises(LakeferryError, match=str(server.port)):
            open_server(server.spec("ftp"), {"password": "p"})
        assert server.sent < ANSWER_BYTES + SOCKETS_HOLD


@pytest.mark.parametrize("piece", [b"220-hello\r\n", b"hello\r\n", b"x", b"220-"], ids=repr)
def test_an_ftp_greeting_that_drips_has_the_time_of_one(piece: bytes) -> None:
    """Each line began the time-out anew."""
    with Talking(piece, pause=0.2) as server, pytest.raises(LakeferryError, match=str(server.port)):
        open_server(server.spec("ftp"), {"password": "p"})


@pytest.mark.parametrize("pause", [0, 0.2])
@pytest.mark.parametrize(
    "piece", [b"x" * 4096, b"hello\r\n" * 90, b"SSH-2.0-x", b"x"], ids=lambda piece: repr(piece[:8])
)
def test_ssh_lines_before_the_version_end(piece: bytes, pause: float) -> None:
    with Talking(piece, pause) as server:
        with pytest.raises(LakeferryError, match=str(server.port)):
            open_server(server.spec("sftp"), {"password": "p"})
        assert server.sent < SOCKETS_HOLD


@pytest.mark.parametrize(
    ("kind", "begin", "piece"),
    [
        ("http", b"HTTP/1.1 200 OK\r\n", b"X"),
        ("http", b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n"),
        ("http", b"", b"x"),
        ("socks5", b"\x05\x00\x05\x00\x00\x03\xff", b"x"),
    ],
)
def test_a_proxy_whose_answer_drips_has_the_time_of_one(kind: str, begin: bytes, piece: bytes) -> None:
    with Talking(piece, pause=0.1, begin=begin) as proxy:
        spec = replace(proxy.spec("ftp"), host="files.acme.example", proxy=ProxySpec(kind, "127.0.0.1", proxy.port))
        with pytest.raises(LakeferryError, match=f"proxy 127.0.0.1:{proxy.port}"):
            open_server(replace(spec, connect_timeout_seconds=0.5), {"password": "p"})


class DrippingAnswer(ScriptedFtp):
    def do_MLST(self, session: Session, argument: str) -> None:
        while True:
            session.say("250-and so on")
            time.sleep(0.2)


class EndlessLine(ScriptedFtp):
    def do_MLST(self, session: Session, argument: str) -> None:
        while True:
            session.control.sendall(b"x" * 4096)


@pytest.mark.parametrize("kind", [DrippingAnswer, EndlessLine])
def test_an_answer_after_the_login_is_bounded_too(kind: type[ScriptedFtp], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ftp_line, "PARTING_SECONDS", 0.2)
    with kind() as script:
        server = open_server(replace(script.spec, read_timeout_seconds=1), {"password": "p"})
        with server, pytest.raises((ServerUnavailableError, RemoteAccessError), match="look at"):
            server.stat("/out/a.csv")


class DrippingListing(ScriptedFtp):
    def do_MLSD(self, session: Session, argument: str) -> None:
        assert session.passive is not None
        with session.passive, session.passive.accept()[0] as connection:
            session.say("150 Here it comes.")
            for number in range(10**9):
                connection.sendall(b"type=file;size=1;modify=20251123163300; %d.csv\r\n" % number)
                time.sleep(0.05)


class DrippingFile(ScriptedFtp):
    def do_RETR(self, session: Session, argument: str) -> None:
        assert session.passive is not None
        with session.passive, session.passive.accept()[0] as connection:
            session.say("150 Here it comes.")
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)


class DrippingPacket(ScriptedSftp):
    """Its answer is announced, and comes byte by byte."""

    def do_LSTAT(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.channel.sendall(struct.pack(">IBI", 100_000, ATTRS, number))
        with suppress(OSError):
            while True:
                talk.channel.sendall(b"\x00")
                time.sleep(0.05)


@contextmanager
def ended_after_a_second(server: Server) -> Iterator[None]:
    timer = threading.Timer(1, server.abort)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_a_listing_ends_with_the_time_of_the_call_however_slowly_it_comes() -> None:
    with DrippingListing() as script:
        server = open_server(script.spec, {"password": "p"})
        with ended_after_a_second(server), pytest.raises(ServerUnavailableError, match="time for it was over"):
            list(server.list_files("/out"))
        with pytest.raises(LakeferryError, match="time for it was over"):  # and it is not connected to again
            server.stat("/out/a.csv")
        assert script.heard.count("PASS p") == 1


def test_a_file_ends_with_the_time_of_the_call_however_slowly_it_comes() -> None:
    with DrippingFile() as script:
        server = open_server(script.spec, {"password": "p"})
        arrived = bytearray()

        def sink(view: memoryview) -> bool:
            arrived.extend(view)
            return True

        with ended_after_a_second(server), pytest.raises(LakeferryError, match="time for it was over"):
            server.read("/out/a.csv", 0, sink, 10**9)
        assert arrived


def test_an_sftp_packet_that_drips_has_the_time_of_some() -> None:
    with DrippingPacket() as script:
        server = open_server(replace(script.spec, read_timeout_seconds=0.2), {"password": "p"})
        with server, pytest.raises(ServerUnavailableError, match="look at"):
            server.stat("/out/a.csv")


def test_an_sftp_answer_ends_with_the_time_of_the_call_however_slowly_it_comes() -> None:
    with DrippingPacket() as script:
        server = open_server(replace(script.spec, read_timeout_seconds=60), {"password": "p"})
        with ended_after_a_second(server), pytest.raises(LakeferryError, match="time for it was over"):
            server.stat("/out/a.csv")
        with pytest.raises(LakeferryError):  # and it is not connected to again
            server.stat("/out/a.csv")
        assert script.sessions == 1
