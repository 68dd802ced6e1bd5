"""The way to a feed's server: a place among its connections, then the connection."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from lakeferry.aws.secrets import load_secret
from lakeferry.clients import Clients
from lakeferry.errors import LoginRejectedError, SecretMissingError
from lakeferry.feeds import Feed
from lakeferry.servers import Networks, Server, open_server
from lakeferry.servers.timers import ended_after


@contextmanager
def connect(
    aws: Clients,
    feed: Feed,
    wait_seconds: float,
    seconds: float,
    waits: Callable[[float], object] = lambda seconds: None,
) -> Iterator[Server]:
    """Connects and logs in as soon as `max_connections` allows.

    Args:
        wait_seconds: For a place among the connections.
        seconds: After so many the connection is ended from this side, whatever is under way on it: no answer, listing
            or file takes longer, however slowly it comes.
        waits: Told as a wait for a place begins, with the seconds that it may take.

    Raises:
        ConnectionsBusyError: it did not for `wait_seconds`.
        LakeferryError: see `open_server`.
    """
    secret = load_secret(aws.secrets, feed.server.secret, feed.feed_id)
    with (
        aws.connections.lease(feed.server, feed.tenant, wait_seconds, waits),
        _log_in(aws, feed, secret) as server,
        ended_after(max(1.0, seconds), server.abort),
    ):
        yield server


def _log_in(aws: Clients, feed: Feed, secret: Mapping[str, str]) -> Server:
    """With the secret as it is now if the one that was kept in memory is refused."""
    networks = Networks.of(aws.settings.denied_networks, aws.settings.allowed_networks)
    try:
        return open_server(feed.server, secret, networks)
    except (LoginRejectedError, SecretMissingError):
        fresh = load_secret(aws.secrets, feed.server.secret, feed.feed_id, fresh=True)
        # the same once more would be refused, too, and servers lock accounts after a few attempts
        if fresh == secret:
            raise
    return open_server(feed.server, fresh, networks)
