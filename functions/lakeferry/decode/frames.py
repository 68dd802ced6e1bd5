"""gzip, bzip2, xz, zstd and lz4: as many frames as follow each other, with the checks of each.

The libraries' decompressors share the shape of the standard library's `bz2.BZ2Decompressor`; what differs is here.
"""

import bz2
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import lz4.frame
from backports import zstd
from isal import igzip_lib

from lakeferry.decode.budget import Tally
from lakeferry.decode.stream import CHUNK, Input, rejected
from lakeferry.errors import FileRejectedError

_FIRST_STEP = 512
"""What a frame is fed first: the libraries copy what follows a frame, which must stay little in a file of many."""
_XZ_MEMORY = 256 * 1024 * 1024
"""Bytes; `xz -9` needs 65 MB."""
_ZSTD_WINDOW_LOG = 27
"""2^27 bytes = 128 MiB, what `zstd -d` takes without being asked to."""


class Decompressor(Protocol):
    """One frame's decompressor."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Codec:
    """How one kind of frame is known and opened.

    Attributes:
        magics: First bytes of a frame; none where nothing but one frame may be there.
        skippable: Frames of the kind `0x184D2A5?` may lie between (zstd and lz4 share them).
        padding: Zeros may lie between, in multiples of so many bytes (xz's "Stream Padding"); 0 where none may.
    """

    name: str
    magics: tuple[bytes, ...]
    open: Callable[[], Decompressor]
    errors: tuple[type[Exception], ...]
    skippable: bool = False
    padding: int = 0

    def begins(self, data: bytes) -> bool:
        """Whether a frame begins so."""
        return data.startswith(self.magics) or (self.skippable and _is_skippable(data))


def _is_skippable(data: bytes) -> bool:
    return len(data) >= 4 and data[1:4] == b"\x2a\x4d\x18" and data[0] & 0xF0 == 0x50


def _inflate(flag: int) -> Callable[[], Decompressor]:
    return lambda: cast("Decompressor", igzip_lib.IgzipDecompressor(flag=flag))


_ISAL: tuple[type[Exception], ...] = (cast("type[Exception]", igzip_lib.error),)  # its stub is not a class
GZIP = Codec("gzip", (b"\x1f\x8b\x08",), _inflate(igzip_lib.DECOMP_GZIP), _ISAL)
ZLIB = Codec("zlib", (), _inflate(igzip_lib.DECOMP_ZLIB), _ISAL)
DEFLATE = Codec("deflate", (), _inflate(igzip_lib.DECOMP_DEFLATE), _ISAL)
BZIP2 = Codec(
    "bzip2", tuple(b"BZh%d%s" % (n, end) for n in range(1, 10) for end in (b"1AY&SY", b"\x17rE8P\x90")),
    bz2.BZ2Decompressor, (OSError, ValueError),
)  # fmt: skip
XZ = Codec(
    "xz",
    (b"\xfd7zXZ\0",),
    lambda: cast("Decompressor", lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)),
    (lzma.LZMAError,),
    padding=4,
)
ZSTD = Codec(
    "zstd",
    (b"\x28\xb5\x2f\xfd",),
    lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}),
    (zstd.ZstdError,),
    skippable=True,
)
LZ4 = Codec("lz4", (b"\x04\x22\x4d\x18",), lz4.frame.LZ4FrameDecompressor, (RuntimeError,), skippable=True)
CODECS = (GZIP, BZIP2, XZ, ZSTD, LZ4)


class FramesReader:
    """Decoded bytes of frames that follow each other."""

    def __init__(self, name: str, source: Input, codec: Codec, tally: Tally) -> None:
        self._name, self._input, self._codec, self._tally = name, source, codec, tally
        self._frame: Decompressor | None = None
        self._frames, self._step = 0, _FIRST_STEP

    def read(self, size: int) -> bytes:
        """The next decoded bytes, at most `size`; empty when every frame has ended well.

        Raises:
            FileRejectedError: truncated, corrupt, followed by something else, or a decompression bomb.
        """
        while self._frame is not None or self._begin():
            data = self._decompress(size)
            if data:
                self._tally.add(len(data))
                return data
        return b""

    def _begin(self) -> bool:
        """Starts the next frame; False at the end of the file."""
        codec, ahead = self._codec, self._input.peek(10)
        while codec.skippable and _is_skippable(ahead):
            self._skip()
            self._frames, ahead = self._frames + 1, self._input.peek(10)
        if codec.padding and ahead[:1] == b"\0" and self._pass_padding(codec):
            ahead = self._input.peek(10)
        if codec.begins(ahead) if codec.magics else not self._frames:
            self._frame, self._step = codec.open(), _FIRST_STEP
            self._frames += 1
            return True
        self._end()
        return False

    def _skip(self) -> None:
        """Passes over a skippable frame: its magic, its length (4 bytes, little endian), and so many bytes."""
        length = int.from_bytes(self._input.take(8)[4:], "little")
        if self._input.skip(length) < length:
            raise self._truncated()

    def _pass_padding(self, codec: Codec) -> bool:
        """Passes over zeros after a frame; whether another frame follows them."""
        start = self._input.position
        self._input.skip_zeros()
        if not codec.begins(self._input.peek(10)):
            return False
        zeros = self._input.position - start
        if zeros % codec.padding:
            raise rejected(
                self._name,
                f"at byte {start} there are {zeros} zeros between two {codec.name} streams, and only multiples of "
                f"{codec.padding} may be there",
                "Ask the partner to write the file in one go, or to join the streams without anything between.",
            )
        return True

    def _end(self) -> None:
        """Nothing may follow the last frame but zeros; `gzip -d` agrees."""
        self._input.skip_zeros()
        if not self._input.is_at_end:
            raise rejected(
                self._name,
                f"after the {self._codec.name} data, at byte {self._input.position}, something else follows "
                f"({self._input.peek(4)!r} ...)",
            )

    def _decompress(self, size: int) -> bytes:
        frame = self._frame
        assert frame is not None  # noqa: S101  (read begins one first)
        piece = b""
        if frame.needs_input:
            piece = self._input.take_some(self._step)
            self._step = min(2 * self._step, CHUNK)
        starved = frame.needs_input and not piece
        try:
            data = frame.decompress(piece, size)
        except self._codec.errors as error:
            raise rejected(
                self._name, f"the {self._codec.name} data is corrupt near byte {self._input.position} ({error})"
            ) from error
        if frame.eof:
            self._input.give_back(len(frame.unused_data or b""))  # lz4 has None
            self._frame = None
        elif starved and not data:
            raise self._truncated()
        return data

    def _truncated(self) -> FileRejectedError:
        return rejected(
            self._name,
            f"the {self._codec.name} stream is truncated: it ends after {self._input.position} bytes, in the middle of "
            "the data",
        )
