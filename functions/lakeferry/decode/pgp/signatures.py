"""Who signed (RFC 9580, section 5.2): signatures over data, and over the subkeys that make them."""

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from lakeferry.decode.pgp import s2k
from lakeferry.decode.pgp.keys import DSA, ECDSA, ED448, ED25519, EDDSA, Key, families
from lakeferry.decode.pgp.packets import Fields, MalformedError

_PREHASHED: dict[str, Any] = {
    "sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256, "sha384": hashes.SHA384,
    "sha512": hashes.SHA512, "sha3_256": hashes.SHA3_256, "sha3_512": hashes.SHA3_512,
}  # fmt: skip
"""MD5 and RIPEMD-160 sign nothing any more."""
BINARY, TEXT, SUBKEY_BINDING, KEY_REVOCATION, SUBKEY_REVOCATION = 0x00, 0x01, 0x18, 0x20, 0x28
_CREATED, _ISSUER, _KEY_FLAGS, _ISSUER_FINGERPRINT = 2, 16, 27, 33


class Digest(Protocol):
    """A running hash."""

    def update(self, data: bytes, /) -> object: ...
    def digest(self) -> bytes: ...
    def copy(self) -> "Digest": ...


class _TextDigest:
    """Hashes text with its line ends made CR LF, as signatures of type 0x01 do."""

    def __init__(self, digest: Digest) -> None:
        self._digest, self._after_cr = digest, False

    def update(self, data: bytes, /) -> None:
        if not data:
            return
        first = data[1:] if self._after_cr and data.startswith(b"\n") else data
        self._after_cr = data.endswith(b"\r")
        text = first.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        self._digest.update(text)

    def digest(self) -> bytes:
        return self._digest.digest()

    def copy(self) -> Digest:
        return self._digest.copy()


def start_digest(kind: int, algorithm: int, salt: bytes = b"") -> Digest | None:
    """A hash for signed data; None where no such signature could be verified."""
    name = s2k.HASHES.get(algorithm, "")
    if name not in _PREHASHED or kind not in {BINARY, TEXT}:
        return None
    digest: Digest = hashlib.new(name, salt)
    return _TextDigest(digest) if kind == TEXT else digest


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature packet of version 4 or 6.

    Attributes:
        hashed: What of the packet itself is signed.
        issuers: Key ids and fingerprints it says it is from.
        flags: What a bound subkey is for; None where it does not say.
    """

    version: int
    kind: int
    algorithm: int
    hash: int
    hashed: bytes
    issuers: frozenset[bytes]
    flags: int | None
    salt: bytes
    numbers: bytes

    @classmethod
    def read(cls, body: bytes) -> "Signature | None":
        """Takes the packet apart; None for a version we have not."""
        fields = Fields(body)
        version = fields.number(1)
        if version not in {4, 6}:
            return None
        kind, algorithm, digest = fields.number(1), fields.number(1), fields.number(1)
        width = 4 if version == 6 else 2
        inside = fields.take(fields.number(width))
        hashed = body[: fields.at]
        outside = fields.take(fields.number(width))
        fields.take(2)
        salt = fields.take(fields.number(1)) if version == 6 else b""
        found = [*_subpackets(inside), *_subpackets(outside)]
        issuers = {data for kind_, data in found if kind_ == _ISSUER}
        issuers |= {data[1:] for kind_, data in found if kind_ == _ISSUER_FINGERPRINT}
        flags = next((data[0] for kind_, data in _subpackets(inside) if kind_ == _KEY_FLAGS and data), None)
        return cls(version, kind, algorithm, digest, hashed, frozenset(issuers), flags, salt, fields.rest())

    def is_from(self, key: Key) -> bool:
        """Whether it says it was made by the key."""
        return bool(self.issuers & {key.key_id, key.fingerprint})

    def verify(self, key: Key, digest: Digest) -> bool:
        """Whether the key made it.

        Args:
            digest: Has what was signed, up to the signature's own part; it is left as it is.
        """
        if self.algorithm != key.algorithm or s2k.HASHES.get(self.hash) not in _PREHASHED:
            return False
        final = digest.copy()
        trailer = bytes([self.version, 0xFF]) + len(self.hashed).to_bytes(4, "big")
        final.update(self.hashed + trailer)
        try:
            self._verify(key.public(), final.digest())
        except (InvalidSignature, ValueError, UnsupportedAlgorithm, MalformedError):
            return False
        return True

    def _verify(self, public: Any, digest: bytes) -> None:  # noqa: ANN401
        fields = Fields(self.numbers)
        prehashed = Prehashed(_PREHASHED[s2k.HASHES[self.hash]]())
        if self.algorithm in {1, 2, 3}:
            size = (public.key_size + 7) // 8
            public.verify(fields.mpi().to_bytes(size, "big"), digest, padding.PKCS1v15(), prehashed)
        elif self.algorithm == DSA:
            public.verify(encode_dss_signature(fields.mpi(), fields.mpi()), digest, prehashed)
        elif self.algorithm == ECDSA:
            public.verify(encode_dss_signature(fields.mpi(), fields.mpi()), digest, ec.ECDSA(prehashed))
        elif self.algorithm == EDDSA:
            r, s = fields.mpi_bytes(), fields.mpi_bytes()
            public.verify(r.rjust(32, b"\0") + s.rjust(32, b"\0"), digest)
        elif self.algorithm in {ED25519, ED448}:
            public.verify(fields.rest(), digest)
        else:
            raise InvalidSignature


def _subpackets(data: bytes) -> list[tuple[int, bytes]]:
    fields, found = Fields(data), []
    while fields.at < len(data):
        length = fields.number(1)
        if length == 255:
            length = fields.number(4)
        elif length >= 192:
            length = ((length - 192) << 8) + fields.number(1) + 192
        if length < 1:
            raise MalformedError("a signature has an empty field")
        kind = fields.number(1) & 0x7F
        found.append((kind, fields.take(length - 1)))
    return found


def signing_keys(keys: list[Key]) -> list[Key]:
    """The keys of a block that may sign data: primaries, and the subkeys they have bound for it, unless revoked.

    That a key is listed is what makes it trusted; its expiry is not looked at.
    """
    found = []
    for primary, subkeys in families(keys):
        if any(_is_valid(body, KEY_REVOCATION, primary, primary, b"") for body in primary.signatures):
            continue
        found.append(primary)
        for subkey in subkeys:
            bindings = [_is_valid(body, SUBKEY_BINDING, primary, subkey, subkey.hashed) for body in subkey.signatures]
            revoked = any(
                _is_valid(body, SUBKEY_REVOCATION, primary, subkey, subkey.hashed) for body in subkey.signatures
            )
            if not revoked and any(binding and (binding.flags or 0) & 2 for binding in bindings):
                found.append(subkey)
    return found


def _is_valid(body: bytes, kind: int, primary: Key, key: Key, more: bytes) -> Signature | None:
    """A signature of the primary key on itself, or on a subkey of its own."""
    signature = Signature.read(body)
    if signature is None or signature.kind != kind:
        return None
    name = s2k.HASHES.get(signature.hash, "")
    if name not in _PREHASHED:
        return None
    digest: Digest = hashlib.new(name, signature.salt + primary.hashed + more)
    return signature if signature.verify(primary, digest) else None
