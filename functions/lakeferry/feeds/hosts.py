"""Names and addresses of hosts: what may stand in a request, and in a line of a protocol."""

import re
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
"""A last label of which systems make an IPv4 address: `127.1`, `0x7f.1`, `2130706433`."""


def host_problems(path: str, host: str) -> Iterator[str]:
    """A sentence if it is neither a host name (IDNA's included) nor an IPv4 or IPv6 address."""
    if not _is_host(host):
        yield f"{path}: {host!r} is no host name and no IPv4 or IPv6 address (an IPv6 address without brackets)"


def _is_host(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return _is_name(host)
    return not isinstance(address, IPv6Address) or address.scope_id is None


def _is_name(host: str) -> bool:
    try:
        name = host.encode("idna").decode("ascii").removesuffix(".")
    except UnicodeError:
        return False
    labels = name.split(".")
    return len(name) <= 253 and all(map(_LABEL.fullmatch, labels)) and _NUMBER.fullmatch(labels[-1]) is None
