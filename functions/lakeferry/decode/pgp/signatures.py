"""Signature packets (RFC 9580, section 5.2): what they say, whether that may count, and whether a key made them."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from lakeferry.decode.pgp import s2k
from lakeferry.decode.pgp.keys import DSA, ECDSA, ED448, ED25519, EDDSA, Key
from lakeferry.decode.pgp.packets import Fields, MalformedError

_PREHASHED: dict[str, Any] = {
    "sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256, "sha384": hashes.SHA384,
    "sha512": hashes.SHA512, "sha3_256": hashes.SHA3_256, "sha3_512": hashes.SHA3_512,
}  # fmt: skip
"""Hashes a signature may be over at all. Where SHA-1 will do is for others to say."""
_HASH_NAMES = {1: "MD5", 2: "SHA-1", 3: "RIPEMD-160"}
_SALTS = {8: 16, 9: 24, 10: 32, 11: 16, 12: 16, 14: 32}
"""Bytes of salt by hash, in signatures of version 6."""
BINARY, TEXT = 0x00, 0x01
_CREATED, _LIFETIME, _KEY_LIFETIME, _ISSUER, _NOTATION, _KEY_FLAGS = 2, 3, 9, 16, 20, 27
_EMBEDDED, _ISSUER_FINGERPRINT, _RECIPIENT = 32, 33, 35
_KNOWN = frozenset({2, 3, 4, 5, 6, 7, 9, 11, 12, 16, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33, 34, 35, 39})
"""Subpackets that may be marked critical: what they say is heeded here, or is nothing to who checks data."""
CLOCK_SKEW = 24 * 3600
"""Seconds by which a signer's clock may be ahead: a wrong time zone is 14 hours at most."""


class Hash(Protocol):
    """A running hash."""

    def update(self, data: bytes, /) -> object: ...
    def digest(self) -> bytes: ...
    def copy(self) -> "Hash": ...


