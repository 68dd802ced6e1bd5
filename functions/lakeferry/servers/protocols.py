"""The protocols, a card each: all there is to know of one without speaking it.

A card is cheap to import: the module that speaks its protocol, and the libraries below, come with the first server
that is opened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module

from lakeferry.servers.networks import Networks
from lakeferry.servers.server import Server
from lakeferry.servers.spec import ServerSpec

EVERY = frozenset({"protocol", "host", "port", "username", "secret", "max_connections"})
"""Settings that no protocol can do without: what finds, counts and names a server reads them."""
_TCP = frozenset({"connect_timeout_seconds", "read_timeout_seconds", "min_bytes_per_second", "proxy", "encoding"})
_LISTINGS = frozenset({"timezone", "date_order", "login_commands"})
"""Of FTP, whose LIST has no standard."""
_PROXY_SECRET = frozenset({"proxy_username", "proxy_password"})


@dataclass(frozen=True, slots=True)
class Card:
    """What a protocol is called, and what it reads.

    Attributes:
        name: In `server.protocol`.
        port: Where the feed names none.
        open: Connects and logs in; see `lakeferry.servers.open_server`.
        settings: Of `server`, besides those of `EVERY`.
        secret: Fields of the secret. Others are not handed to it.
        required: Settings without which no feed is valid, and why.
        instead: Settings of other protocols that are likely to be meant for this one, and what to write.
        login: Fields of the secret of which one is needed to get in.
        tells_seconds: All its times are to the second, whatever the server.
    """

    name: str
    port: int
    open: Callable[[ServerSpec, Mapping[str, str], Networks], Server]
    settings: frozenset[str]
    secret: frozenset[str]
    required: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    login: tuple[str, ...] = ("password",)
    tells_seconds: bool = False

    def reads(self, setting: str) -> bool:
        return setting in EVERY or setting in self.settings


def _by(server: str) -> Callable[[ServerSpec, Mapping[str, str], Networks], Server]:
    """Opens servers of that class, `module:class` within this room."""
    module, _, name = server.partition(":")

    def opened(spec: ServerSpec, secret: Mapping[str, str], networks: Networks) -> Server:
        made: Server = getattr(import_module(f"lakeferry.servers.{module}"), name)(spec, secret, networks)
        return made

    return opened


def _ftps(name: str, port: int) -> Card:
    """Both kinds of FTP under TLS read the same."""
    return Card(
        name,
        port,
        _by("ftp:FtpServer"),
        settings=_TCP | _LISTINGS | {"ca_bundle"},
        secret=_PROXY_SECRET | {"password", "certificate", "private_key", "passphrase"},
        instead={
            "host_keys": "nothing is pinned by it. A server with TLS has a certificate: it must be valid, or stand in "
            "ca_bundle",
            "algorithms": "they are SSH's. TLS 1.2 or later is agreed on with the server; take it out",
            "allow_plaintext": f"{name} is always encrypted; take it out, or use ftp",
        },
    )


PROTOCOLS: Mapping[str, Card] = {
    card.name: card
    for card in (
        Card(
            "sftp",
            22,
            _by("sftp:SftpServer"),
            settings=_TCP | {"host_keys", "algorithms"},
            secret=_PROXY_SECRET | {"password", "private_key", "passphrase"},
            required={"host_keys": "the server's pinned host key (`ssh-keyscan`, checked with the partner)"},
            instead={
                "ca_bundle": "an SSH server has no certificate; pin its key in host_keys",
                "timezone": "times come as UTC over SFTP; take it out",
                "date_order": "times come as numbers over SFTP; take it out",
                "login_commands": "SFTP has no such commands; take it out",
                "allow_plaintext": "sftp is always encrypted; take it out",
            },
            login=("password", "private_key"),
            tells_seconds=True,
        ),
        _ftps("ftps", 21),
        _ftps("ftps_implicit", 990),
        Card(
            "ftp",
            21,
            _by("ftp:FtpServer"),
            settings=_TCP | _LISTINGS | {"allow_plaintext"},
            secret=_PROXY_SECRET | {"password"},
            required={"allow_plaintext": "ftp sends password and data unencrypted; set it to true if that is wanted"},
            instead={
                "host_keys": "nothing proves who a plain FTP server is; use sftp, or take it out",
                "algorithms": "they are SSH's; use sftp, or take it out",
                "ca_bundle": "plain FTP has no TLS; use ftps, or take it out",
            },
        ),
    )
}
"""In the order in which messages name them: what to prefer first."""


def ports(setting: str = "protocol") -> str:
    """For messages: which protocols that read the setting are at which port."""
    found: dict[int, list[str]] = {}
    for card in PROTOCOLS.values():
        if card.reads(setting):
            found.setdefault(card.port, []).append(card.name)
    return ", ".join(f"{' and '.join(names)}: {port}" for port, names in found.items())


_DEFAULTS = {each.name: each.default for each in fields(ServerSpec)}


def foreign_settings(card: Card, settings: Mapping[str, object]) -> Mapping[str, str]:
    """Those of the settings that the protocol does not read, and what to write instead.

    One that says what holds without it (`allow_plaintext: false`) misleads nobody, and is none of them.
    """
    return {
        name: card.instead.get(name, _readers(name))
        for name, value in settings.items()
        if not card.reads(name) and value != _DEFAULTS.get(name)
    }


def _readers(setting: str) -> str:
    readers = [card.name for card in PROTOCOLS.values() if card.reads(setting)]
    return f"only {' and '.join(readers)} {'reads' if len(readers) == 1 else 'read'} it; take it out"
