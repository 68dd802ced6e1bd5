"""A message's session key (RFC 9580, sections 5.1 and 5.3, and GnuPG's version 5), by private key or passphrase."""

import hashlib
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, padding, x448, x25519
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from lakeferry.decode.pgp import s2k
from lakeferry.decode.pgp.keys import CURVE25519, CURVES, ECDH, X448, X25519, Key, KeyUnusableError, rsa_work
from lakeferry.decode.pgp.packets import Fields, MalformedError
from lakeferry.decode.pgp.work import Work

_RSA = {1, 2, 3}
_CURVE_WORK = 2.0
"""Milliseconds of a key exchange; the slowest curve takes 1.2 (measured 2026-11-29)."""
_DAMAGED = "its session key is damaged, or was not made for the key it names"


@dataclass(frozen=True, slots=True)
class SessionKey:
    """What the data is encrypted with.

    Attributes:
        cipher: 0 where the data's own packet tells it.
        is_proved: Whether it is surely right; a passphrase of version 4 tells only by the data.
        recipients: Fingerprints of the key block it was encrypted to by name; empty where it was by passphrase, or to
            a hidden recipient.
    """

    cipher: int
    key: bytes
    is_proved: bool = True
    recipients: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class ForKey:
    """A session key for the holder of a private key.

    Attributes:
        recipient: Key id (8 bytes) or fingerprint; empty where it is hidden.
        version: 3 or 6; 6 keeps the cipher elsewhere.
    """

    version: int
    recipient: bytes
    algorithm: int
    fields: bytes

    @classmethod
    def read(cls, body: bytes) -> "ForKey | None":
        """Takes the packet apart; None for a version we have not."""
        fields = Fields(body)
        version = fields.number(1)
        if version == 3:
            recipient = fields.take(8).lstrip(b"\0") and body[1:9]
        elif version == 6:
            recipient = fields.take(fields.number(1))[1:]
        else:
            return None
        return cls(version, recipient, fields.number(1), fields.rest())

    def is_for(self, key: Key) -> bool:
        """Whether the key may open it."""
        if {self.algorithm, key.algorithm} - _RSA and self.algorithm != key.algorithm:
            return False
        return not self.recipient or self.recipient in {key.key_id, key.fingerprint}

    def open(self, key: Key, private: Any, work: Work) -> SessionKey:  # noqa: ANN401
        """The session key.

        Args:
            private: The key's private part, as `Key.private` gives it.

        Raises:
            UnsupportedError: it is for a cipher we have not, or takes too much work.
            MalformedError: it is damaged, or not for this key after all.
            KeyUnusableError: the key's own numbers are not right.
        """
        work.spend(rsa_work(private.key_size) if self.algorithm in _RSA else _CURVE_WORK)
        try:
            return self._open(key, private)
        except (ValueError, OverflowError, InvalidUnwrap) as error:
            raise MalformedError(_DAMAGED) from error

    def _open(self, key: Key, private: Any) -> SessionKey:  # noqa: ANN401
        fields = Fields(self.fields)
        if self.algorithm in _RSA:
            size = (private.key_size + 7) // 8
            return self._checked(private.decrypt(fields.mpi().to_bytes(size, "big"), padding.PKCS1v15()))
        if self.algorithm == ECDH:
            point = fields.mpi_bytes()
            wrapped = fields.take(fields.number(1))
            return self._checked(_unpadded(aes_key_unwrap(_ecdh_key(key, private, point), wrapped)))
        ephemeral = fields.take(32 if self.algorithm == X25519 else 56)
        length = fields.number(1)
        cipher = 0
        if self.version == 3:
            cipher, length = fields.number(1), length - 1
        if length < 0:
            raise MalformedError(_DAMAGED)
        wrapped = fields.take(length)
        if self.algorithm == X25519:
            shared = private.exchange(x25519.X25519PublicKey.from_public_bytes(ephemeral))
            wrapping = s2k.hkdf(ephemeral + key.raw + shared, 16, info=b"OpenPGP X25519")
        elif self.algorithm == X448:
            shared = private.exchange(x448.X448PublicKey.from_public_bytes(ephemeral))
            material = ephemeral + key.raw + shared
            wrapping = s2k.hkdf(material, 32, info=b"OpenPGP X448", sha512=True)
        else:
            raise MalformedError(_DAMAGED)
        return self._of_right_size(cipher, aes_key_unwrap(wrapping, wrapped))

    def _checked(self, plain: bytes) -> SessionKey:
        """Cipher (version 3), key, and the sum of the key's bytes."""
        start = 1 if self.version == 3 else 0
        key, check = plain[start:-2], plain[-2:]
        if not key or sum(key) % 65536 != int.from_bytes(check, "big"):
            raise MalformedError(_DAMAGED)
        return self._of_right_size(plain[0] if start else 0, key)

    def _of_right_size(self, cipher: int, key: bytes) -> SessionKey:
        if self.version == 3 and s2k.cipher_size(cipher) != len(key):
            raise MalformedError(_DAMAGED)
        return SessionKey(cipher, key)