def day(seconds: int) -> str:
    """A time in a message, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def hash_name(number: int) -> str:
    """What people call a hash."""
    return _HASH_NAMES.get(number) or s2k.HASHES.get(number, f"hash {number}").upper().replace("_", "-")


class Digest:
    """Hashes of the data that a signature is over.

    Of text there are two: as it is in the message, which is what gpg signs, and with each line end made CR LF. The
    second begins where they part, which they never do in text whose line ends are CR LF.
    """

    def __init__(self, kind: int, algorithm: int, salt: bytes = b"") -> None:
        """Of a known kind and hash only: see `can_hash`."""
        self._is_text = kind == TEXT
        self._plain: Hash = hashlib.new(s2k.HASHES[algorithm], salt)
        self._text: Hash | None = None
        self._held = b""

    @staticmethod
    def can_hash(kind: int, algorithm: int) -> bool:
        """Whether a signature over data of that kind and hash can be verified."""
        return kind in {BINARY, TEXT} and s2k.HASHES.get(algorithm) in _PREHASHED

    def update(self, data: bytes) -> None:
        """Takes more of the data."""
        if self._is_text:
            data = self._held + data
            self._held = b"\r" if data.endswith(b"\r") else b""  # whether an LF follows is not known yet
            data = data[: len(data) - len(self._held)]
            canonical = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
            if self._text is None and canonical != data:
                self._text = self._plain.copy()
            if self._text is not None:
                self._text.update(canonical)
        self._plain.update(data)

    def hashes(self) -> list[Hash]:
        """The running hashes; they are not to be changed."""
        plain, text = self._plain, self._text
        if self._held:
            plain, text = plain.copy(), (text or plain).copy()
            plain.update(self._held)
            text.update(b"\r\n")
        return [plain] if text is None else [plain, text]


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature packet of version 4 or 6. What counts is in its signed part, but for names of issuers.

    Attributes:
        hashed: What of the packet itself is signed.
        left: The first two bytes of the hash.
        created: UTC epoch seconds; None where it does not say.
        lifetime: Seconds until it ends; 0 for ever.
        key_lifetime: Seconds from the key's creation until the key ends; 0 for ever; None where it does not say.
        flags: What a key is for; None where it does not say.
        issuers: Key ids and fingerprints it says it is from.
        recipients: Fingerprints of the keys it says the data is for.
        embedded: Bodies of signatures in it.
        unknown: What it has that is marked critical and not known here.
    """

    version: int
    kind: int
    algorithm: int
    hash: int
    hashed: bytes
    left: bytes
    salt: bytes
    numbers: bytes
    created: int | None
    lifetime: int
    key_lifetime: int | None
    flags: int | None
    issuers: frozenset[bytes]
    recipients: frozenset[bytes]
    embedded: tuple[bytes, ...]
    unknown: str

    @classmethod
    def read(cls, body: bytes) -> "Signature | None":
        """Takes the packet apart; None for a version we have not.

        Raises:
            MalformedError: it cannot be taken apart.
        """
        fields = Fields(body)
        version = fields.number(1)
        if version not in {4, 6}:
            return None
        kind, algorithm, digest = fields.number(1), fields.number(1), fields.number(1)
        width = 4 if version == 6 else 2
        inside = list(_subpackets(fields.take(fields.number(width))))
        hashed = body[: fields.at]
        outside = list(_subpackets(fields.take(fields.number(width))))
        both = [*inside, *outside]
        left = fields.take(2)
        salt = fields.take(fields.number(1)) if version == 6 else b""
        return cls(
            version, kind, algorithm, digest, hashed, left, salt, fields.rest(),
            created=_number(inside, _CREATED, 4),
            lifetime=_number(inside, _LIFETIME, 4) or 0,
            key_lifetime=_number(inside, _KEY_LIFETIME, 4),
            flags=next((data[0] if data else 0 for each, data, _ in reversed(inside) if each == _KEY_FLAGS), None),
            issuers=frozenset(
                [data for each, data, _ in both if each == _ISSUER]
                + [data[1:] for each, data, _ in both if each == _ISSUER_FINGERPRINT]
            ),
            recipients=frozenset(data[1:] for each, data, _ in inside if each == _RECIPIENT),
            embedded=tuple(data for each, data, _ in both if each == _EMBEDDED),
            unknown=next((_called(each, data) for each, data, critical in both if critical and each not in _KNOWN), ""),
        )  # fmt: skip

    def is_from(self, key: Key) -> bool:
        """Whether it says it was made by the key."""
        return bool(self.issuers & {key.key_id, key.fingerprint})

    def flaw(self, now: int) -> str | None:
        """Why it counts for nothing whatever it is over, by what it says itself; None where it may count."""
        if self.hash in {1, 3} or s2k.HASHES.get(self.hash) not in _PREHASHED:
            return f"it is made with {hash_name(self.hash)}, which is not accepted"
        if self.version == 6 and len(self.salt) != _SALTS.get(self.hash):
            return f"its salt has {len(self.salt)} bytes, and {hash_name(self.hash)} has {_SALTS.get(self.hash)}"
        if self.created is None:
            return "it does not say when it was made"
        if self.unknown:
            return f"it has a {self.unknown} that must not be ignored and is not known here"
        if self.created > now + CLOCK_SKEW:
            return f"it is dated {day(self.created)}, which is in the future"
        if self.lifetime and self.created + self.lifetime <= now:
            return f"it ended on {day(self.created + self.lifetime)}"
        return None

    def is_made_by(self, key: Key, over: Iterable[Hash]) -> bool:
        """Whether the key made it.

        Args:
            over: Hashes of what was signed, up to the signature's own part; one must fit. They are left as they are.
        """
        if self.algorithm != key.algorithm or self.version != key.version:
            return False
        trailer = self.hashed + bytes([self.version, 0xFF]) + len(self.hashed).to_bytes(4, "big")
        for running in over:
            final = running.copy()
            final.update(trailer)
            digest = final.digest()
            if digest[:2] == self.left and self._is_over(key, digest):
                return True
        return False

    def is_made_over(self, key: Key, data: bytes) -> bool:
        """Whether the key made it over bytes that are at hand, such as another key."""
        name = s2k.HASHES.get(self.hash, "")
        return name in _PREHASHED and self.is_made_by(key, [hashlib.new(name, self.salt + data)])

    def _is_over(self, key: Key, digest: bytes) -> bool:
        try:
            self._verify(key.public(), digest)
        except (InvalidSignature, ValueError, OverflowError, UnsupportedAlgorithm, MalformedError):
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


Subpacket = tuple[int, bytes, bool]
"""Type, content, and whether it is critical: who does not know it must not accept the signature."""


def _subpackets(data: bytes) -> Iterator[Subpacket]:
    fields = Fields(data)
    while fields.at < len(data):
        length = fields.number(1)
        if length == 255:
            length = fields.number(4)
        elif length >= 192:
            length = ((length - 192) << 8) + fields.number(1) + 192
        if length < 1:
            raise MalformedError("a signature has an empty field")
        kind = fields.number(1)
        yield kind & 0x7F, fields.take(length - 1), bool(kind & 0x80)


def _number(subpackets: list[Subpacket], wanted: int, size: int) -> int | None:
    """The last one's value, as section 5.2.4.1 has it where there are several."""
    found = next((data for kind, data, _ in reversed(subpackets) if kind == wanted), None)
    if found is not None and len(found) != size:
        raise MalformedError(f"a signature's field of type {wanted} has {len(found)} bytes")
    return None if found is None else int.from_bytes(found, "big")


def _called(kind: int, data: bytes) -> str:
    if kind != _NOTATION:
        return f"field of type {kind}"
    name = data[8 : 8 + int.from_bytes(data[4:6], "big")]
    return f"notation {name.decode(errors='replace')!r}"
