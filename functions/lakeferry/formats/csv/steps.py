"""A block whose records are short, cut so that no more of them are looked at in one go than may all be bad."""

from collections import deque
from collections.abc import Iterator

from lakeferry.formats.csv.records import RecordScanner

LEAST_BYTES = 64 * 1024
"""A piece that is no longer is looked at whatever it has."""


class Steps:
    """Cuts blocks of whole records; not at all until one has turned out to be crowded."""

    def __init__(self, scanner: RecordScanner) -> None:
        self._scanner = scanner
        self._bytes: int | None = None
        self._left: deque[bytes] = deque()

    def of(self, block: bytes) -> Iterator[bytes]:
        """The block's pieces, in order."""
        self._left.append(block)
        while self._left:
            yield self._next()

    def most(self, piece: bytes, records: int) -> int:
        """How many records a piece may have; `records` of one that can be cut further."""
        return records if len(piece) > LEAST_BYTES else len(piece)

    def shorten(self, piece: bytes) -> None:
        """Takes a piece back, to be given in shorter ones."""
        self._bytes = max(LEAST_BYTES, len(piece) // 4)
        self._left.appendleft(piece)

    def _next(self) -> bytes:
        block = self._left.popleft()
        size = self._bytes
        if size is None or len(block) <= size:
            return block
        end = self._scanner.cut(block[:size]).end
        while not end and size < len(block):
            # one record is longer than that
            size = min(2 * size, len(block))
            end = self._scanner.cut(block[:size]).end
        if end and end < len(block):
            self._left.appendleft(block[end:])
            return block[:end]
        return block
