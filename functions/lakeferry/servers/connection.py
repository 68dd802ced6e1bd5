"""TCP connections to partners' servers."""

import socket

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ServerSpec

KEEPALIVE_SECONDS = 60
"""Firewalls forget a connection that is silent, such as FTP's control connection while a large file moves."""


def connect(spec: ServerSpec) -> socket.socket:
    """
    Raises:
        OSError: refused, unreachable, unknown name, or no answer within `connect_timeout_seconds`.
        FeedInvalidError: the host is nothing that could be a name.
    """
    try:
        connection = socket.create_connection((spec.host, spec.port), timeout=spec.connect_timeout_seconds)
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
