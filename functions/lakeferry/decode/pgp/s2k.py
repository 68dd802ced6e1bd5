"""A passphrase to a key (RFC 9580, section 3.7), and the symmetric ciphers by number (section 9.3)."""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers import algorithms as old
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lakeferry.decode.pgp.packets import Fields, MalformedError, UnsupportedError

HASHES = {
    1: "md5",
    2: "sha1",
    8: "sha256",
    9: "sha384",
    10: "sha512",
    11: "sha224",
    12: "sha3_256",
    14: "sha3_512",
}
_HASH_WORK = {1: 1.5, 12: 2.5, 14: 4.0}
"""Milliseconds a MiB where it is more than one (measured 2026-11-29, one processor of two GHz)."""
CIPHERS = {
    2: (old.TripleDES, 24),
    3: (old.CAST5, 16),
    4: (old.Blowfish, 16),
    7: (AES, 16),
    8: (AES, 24),
    9: (AES, 32),
    11: (old.Camellia, 16),
    12: (old.Camellia, 24),
    13: (old.Camellia, 32),
}
"""Algorithm and bytes of its key."""
_CIPHER_NAMES = {1: "IDEA", 10: "Twofish"}
NONCES = {2: 15, 3: 12}
"""Bytes of nonce of OCB and GCM."""
_USE_AES = "Ask the partner to encrypt with AES (gpg: --cipher-algo AES256) and to deliver the file again."
_USE_OCB = "Ask the partner to encrypt without EAX: OCB, GCM and plain MDC are read. The same file cannot be."
_USE_LESS = (
    "Ask the partner to encrypt to the feed's public key, or with less of it (64 MiB, 3 passes are usual). The same "
    "file cannot be read."
)
_ARGON2_MEMORY_LOG = 18
"""2^18 KiB = 256 MiB; more would be an attack on memory."""
_ARGON2_PASSES = 16


def cipher_size(cipher: int) -> int:
    """Bytes of a cipher's key.

    Raises:
        UnsupportedError: it is none we have.
    """
    if cipher not in CIPHERS:
        name = _CIPHER_NAMES.get(cipher, f"cipher {cipher}")
        raise UnsupportedError(f"it is encrypted with {name}, a cipher that is not supported", _USE_AES)
    return CIPHERS[cipher][1]


def block_size(cipher: int) -> int:
    """Bytes of a cipher's block."""
    cipher_size(cipher)
    return 8 if cipher in {2, 3, 4} else 16


def cfb(cipher: int, key: bytes, iv: bytes | None = None) -> CipherContext:
    """A decryptor in cipher feedback mode."""
    algorithm = CIPHERS[cipher][0]
    try:
        return Cipher(algorithm(key), CFB(iv or bytes(block_size(cipher)))).decryptor()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedError(f"its cipher cannot be used ({error})") from error


def aead(mode: int, cipher: int, key: bytes) -> AESOCB3 | AESGCM:
    """An authenticating decryptor.

    Raises:
        UnsupportedError: mode or cipher is none we have.
    """
    nonce_size(mode)
    if cipher not in {7, 8, 9}:
        raise UnsupportedError(f"it is encrypted by AEAD with cipher {cipher}, which is not supported", _USE_AES)
    return AESOCB3(key) if mode == 2 else AESGCM(key)


def nonce_size(mode: int) -> int:
    """Bytes of an AEAD mode's nonce.

    Raises:
        UnsupportedError: it is none we have.
    """
    if mode not in NONCES:
        name = "EAX" if mode == 1 else str(mode)
        raise UnsupportedError(f"it is encrypted in AEAD mode {name}, which is not supported", _USE_OCB)
    return NONCES[mode]


def hkdf(material: bytes, size: int, *, salt: bytes | None = None, info: bytes = b"", sha512: bool = False) -> bytes:
    """HKDF with SHA-256, or SHA-512."""
    return HKDF(hashes.SHA512() if sha512 else hashes.SHA256(), size, salt, info).derive(material)


