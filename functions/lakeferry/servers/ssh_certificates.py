"""Host keys that an authority of the partner's has signed (OpenSSH's PROTOCOL.certkeys): `@cert-authority`."""

import fnmatch
import time
from base64 import b64encode
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import paramiko
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from lakeferry.servers.ssh_groups import Transport
from lakeferry.servers.ssh_legacy import LegacyTransport

AUTHORITY = "@cert-authority"
"""Begins an entry of `host_keys` that is an authority's key, as in a known_hosts file."""
_OF_A_CERTIFICATE = "-cert-v01@openssh.com"
_SHA1_SIGNATURE = b"\x00\x00\x00\x07ssh-rsa"


class _CertificatesFirst:
    """Asks a server for its certificate, if it has one, before its plain key."""

    _preferred_keys: ClassVar[tuple[str, ...]]

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        both = tuple(super().preferred_keys)  # type: ignore[misc]  # paramiko's
        return tuple(sorted(both, key=lambda name: not name.endswith(_OF_A_CERTIFICATE)))


class CertifiedTransport(_CertificatesFirst, Transport):
    """For a feed that pins an authority."""


class CertifiedLegacyTransport(_CertificatesFirst, LegacyTransport):
    """For one that needs old algorithms, too."""


def authorities(host_keys: Sequence[str]) -> frozenset[str]:
    """Type and key of each authority that is pinned."""
    parts = [entry.split() for entry in host_keys]
    return frozenset(" ".join(words[1:3]) for words in parts if words[:1] == [AUTHORITY])


def why_not(key: paramiko.PKey, host: str, pinned: Collection[str]) -> str | None:
    """What is wrong with the certificate of a host key; None where a pinned authority vouches for it."""
    blob: Any = key.public_blob
    if blob is None:
        return "it shows a key without a certificate"
    text = f"{blob.key_type} {b64encode(blob.key_blob).decode()}"
    try:
        certificate = load_ssh_public_identity(text.encode())
        if not isinstance(certificate, SSHCertificate) or certificate.type != SSHCertificateType.HOST:
            return "its certificate is not one of a host"
        signer = certificate.signature_key()
        if signer.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() not in pinned:
            return "its certificate is of another authority"
        if isinstance(signer, RSAPublicKey):
            end = len(blob.key_blob) - signer.key_size // 8 - 4
            if blob.key_blob[:end].endswith(_SHA1_SIGNATURE):
                return "its certificate is signed with SHA-1"
        certificate.verify_cert_signature()
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        return f"its certificate cannot be read or is forged ({error or type(error).__name__})"
    return _why_not_now(certificate, host)


def _why_not_now(certificate: SSHCertificate, host: str) -> str | None:
    names = [name.decode("utf-8", "replace").lower() for name in certificate.valid_principals]
    if not any(fnmatch.fnmatchcase(host.lower(), name.replace("[", "[[]")) for name in names):
        return f"its certificate is for {', '.join(names)[:200] or 'no host'}"
    if not certificate.valid_after <= time.time() < certificate.valid_before:
        return "its certificate is not valid now"
    if certificate.critical_options:
        return "its certificate has conditions that are not known"
    return None
