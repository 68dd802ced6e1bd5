"""`server` of the feed document: where the files are, and how to get in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakeferry.feeds.names import encoding_problems, zone_problems

DEFAULT_PORTS = {"sftp": 22, "ftp": 21, "ftps": 21, "ftps_implicit": 990}


@dataclass(frozen=True, slots=True)
class AlgorithmsSpec:
    """SSH algorithms to offer, best first, for a server that does not know today's; an empty list offers those.

    Attributes:
        host_keys: Of the server's signature; `user_keys` of ours, which matters for RSA only.
    """

    key_exchange: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    host_keys: tuple[str, ...] = ()
    user_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProxySpec:
    """What all connections to a server go through.

    Attributes:
        type: `socks5` or `http` (its CONNECT).
    """

    type: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """Where the files are, and how to get in.

    Attributes:
        ca_bundle: PEM text of the authorities that may sign a TLS server's certificate; absent: the system's.
        encoding: Of file names on the server.
    """

    protocol: str
    host: str
    port: int
    username: str
    secret: str | None = None
    host_keys: tuple[str, ...] = ()
    allow_plaintext: bool = False
    ca_bundle: str | None = None
    max_connections: int = 4
    connect_timeout_seconds: float = 20
    read_timeout_seconds: float = 60
    timezone: str = "UTC"
    encoding: str = "utf-8"
    algorithms: AlgorithmsSpec = field(default_factory=AlgorithmsSpec)
    proxy: ProxySpec | None = None


def server_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `server`."""
    server = document["server"]
    if server["protocol"] == "sftp" and not server.get("host_keys"):
        yield "$.server.host_keys: sftp needs the server's pinned host key (`ssh-keyscan`, checked with the partner)"
    if server["protocol"] == "ftp" and not server.get("allow_plaintext"):
        yield "$.server.allow_plaintext: ftp sends password and data unencrypted; set it to true if that is wanted"
    secret = server.get("secret")
    if secret is not None and not secret.startswith(f"lakeferry/{document['tenant']}/"):
        yield f"$.server.secret: must begin with lakeferry/{document['tenant']}/ (a tenant reads its own secrets only)"
    yield from zone_problems("$.server.timezone", server.get("timezone", "UTC"))
    yield from encoding_problems("$.server.encoding", server.get("encoding", "utf-8"))


def build_server(server: Mapping[str, Any]) -> ServerSpec:
    """The frozen form of a valid `server`."""
    return ServerSpec(
        **{
            **server,
            "port": server.get("port", DEFAULT_PORTS[server["protocol"]]),
            "proxy": ProxySpec(**server["proxy"]) if "proxy" in server else None,
            "host_keys": tuple(server.get("host_keys", ())),
            "algorithms": AlgorithmsSpec(
                **{kind: tuple(names) for kind, names in server.get("algorithms", {}).items()}
            ),
        }
    )
