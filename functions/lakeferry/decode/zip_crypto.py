"""Encrypted members of ZIP archives: WinZip's AES (AE-1, AE-2) and the legacy cipher ("ZipCrypto").

AES: "AES Encryption Information: Encryption Specification AE-1 and AE-2" by WinZip. Legacy: APPNOTE.TXT, section 6.1.
"""

import hashlib
import hmac
from array import array
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

_BLOCK = 16
LEGACY_HEADER = 12
"""Encrypted bytes before the data, the last of which proves the password (one time in 256 it proves a wrong one)."""
AES_MAC = 10
"""Bytes of authentication code after the data."""


AES_SALTS = {1: 8, 2: 12, 3: 16}
"""Bytes of salt by strength (AES-128, 192, 256); two bytes that prove the password follow it."""


class WrongPasswordError(Exception):
    """The password does not open the member."""


class MemberCipher(Protocol):
    """Decrypts one member in order."""

    def decrypt(self, data: bytes) -> bytes: ...
    def used(self, data: bytes) -> None:
        """Bytes of the input that turned out to belong to the member."""
        ...


class AesCipher:
    """AES in counter mode, the counter little-endian from 1; HMAC-SHA1 over the encrypted bytes."""

    def __init__(self, password: str, strength: int, header: bytes) -> None:
        """`header` is the salt and the two bytes of proof."""
        size = 8 * strength + 8
        derived = hashlib.pbkdf2_hmac("sha1", password.encode(), header[:-2], 1000, 2 * size + 2)
        if derived[-2:] != header[-2:]:
            raise WrongPasswordError
        self._cipher = Cipher(AES(derived[:size]), ECB()).encryptor()  # noqa: S305  (counter mode is made of it here)
        self._mac = hmac.new(derived[size : 2 * size], digestmod="sha1")
        self._counter, self._spare = 1, b""

    def decrypt(self, data: bytes) -> bytes:
        stream = self._spare
        if len(stream) < len(data):
            blocks = -(-(len(data) - len(stream)) // _BLOCK)
            counters = array("Q", bytes(_BLOCK * blocks))
            counters[::2] = array("Q", range(self._counter, self._counter + blocks))
            self._counter += blocks
            stream += self._cipher.update(counters.tobytes())
        self._spare = stream[len(data) :]
        mixed = int.from_bytes(data, "little") ^ int.from_bytes(stream[: len(data)], "little")
        return mixed.to_bytes(len(data), "little")

    def used(self, data: bytes) -> None:
        self._mac.update(data)

    def is_right(self, code: bytes) -> bool:
        """Whether the authentication code after the data is that of the data."""
        return hmac.compare_digest(self._mac.digest()[:AES_MAC], code)


class LegacyCipher:
    """The cipher of PKZIP 2, byte by byte in Python: a few MB a second, and no protection to speak of."""

    def __init__(self, password: str, header: bytes, check: int) -> None:
        """`check` is what the header's last byte must be."""
        self._keys = (0x12345678, 0x23456789, 0x34567890)
        for byte in password.encode():
            self._keys = _step(self._keys, byte)
        if self.decrypt(header)[-1] != check:
            raise WrongPasswordError

    def decrypt(self, data: bytes) -> bytes:
        out = bytearray(len(data))
        key0, key1, key2 = self._keys
        crc = _TABLE
        for index, byte in enumerate(data):
            mask = key2 | 2
            plain = byte ^ ((mask * (mask ^ 1)) >> 8) & 0xFF
            out[index] = plain
            key0 = (key0 >> 8) ^ crc[(key0 ^ plain) & 0xFF]
            key1 = ((key1 + (key0 & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
            key2 = (key2 >> 8) ^ crc[(key2 ^ (key1 >> 24)) & 0xFF]
        self._keys = (key0, key1, key2)
        return bytes(out)

    def used(self, data: bytes) -> None:
        """There is no authentication."""


def _table() -> tuple[int, ...]:
    """CRC-32's table, by its polynomial."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _table()


def _step(keys: tuple[int, int, int], byte: int) -> tuple[int, int, int]:
    key0, key1, key2 = keys
    key0 = (key0 >> 8) ^ _TABLE[(key0 ^ byte) & 0xFF]
    key1 = ((key1 + (key0 & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
    key2 = (key2 >> 8) ^ _TABLE[(key2 ^ (key1 >> 24)) & 0xFF]
    return key0, key1, key2
