"""Decoded bytes of any text encoding → UTF-8 with LF line ends, without a byte order mark, in blocks of one size.

The blocks are the same however the bytes came in: so is every verdict that is found block by block.
"""

import codecs
from collections import deque
from collections.abc import Iterator

from lakeferry.encodings import text_decoder

_BOM = "\ufeff".encode()
_UTF_8 = {"utf-8", "utf-8-sig"}


class TextBlocks:
    """Takes pieces of any size and gives blocks.

    UTF-8 goes through as it is, at the speed of memory: whoever takes the blocks checks that it is UTF-8.
    """

    def __init__(self, encoding: str, block_bytes: int, *, as_bytes: bool = False) -> None:
        """Args:
        as_bytes: Only lines and blocks are made; the bytes stay as they are. Line ends have to be those of ASCII.
        """
        name = codecs.lookup(encoding).name
        self._decoder = None if name in _UTF_8 or as_bytes else text_decoder(name)
        self._block_bytes = block_bytes
        self._pieces: deque[bytes | memoryview] = deque()
        self._size = 0
        self._carriage_return = b""
        self._begun = as_bytes and name not in _UTF_8  # what looks like a byte order mark is none there

    def take(self, data: bytes, *, final: bool = False) -> Iterator[bytes]:
        """Takes the next bytes; the blocks that are full, and with `final` what is left.

        Raises:
            UnicodeError: the bytes are not of the encoding. All text before was given.
        """
        failure: UnicodeError | None = None
        if self._decoder is not None:
            try:
                data = self._decoder.decode(data, final).encode()
            except UnicodeDecodeError as error:
                # what went wrong is told apart from what was right before, which is still looked at
                good = error.object[: error.start]
                data, failure = good.decode(error.encoding, "ignore").encode(), error
        self._add(data, final=final)
        while self._size >= self._block_bytes or (self._size and (final or failure)):
            block = self._next()
            if not self._begun:
                self._begun = True
                block = block.removeprefix(_BOM)
            if block:
                yield block
        if failure:
            raise failure

    def _next(self) -> bytes:
        """The next block, copied once; with less text than that, all there is."""
        missing = self._block_bytes
        parts: list[bytes | memoryview] = []
        while missing and self._pieces:
            piece = self._pieces.popleft()
            if len(piece) > missing:
                view = memoryview(piece)
                self._pieces.appendleft(view[missing:])
                piece = view[:missing]
            parts.append(piece)
            missing -= len(piece)
        self._size -= self._block_bytes - missing
        return b"".join(parts)

    def _add(self, data: bytes, *, final: bool) -> None:
        data = self._carriage_return + data
        self._carriage_return = b""
        if data.endswith(b"\r") and not final:
            # an LF may follow
            data, self._carriage_return = data[:-1], b"\r"
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if data:
            self._pieces.append(data)
        self._size += len(data)
