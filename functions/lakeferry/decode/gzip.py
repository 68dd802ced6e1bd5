"""gzip (RFC 1952), as many members as there are, with the checks of each."""

from typing import TYPE_CHECKING, Any

from lakeferry.errors import FileRejectedError

if TYPE_CHECKING:
    from lakeferry.decode import Delivered

from isal import isal_zlib

MAX_RATIO = 250
"""Decoded bytes for each delivered byte; honest text stays far below."""
_FREE_BYTES = 64 * 1024 * 1024
"""Below this many decoded bytes the ratio does not matter."""
_CHUNK = 256 * 1024


class GzipReader:
    """Decoded bytes of a gzip stream."""

    def __init__(self, name: str, delivered: "Delivered") -> None:
        self._name, self._delivered = name, delivered
        self._member: Any = None
        self._input = b""
        self._decoded = 0

    def read(self, size: int) -> bytes:
        """The next decoded bytes, at most `size`; empty when every member has ended well.

        Raises:
            FileRejectedError: truncated, corrupt, followed by something else, or a decompression bomb.
        """
        while True:
            if not self._input:
                self._input = self._delivered.read(_CHUNK)
            if self._member is None and not self._begin():
                return b""
            if not self._input and not self._member.unconsumed_tail:
                raise self._rejected(
                    f"the gzip stream is truncated: it ends after {self._delivered.count} bytes, amid its data"
                )
            data = self._decompress(size)
            if self._member.eof:
                self._input, self._member = self._member.unused_data, None
            if data:
                self._decoded += len(data)
                if self._decoded > max(_FREE_BYTES, MAX_RATIO * self._delivered.count):
                    raise self._rejected(
                        f"it unpacks to more than {MAX_RATIO} times its size ({self._decoded} bytes so far): "
                        "a decompression bomb, or not data"
                    )
                return data

    def _begin(self) -> bool:
        """Starts the next member; False at the end of the file."""
        if not self._input:
            return False
        while len(self._input) < 2 and (more := self._delivered.read(_CHUNK)):
            self._input += more
        if self._delivered.count > len(self._input) and not self._input.startswith(b"\x1f\x8b"):
            where = self._delivered.count - len(self._input)
            raise self._rejected(
                f"after the gzip data, at byte {where}, something else follows ({self._input[:4]!r} ...)"
            )
        self._member = isal_zlib.decompressobj(wbits=31)
        return True

    def _decompress(self, size: int) -> bytes:
        try:
            data: bytes = self._member.decompress(self._input, size)
        except isal_zlib.error as error:  # type: ignore[misc]  # its stub is not a class
            raise self._rejected(f"the gzip data is corrupt near byte {self._delivered.count} ({error})") from error
        self._input = self._member.unconsumed_tail
        return data

    def _rejected(self, what: str) -> FileRejectedError:
        return FileRejectedError(f"{self._name}: {what}. Ask the partner to deliver the file again.")