@dataclass(frozen=True, slots=True)
class StringToKey:
    """How a passphrase becomes a key.

    Attributes:
        kind: 0 simple, 1 salted, 3 iterated, 4 Argon2, 101 GnuPG's mark that no secret is there.
        count: Bytes to hash.
        costs: Argon2's passes, lanes, and log2 of its memory in KiB.
    """

    kind: int
    hash: int = 0
    salt: bytes = b""
    count: int = 0
    costs: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def read(cls, fields: Fields) -> "StringToKey":
        """Takes the specifier off."""
        kind = fields.number(1)
        if kind == 4:
            salt = fields.take(16)
            return cls(kind, salt=salt, costs=(fields.number(1), fields.number(1), fields.number(1)))
        if kind not in {0, 1, 3, 101}:
            raise UnsupportedError(f"its passphrase is hashed in way {kind}, which is not supported", _USE_LESS)
        algorithm = fields.number(1)
        salt = fields.take(8) if kind in {1, 3} else b""
        coded = fields.number(1) if kind == 3 else 0
        return cls(kind, algorithm, salt, (16 + (coded & 15)) << ((coded >> 4) + 6) if kind == 3 else 0)

    def work(self, size: int) -> float:
        """Milliseconds of one processor that a key of `size` bytes takes, as far as its numbers are read at all."""
        if self.kind == 4:
            passes, _, memory = self.costs
            return (passes + 1) * 2.0 ** (memory - 10) if self._is_within_limits else 0.0
        if self.hash not in HASHES:
            return 0.0
        hashes = -(-size // hashlib.new(HASHES[self.hash], usedforsecurity=False).digest_size)
        return hashes * self.count / 2**20 * _HASH_WORK.get(self.hash, 1.0)

    def key(self, passphrase: str, size: int) -> bytes:
        """The key, `size` bytes.

        Raises:
            UnsupportedError: it is hashed in a way that is not read, or takes too much memory.
            MalformedError: its numbers make no sense.
        """
        secret = passphrase.encode()
        if self.kind == 4:
            return self._argon2(secret, size)
        if self.kind == 101:
            raise MalformedError("its passphrase is hashed in GnuPG's way of saying that there is no key")
        if self.hash not in HASHES:
            raise UnsupportedError(f"its passphrase is hashed with algorithm {self.hash}, not supported", _USE_LESS)
        once = self.salt + secret
        block = once * max(1, 65536 // max(1, len(once)))
        many, left = divmod(max(self.count, len(once)), len(block)) if block else (0, 0)
        key = b""
        for zeros in range(size):  # as many hashes as the key needs, each with one more zero in front
            if len(key) >= size:
                break
            digest = hashlib.new(HASHES[self.hash], bytes(zeros), usedforsecurity=False)
            for _ in range(many):
                digest.update(block)
            digest.update(block[:left])
            key += digest.digest()
        return key[:size]

    @property
    def _is_within_limits(self) -> bool:
        passes, _, memory = self.costs
        return memory <= _ARGON2_MEMORY_LOG and passes <= _ARGON2_PASSES

    def _argon2(self, secret: bytes, size: int) -> bytes:
        passes, lanes, memory = self.costs
        told = f"passes: {passes}, lanes: {lanes}, memory: 2^{memory} KiB"
        if not self._is_within_limits:
            raise UnsupportedError(
                f"its passphrase is hashed with Argon2 ({told}); up to {_ARGON2_PASSES} passes and "
                f"{(1 << _ARGON2_MEMORY_LOG) // 1024} MiB are read",
                _USE_LESS,
            )
        if not passes or not lanes or 1 << memory < 8 * lanes:
            raise MalformedError(f"its Argon2 parameters make no sense ({told})")
        return Argon2id(salt=self.salt, length=size, iterations=passes, lanes=lanes, memory_cost=1 << memory).derive(
            secret
        )
