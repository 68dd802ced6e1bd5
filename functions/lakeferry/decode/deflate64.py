"""Deflate64, in which Windows' own program zips files over 2 GB: Deflate with a window of 64 KB and longer matches."""

from inflate64 import Inflater

_SLICE = 256
"""Bytes fed at a time: the library gives all that they become, and 18 bits may become 64 KB."""

ERRORS: tuple[type[Exception], ...] = (ValueError,)


class Deflate64Decompressor:
    """The library's, in the shape of `bz2.BZ2Decompressor`. What follows the end within the input is not told."""

    unused_data = b""

    def __init__(self) -> None:
        self._inflater = Inflater()
        self._input = memoryview(b"")
        self._output = b""

    @property
    def eof(self) -> bool:
        """Whether the end was met, and everything was given."""
        return bool(self._inflater.eof) and not self._output

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing more without further bytes."""
        return not self._input and not self._output

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """What the next bytes become, at most `max_length`; the rest comes with the next calls.

        Raises:
            ValueError: it is no Deflate64.
        """
        if data:
            self._input = memoryview(bytes(self._input) + data)
        parts, size = [self._output], len(self._output)
        while size < max_length and self._input and not self._inflater.eof:
            piece, self._input = self._input[:_SLICE], self._input[_SLICE:]
            parts.append(self._inflater.inflate(piece))
            size += len(parts[-1])
        if self._inflater.eof:
            self._input = memoryview(b"")
        whole = b"".join(parts)
        self._output = whole[max_length:]
        return whole[:max_length]
