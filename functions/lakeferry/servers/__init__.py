"""Partners' file servers behind one interface: a card and a module a protocol.

A server is open from `open_server` on and closed when its `with` block ends. Every error of the libraries
underneath leaves as one of `lakeferry.errors`; what a sink raises passes through as it is.
"""

from collections.abc import Mapping

from lakeferry.errors import FeedInvalidError
from lakeferry.servers.hiding import Hiding
from lakeferry.servers.networks import ANYWHERE, Networks
from lakeferry.servers.protocols import PROTOCOLS
from lakeferry.servers.server import Server, Sink, every_name, none_known
from lakeferry.servers.spec import AlgorithmsSpec, ProxySpec, ServerSpec

__all__ = [
    "PROTOCOLS",
    "AlgorithmsSpec",
    "Networks",
    "ProxySpec",
    "Server",
    "ServerSpec",
    "Sink",
    "every_name",
    "none_known",
    "open_server",
]


def open_server(spec: ServerSpec, secret: Mapping[str, str], networks: Networks = ANYWHERE) -> Server:
    """Connects and logs in.

    Args:
        secret: Fields `password`, `private_key` (PEM or OpenSSH text), `passphrase`, `certificate` (PEM, with the key
            for FTPS servers that ask for one), as far as the server needs them. The protocol gets those of its card.
        networks: Which addresses it, or its proxy, may have.

    Raises:
        FeedInvalidError: there is no such protocol, plain FTP without `allow_plaintext`, or an address that is denied.
        ServerUnavailableError: the server cannot be reached, or is too busy.
        HostKeyMismatchError: the host key it showed is not pinned; nothing secret was sent.
        CertificateRejectedError: the TLS certificate it showed is not trusted; nothing secret was sent.
        LoginRejectedError: it refused the user, password, key or client certificate.
        RemoteAccessError: there is a login but no file transfer, or no algorithm in common.
        SecretMissingError: the secret has no field to log in with.
    """
    card = PROTOCOLS.get(spec.protocol)
    if card is None:
        raise FeedInvalidError(
            f"$.server.protocol: {spec.protocol!r} of {spec.host} is not supported; use one of {', '.join(PROTOCOLS)}."
        )
    # what is raised later is cleaned where it is raised (`ServerErrors.during`)
    with Hiding(secret, spec.username, spec.encoding).in_errors():
        return card.open(spec, {field: secret[field] for field in secret if field in card.secret}, networks)
