"""SSH algorithms built on SHA-1 that paramiko does not know any more, for servers that know nothing else.

They are offered only where a feed's `server.algorithms` names them. SHA-1 can be broken by whoever spends enough
(RFC 9142): a feed that needs them should ask its partner for a newer server.
"""

from collections.abc import Sequence
from hashlib import sha1
from typing import ClassVar

import paramiko
from cryptography.hazmat.primitives import hashes
from paramiko.kex_group14 import KexGroup14SHA256

from lakeferry.servers.ssh_groups import GroupExchange, Transport


class _KexGroup14Sha1(KexGroup14SHA256):
    name = "diffie-hellman-group14-sha1"
    hash_algo = sha1


class _KexGroup1Sha1(KexGroup14SHA256):
    # the prime of RFC 2409, section 6.2
    P = int(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
        "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
        16,
    )
    name = "diffie-hellman-group1-sha1"
    hash_algo = sha1


class _KexGexSha1(GroupExchange):
    name = "diffie-hellman-group-exchange-sha1"
    hash_algo = sha1


class _RsaSha1Key(paramiko.RSAKey):
    HASHES = {**paramiko.RSAKey.HASHES, "ssh-rsa": hashes.SHA1}  # type: ignore[misc]  # noqa: RUF012


_KEX = (_KexGroup14Sha1, _KexGexSha1, _KexGroup1Sha1)
_OF_PARAMIKO = vars(paramiko.Transport)
NAMES = frozenset({"ssh-rsa", *(kex.name for kex in _KEX)})


class LegacyTransport(Transport):
    """A transport that can speak them too. paramiko has no public place to add an algorithm to."""

    _kex_info: ClassVar = {**vars(Transport)["_kex_info"], **{kex.name: kex for kex in _KEX}}
    _key_info: ClassVar = {**_OF_PARAMIKO["_key_info"], "ssh-rsa": _RsaSha1Key}
    _preferred_pubkeys = (*_OF_PARAMIKO["_preferred_pubkeys"], "ssh-rsa")


def signing(key: paramiko.PKey, algorithms: Sequence[str]) -> paramiko.PKey:
    """The same key, able to sign as `ssh-rsa` if that is named and it is RSA."""
    return _RsaSha1Key(key=key.key) if "ssh-rsa" in algorithms and isinstance(key, paramiko.RSAKey) else key
