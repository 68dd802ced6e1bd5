"""Packets (RFC 9580, sections 4 and 3): headers, bodies of known and of piecewise told length, and fields in them."""

from collections.abc import Iterator

from lakeferry.decode.stream import CHUNK, DELIVER_AGAIN, Input

SESSION_KEY_BY_KEY, SIGNATURE, SESSION_KEY_BY_PASSPHRASE, ONE_PASS_SIGNATURE = 1, 2, 3, 4
SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY, PUBLIC_SUBKEY = 5, 6, 7, 14
COMPRESSED, ENCRYPTED_UNPROTECTED, MARKER, LITERAL = 8, 9, 10, 11
USER_ID, USER_ATTRIBUTE = 13, 17
ENCRYPTED, GNUPG_AEAD, PADDING = 18, 20, 21


class MalformedError(Exception):
    """Bytes that are no OpenPGP packets; mapped to our errors where the file is known."""


class UnsupportedError(MalformedError):
    """Sound OpenPGP of a kind that is not read here, so that the same file would never be.

    Attributes:
        advice: What helps, in whole sentences.
    """

    def __init__(self, what: str, advice: str = DELIVER_AGAIN) -> None:
        super().__init__(what)
        self.advice = advice


class TruncatedError(MalformedError):
    """They end amid a packet."""


class Body:
    """A packet's body as a stream. It must be read to its end before the next packet.

    Attributes:
        tag: The packet's type.
    """

    def __init__(self, source: Input, tag: int, lengths: Iterator[int | None]) -> None:
        self._source, self._lengths = source, lengths
        self.tag = tag
        self._left: int | None = next(lengths)

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty at the end.

        Raises:
            TruncatedError: the stream ends before the packet.
        """
        while self._left == 0:
            following = next(self._lengths, 0)
            if following == 0:
                return b""
            self._left = following
        if self._left is None:
            return self._source.read(size)
        data = self._source.read(min(size, self._left))
        if not data:
            raise TruncatedError
        self._left -= len(data)
        return data

    def all(self, limit: int = 1 << 20) -> bytes:
        """The whole body of a packet that is small by nature.

        Raises:
            MalformedError: it is longer than `limit` bytes.
        """
        pieces, size = [], 0
        while data := self.read(CHUNK):
            size += len(data)
            if size > limit:
                raise MalformedError(f"a packet of type {self.tag} has more than {limit} bytes")
            pieces.append(data)
        return b"".join(pieces)


def next_packet(source: Input) -> Body | None:
    """The next packet; None at the end of the stream.

    Raises:
        MalformedError: something else is there.
    """
    first = source.take(1)
    if not first:
        return None
    octet = first[0]
    if not octet & 0x80:
        raise MalformedError(f"there is no packet at byte {source.position - 1}")
    if octet & 0x40:
        return Body(source, octet & 0x3F, _new_lengths(source))
    return Body(source, (octet >> 2) & 0x0F, _old_length(source, octet & 3))


def _number(source: Input, size: int) -> int:
    data = source.take(size)
    if len(data) < size:
        raise TruncatedError
    return int.from_bytes(data, "big")


def _old_length(source: Input, kind: int) -> Iterator[int | None]:
    yield None if kind == 3 else _number(source, 1 << kind)


def _new_lengths(source: Input) -> Iterator[int | None]:
    while True:
        first = _number(source, 1)
        if first < 192:
            yield first
            return
        if first < 224:
            yield ((first - 192) << 8) + _number(source, 1) + 192
            return
        if first == 255:
            yield _number(source, 4)
            return
        yield 1 << (first & 0x1F)


class Fields:
    """Fields of a body that is at hand, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes.

        Raises:
            MalformedError: there are fewer.
        """
        if len(self.data) - self.at < size:
            raise MalformedError("a packet is too short for what should be in it")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        """A big-endian number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def mpi(self) -> int:
        """A multiprecision integer."""
        return int.from_bytes(self.mpi_bytes(), "big")

    def mpi_bytes(self) -> bytes:
        """A multiprecision integer's bytes, leading zeros off."""
        return self.take((self.number(2) + 7) // 8)

    def rest(self) -> bytes:
        """What is left."""
        return self.take(len(self.data) - self.at)
