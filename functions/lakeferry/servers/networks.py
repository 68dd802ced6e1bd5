"""Which addresses partners' servers may have: the operator's word, not the feed's.

A name is resolved once, every address it has is checked, and one of those checked is connected to: a name that means
something else a moment later leads nowhere else.
"""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from lakeferry.errors import FeedInvalidError

DENIED = (
    "127.0.0.0/8,::1/128,169.254.0.0/16,fe80::/10,224.0.0.0/4,ff00::/8,"
    "0.0.0.0/8,::/128,255.255.255.255/32,fd00:ec2::/32"
)
"""Loopback, link-local (EC2's and Lambda's metadata among it), multicast, unspecified, broadcast; AWS's own services by
IPv6 ("Instance metadata and user data", Amazon EC2 User Guide)."""
_CARRYING_LAST = tuple(map(IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")))
"""An IPv4 address in the last four bytes: IPv4-compatible; NAT64 (RFC 6052, RFC 8215)."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Networks:
    """What may be connected to.

    Attributes:
        denied: Never.
        allowed: All others that may be; empty: all others.
    """

    denied: tuple[Network, ...] = ()
    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, denied: str, allowed: str) -> Self:
        """From lists with commas, as the template's parameters are.

        Raises:
            ValueError: something in them is no network.
        """
        return cls(_networks(denied), _networks(allowed))

    def check(self, setting: str, host: str, address: str) -> None:
        """
        Args:
            setting: Of the feed, such as `server.host`, that led to the address.

        Raises:
            FeedInvalidError: it may not be connected to.
        """
        meanings = tuple(_meanings(address))
        by = next((network for one in meanings for network in self.denied if one in network), None)
        if by is not None:
            why = f"{by} is in the stack's DeniedNetworks"
        elif self.allowed and not any(one in network for one in meanings for network in self.allowed):
            why = "it is in none of the stack's AllowedNetworks"
        else:
            return
        of_name = "" if address == host else f", an address of {host},"
        raise FeedInvalidError(
            f"$.{setting}: {address}{of_name} is not connected to: {why}. Check the host; if it is the partner's, ask "
            "whoever runs Lakeferry to change that parameter."
        )

    def check_literal(self, setting: str, host: str) -> None:
        """As `check`, of a host that is an address; a name is for somebody else to resolve."""
        try:
            ip_address(host)
        except ValueError:
            return
        self.check(setting, host, host)


ANYWHERE = Networks()


def dial(networks: Networks, setting: str, host: str, port: int, timeout: float) -> socket.socket:
    """Connects to the first address of the host that answers; none is tried before all are checked.

    Raises:
        FeedInvalidError: one of them may not be connected to.
        OSError: unknown name, or none answers.
        UnicodeError: the host is nothing that could be a name.
    """
    found = checked_addresses(networks, setting, host, port)
    for address in found[:-1]:
        try:
            return socket.create_connection((address, port), timeout=timeout)
        except OSError:
            continue
    return socket.create_connection((found[-1], port), timeout=timeout)


def checked_addresses(networks: Networks, setting: str, host: str, port: int) -> Sequence[str]:
    """The addresses of a host, all of which may be connected to; what fails is as for `dial`."""
    found = list(dict.fromkeys(str(where[0]) for *_, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    for address in found:
        networks.check(setting, host, address)
    return found


@cache
def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _meanings(address: str) -> Iterator[IPv4Address | IPv6Address]:
    """The address, and the IPv4 address that it stands for on the way."""
    found = ip_address(address)
    yield found
    if isinstance(found, IPv6Address):
        carried = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if any(found in network for network in _CARRYING_LAST):
            carried.append(IPv4Address(found.packed[-4:]))
        yield from (one for one in carried if one is not None)
