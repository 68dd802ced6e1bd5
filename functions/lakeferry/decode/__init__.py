"""Delivered bytes to decoded bytes, in a stream: what a file is wrapped in comes off here."""

import hashlib
from typing import Protocol

from lakeferry.decode.gzip import GzipReader
from lakeferry.errors import FileRejectedError

_GZIP_MAGIC = b"\x1f\x8b"


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end."""
        ...


class Delivered:
    """The delivered bytes: counted, hashed, and with a look ahead at the first of them."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self._ahead = b""
        self.count = 0

    def peek(self, size: int) -> bytes:
        """The next bytes without taking them."""
        while len(self._ahead) < size and (more := self._source.read(size - len(self._ahead))):
            self._ahead += more
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty at the end."""
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
        else:
            data = self._source.read(size)
        self._hash.update(data)
        self.count += len(data)
        return data

    def drain(self) -> None:
        """Takes what is left, so that count and hash are of the whole."""
        while self.read(1 << 20):
            pass

    @property
    def sha256(self) -> str:
        """SHA-256 of what was read so far, hexadecimal."""
        return self._hash.hexdigest()


def decode(name: str, delivered: Delivered, declared: tuple[str, ...] | None) -> tuple[Readable, str]:
    """Takes off what the file is wrapped in.

    Args:
        declared: The feed's `decode` chain; None finds out by suffix and first bytes, which must agree.

    Returns:
        The decoded stream, and the file's name without the suffix of what came off.

    Raises:
        FileRejectedError: its bytes are not what its suffix or its feed says. Broken content is found, and
            raised, while the stream is read.
    """
    is_gzip, has_suffix = delivered.peek(2) == _GZIP_MAGIC, name.lower().endswith(".gz")
    if declared is None:
        if has_suffix and not is_gzip:
            raise FileRejectedError(
                f"{name}: the name says gzip and the content is not (it begins with {delivered.peek(4)!r}). "
                "Ask the partner to deliver it again, or set decode: [] in the feed."
            )
        declared = ("gzip",) if is_gzip else ()
    elif declared == ("gzip",) and not is_gzip:
        raise FileRejectedError(
            f"{name}: the feed says gzip and the content is not (it begins with {delivered.peek(4)!r}). "
            "Ask the partner to deliver it again, or change decode in the feed."
        )
    if declared == ("gzip",):
        return GzipReader(name, delivered), name[:-3] if has_suffix else name
    return delivered, name
