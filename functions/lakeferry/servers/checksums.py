"""Checksums of whole files, as servers and partners tell them."""

import hashlib
import zlib
from dataclasses import dataclass
from typing import Protocol

HEX_DIGITS = {"sha256": 64, "sha512": 128, "sha384": 96, "sha1": 40, "md5": 32, "crc32": 8}
"""Of each algorithm that can be compared, best first. MD5 and CRC-32 prove no origin, but they find what got lost."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of a file have to come to.

    Attributes:
        algorithm: One of `HEX_DIGITS`.
        value: Lower-case hexadecimal digits.
    """

    algorithm: str
    value: str


class Hash(Protocol):
    """What hashlib's objects do."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def new_hash(algorithm: str) -> Hash:
    """Computes one of the algorithms."""
    return _Crc32() if algorithm == "crc32" else hashlib.new(algorithm, usedforsecurity=False)


def read_checksum(algorithm: str, text: str) -> Checksum | None:
    """The checksum a text stands for; None if it is none of that algorithm."""
    if len(text) != HEX_DIGITS[algorithm] or not all(digit in "0123456789abcdefABCDEF" for digit in text):
        return None
    return Checksum(algorithm, text.lower())


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"
