"""Every protocol through a SOCKS5 and an HTTP proxy, and what a proxy can answer that is no yes."""

import random
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from lakeferry.errors import (
    FeedInvalidError,
    LakeferryError,
    LoginRejectedError,
    RemoteAccessError,
    ServerUnavailableError,
)
from lakeferry.feeds import ProxySpec
from lakeferry.servers.proxy import Proxy, connect_through
from tests.servers import forward_proxies
from tests.servers.daemons import Daemon
from tests.servers.forward_proxies import FORWARD_PROXIES
from tests.servers.proxies import ForwardProxy

from .conftest import Partner, on_daemon, start_or_skip

DATA = random.Random(7).randbytes(1_000_001)
TYPES = ["socks5", "http"]
LOGIN = ("way", "through the wall")


def through(proxy: ForwardProxy | int, kind: str) -> ProxySpec:
    return ProxySpec(kind, "127.0.0.1", proxy if isinstance(proxy, int) else proxy.port)


def read_all(partner: Partner, **changes: Any) -> tuple[set[str], bytes]:
    """Names listed, and the bytes of `a.bin`."""
    found = bytearray()

    def keep(view: memoryview) -> bool:
        found.extend(view)
        return True

    with partner.open(**changes) as server:
        names = {file.name for file in server.list_files(partner.at("/outgoing"))}
        server.read(partner.at("/outgoing/a.bin"), 0, keep)
    return names, bytes(found)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.servers)
        for name in ("openssh", "vsftpd", "pure-ftpd", "proftpd tls", "vsftpd implicit tls")
    ],
)
def test_listing_and_bytes_come_through(started: Callable[[str], Daemon], name: str, kind: str) -> None:
    partner = on_daemon(name, started(name))
    (partner.folder / "outgoing/a.bin").write_bytes(DATA)
    with ForwardProxy(login=LOGIN) as proxy:
        secret = {**partner.secret, "proxy_username": LOGIN[0], "proxy_password": LOGIN[1]}
        assert read_all(partner, secret=secret, proxy=through(proxy, kind)) == ({"a.bin"}, DATA)
        assert {host for host, _ in proxy.asked} == {"127.0.0.1"}
        # FTP's data connections, one for the listing and one for the file, go through it as well
        assert len(proxy.asked) == (1 if partner.spec.protocol == "sftp" else 3)
        ended(proxy)


def ended(proxy: ForwardProxy) -> None:
    """No connection is left; the proxy hears of the last one's end a moment later."""
    deadline = time.monotonic() + 10
    while proxy.open and time.monotonic() < deadline:
        time.sleep(0.01)
    assert proxy.open == 0


@pytest.mark.servers
@pytest.mark.parametrize("name", ["openssh", "vsftpd", "proftpd tls"])
@pytest.mark.parametrize("kind", FORWARD_PROXIES)
def test_real_proxies_are_gone_through(started: Callable[[str], Daemon], kind: str, name: str) -> None:
    partner = on_daemon(name, started(name))
    (partner.folder / "outgoing/a.bin").write_bytes(DATA)
    login = {"proxy_username": forward_proxies.USERNAME, "proxy_password": forward_proxies.PASSWORD}
    with ExitStack() as running, socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = start_or_skip(running, FORWARD_PROXIES[kind])
        assert read_all(partner, secret={**partner.secret, **login}, proxy=proxy) == ({"a.bin"}, DATA)
        with pytest.raises(LoginRejectedError, match="proxy_username"):
            partner.open({**partner.secret, **login, "proxy_password": "wrong"}, proxy=proxy)
        with pytest.raises(LoginRejectedError, match="proxy_username"):
            partner.open(proxy=proxy)
        dead = listener.getsockname()[1]
        listener.close()
        with pytest.raises(ServerUnavailableError, match=f"127.0.0.1:{dead} through"):
            partner.open({**partner.secret, **login}, proxy=proxy, port=dead)


@pytest.fixture(params=["sftp", "ftp"])
def embedded(request: pytest.FixtureRequest) -> Partner:
    partner: Partner = (
        request.getfixturevalue("sftp") if request.param == "sftp" else request.getfixturevalue("start_ftp")()
    )
    (partner.folder / "outgoing/a.bin").write_bytes(DATA)
    return partner


@pytest.mark.parametrize("kind", TYPES)
def test_the_servers_name_is_for_the_proxy_to_resolve(embedded: Partner, kind: str) -> None:
    with ForwardProxy(names={"files.acme.invalid": "127.0.0.1"}) as proxy:
        changes = {"host": "files.acme.invalid", "proxy": through(proxy, kind)}
        assert read_all(embedded, **changes) == ({"a.bin"}, DATA)
        assert {host for host, _ in proxy.asked} == {"files.acme.invalid"}


def test_a_greeting_that_comes_with_the_proxys_answer_is_not_lost(embedded: Partner) -> None:
    with ForwardProxy(at_once=True) as proxy, embedded.open(proxy=through(proxy, "http")) as server:
        assert server.stat("/outgoing/a.bin").size == len(DATA)


