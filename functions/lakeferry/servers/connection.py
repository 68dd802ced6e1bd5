"""TCP connections to partners' servers."""

import socket

from lakeferry.errors import FeedInvalidError
from lakeferry.servers.networks import ANYWHERE, Networks, dial
from lakeferry.servers.proxy import Proxy, connect_through
from lakeferry.servers.spec import ServerSpec

KEEPALIVE_SECONDS = 60
"""Firewalls forget a connection that is silent, such as FTP's control connection while a large file moves."""


def connect(
    spec: ServerSpec,
    proxy: Proxy | None = None,
    networks: Networks = ANYWHERE,
    *,
    host: str | None = None,
    port: int | None = None,
    timeout: float | None = None,
) -> socket.socket:
    """To the feed's server, through the proxy if there is one.

    Args:
        host: In place of the feed's, as `port` is; for a data connection.
        timeout: Seconds, in place of `connect_timeout_seconds`.

    Raises:
        OSError: refused, unreachable, unknown name, or no answer in that time.
        FeedInvalidError: the host is nothing that could be a name, or has an address that is denied.
        LakeferryError: the proxy's; see `connect_through`.
    """
    host, port = host or spec.host, port or spec.port
    timeout = spec.connect_timeout_seconds if timeout is None else timeout
    try:
        if proxy is None:
            connection = dial(networks, "server.host", host, port, timeout)
        else:
            connection = connect_through(proxy, host, port, timeout, networks)
    except UnicodeError as error:  # of the codec that writes names for DNS
        raise FeedInvalidError(
            f"$.server.host: {spec.host}:{spec.port} cannot be reached, since {spec.host!r} is no host name ({error}): "
            "check it for dots too many and parts of more than 63 characters."
        ) from error
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # requests are small and waited for
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):  # not on every system
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), KEEPALIVE_SECONDS)
    return connection
