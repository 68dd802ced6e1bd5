"""Through a proxy to a partner's server: SOCKS5 (RFC 1928, 1929) and HTTP's CONNECT (RFC 9110, section 9.3.6).

CONNECT is not left to python-socks: it reads what it gets and keeps only the status line, and the greetings of FTP and
SSH servers, which speak first, can come along with that.
"""

import base64
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from lakeferry.errors import LakeferryError, LoginRejectedError, RemoteAccessError, ServerUnavailableError
from lakeferry.servers.networks import ANYWHERE, Networks, dial
from lakeferry.servers.spec import ServerSpec
from lakeferry.servers.timers import ended_after

if TYPE_CHECKING:
    from python_socks import ProxyError

Reach = Callable[[str, int], socket.socket]
"""Connects to host and port, if that is allowed."""

LARGEST_HEAD = 64 * 1024
"""Bytes of an HTTP proxy's answer before the empty line that ends it."""

_SOCKS_REFUSES, _SOCKS_CANNOT = 2, (7, 8)
"""Answers of SOCKS5 (RFC 1928, section 6): not allowed by its rules; a command or kind of address it does not have."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A feed's proxy, with what its secret has for it.

    Attributes:
        type: `socks5` or `http`.
        password: Goes with `username`; empty where there is none.
    """

    type: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.type} proxy {self.host}:{self.port}"


def proxy_of(spec: ServerSpec, secret: Mapping[str, str]) -> Proxy | None:
    """The feed's proxy; None where it has none.

    Raises:
        LoginRejectedError: the secret's fields for it cannot be sent to a proxy of its type.
    """
    if spec.proxy is None:
        return None
    name, password = secret.get("proxy_username", ""), secret.get("proxy_password", "")
    # RFC 1929 counts their bytes in one; RFC 7617 ends the name with a colon
    if not (name + password).isascii() or max(len(name), len(password)) > 255 or ":" in name or (name and not password):
        raise LoginRejectedError(
            f"proxy_username and proxy_password in secret {spec.secret!r} cannot be sent to the proxy of "
            f"{spec.host}:{spec.port}: check that both are there and ASCII, with 255 characters at most, and no colon "
            "in the name."
        )
    return Proxy(spec.proxy.type, spec.proxy.host, spec.proxy.port, name, password)


def connect_through(proxy: Proxy, host: str, port: int, timeout: float, networks: Networks = ANYWHERE) -> socket.socket:
    """A connection to host and port, both as the proxy knows them; nothing has been read from the server yet.

    Args:
        timeout: Seconds, to connect to the proxy, and again for all that it answers.
        networks: Checked for the proxy's address, and the host's where that is one; a name is resolved by the proxy.

    Raises:
        UnicodeError: the host is nothing that could be a name.
        FeedInvalidError: an address is denied.
        ServerUnavailableError: the proxy, or from there the server, cannot be reached.
        LoginRejectedError: the proxy wants a user name and password, or refuses those of the secret.
        RemoteAccessError: the proxy does not allow the connection, or is none of that type.
    """
    opened: list[socket.socket] = []

    def reach(proxy_host: str, proxy_port: int) -> socket.socket:
        opened.append(dial(networks, "server.proxy.host", proxy_host, proxy_port, timeout))
        return opened[-1]

    networks.check_literal("server.host", host)
    host.encode("ascii" if ":" in host else "idna")
    what = f"cannot reach {host}:{port} through the {proxy}"
    try:
        through = _through_socks if proxy.type == "socks5" else _through_http
        with ended_after(2 * timeout, partial(_end, opened)):
            return through(proxy, host, port, reach, what)
    except (LakeferryError, ImportError):
        raise
    except (OSError, EOFError) as error:
        raise ServerUnavailableError(
            f"{what} ({str(error) or type(error).__name__}): check server.proxy of the feed, and the way to it."
        ) from error
    except Exception as error:  # what the library makes of bytes that are no SOCKS
        raise _no_proxy(what, error) from error