def _unpadded(plain: bytes) -> bytes:
    """Without the padding of ECDH: so many bytes of that number, more than a block's where the sender likes."""
    count = plain[-1] if plain else 0
    if not 0 < count < len(plain) or plain[-count:] != bytes([count]) * count:
        raise MalformedError(_DAMAGED)
    return plain[:-count]


def _ecdh_key(key: Key, private: Any, point: bytes) -> bytes:  # noqa: ANN401
    """Section 11.5: the key that wraps the session key."""
    algorithm, cipher = key.kdf
    if algorithm not in s2k.HASHES or cipher not in s2k.CIPHERS:
        raise KeyUnusableError(f"it derives keys with hash {algorithm} and cipher {cipher}, which is not supported")
    if key.oid == CURVE25519:
        if point[:1] != b"\x40":
            raise MalformedError(_DAMAGED)
        shared = private.exchange(x25519.X25519PublicKey.from_public_bytes(point[1:]))
    else:
        shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVES[key.oid](), point))
    parameters = bytes([len(key.oid)]) + key.oid + bytes([ECDH, 3, 1, algorithm, cipher])
    parameters += b"Anonymous Sender    " + key.fingerprint
    digest = hashlib.new(s2k.HASHES[algorithm], (1).to_bytes(4, "big") + shared + parameters).digest()
    return digest[: s2k.cipher_size(cipher)]


@dataclass(frozen=True, slots=True)
class ForPassphrase:
    """A session key for whoever knows a passphrase."""

    version: int
    cipher: int
    mode: int
    how: s2k.StringToKey
    nonce: bytes
    encrypted: bytes

    @classmethod
    def read(cls, body: bytes) -> "ForPassphrase | None":
        """Takes the packet apart; None for a version we have not."""
        fields = Fields(body)
        version = fields.number(1)
        if version not in {4, 5, 6}:
            return None
        if version == 6:
            fields.number(1)
        cipher = fields.number(1)
        mode = fields.number(1) if version > 4 else 0
        if version == 6:
            fields.number(1)
        how = s2k.StringToKey.read(fields)
        nonce = fields.take(s2k.nonce_size(mode)) if version > 4 else b""
        return cls(version, cipher, mode, how, nonce, fields.rest())

    @property
    def work(self) -> float:
        """Milliseconds of one processor that it takes to try."""
        return self.how.work(s2k.CIPHERS[self.cipher][1]) if self.cipher in s2k.CIPHERS else 0.0

    def open(self, passphrase: str) -> SessionKey | None:
        """The session key; None where the passphrase is seen to be wrong (version 4 cannot always tell).

        Raises:
            UnsupportedError: it uses what we have not.
            MalformedError: its numbers make no sense.
        """
        size = s2k.cipher_size(self.cipher)
        derived = self.how.key(passphrase, size)
        if self.version == 4:
            if not self.encrypted:
                return SessionKey(self.cipher, derived, is_proved=False)
            plain = s2k.cfb(self.cipher, derived).update(self.encrypted)
            known = plain[0] in s2k.CIPHERS and s2k.cipher_size(plain[0]) == len(plain) - 1
            return SessionKey(plain[0], plain[1:], is_proved=False) if known else None
        associated = bytes([0xC3, self.version, self.cipher, self.mode])
        if self.version == 6:
            derived = s2k.hkdf(derived, size, info=associated)
        try:
            key = s2k.aead(self.mode, self.cipher, derived).decrypt(self.nonce, self.encrypted, associated)
        except (InvalidTag, ValueError):
            return None
        return SessionKey(self.cipher if self.version == 5 else 0, key)
