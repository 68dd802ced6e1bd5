"""Key blocks (RFC 9580, section 5.5): public keys to verify with, private keys to decrypt with."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519

from lakeferry.decode.pgp import s2k
from lakeferry.decode.pgp.armor import dearmor
from lakeferry.decode.pgp.packets import (
    PUBLIC_KEY,
    PUBLIC_SUBKEY,
    SECRET_KEY,
    SECRET_SUBKEY,
    SIGNATURE,
    USER_ATTRIBUTE,
    USER_ID,
    Fields,
    MalformedError,
    UnsupportedError,
    next_packet,
)
from lakeferry.decode.pgp.work import TooMuchWorkError, Work
from lakeferry.decode.stream import Input

RSA, ELGAMAL, DSA, ECDH, ECDSA, EDDSA, X25519, X448, ED25519, ED448 = 1, 16, 17, 18, 19, 22, 25, 26, 27, 28
_RSA = {1, 2, 3}
_RAW = {X25519: 32, X448: 56, ED25519: 32, ED448: 57}
"""Bytes of public keys that are no multiprecision integers."""
_HASHED_AS = {USER_ID: b"\xb4", USER_ATTRIBUTE: b"\xd1"}
"""What stands before them in what a certification is over (section 5.2.4)."""
CURVES: dict[bytes, type[ec.EllipticCurve]] = {
    bytes.fromhex("2a8648ce3d030107"): ec.SECP256R1,
    bytes.fromhex("2b81040022"): ec.SECP384R1,
    bytes.fromhex("2b81040023"): ec.SECP521R1,
    bytes.fromhex("2b8104000a"): ec.SECP256K1,
    bytes.fromhex("2b2403030208010107"): ec.BrainpoolP256R1,
    bytes.fromhex("2b240303020801010b"): ec.BrainpoolP384R1,
    bytes.fromhex("2b240303020801010d"): ec.BrainpoolP512R1,
}
CURVE25519 = bytes.fromhex("2b060104019755010501")
ED25519_OID = bytes.fromhex("2b06010401da470f01")


_CIPHERTEXT_OF_THE_PAST = (
    "Make a new key pair (docs/decoding.md, OpenPGP), put its private key into the secret and give the partner its "
    "public key: the file must be encrypted to that one."
)


class WrongPassphraseError(Exception):
    """The passphrase does not open the private key, or there is none."""


class KeyUnusableError(Exception):
    """The private key in the secret opens nothing, whatever the message is."""


@dataclass(slots=True)
class Key:
    """One key or subkey.

    Attributes:
        body: The public part of its packet, from the version on; fingerprints and signatures are over it.
        parameters: Public numbers, in their order.
        oid: The curve, if it is on one.
        kdf: Hash and cipher that ECDH derives its keys with.
        secret: The private part of its packet, locked or not; empty in a public key.
        signatures: The signature packets that follow it: what of its owner each is about, as it is hashed (empty where
            it is about the key itself), and its body.
    """

    tag: int
    version: int
    algorithm: int
    body: bytes
    parameters: tuple[int, ...] = ()
    raw: bytes = b""
    oid: bytes = b""
    kdf: tuple[int, int] = (0, 0)
    secret: bytes = b""
    signatures: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def fingerprint(self) -> bytes:
        """20 bytes (version 4) or 32 (version 6)."""
        if self.version == 6:
            return hashlib.sha256(self.hashed).digest()
        return hashlib.sha1(self.hashed, usedforsecurity=False).digest()

    @property
    def key_id(self) -> bytes:
        """8 bytes."""
        return self.fingerprint[:8] if self.version == 6 else self.fingerprint[-8:]

    @property
    def hashed(self) -> bytes:
        """What signatures on the key are over."""
        if self.version == 6:
            return b"\x9b" + len(self.body).to_bytes(4, "big") + self.body
        return b"\x99" + len(self.body).to_bytes(2, "big") + self.body

    @property
    def created(self) -> int:
        """When it says it was made, UTC epoch seconds."""
        return int.from_bytes(self.body[1:5], "big")

    @property
    def name(self) -> str:
        """Its key id, as gpg writes it."""
        return self.key_id.hex().upper()

    @property
    def is_primary(self) -> bool:
        return self.tag in {SECRET_KEY, PUBLIC_KEY}

    def public(self) -> Any:  # noqa: ANN401  (one of cryptography's key classes)
        """The key to verify signatures with.

        Raises:
            MalformedError: it is of a kind we have not.
        """
        numbers = self.parameters
        if self.algorithm in _RSA:
            return rsa.RSAPublicNumbers(numbers[1], numbers[0]).public_key()
        if self.algorithm == DSA:
            p, q, g, y = numbers
            return dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()
        if self.algorithm == ECDSA and self.oid in CURVES:
            return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[self.oid](), self.raw)
        if self.algorithm == EDDSA and self.oid == ED25519_OID:
            return ed25519.Ed25519PublicKey.from_public_bytes(self.raw[1:])
        if self.algorithm == ED25519:
            return ed25519.Ed25519PublicKey.from_public_bytes(self.raw)
        if self.algorithm == ED448:
            return ed448.Ed448PublicKey.from_public_bytes(self.raw)
        raise MalformedError(f"key {self.name} is of algorithm {self.algorithm}, which is not supported")

    def private(self, passphrase: str | None, work: Work) -> Any:  # noqa: ANN401  (one of cryptography's key classes)
        """The key to decrypt with.

        Raises:
            WrongPassphraseError: it is locked, and not with this passphrase.
            KeyUnusableError: it is damaged, locked in an unknown way, or its secret was left out.
            UnsupportedError: it is of a kind we have not, or takes too much work.
        """
        if self.algorithm == ELGAMAL:
            raise UnsupportedError(
                f"it is encrypted to key {self.name}, an ElGamal key, which is not supported", _CIPHERTEXT_OF_THE_PAST
            )
        if self.algorithm in _RSA:  # its primes are proved, which takes the time of many decryptions
            work.spend(rsa_work(self.parameters[0].bit_length()) * 64)
        try:
            return self._private(Fields(self._unlocked(passphrase, work)))
        except TooMuchWorkError:
            raise
        except MalformedError as error:
            raise KeyUnusableError(str(error)) from error
        except (ValueError, OverflowError, UnsupportedAlgorithm) as error:
            raise KeyUnusableError(f"it is damaged ({error})") from error

    def _private(self, fields: Fields) -> Any:  # noqa: ANN401
        if self.algorithm in _RSA:
            n, e = self.parameters
            d, p, q = fields.mpi(), fields.mpi(), fields.mpi()
            numbers = rsa.RSAPrivateNumbers(
                p,
                q,
                d,
                rsa.rsa_crt_dmp1(d, p),
                rsa.rsa_crt_dmq1(d, q),
                rsa.rsa_crt_iqmp(p, q),
                rsa.RSAPublicNumbers(e, n),
            )
            return numbers.private_key()
        if self.algorithm == ECDH and self.oid == CURVE25519:
            return x25519.X25519PrivateKey.from_private_bytes(fields.mpi().to_bytes(32, "little"))
        if self.algorithm == ECDH and self.oid in CURVES:
            return ec.derive_private_key(fields.mpi(), CURVES[self.oid]())
        if self.algorithm == X25519:
            return x25519.X25519PrivateKey.from_private_bytes(fields.take(32))
        if self.algorithm == X448:
            return x448.X448PrivateKey.from_private_bytes(fields.take(56))
        raise MalformedError(f"it is of algorithm {self.algorithm}, which does not decrypt here")

    def _unlocked(self, passphrase: str | None, work: Work) -> bytes:
        fields = Fields(self.secret)
        usage = fields.number(1)
        if usage == 0:
            return fields.rest() if self.version == 6 else fields.rest()[:-2]
        if usage not in {253, 254, 255}:
            raise MalformedError("it is locked in a way of the last century, which is not supported")
        if self.version == 6:
            fields.number(1)
        cipher = fields.number(1)
        mode = fields.number(1) if usage == 253 else 0
        if self.version == 6:
            fields.number(1)
        how = s2k.StringToKey.read(fields)
        if how.kind == 101:
            raise MalformedError("its secret part is not there: it was exported without")
        if passphrase is None:
            raise WrongPassphraseError
        size = s2k.cipher_size(cipher)
        work.spend(how.work(size))
        if usage == 253:
            return self._open_aead(fields, cipher, mode, how.key(passphrase, size))
        iv = fields.take(s2k.block_size(cipher))
        plain = s2k.cfb(cipher, how.key(passphrase, size), iv).update(fields.rest())
        if usage == 254:
            plain, check = plain[:-20], plain[-20:]
            right = check == hashlib.sha1(plain, usedforsecurity=False).digest()
        else:
            plain, check = plain[:-2], plain[-2:]
            right = int.from_bytes(check, "big") == sum(plain) % 65536
        if not right:
            raise WrongPassphraseError
        return plain

    def _open_aead(self, fields: Fields, cipher: int, mode: int, derived: bytes) -> bytes:
        tag = 0xC0 | self.tag
        info = bytes([tag, self.version, cipher, mode])
        opened = s2k.aead(mode, cipher, s2k.hkdf(derived, s2k.cipher_size(cipher), info=info))
        nonce = fields.take(s2k.nonce_size(mode))
        try:
            return opened.decrypt(nonce, fields.rest(), bytes([tag]) + self.body)
        except InvalidTag as error:
            raise WrongPassphraseError from error


def rsa_work(bits: int) -> float:
    """Milliseconds of a decryption with a key of so many bits: 0.5 of 2048, 32 of 8192 (measured 2026-11-29)."""
    return (bits / 2048) ** 3 / 2


def read_keys(armored: str) -> list[Key]:
    """The keys of an armored block: each primary key and after it its subkeys.

    Raises:
        MalformedError: it is no key block.
    """
    source = Input(io.BytesIO(dearmor(armored)))
    keys: list[Key] = []
    about = b""
    while (packet := next_packet(source)) is not None:
        body = packet.all()
        if packet.tag in {SECRET_KEY, SECRET_SUBKEY, PUBLIC_KEY, PUBLIC_SUBKEY}:
            keys.append(_read_key(packet.tag, body))
            about = b""
        elif packet.tag in _HASHED_AS:
            about = _HASHED_AS[packet.tag] + len(body).to_bytes(4, "big") + body
        elif packet.tag == SIGNATURE and keys:
            keys[-1].signatures.append((about, body))
    if not keys:
        raise MalformedError("there is no key in it")
    return keys


def families(keys: list[Key]) -> Iterator[tuple[Key, list[Key]]]:
    """Each primary key with its subkeys.

    Raises:
        MalformedError: a subkey comes first.
    """
    if keys and not keys[0].is_primary:
        raise MalformedError("it does not begin with a primary key")
    starts = [index for index, key in enumerate(keys) if key.is_primary]
    for start, end in zip(starts, [*starts[1:], len(keys)], strict=True):
        yield keys[start], keys[start + 1 : end]


def _read_key(tag: int, body: bytes) -> Key:
    fields = Fields(body)
    version = fields.number(1)
    if version not in {4, 6}:
        return Key(tag, version, 0, body)  # of no use, and no harm
    fields.take(4)
    algorithm = fields.number(1)
    if version == 6:
        fields.take(4)
    parameters: tuple[int, ...] = ()
    raw, oid, kdf = b"", b"", (0, 0)
    if algorithm in _RSA:
        parameters = (fields.mpi(), fields.mpi())
    elif algorithm in {DSA, ELGAMAL}:
        parameters = tuple(fields.mpi() for _ in range(4 if algorithm == DSA else 3))
    elif algorithm in {ECDH, ECDSA, EDDSA}:
        oid = fields.take(fields.number(1))
        raw = fields.mpi_bytes()
        if algorithm == ECDH:
            _, _, *pair = fields.take(4)
            kdf = (pair[0], pair[1])
    elif algorithm in _RAW:
        raw = fields.take(_RAW[algorithm])
    else:
        return Key(tag, version, algorithm, body)
    return Key(tag, version, algorithm, body[: fields.at], parameters, raw, oid, kdf, fields.rest())