def _end(opened: Sequence[socket.socket]) -> None:
    """A proxy that answers byte by byte would be waited for anew with each of them."""
    for one in opened:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _through_socks(proxy: Proxy, host: str, port: int, reach: Reach, what: str) -> socket.socket:
    from python_socks import ProxyError, ProxyType
    from python_socks.sync import Proxy as Socks

    # the package would resolve the proxy's name by itself; what it takes for a proxy before this one connects
    before: Any = _Before(reach)
    login = proxy.username or None, proxy.password or None
    through = Socks(ProxyType.SOCKS5, proxy.host, proxy.port, *login, forward=before)
    try:
        return through.connect(host, port)
    except ProxyError as error:
        raise _refused_by_socks(error, what) from error


@dataclass(frozen=True, slots=True)
class _Before:
    reach: Reach

    def connect(self, dest_host: str, dest_port: int, timeout: float) -> socket.socket:
        return self.reach(dest_host, dest_port)


def _refused_by_socks(error: "ProxyError", what: str) -> LakeferryError:
    code, text = error.error_code, str(error)
    if type(error.__cause__).__name__ == "IncompleteReadError":  # the package keeps the class to itself
        return ServerUnavailableError(
            f"{what} ({text}): it broke off. It is tried again; if it lasts, check the proxy."
        )
    if code is None and "authentication" in text.lower():
        return _login_refused(what, text)
    if code == _SOCKS_REFUSES:
        return _not_allowed(what, text)
    if code is None or code in _SOCKS_CANNOT:
        return _no_proxy(what, error)
    return _unreachable(what, text)


def _through_http(proxy: Proxy, host: str, port: int, reach: Reach, what: str) -> socket.socket:
    target = f"[{host}]:{port}" if ":" in host else f"{host.encode('idna').decode()}:{port}"
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if proxy.username:
        credentials = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
        head += f"Proxy-Authorization: Basic {credentials}\r\n"
    connection = reach(proxy.host, proxy.port)
    try:
        connection.sendall(f"{head}\r\n".encode("ascii"))
        version, _, rest = _head(connection).split(b"\r\n", 1)[0].partition(b" ")
        code, text = rest[:3].decode("latin-1"), rest.decode("latin-1").strip()
        if not version.startswith(b"HTTP/") or not code.isdecimal():
            raise _no_proxy(what, None)
        if code in ("407", "401"):  # Tinyproxy has the second for a wrong password
            raise _login_refused(what, text)
        if code[0] == "5":
            raise _unreachable(what, text)
        if code[0] != "2":
            raise _not_allowed(what, text)
    except BaseException:
        connection.close()
        raise
    return connection


def _head(connection: socket.socket) -> bytes:
    """The answer up to the empty line, and no byte more: servers of FTP and SSH speak first, and that follows it."""
    head = b""
    while len(head) < LARGEST_HEAD:
        coming = connection.recv(4096, socket.MSG_PEEK)
        if not coming:
            raise EOFError("it broke off")
        end = (head + coming).find(b"\r\n\r\n")
        taken = connection.recv(len(coming) if end < 0 else end + 4 - len(head))
        head += taken
        if head.endswith(b"\r\n\r\n"):
            break
    return head


def _unreachable(what: str, text: str) -> LakeferryError:
    return ServerUnavailableError(
        f"{what}: it answers {text!r}. It is tried again; if it lasts, check host and port of the feed, and that the "
        "proxy can reach them."
    )


def _login_refused(what: str, text: str) -> LakeferryError:
    return LoginRejectedError(
        f"{what}: it refuses the login ({text}). Check proxy_username and proxy_password in the feed's secret."
    )


def _not_allowed(what: str, text: str) -> LakeferryError:
    return RemoteAccessError(
        f"{what}: it does not allow that ({text}). Ask whoever keeps the proxy to allow host and port; with FTP and "
        "FTPS also the ports of data connections. Check server.proxy otherwise."
    )


def _no_proxy(what: str, error: Exception | None) -> LakeferryError:
    told = f" ({str(error) or type(error).__name__})" if error is not None else ""
    return RemoteAccessError(
        f"{what}: what it answers is not of such a proxy{told}. Check type and port of server.proxy."
    )
