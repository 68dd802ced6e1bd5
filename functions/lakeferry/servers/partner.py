"""The way to a feed's server: a place among its connections, then the connection."""

from collections.abc import Iterator
from contextlib import contextmanager

from lakeferry.aws.secrets import load_secret
from lakeferry.clients import Clients
from lakeferry.feeds import Feed
from lakeferry.servers import Server, open_server


@contextmanager
def connect(aws: Clients, feed: Feed, wait_seconds: float) -> Iterator[Server]:
    """Connects and logs in as soon as `max_connections` allows.

    Raises:
        ConnectionsBusyError: it did not for `wait_seconds`.
        LakeferryError: see `open_server`.
    """
    secret = load_secret(aws.secrets, feed)
    with (
        aws.connections.lease(feed.server, feed.tenant, wait_seconds),
        open_server(feed.server, secret) as server,
    ):
        yield server
