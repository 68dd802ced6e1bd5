"""Streams of bytes: what was delivered, and the input of each layer that comes off."""

import hashlib
from typing import Protocol

from lakeferry.errors import FileRejectedError

CHUNK = 256 * 1024
"""Bytes a layer reads of the one below at a time."""
DELIVER_AGAIN = "Ask the partner to deliver the file again."


def rejected(name: str, what: str, advice: str = DELIVER_AGAIN) -> FileRejectedError:
    """The error for a file whose bytes are not as they should be."""
    return FileRejectedError(f"{name}: {what}. {advice}")


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end."""
        ...


def drain(stream: Readable) -> None:
    """Takes what is left, so that whatever is checked at a stream's end is checked."""
    while stream.read(1 << 20):
        pass


class Delivered:
    """The delivered bytes: counted and hashed as they are read."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.count = 0

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty at the end."""
        data = self._source.read(size)
        self._hash.update(data)
        self.count += len(data)
        return data

    def drain(self) -> None:
        """Takes what is left, so that count and hash are of the whole."""
        drain(self)

    @property
    def sha256(self) -> str:
        """SHA-256 of what was read so far, hexadecimal."""
        return self._hash.hexdigest()


class Input:
    """What a layer reads: a stream with a look ahead, and the place in it.

    Attributes:
        position: Bytes taken so far.
    """

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._buffer, self._at = b"", 0
        self.position = 0

    def fill(self, size: int) -> bool:
        """Has at least `size` bytes at hand; False when the stream has fewer."""
        missing = size - (len(self._buffer) - self._at)
        if missing <= 0:
            return True
        pieces = [self._buffer[self._at :]]
        while missing > 0 and (more := self._source.read(max(CHUNK, missing))):
            pieces.append(more)
            missing -= len(more)
        self._buffer, self._at = b"".join(pieces), 0
        return missing <= 0

    def peek(self, size: int) -> bytes:
        """The next bytes without taking them; fewer only at the end."""
        self.fill(size)
        return self._buffer[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty at the end."""
        if self._at == len(self._buffer):
            if size >= CHUNK:  # nothing to be gained by a look ahead
                self._buffer, self._at = b"", 0
                data = self._source.read(size)
                self.position += len(data)
                return data
            self.fill(1)
        data = self._buffer[self._at : self._at + size]
        self._at += len(data)
        self.position += len(data)
        return data

    def take(self, size: int) -> bytes:
        """The next `size` bytes; fewer only at the end."""
        data = self.peek(size)
        self._at += len(data)
        self.position += len(data)
        return data

    def take_some(self, size: int) -> bytes:
        """Like `read`, of which `give_back` may return the last bytes."""
        self.fill(1)
        data = self._buffer[self._at : self._at + size]
        self._at += len(data)
        self.position += len(data)
        return data

    def give_back(self, count: int) -> None:
        """Un-takes the last bytes of the `take_some` that was the last call."""
        self._at -= count
        self.position -= count

    def skip(self, size: int) -> int:
        """Passes over `size` bytes; how many there were."""
        left = size
        while left and (data := self.read(min(left, CHUNK))):
            left -= len(data)
        return size - left

    def skip_zeros(self) -> None:
        """Passes over zeros, which fill the blocks of tapes and mainframes."""
        while piece := self.take_some(CHUNK):
            rest = piece.lstrip(b"\0")
            if rest:
                self.give_back(len(rest))
                return

    @property
    def is_at_end(self) -> bool:
        """Whether there is nothing more."""
        return not self.fill(1)
