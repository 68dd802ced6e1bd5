"""gzip (RFC 1952): as many members as there are, with the checks of each."""

from typing import TYPE_CHECKING, Any

from isal import isal_zlib

from lakeferry.errors import FileRejectedError

if TYPE_CHECKING:
    from lakeferry.decode import Delivered

MAX_RATIO = 250
"""Decoded bytes for each delivered byte; honest text stays far below."""
_FREE_BYTES = 64 * 1024 * 1024
"""Below this many decoded bytes the ratio does not matter."""
_CHUNK = 256 * 1024
_FIRST_STEP = 512
"""What a member is fed first: the library copies what follows a member, which must stay little in a file of many."""


class GzipReader:
    """Decoded bytes of a gzip stream."""

    def __init__(self, name: str, delivered: "Delivered") -> None:
        self._name, self._delivered = name, delivered
        self._member: Any = None
        self._members = 0
        self._buffer, self._at, self._step = b"", 0, _FIRST_STEP
        self._decoded = 0

    def read(self, size: int) -> bytes:
        """The next decoded bytes, at most `size`; empty when every member has ended well.

        Raises:
            FileRejectedError: truncated, corrupt, followed by something else, or a decompression bomb.
        """
        while True:
            if self._member is None and not self._begin():
                return b""
            self._fill(1)
            exhausted = self._at == len(self._buffer)
            data = self._decompress(size)
            if data:
                self._decoded += len(data)
                if self._decoded > max(_FREE_BYTES, MAX_RATIO * self._consumed):
                    raise self._rejected(
                        f"it unpacks to more than {MAX_RATIO} times its size ({self._decoded} bytes so far): "
                        "a decompression bomb, or not data"
                    )
                return data
            # only now: with no input left the library may still have held back decoded bytes
            if exhausted and self._member is not None:
                raise self._rejected(
                    f"the gzip stream is truncated: it ends after {self._delivered.count} bytes, amid its data"
                )

    @property
    def _consumed(self) -> int:
        return self._delivered.count - (len(self._buffer) - self._at)

    def _fill(self, size: int) -> bool:
        """Has at least `size` bytes of input at hand; False when the file has fewer."""
        while len(self._buffer) - self._at < size:
            more = self._delivered.read(_CHUNK)
            if not more:
                return False
            self._buffer, self._at = self._buffer[self._at :] + more, 0
        return True

    def _begin(self) -> bool:
        """Starts the next member; False at the end of the file."""
        self._fill(2)
        if self._members and not self._buffer.startswith(b"\x1f\x8b", self._at):
            self._end()
            return False
        self._member, self._step = isal_zlib.decompressobj(wbits=31), _FIRST_STEP
        self._members += 1
        return True

    def _end(self) -> None:
        """Nothing may follow the last member but zeros, which fill blocks of tapes and mainframes; `gzip -d` agrees."""
        while self._fill(1):
            rest = self._buffer[self._at :]
            zeros = len(rest) - len(rest.lstrip(b"\0"))
            self._at += zeros
            if zeros < len(rest):
                raise self._rejected(
                    f"after the gzip data, at byte {self._consumed}, something else follows ({rest[zeros:][:4]!r} ...)"
                )

    def _decompress(self, size: int) -> bytes:
        piece = self._buffer[self._at : self._at + self._step]
        try:
            data: bytes = self._member.decompress(piece, size)
        except isal_zlib.error as error:  # type: ignore[misc]  # its stub is not a class
            raise self._rejected(f"the gzip data is corrupt near byte {self._consumed} ({error})") from error
        self._at += len(piece) - len(self._member.unconsumed_tail) - len(self._member.unused_data)
        self._step = min(2 * self._step, _CHUNK)
        if self._member.eof:
            self._member = None
        return data

    def _rejected(self, what: str) -> FileRejectedError:
        return FileRejectedError(f"{self._name}: {what}. Ask the partner to deliver the file again.")
