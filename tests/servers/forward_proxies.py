"""Real proxies from Debian's packages, each on a free loopback port, with a user name and password it insists on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from lakeferry.feeds import ProxySpec
from tests.servers.processes import find, open_folder, running, write

USERNAME, PASSWORD = "way", "through-the-wall"


@contextmanager
def microsocks() -> Iterator[ProxySpec]:
    """SOCKS5."""
    program = find("microsocks")

    def command(port: int) -> Sequence[str]:
        return [program, "-i", "127.0.0.1", "-p", str(port), "-u", USERNAME, "-P", PASSWORD]

    with open_folder() as base, running(base, command) as port:
        yield ProxySpec("socks5", "127.0.0.1", port)


@contextmanager
def tinyproxy() -> Iterator[ProxySpec]:
    """HTTP's CONNECT, to any port."""
    program = find("tinyproxy")
    with open_folder() as base:

        def command(port: int) -> Sequence[str]:
            lines = [f"Port {port}", "Listen 127.0.0.1", "Timeout 60", f"BasicAuth {USERNAME} {PASSWORD}"]
            return [program, "-d", "-c", str(write(base / "config", "\n".join([*lines, ""])))]

        with running(base, command) as port:
            yield ProxySpec("http", "127.0.0.1", port)


FORWARD_PROXIES: Mapping[str, Callable[[], AbstractContextManager[ProxySpec]]] = {
    "microsocks": microsocks,
    "tinyproxy": tinyproxy,
}
