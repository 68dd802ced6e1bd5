"""Encrypted data to plain data, each with its proof that nobody changed it (RFC 9580, section 5.13; GnuPG's AEAD)."""

import hashlib
from typing import Protocol

from cryptography.exceptions import InvalidTag

from lakeferry.decode.pgp import s2k
from lakeferry.decode.pgp.packets import ENCRYPTED, Body, MalformedError, TruncatedError
from lakeferry.decode.pgp.sessions import SessionKey
from lakeferry.decode.stream import CHUNK, Readable

_MDC_BYTES = 22
_TAG_BYTES = 16
_LARGEST_CHUNK_LOG = 24
"""16 MiB; RFC 9580 allows 4 MiB, GnuPG's packet more."""


class ChangedError(Exception):
    """The data is not what was encrypted."""


class Plain(Protocol):
    """Plain data; reading it to its end proves it."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end. Raises `ChangedError` or `TruncatedError`."""
        ...


class MdcPlain:
    """Version 1: cipher feedback, and a SHA-1 of it all at the end."""

    def __init__(self, body: Readable, session: SessionKey, prefix: bytes) -> None:
        """`prefix` are the first bytes, which `prefix_size` says how many of."""
        self._body = body
        self._decryptor = s2k.cfb(session.cipher, session.key)
        start = self._decryptor.update(prefix)
        self.is_right_key = start[-2:] == start[-4:-2]
        self._hash = hashlib.sha1(start, usedforsecurity=False)
        self._held, self._ended = b"", False
        self._out = b""

    @staticmethod
    def prefix_size(session: SessionKey) -> int:
        """A block of random bytes and the last two of it again."""
        return s2k.block_size(session.cipher) + 2

    def read(self, size: int) -> bytes:
        while not self._out and not self._ended:
            data = self._body.read(CHUNK)
            if data:
                whole = self._held + self._decryptor.update(data)
                self._out, self._held = whole[:-_MDC_BYTES], whole[-_MDC_BYTES:]
                self._hash.update(self._out)
            else:
                self._check()
        data, self._out = self._out[:size], self._out[size:]
        return data

    def _check(self) -> None:
        self._ended = True
        self._hash.update(self._held[:2])
        if self._held[:2] != b"\xd3\x14" or self._hash.digest() != self._held[2:]:
            raise ChangedError


class AeadPlain:
    """Chunks that each prove themselves, and a last tag over their number."""

    def __init__(self, body: Readable, session: SessionKey, header: bytes, mode: int, cipher: int, chunk: int) -> None:
        """`header`: what follows the packet's type in its associated data, and the salt or nonce after it."""
        if chunk + 6 > _LARGEST_CHUNK_LOG:
            raise MalformedError(f"its AEAD chunks have 2^{chunk + 6} bytes, too many")
        self._body, self._size = body, 1 << (chunk + 6)
        self._associated, extra = header[:5], header[5:]
        self._is_gnupg = header[0] != 0xC0 | ENCRYPTED
        if self._is_gnupg:
            key, self._nonce = session.key, extra
        else:
            derived = s2k.hkdf(
                session.key, s2k.cipher_size(cipher) + s2k.NONCES[mode] - 8, salt=extra, info=self._associated
            )
            key, self._nonce = derived[: s2k.cipher_size(cipher)], derived[s2k.cipher_size(cipher) :] + bytes(8)
        if len(key) != s2k.cipher_size(cipher):
            raise MalformedError("its session key is not of its cipher's length")
        self._opened = s2k.aead(mode, cipher, key)
        self._index = self._total = 0
        self._held, self._out, self._ended = b"", b"", False

    def read(self, size: int) -> bytes:
        while not self._out and not self._ended:
            self._next()
        data, self._out = self._out[:size], self._out[size:]
        return data

    def opens(self) -> bool:
        """Whether the key opens the first chunk, which is kept."""
        try:
            self._next()
        except ChangedError:
            return False
        return True

    def _next(self) -> None:
        needed = self._size + 2 * _TAG_BYTES
        pieces, have = [self._held], len(self._held)
        while have < needed and (more := self._body.read(max(CHUNK, needed - have))):
            pieces.append(more)
            have += len(more)
        data = b"".join(pieces)
        if have >= needed:
            cut = self._size + _TAG_BYTES
            self._held, self._out = data[cut:], self._decrypt(data[:cut])
            return
        if have < _TAG_BYTES:
            raise TruncatedError
        if last := data[:-_TAG_BYTES]:
            self._out = self._decrypt(last)
        self._ended = True
        total = self._total.to_bytes(8, "big")
        self._open(data[-_TAG_BYTES:], (self._index.to_bytes(8, "big") if self._is_gnupg else b"") + total)

    def _decrypt(self, data: bytes) -> bytes:
        plain = self._open(data, self._index.to_bytes(8, "big") if self._is_gnupg else b"")
        self._index += 1
        self._total += len(plain)
        return plain

    def _open(self, data: bytes, more: bytes) -> bytes:
        nonce = int.from_bytes(self._nonce, "big") ^ self._index
        try:
            return self._opened.decrypt(nonce.to_bytes(len(self._nonce), "big"), data, self._associated + more)
        except InvalidTag as error:
            raise ChangedError from error


def open_aead(body: Body, session: SessionKey, header: bytes) -> AeadPlain:
    """The plain data of an AEAD packet; `header` as `read_aead_header` gave it."""
    return AeadPlain(body, session, header, header[3], header[2], header[4])


def read_aead_header(body: Body, version: int) -> bytes:
    """Type, version, cipher, mode and chunk size, and the salt (version 2) or the nonce (GnuPG)."""
    fixed = _exactly(body, 3)
    _, mode, _ = fixed
    nonce_size = s2k.nonce_size(mode)
    extra = _exactly(body, 32 if body.tag == ENCRYPTED else nonce_size)
    return bytes([0xC0 | body.tag, version]) + fixed + extra


def _exactly(body: Readable, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = body.read(size - len(data))
        if not more:
            raise TruncatedError
        data += more
    return data