def test_a_server_over_ipv6_is_asked_for_by_its_address() -> None:
    with ForwardProxy() as proxy:
        for kind in TYPES:
            with pytest.raises(LakeferryError):  # nothing listens there
                connect_through(Proxy(kind, "127.0.0.1", proxy.port), "::1", 1, 5)
        assert proxy.asked == [("::1", 1), ("::1", 1)]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("told", [{}, {"proxy_username": "way", "proxy_password": "wrong horse"}])
def test_a_proxy_that_refuses_the_login_is_told_apart_from_the_server(
    embedded: Partner, kind: str, told: dict[str, str]
) -> None:
    with ForwardProxy(login=LOGIN) as proxy:
        with pytest.raises(LoginRejectedError, match="proxy_username") as caught:
            embedded.open({**embedded.secret, **told}, proxy=through(proxy, kind))
        assert "wrong horse" not in str(caught.value)
        ended(proxy)


@pytest.mark.parametrize("kind", TYPES)
def test_a_server_that_the_proxy_cannot_reach_is_unavailable(embedded: Partner, kind: str) -> None:
    with ForwardProxy() as proxy, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.close()
        with pytest.raises(ServerUnavailableError, match=rf"127\.0\.0\.1:{port} through the {kind} proxy"):
            embedded.open(proxy=through(proxy, kind), port=port)


@pytest.mark.parametrize("kind", TYPES)
def test_a_proxy_that_is_not_there_is_named(embedded: Partner, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServerUnavailableError, match=f"{kind} proxy 127.0.0.1:{port}.*server.proxy"):
        embedded.open(proxy=through(port, kind))


@pytest.mark.parametrize("kind", TYPES)
def test_a_proxy_that_says_nothing_is_unavailable(embedded: Partner, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ServerUnavailableError):
        embedded.open(proxy=through(silent.getsockname()[1], kind), connect_timeout_seconds=0.3)


def _after_methods(reply: bytes) -> bytes:
    return b"\x05\x00" + reply


ANSWERS = [
    *(("socks5", _after_methods(bytes([5, code, 0, 1])), ServerUnavailableError) for code in (1, 3, 4, 5, 6)),
    *(("socks5", _after_methods(bytes([5, code, 0, 1])), RemoteAccessError) for code in (2, 7, 8, 99)),
    ("socks5", b"", ServerUnavailableError),
    ("socks5", b"\x05", ServerUnavailableError),
    ("socks5", b"\x05\x00\x05", ServerUnavailableError),
    ("socks5", b"\x05\x02\x01\x01", LoginRejectedError),  # wants what was not offered
    ("socks5", b"HTTP/1.1 400 Bad Request\r\n\r\n", RemoteAccessError),
    ("socks5", _after_methods(b"\x05\x00\x00\x03\x02\xff\xff\x00\x00"), RemoteAccessError),
    ("http", b"", ServerUnavailableError),
    ("http", b"HTTP/1.1 200", ServerUnavailableError),
    ("http", b"HTTP/1.1 503 Service Unavailable\r\n\r\n", ServerUnavailableError),
    ("http", b"HTTP/1.0 500 Unable to connect\r\n\r\n", ServerUnavailableError),
    ("http", b"HTTP/1.1 403 Forbidden\r\n\r\n", RemoteAccessError),
    ("http", b"HTTP/1.1 405 Method Not Allowed\r\n\r\n", RemoteAccessError),
    ("http", b"HTTP/1.1 407 Who are you\r\n\r\n", LoginRejectedError),
    ("http", b"HTTP/1.1 401 Unauthorized\r\n\r\n", LoginRejectedError),
    ("http", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", RemoteAccessError),
    ("http", b"\x05\xff\r\n\r\n", RemoteAccessError),
    ("http", b"HTTP/1.1\r\n\r\n", RemoteAccessError),
    ("http", b"x" * 70_000, RemoteAccessError),
]


@pytest.mark.parametrize(("kind", "answer", "error"), ANSWERS, ids=lambda value: repr(value)[:40])
def test_every_answer_of_a_proxy_is_one_of_our_errors(
    embedded: Partner, kind: str, answer: bytes, error: type[LakeferryError]
) -> None:
    with ForwardProxy(answer=answer) as proxy:
        with pytest.raises(error, match=f"{kind} proxy") as caught:
            embedded.open(proxy=through(proxy, kind))
        assert type(caught.value) is error
        ended(proxy)


@pytest.mark.parametrize(
    "told",
    [
        {"proxy_username": "müller", "proxy_password": "x"},
        {"proxy_username": "a:b", "proxy_password": "x"},
        {"proxy_username": "a"},
        {"proxy_username": "a", "proxy_password": "correct horse" * 20},
    ],
    ids=["not ASCII", "colon", "no password", "long"],
)
def test_a_login_that_no_proxy_can_be_sent_is_the_secrets_fault(embedded: Partner, told: dict[str, str]) -> None:
    with pytest.raises(LoginRejectedError, match="proxy_username") as caught:
        embedded.open({**embedded.secret, **told}, proxy=ProxySpec("http", "127.0.0.1", 1))
    assert "horse" not in str(caught.value)


@pytest.mark.parametrize("kind", TYPES)
def test_a_host_that_is_no_name_is_the_feeds_fault(embedded: Partner, kind: str) -> None:
    with ForwardProxy() as proxy, pytest.raises(FeedInvalidError, match=r"\$\.server\.host"):
        embedded.open(host="files..acme", proxy=through(proxy, kind))
