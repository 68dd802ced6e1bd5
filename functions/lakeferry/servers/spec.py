"""Where a partner's files are, and how to get in: `server` of the feed document, frozen."""

from dataclasses import dataclass, field


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
    """Where the files are, and how to get in. Which protocol reads which setting is in `lakeferry.servers.protocols`.

    Attributes:
        ca_bundle: PEM text of the authorities that may sign a TLS server's certificate; absent: the system's.
        encoding: Of file names on the server.
        date_order: Of a date of numbers in a LIST: `mdy`, `dmy`, `ymd`; None where only clear ones are read.
        login_commands: Sent after each login, in order.
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
    min_bytes_per_second: float = 1000
    timezone: str = "UTC"
    encoding: str = "utf-8"
    date_order: str | None = None
    login_commands: tuple[str, ...] = ()
    algorithms: AlgorithmsSpec = field(default_factory=AlgorithmsSpec)
    proxy: ProxySpec | None = None

    @property
    def address(self) -> str:
        """Host and port, as every message has them."""
        return f"{self.host}:{self.port}"
