"""OpenPGP packets made by hand, right and wrong ones: what no honest program writes has to come from somewhere."""

import base64
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lakeferry.decode.pgp.keys import Key

HASHES = {1: "md5", 2: "sha1", 8: "sha256", 10: "sha512"}
ED25519 = 27
NOW = int(time.time())
DAY = 24 * 3600
MADE = NOW - 100 * DAY
"""When keys are made that are not told otherwise."""


def packet(tag: int, body: bytes) -> bytes:
    """A packet with a header of the new form."""
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def mpi(number: int) -> bytes:
    """A multiprecision integer."""
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")


def sealed(key: bytes, plain: bytes) -> bytes:
    """Packets encrypted with AES and protected by MDC."""
    start = bytes(range(16)) + b"\x0e\x0f"
    whole = start + plain + b"\xd3\x14"
    whole += hashlib.sha1(whole, usedforsecurity=False).digest()
    return packet(18, b"\1" + Cipher(AES(key), CFB(bytes(16))).encryptor().update(whole))


def to_rsa(key: Key, plain: bytes) -> bytes:
    """A session key, and what is around it, for an RSA key."""
    number = int.from_bytes(key.public().encrypt(plain, PKCS1v15()), "big")
    return packet(1, b"\3" + key.key_id + b"\1" + mpi(number))


def literal(text: bytes) -> bytes:
    """Data as it is."""
    return packet(11, b"b\0\0\0\0\0" + text)


def armored(kind: str, data: bytes) -> str:
    """ASCII armor without a checksum."""
    return f"-----BEGIN PGP {kind}-----\n\n{base64.encodebytes(data).decode()}-----END PGP {kind}-----\n"


def subpacket(kind: int, data: bytes, *, critical: bool = False) -> bytes:
    """A field of a signature."""
    body = bytes([kind | (0x80 if critical else 0)]) + data
    length = bytes([len(body)]) if len(body) < 192 else b"\xff" + len(body).to_bytes(4, "big")
    return length + body


def created(seconds: int) -> bytes:
    return subpacket(2, seconds.to_bytes(4, "big"))


def ends_after(seconds: int) -> bytes:
    """The signature ends."""
    return subpacket(3, seconds.to_bytes(4, "big"))


def key_ends_after(seconds: int) -> bytes:
    return subpacket(9, seconds.to_bytes(4, "big"))


def flags(value: int) -> bytes:
    """1 certify, 2 sign, 12 encrypt."""
    return subpacket(27, bytes([value]))


@dataclass
class Pair:
    """A key pair of Ed25519, version 4 or 6."""

    made: int = MADE
    version: int = 4
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def body(self) -> bytes:
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        size = len(raw).to_bytes(4, "big") if self.version == 6 else b""
        return bytes([self.version]) + self.made.to_bytes(4, "big") + bytes([ED25519]) + size + raw

    @property
    def hashed(self) -> bytes:
        if self.version == 6:
            return b"\x9b" + len(self.body).to_bytes(4, "big") + self.body
        return b"\x99" + len(self.body).to_bytes(2, "big") + self.body

    @property
    def fingerprint(self) -> bytes:
        return (hashlib.sha256 if self.version == 6 else hashlib.sha1)(self.hashed).digest()

    @property
    def key_id(self) -> bytes:
        return self.fingerprint[:8] if self.version == 6 else self.fingerprint[-8:]

    def sign(
        self,
        kind: int,
        data: bytes,
        *inside: bytes,
        outside: bytes = b"",
        made: int | None = MADE,
        hash_: int = 8,
        salt: bytes = bytes(16),
        named: bool = True,
    ) -> bytes:
        """The body of a signature over data; `inside` and `outside` are its fields, signed and not."""
        fields = b"".join(inside) + (created(made) if made is not None else b"")
        if named:
            fields += subpacket(33, bytes([self.version]) + self.fingerprint)
        width = 4 if self.version == 6 else 2
        hashed = bytes([self.version, kind, ED25519, hash_]) + len(fields).to_bytes(width, "big") + fields
        salt = salt if self.version == 6 else b""
        whole = salt + data + hashed + bytes([self.version, 0xFF]) + len(hashed).to_bytes(4, "big")
        digest = hashlib.new(HASHES[hash_], whole).digest()
        tail = len(outside).to_bytes(width, "big") + outside + digest[:2]
        tail += bytes([len(salt)]) + salt if self.version == 6 else b""
        return hashed + tail + self.private.sign(digest)

    def one_pass(self, kind: int, *, hash_: int = 8, salt: bytes = bytes(16), last: int = 1) -> bytes:
        """The packet that announces a signature."""
        if self.version == 6:
            salted = bytes([len(salt)]) + salt
            return packet(4, bytes([6, kind, hash_, ED25519]) + salted + self.fingerprint + bytes([last]))
        return packet(4, bytes([3, kind, hash_, ED25519]) + self.key_id + bytes([last]))

    def signed(self, text: bytes, *inside: bytes, kind: int = 0, **how: object) -> bytes:
        """A message of one signature."""
        return self.one_pass(kind) + literal(text) + packet(2, self.sign(kind, text, *inside, **how))  # type: ignore[arg-type]

    def block(self, *own: bytes, subkeys: Sequence[bytes] = (), certified: bytes | None = None) -> str:
        """The public key block: `own` are signatures on the key itself, after which comes a certified name."""
        name = b"Partner <partner@example.com>"
        about = b"\xb4" + len(name).to_bytes(4, "big") + name
        if certified is None:
            certified = self.sign(0x13, self.hashed + about, flags(3))
        parts = [packet(6, self.body), *(packet(2, each) for each in own), packet(13, name), packet(2, certified)]
        return armored("PUBLIC KEY BLOCK", b"".join(parts) + b"".join(subkeys))

    def certification(self, *inside: bytes, **how: object) -> bytes:
        """A signature on its own name."""
        name = b"Partner <partner@example.com>"
        about = b"\xb4" + len(name).to_bytes(4, "big") + name
        return self.sign(0x13, self.hashed + about, *inside, **how)  # type: ignore[arg-type]

    def bind(self, subkey: "Pair", *inside: bytes, back: bytes | None = None, made: int = MADE) -> bytes:
        """A subkey and the signature that binds it; `back` takes the place of a right back-signature."""
        over = self.hashed + subkey.hashed
        back = subkey.sign(0x19, over) if back is None else back
        outside = subpacket(32, back) if back else b""
        return packet(14, subkey.body) + packet(
            2, self.sign(0x18, over, *(inside or (flags(2),)), outside=outside, made=made)
        )
