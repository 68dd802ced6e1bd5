"""SSH's key exchange in a group that the server names, at a cost a small function can bear.

A server without a list of primes (no `/etc/ssh/moduli`) names one of 8,192 bits to whoever takes any. paramiko draws an
exponent as long as the prime: three seconds of a fast core, many of a small Lambda's, and the time to connect is over.
An exponent has to be twice as long as the keys made of it (RFC 4419, section 6.2), and OpenSSH draws it so; the longest
of SSH's are 512 bits.
"""

import secrets
from typing import ClassVar

import paramiko
from paramiko.kex_gex import KexGexSHA256

EXPONENT_BITS = 1024


class GroupExchange(KexGexSHA256):
    """Draws exponents of 1,024 bits at most."""

    p: int
    x: int

    def _generate_x(self) -> None:
        limit = min((self.p - 1) // 2, 1 << EXPONENT_BITS)
        self.x = 2 + secrets.randbelow(limit - 2)


class Transport(paramiko.Transport):
    """paramiko's, but for that. It has no public place to say which class does an exchange."""

    _kex_info: ClassVar = {**vars(paramiko.Transport)["_kex_info"], GroupExchange.name: GroupExchange}
