"""The exponent of a key exchange in a group that the server names."""

import socket

import pytest

from lakeferry.servers.ssh_certificates import CertifiedLegacyTransport, CertifiedTransport
from lakeferry.servers.ssh_groups import GroupExchange, Transport
from lakeferry.servers.ssh_legacy import LegacyTransport


@pytest.mark.parametrize("bits", [3, 160, 1024, 2048, 8192])
def test_an_exponent_is_in_the_group_and_no_longer_than_needed(bits: int) -> None:
    prime = (1 << bits) - 1
    line, other = socket.socketpair()
    with line, other:
        exchange = GroupExchange(Transport(line))
    drawn = set()
    for _ in range(50):
        exchange.p = prime
        exchange._generate_x()
        assert 1 < exchange.x < min((prime - 1) // 2, 1 << 1024)
        drawn.add(exchange.x)
    assert bits == 3 or len(drawn) == 50


@pytest.mark.parametrize("kind", [Transport, LegacyTransport, CertifiedTransport, CertifiedLegacyTransport])
def test_every_transport_draws_so(kind: type[Transport]) -> None:
    exchanges = {name: done_by for name, done_by in kind._kex_info.items() if "group-exchange" in name}
    assert exchanges
    assert all(issubclass(done_by, GroupExchange) for done_by in exchanges.values())
