"""Which addresses a feed's server may have."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyftpdlib.handlers import FTPHandler

from lakeferry.errors import FeedInvalidError, LakeferryError
from lakeferry.feeds import ProxySpec, ServerSpec, parse_feed
from lakeferry.servers import Networks, open_server
from lakeferry.servers.networks import DENIED, dial
from lakeferry.servers.proxy import Proxy, connect_through
from local.aws import WITHOUT_LOOPBACK
from local.partners import FtpPartner
from local.template import load
from tests.conftest import feed_document

ROOT = Path(__file__).parents[2]
DEFAULT = Networks.of(DENIED, "")
HERE = Networks.of(WITHOUT_LOOPBACK, "")
SECRET = {"password": "right"}


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "::1",
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "169.254.170.2",
        "fe80::1",
        "fe80::1%lo",
        "fd00:ec2::254",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::169.254.169.254",
        "2002:7f00:1::",
    ],
)
def test_what_is_denied_by_default_is_denied_in_each_form(address: str) -> None:
    with pytest.raises(FeedInvalidError, match=r"\$\.server\.host: .* is in the stack's DeniedNetworks"):
        DEFAULT.check("server.host", "files.acme.example", address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "192.168.1.1", "198.51.100.7", "fd12::1", "2001:db8::1", "64:ff9b::a00:1"]
)
def test_private_and_public_addresses_are_allowed_by_default(address: str) -> None:
    DEFAULT.check("server.host", "files.acme.example", address)


def test_allowed_networks_are_the_only_ones() -> None:
    networks = Networks.of("10.1.0.0/16", "10.0.0.0/8, 2001:db8::/32")
    networks.check("server.host", "h", "10.2.0.1")
    networks.check("server.host", "h", "::ffff:10.2.0.1")
    networks.check("server.host", "h", "2001:db8::1")
    for address, why in (("10.1.0.1", "DeniedNetworks"), ("192.0.2.1", "AllowedNetworks"), ("2001:db9::", "Allowed")):
        with pytest.raises(FeedInvalidError, match=why):
            networks.check("server.host", "h", address)


def test_the_templates_default_is_the_codes() -> None:
    parameters = load(ROOT / "template.yaml")["Parameters"]
    assert (parameters["DeniedNetworks"]["Default"], parameters["AllowedNetworks"]["Default"]) == (DENIED, "")


def test_a_laptop_allows_loopback_and_nothing_else_of_it() -> None:
    HERE.check("server.host", "localhost", "127.0.0.1")
    with pytest.raises(FeedInvalidError):
        HERE.check("server.host", "h", "169.254.169.254")


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """A port on loopback, and who came."""
    came: list[str] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(0.2)

        def take() -> None:
            try:
                while True:
                    connection, address = server.accept()
                    came.append(str(address))
                    connection.close()
            except OSError:
                return

        thread = threading.Thread(target=take)
        thread.start()
        yield server.getsockname()[1], came
        thread.join()


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """The name has these addresses, anew each time it is asked for."""
    asked: list[str] = []
    left = list(answers)
    real = socket.getaddrinfo

    def answer(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host != "files.acme.example":
            return real(host, port, *arguments, **options)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in left.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def test_one_denied_address_of_a_name_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (port, came):
        resolving(monkeypatch, ["127.0.0.1", "169.254.169.254"])
        with pytest.raises(FeedInvalidError, match=r"169\.254\.169\.254, an address of files\.acme"):
            dial(HERE, "server.host", "files.acme.example", port, 1)
    assert came == []


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (port, came):
        asked = resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
        dial(HERE, "server.host", "files.acme.example", port, 1).close()
    assert (len(asked), len(came)) == (1, 1)


def test_the_next_address_is_tried_where_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (port, came):
        resolving(monkeypatch, ["127.0.0.9", "127.0.0.1"])
        dial(HERE, "server.host", "files.acme.example", port, 1).close()
    assert len(came) == 1


@pytest.mark.parametrize("protocol", ["sftp", "ftp", "ftps", "ftps_implicit"])
def test_no_protocol_connects_to_what_is_denied(protocol: str) -> None:
    with listening() as (port, came):
        spec = ServerSpec(protocol, "localhost", port, "lake", allow_plaintext=True)
        with pytest.raises(FeedInvalidError, match=r"\$\.server\.host.*DeniedNetworks"):
            open_server(spec, SECRET, DEFAULT)
        for kind in ("socks5", "http"):
            with pytest.raises(FeedInvalidError, match=r"\$\.server\.proxy\.host.*DeniedNetworks"):
                open_server(
                    replace(spec, host="files.acme.example", proxy=ProxySpec(kind, "localhost", port)), SECRET, DEFAULT
                )
            with pytest.raises(FeedInvalidError, match=r"\$\.server\.host.*DeniedNetworks"):
                connect_through(Proxy(kind, "localhost", port), "169.254.169.254", 80, 1, HERE)
    assert came == []


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_a_name_behind_a_proxy_is_the_proxys(kind: str) -> None:
    with listening() as (port, came), pytest.raises(LakeferryError, match="proxy localhost") as caught:
        connect_through(Proxy(kind, "localhost", port), "localhost", 80, 1, HERE)
    assert not isinstance(caught.value, FeedInvalidError)
    assert len(came) == 1


def test_a_server_whose_answer_to_pasv_names_another_machine_leads_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FTPHandler, "masquerade_address", "169.254.169.254")
    (tmp_path / "a.csv").write_text("a\n")
    with FtpPartner(tmp_path, username="lake", password="right", host="127.0.0.1") as partner:
        spec = ServerSpec("ftp", "127.0.0.1", partner.port, "lake", allow_plaintext=True)
        with open_server(spec, SECRET, Networks.of("169.254.0.0/16", "127.0.0.1/32")) as server:
            assert [file.path for file in server.list_files("/")] == ["/a.csv"]


@pytest.mark.parametrize(
    "host",
    [
        "files.acme.example\r\nX-Header: 1",
        "files.acme.example\n",
        "files acme.example",
        "files.acme.example:22",
        "user@files.acme.example",
        "files.acme.example/path",
        "[::1]",
        "fe80::1%eth0",
        "127.1",
        "0x7f.1",
        "2130706433",
        "256.1.1.1",
        "１２７.0.0.1",
        "files..acme.example",
        f"{'a' * 64}.example",
        "-files.acme.example",
        "a\0.example",
        " ",
    ],
)
@pytest.mark.parametrize("setting", ["host", "proxy.host"])
def test_a_host_is_a_name_or_an_address(host: str, setting: str) -> None:
    server = feed_document()["server"]
    changed = {"host": host} if setting == "host" else {"proxy": {"type": "http", "host": host, "port": 8080}}
    with pytest.raises(FeedInvalidError) as caught:
        parse_feed(feed_document(server=server | changed))
    assert f"$.server.{setting}: " in str(caught.value)


@pytest.mark.parametrize(
    "host", ["localhost", "files_1.acme.example.", "bücher.example", "xn--bcher-kva.example", "10.0.0.1", "2001:db8::1"]
)
def test_these_are_hosts(host: str) -> None:
    parse_feed(feed_document(server=feed_document()["server"] | {"host": host}))
