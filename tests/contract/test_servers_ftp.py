"""FTP and FTPS against vsftpd, ProFTPD and Pure-FTPd: certificates, NAT, servers that know little, broken lines."""

import os
import posixpath
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from lakeferry.errors import (
    CertificateRejectedError,
    FileChangedError,
    LoginRejectedError,
    RemoteAccessError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.feeds import ServerSpec
from lakeferry.models import RemoteFile
from lakeferry.servers import Server, answering
from lakeferry.servers.ftp_tls import END_SECONDS, TlsStream
from lakeferry.servers.ftp_transfers import Transfers
from local.partners import FtpPartner
from tests.servers import daemons
from tests.servers.certificates import LOOPBACK, Authority
from tests.servers.daemons import Certificates, Daemon
from tests.servers.proxy import Fault, Proxy

from .conftest import PASSWORD, USERNAME, Partner, has_ipv6, on_daemon, start_or_skip

pytestmark = pytest.mark.servers
DATA = random.Random(5).randbytes(9_000_001)
Start = Callable[..., Partner]
TLS = {"vsftpd": daemons.vsftpd_tls, "proftpd": daemons.proftpd_tls}
PLAIN = {"vsftpd": daemons.vsftpd, "proftpd": daemons.proftpd, "pure-ftpd": daemons.pure_ftpd}


@pytest.fixture
def start() -> Iterator[Start]:
    """A daemon with settings of the test's own, and a file of `DATA`."""
    with ExitStack() as running:

        def begin(begin_daemon: Callable[..., Any], *settings: str, **more: Any) -> Partner:
            daemon: Daemon = start_or_skip(running, lambda: begin_daemon(*settings, **more))
            partner = on_daemon("ftp daemon", daemon)
            (partner.folder / "outgoing/a.bin").write_bytes(DATA)
            return partner

        yield begin


@pytest.fixture(params=PLAIN)
def plain(request: pytest.FixtureRequest, started: Callable[[str], Daemon]) -> Partner:
    """Each server without TLS, which a proxy can follow."""
    partner = on_daemon(request.param, started(request.param))
    (partner.folder / "outgoing/a.bin").write_bytes(DATA)
    return partner


class Kept:
    """A sink that adds what it gets to `into`."""

    def __init__(self, into: bytearray) -> None:
        self._into = into

    def __call__(self, view: memoryview) -> bool:
        self._into += view
        return True


def read_all(partner: Partner, offset: int = 0, **changes: Any) -> bytes:
    arrived = bytearray()
    with partner.open(**changes) as server:
        server.read(partner.at("/outgoing/a.bin"), offset, Kept(arrived))
    return bytes(arrived)


def names(partner: Partner, **changes: Any) -> set[str]:
    with partner.open(**changes) as server:
        return {file.name for file in server.list_files(partner.at("/outgoing"))}


# -- certificates


@pytest.mark.parametrize("name", TLS)
def test_many_data_connections_go_on_with_the_session_of_the_control_connection(start: Start, name: str) -> None:
    partner = start(TLS[name])
    with partner.open() as server:
        for _ in range(12):
            assert len(list(server.list_files(partner.at("/outgoing")))) == 1
        arrived = bytearray()
        server.read(partner.at("/outgoing/a.bin"), 5, Kept(arrived))
    assert arrived == DATA[5:]


def test_a_certificate_of_an_unknown_authority_is_rejected_before_the_password(start: Start) -> None:
    partner = start(daemons.vsftpd_tls)
    for bundle in (None, Authority().bundle):
        with pytest.raises(CertificateRejectedError, match=r"not trusted.*ca_bundle"):
            partner.open(ca_bundle=bundle)


@pytest.mark.parametrize(("days", "names_of_it"), [((-20, -1), LOOPBACK), ((-1, 20), ("files.acme.example",))])
def test_an_expired_certificate_or_one_of_another_host_is_rejected(
    start: Start, days: tuple[int, int], names_of_it: tuple[str, ...]
) -> None:
    authority = Authority()
    certificate, key = authority.issue(*names_of_it, days=days)
    tls = Certificates(certificate, key, authority.bundle)
    with pytest.raises(CertificateRejectedError, match=r"expired|not valid for"):
        start(daemons.proftpd_tls, certificates=tls).open()


def test_a_bundle_that_is_no_certificate_is_named(start: Start) -> None:
    with pytest.raises(CertificateRejectedError, match=r"ca_bundle"):
        start(daemons.proftpd_tls).open(ca_bundle="-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n")


@pytest.mark.parametrize("name", TLS)
def test_a_server_that_wants_a_client_certificate_gets_it(start: Start, name: str) -> None:
    authority, ours = Authority(), Authority("our CA")
    tls = replace(daemons.own_certificates(authority), client_ca=ours.bundle)
    partner = start(TLS[name], certificates=tls)
    certificate, key = ours.issue("lakeferry")
    secret = {**partner.secret, "certificate": certificate, "private_key": key}
    with partner.open(secret) as server:
        assert server.stat(partner.at("/outgoing/a.bin")).size == len(DATA)
    secret |= {"certificate": "\ufeff" + certificate.replace("\n", "\\n"), "private_key": key.replace("\n", " ")}
    with partner.open(secret) as server:
        assert server.stat(partner.at("/outgoing/a.bin")).size == len(DATA), "whatever a console made of them"


@pytest.mark.parametrize("name", TLS)
def test_a_client_certificate_that_is_missing_or_foreign_is_a_rejected_login(start: Start, name: str) -> None:
    tls = replace(daemons.own_certificates(), client_ca=Authority("our CA").bundle)
    partner = start(TLS[name], certificates=tls)
    certificate, key = Authority("their CA").issue("stranger")
    for more in ({}, {"certificate": certificate, "private_key": key}):
        # TLS's alert says why, unless the server hangs up so hard that it is lost, as ProFTPD does
        with pytest.raises((LoginRejectedError, ServerUnavailableError)) as caught:
            partner.open({**partner.secret, **more})
        assert isinstance(caught.value, ServerUnavailableError) or "client certificate" in str(caught.value)


def test_a_client_certificate_that_is_none_is_named_without_its_text(start: Start) -> None:
    partner = start(daemons.proftpd_tls)
    with pytest.raises(LoginRejectedError, match="PEM") as caught:
        partner.open({**partner.secret, "certificate": "c2VjcmV0"})
    assert "c2VjcmV0" not in str(caught.value)


def test_a_server_without_tls_is_named_and_told_no_password(plain: Partner) -> None:
    with pytest.raises(RemoteAccessError, match="has no TLS"):
        plain.open(protocol="ftps", allow_plaintext=False)


def test_implicit_tls_to_a_port_of_plain_ftp_is_named(plain: Partner) -> None:
    with pytest.raises(RemoteAccessError, match=r"ftps_implicit: 990"):
        plain.open(protocol="ftps_implicit", allow_plaintext=False)


def test_a_server_that_wants_tls_refuses_plain_ftp_by_its_own_words(start: Start) -> None:
    partner = start(daemons.proftpd_tls)
    with pytest.raises(LoginRejectedError, match=r"550|530|SSL"):
        partner.open(protocol="ftp", allow_plaintext=True)


# -- ways to the data


def test_the_private_address_a_server_behind_nat_names_is_not_used(plain: Partner) -> None:
    def behind_nat(line: str) -> str:
        return line.replace("(127,0,0,1,", "(10,11,12,13,").replace("127,0,0,1,", "10,11,12,13,")

    with Proxy(plain.spec.port, ftp=True, answer=behind_nat) as proxy:
        assert read_all(plain, port=proxy.port) == DATA


def test_a_server_that_refuses_pasv_is_asked_by_epsv(plain: Partner) -> None:
    refused = []

    def no_pasv(line: str) -> str:
        if line.startswith("227"):
            refused.append(line)
            return "502 Command not implemented."
        return line

    with Proxy(plain.spec.port, ftp=True, answer=no_pasv) as proxy:
        assert read_all(plain, port=proxy.port) == DATA
    assert len(refused) == 1  # not asked again and again


def test_a_server_over_ipv6_is_read(folder: Any) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 on loopback")
    (folder / "outgoing/a.bin").write_bytes(DATA)
    with FtpPartner(folder, username=USERNAME, password=PASSWORD, host="::1") as server:
        spec = ServerSpec("ftp", "::1", server.port, USERNAME, secret="s", allow_plaintext=True)
        partner = Partner("ftp", folder, spec, {"password": PASSWORD})
        assert names(partner) == {"a.bin"}
        assert read_all(partner, 17) == DATA[17:]


def test_vsftpd_over_ipv6_is_read(start: Start) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 on loopback")
    partner = start(daemons.vsftpd, "listen=NO", "listen_ipv6=YES")
    assert names(partner, host="::1") == {"a.bin"}
    assert read_all(partner, 17, host="::1") == DATA[17:]


# -- servers that know little


def test_a_server_without_rest_is_read_from_the_start_and_nothing_comes_twice(
    start_ftp: Callable[..., Partner],
) -> None:
    partner = start_ftp(("REST",))
    (partner.folder / "outgoing/a.bin").write_bytes(DATA)
    assert read_all(partner, 4_000_000) == DATA[4_000_000:]


def test_a_server_without_feat_still_tells_exact_times(start_ftp: Callable[..., Partner]) -> None:
    partner = start_ftp(("FEAT", "MLSD", "MLST"))
    (partner.folder / "outgoing/a.bin").write_bytes(DATA)
    with partner.open() as server:
        (found,) = server.list_files("/outgoing")
    assert found.mtime == int((partner.folder / "outgoing/a.bin").stat().st_mtime)


def test_a_server_without_feat_mdtm_and_size_is_taken_by_its_listing(start_ftp: Callable[..., Partner]) -> None:
    partner = start_ftp(("FEAT", "MLSD", "MLST", "MDTM", "SIZE"))
    (partner.folder / "outgoing/a.bin").write_bytes(DATA)
    with partner.open() as server:
        (found,) = server.list_files("/outgoing")
        assert server.stat(found.path) == found
    assert abs(found.mtime - time.time()) < 130  # LIST tells minutes


def test_what_feat_promises_and_the_server_refuses_is_done_without(start_ftp: Callable[..., Partner]) -> None:
    partner = start_ftp(("MLSD",))
    (partner.folder / "outgoing/a.bin").write_bytes(DATA)
    with partner.open() as server:
        (found,) = server.list_files("/outgoing")
        assert server.stat(found.path) == found
    assert found.mtime == int((partner.folder / "outgoing/a.bin").stat().st_mtime)


def test_times_are_asked_for_wanted_files_only_and_in_advance(started: Callable[[str], Daemon]) -> None:
    partner = on_daemon("vsftpd", started("vsftpd"))
    for number in range(300):
        (partner.folder / f"outgoing/{number}.csv").touch()
        (partner.folder / f"outgoing/{number}.tmp").touch()
    asked = []

    def note(line: str) -> str:
        if line.startswith("213"):
            asked.append(line)
        return line

    with (
        Proxy(partner.spec.port, ftp=True, answer=note, delay_seconds=0.02) as proxy,
        partner.open(port=proxy.port) as server,
    ):
        begun = time.monotonic()
        found = list(server.list_files(partner.at("/outgoing"), wanted=lambda name: name.endswith(".csv")))
        taken = time.monotonic() - begun
    assert len(found) == len(asked) == 300
    assert taken < 300 * 0.04 / 2  # one by one it would be twelve seconds


def test_what_is_known_by_its_listing_is_not_asked_for_its_time(started: Callable[[str], Daemon]) -> None:
    partner = on_daemon("vsftpd", started("vsftpd"))
    minute = int(time.time()) // 60 * 60 - 3600
    for name in ("known", "new"):
        (partner.folder / f"outgoing/{name}.csv").write_bytes(b"1234")
        os.utime(partner.folder / f"outgoing/{name}.csv", (minute + 17, minute + 17))
    shown = []

    def is_known(file: RemoteFile) -> bool:
        shown.append((posixpath.basename(file.path), file.size, file.mtime, file.listed_mtime))
        return file.name == "known.csv"

    with partner.open() as server:
        (found,) = server.list_files(partner.at("/outgoing"), is_known=is_known)
    assert sorted(shown) == [("known.csv", 4, minute, minute), ("new.csv", 4, minute, minute)]
    assert (found.name, found.mtime, found.listed_mtime) == ("new.csv", minute + 17, minute)


def test_a_listing_thrown_away_amid_its_times_leaves_the_session_in_step(started: Callable[[str], Daemon]) -> None:
    partner = on_daemon("vsftpd", started("vsftpd"))
    for number in range(200):
        (partner.folder / f"outgoing/{number}.csv").write_bytes(bytes(number))
    with partner.open() as server:
        listing = server.list_files(partner.at("/outgoing"))
        first = next(listing)
        listing.close()  # type: ignore[attr-defined]
        assert server.stat(first.path) == first


class Hasty:
    """An FTP server in front of another that throws away what comes before it has answered."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.thrown_away = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            answers = server.makefile("rb")
            client.sendall(answers.readline())
            while data := client.recv(65536):
                command, *early = data.splitlines(keepends=True)
                self.thrown_away += len(early)
                server.sendall(command)
                while True:
                    line = answers.readline()
                    client.sendall(line)
                    if not line or (line[3:4] == b" " and line[:3].isdigit() and line[:1] != b"1"):
                        break

    def close(self) -> None:
        self._listener.close()


def test_a_server_that_throws_away_early_questions_is_asked_one_by_one(
    started: Callable[[str], Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakeferry.servers.ftp_line.PIPELINE_SECONDS", 0.3)
    partner = on_daemon("vsftpd", started("vsftpd"))
    for number in range(20):
        (partner.folder / f"outgoing/{number}.csv").touch()
    hasty = Hasty(partner.spec.port)
    try:
        assert len(names(partner, port=hasty.port)) == 20
    finally:
        hasty.close()
    assert hasty.thrown_away > 0


# -- names


ODD = [
    b"caf\xe9.csv",
    b"\xfe\x80.csv",
    b" leading.csv",
    b"two  blanks.csv",
    b"n" * 250,
    "\uef80.csv".encode(),
    b"a;b=c.csv",
]


def test_names_of_any_bytes_are_listed_and_read(plain: Partner) -> None:
    for name in ODD:
        (plain.folder / "outgoing").joinpath(name.decode("utf-8", "surrogateescape")).write_bytes(name)
    with plain.open() as server:
        found = [file for file in server.list_files(plain.at("/outgoing")) if file.name != "a.bin"]
        read = []
        for file in found:
            arrived = bytearray()
            assert server.stat(file.path) == file
            server.read(file.path, 0, Kept(arrived))
            read.append(bytes(arrived))
    assert sorted(read) == sorted(ODD)


def test_a_name_with_a_line_break_stops_no_other_file(plain: Partner) -> None:
    for name in ("line\nbreak.csv", "line\r\nDELE a.bin", "good.csv"):
        (plain.folder / "outgoing" / name).write_bytes(b"x")
    with plain.open() as server:
        found = list(server.list_files(plain.at("/outgoing")))
        assert {"a.bin", "good.csv"} <= {file.name for file in found}
        for file in found:
            if "\n" in file.name or "\r" in file.name:
                with pytest.raises(RemoteAccessError, match=r"line break|newline"):
                    server.stat(file.path)
    assert (plain.folder / "outgoing/a.bin").exists()


@pytest.mark.parametrize("path", ["/outgoing/a\r\nDELE b", "/outgoing/a\nb"])
def test_a_path_with_a_line_break_sends_no_second_command(plain: Partner, path: str) -> None:
    with plain.open() as server:
        for action in (server.stat, server.delete):
            with pytest.raises((RemoteAccessError, FileChangedError)):
                action(plain.at(path))


# -- broken lines


@pytest.mark.parametrize("channel", ["data", "control"])
@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
def test_a_line_that_breaks_while_bytes_move_loses_none_and_doubles_none(
    plain: Partner, kind: str, channel: str
) -> None:
    """The control connection breaks with the answer that comes after the last byte."""
    arrived = bytearray()
    sink = Kept(arrived)
    patience = 1 if kind == "stall" else 10
    with (
        Proxy(plain.spec.port, ftp=True) as proxy,
        plain.open(port=proxy.port, read_timeout_seconds=patience) as server,
    ):
        path = plain.at("/outgoing/a.bin")
        assert server.stat(path).size == len(DATA)
        if channel == "data":
            proxy.fault = Fault(kind, after=4_000_000, channel="data")
            with pytest.raises(TransferInterruptedError, match=r"a\.bin"):
                server.read(path, 0, sink)
            assert 0 < len(arrived) <= 4_000_000
        else:
            server.read(path, 0, Breaking(proxy, kind, sink))
            assert arrived == DATA
        assert DATA.startswith(arrived)
        server.read(path, len(arrived), sink)  # connects anew by itself
    assert arrived == DATA


class Breaking:
    """A sink that breaks the control connection when the bytes begin to come."""

    def __init__(self, proxy: Proxy, kind: str, sink: Callable[[memoryview], bool]) -> None:
        self._proxy, self._kind, self._sink, self._done = proxy, kind, sink, False

    def __call__(self, view: memoryview) -> bool:
        if not self._done:
            self._proxy.fault = Fault(self._kind, after=0, channel="control")
            self._done = True
        return self._sink(view)


@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
def test_a_line_that_breaks_in_a_listing_makes_the_server_unavailable(plain: Partner, kind: str) -> None:
    for number in range(2_000):
        (plain.folder / f"outgoing/{number}").touch()
    found: list[RemoteFile] = []
    with (
        Proxy(plain.spec.port, ftp=True, fault=Fault(kind, after=40_000, channel="data")) as proxy,
        plain.open(port=proxy.port, read_timeout_seconds=0.7) as server,
    ):
        with pytest.raises(ServerUnavailableError, match="/outgoing"):
            found.extend(server.list_files(plain.at("/outgoing")))
        assert len(found) < 2_000
        assert len(list(server.list_files(plain.at("/outgoing")))) == 2_001


@pytest.mark.parametrize("after", [0, 1, 3, 60])
@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
def test_a_line_that_breaks_in_the_greeting_or_login_makes_the_server_unavailable(
    plain: Partner, kind: str, after: int
) -> None:
    with Proxy(plain.spec.port, ftp=True, fault=Fault(kind, after=after)) as proxy:
        with pytest.raises(ServerUnavailableError, match=str(proxy.port)):
            plain.open(port=proxy.port, connect_timeout_seconds=0.7)
        assert names(plain, port=proxy.port) == {"a.bin"}


@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
@pytest.mark.parametrize("after", [0, 100, 1_200])
def test_a_line_that_breaks_in_the_tls_handshake_makes_the_server_unavailable(
    started: Callable[[str], Daemon], monkeypatch: pytest.MonkeyPatch, kind: str, after: int
) -> None:
    monkeypatch.setattr(answering, "LOOK_SECONDS", 0.2)  # the second connection is whole, and the server waits for TLS
    partner = on_daemon("vsftpd implicit tls", started("vsftpd implicit tls"))
    with (
        Proxy(partner.spec.port, fault=Fault(kind, after=after)) as proxy,
        pytest.raises(ServerUnavailableError, match=str(proxy.port)),
    ):
        partner.open(port=proxy.port, connect_timeout_seconds=0.7)


def test_a_server_with_no_connection_left_is_unavailable_in_its_own_words(start: Start) -> None:
    partner = start(daemons.vsftpd, "max_clients=1")
    with once_there_is_room(partner), pytest.raises(ServerUnavailableError, match="421"):
        partner.open()
    with once_there_is_room(partner) as server:
        assert [file.name for file in server.list_files(partner.at("/outgoing"))] == ["a.bin"]


def once_there_is_room(partner: Partner) -> Server:
    """A connection as soon as the server has noticed that the one before has ended."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return partner.open()
        except ServerUnavailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_a_file_that_may_not_be_read_is_not_taken_for_gone_for_ever(plain: Partner) -> None:
    (plain.folder / "outgoing/a.bin").chmod(0)
    with plain.open() as server, pytest.raises(FileChangedError, match=r"550|a\.bin"):
        server.read(plain.at("/outgoing/a.bin"), 0, lambda view: True)


# -- the end of TLS


@pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
def test_a_server_that_wants_tls_ended_on_data_connections_gets_its_end(
    start: Start, monkeypatch: pytest.MonkeyPatch, implicit: bool
) -> None:
    """vsftpd ends a listing or file with 426 where TLS just stops."""
    ends: list[str] = []
    end_transfer = Transfers.end_transfer

    def recorded(control: Transfers) -> str:
        ends.append(end_transfer(control))
        return ends[-1]

    monkeypatch.setattr(Transfers, "end_transfer", recorded)
    strict = ("strict_ssl_write_shutdown=YES", "strict_ssl_read_eof=YES")
    partner = start(daemons.vsftpd_tls, *strict, implicit=implicit)
    (partner.folder / "outgoing/large.bin").write_bytes(bytes(3_000_000))
    with partner.open() as server:
        sizes = {file.name: file.size for file in server.list_files(partner.at("/outgoing"))}
        assert sizes["large.bin"] == 3_000_000
        for name, size in sizes.items():
            arrived = bytearray()
            assert server.read(partner.at(f"/outgoing/{name}"), 0, Kept(arrived), size) == size == len(arrived)
    assert [end[:3] for end in ends] == ["226"] * 3


@pytest.mark.parametrize("listing", [True, False], ids=["listing", "file"])
def test_a_server_that_does_not_end_tls_is_waited_for_a_while_only(
    start: Start, monkeypatch: pytest.MonkeyPatch, listing: bool
) -> None:
    """It has sent all, and keeps the connection open."""
    waited: list[float] = []

    def stuck(connection: Any) -> None:
        waited.append(connection.gettimeout())
        raise TimeoutError("timed out")

    monkeypatch.setattr(TlsStream, "unwrap", stuck)
    monkeypatch.setattr(ssl.SSLSocket, "unwrap", stuck)
    partner = start(daemons.vsftpd_tls)
    with partner.open() as server:
        if listing:
            assert [file.name for file in server.list_files(partner.at("/outgoing"))] == ["a.bin"]
        else:
            server.read(partner.at("/outgoing/a.bin"), 0, Kept(bytearray()), len(DATA))
    assert waited == [END_SECONDS]


# -- a listing that is not all


def test_pure_ftpd_that_cuts_a_listing_says_so_and_subfolders_help(start: Start) -> None:
    partner = start(daemons.pure_ftpd, "-L", "20:3")
    for at in range(30):
        (partner.folder / f"outgoing/{at:02}.csv").write_bytes(DATA[:3])
    with partner.open() as server:
        listed = list(server.list_files(partner.at("/outgoing")))
        assert 0 < len(listed) < 31
        (told,) = server.unread
        assert told.startswith("listing cut short: 226")
    for at in range(30):
        day = partner.folder / f"outgoing/day{at % 2}"
        day.mkdir(exist_ok=True, mode=0o777)
        (partner.folder / f"outgoing/{at:02}.csv").rename(day / f"{at:02}.csv")
    with partner.open() as server:
        assert len(list(server.list_files(partner.at("/outgoing"), recursive=True))) == 31
        assert not server.unread
