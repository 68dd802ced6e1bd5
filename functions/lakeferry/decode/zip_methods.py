"""How a ZIP member may be compressed."""

import bz2
import lzma
from collections.abc import Callable, Mapping
from typing import cast

from lakeferry.decode.deflate64 import ERRORS as DEFLATE64_ERRORS
from lakeferry.decode.deflate64 import Deflate64Decompressor
from lakeferry.decode.frames import BZIP2 as BZIP2_CODEC
from lakeferry.decode.frames import DEFLATE, Decompressor
from lakeferry.decode.frames import ZSTD as ZSTD_CODEC
from lakeferry.decode.zip_records import BZIP2, DEFLATED, DEFLATED64, STORED, XZ, ZSTD

ERRORS: tuple[type[Exception], ...] = (
    *DEFLATE.errors,
    *BZIP2_CODEC.errors,
    *ZSTD_CODEC.errors,
    *DEFLATE64_ERRORS,
    lzma.LZMAError,
    EOFError,
)
"""What a decompressor raises where its input is none of its own."""
NAMES = {XZ: "XZ", 1: "Shrink", 6: "Implode", 98: "PPMd", 20: "old zstd"}
"""Methods that are not read, for messages."""


class Stored:
    """No compression, in the shape of a decompressor. Its end is known by its size only."""

    eof = False
    unused_data = b""

    def __init__(self) -> None:
        self._held = b""

    @property
    def needs_input(self) -> bool:
        return not self._held

    def decompress(self, data: bytes, max_length: int) -> bytes:
        whole = self._held + data
        self._held = whole[max_length:]
        return whole[:max_length]


METHODS: Mapping[int, Callable[[], Decompressor]] = {
    STORED: lambda: cast("Decompressor", Stored()),
    DEFLATED: DEFLATE.open,
    DEFLATED64: Deflate64Decompressor,
    BZIP2: bz2.BZ2Decompressor,
    ZSTD: ZSTD_CODEC.open,
}
"""Method → its decompressor; LZMA's settings stand before its data, so its is made by whoever reads those."""
