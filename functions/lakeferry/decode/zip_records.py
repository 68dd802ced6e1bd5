"""Records of a ZIP archive (PKWARE's APPNOTE.TXT, section 4.3), parsed from the bytes at hand."""

import struct
import zlib
from dataclasses import dataclass, replace

LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
ZIP64_END, ZIP64_LOCATOR, DESCRIPTOR, EXTRA_DATA = b"PK\6\6", b"PK\6\7", b"PK\7\x08", b"PK\6\x08"
SPANNED = b"PK00"
"""Marks an archive that was to be split and was not."""
STORED, DEFLATED, DEFLATED64, BZIP2, LZMA, ZSTD, XZ, AES = 0, 8, 9, 12, 14, 93, 95, 99
STRONG, MASKED = 0x40, 0x2000
"""Flags of PKWARE's own encryption: of the data, and of the list of members."""
_UTF_8 = 0x800
_ZIP64_FIELD, _PATH_FIELD, _AES_FIELD = 0x0001, 0x7075, 0x9901
_ALL_ONES = 0xFFFFFFFF


class RecordError(Exception):
    """A record's fields do not fit together."""


class VolumeError(RecordError):
    """It is of another volume: the archive was split."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as its local header or the central directory describes it.

    Attributes:
        flags: General purpose bits: 0 encrypted, 3 sizes follow the data, 6 strong encryption, 11 UTF-8, 13 masked.
        time: MS-DOS time.
        aes: Strength (1 to 3) and version (1 or 2) of WinZip's AES; None without. `method` is what is inside.
        has_wide_sizes: A ZIP64 field is there.
        path: The name in the Unicode-path field, where that is of this name.
    """

    name: bytes
    flags: int
    method: int
    time: int
    crc: int
    compressed: int
    size: int
    offset: int
    aes: tuple[int, int] | None = None
    has_wide_sizes: bool = False
    mode: int = 0
    path: str | None = None

    @property
    def is_encrypted(self) -> bool:
        return bool(self.flags & 1)

    @property
    def has_descriptor(self) -> bool:
        return bool(self.flags & 8)

    @property
    def text(self) -> str:
        """The name as text.

        Info-ZIP and macOS write UTF-8 and do not set the flag. Names of DOS that are UTF-8 by chance have a frame's
        corner after an accent, and nobody names a file so.
        """
        if self.path is not None and not self.flags & _UTF_8:
            return self.path
        try:
            return self.name.decode("utf-8")
        except UnicodeDecodeError:
            return self.name.decode("cp437")


def read_local(fixed: bytes, name: bytes, extra: bytes, offset: int) -> Entry:
    """A local header: its 26 bytes after the signature, and what follows them."""
    _, flags, method, time, _, crc, compressed, size, _, _ = struct.unpack("<5H3I2H", fixed)
    entry = Entry(name, flags, method, time, crc, compressed, size, offset)
    return _with_extra(entry, extra)


def read_central(fixed: bytes, name: bytes, extra: bytes) -> Entry:
    """A record of the central directory: its 42 bytes after the signature, and what follows them."""
    (system, _, flags, method, time, _, crc, compressed, size, _, _, _, disk, _, attributes, offset) = struct.unpack(
        "<HHHHHHIIIHHHHHII", fixed
    )
    if disk not in {0, 0xFFFF}:
        raise VolumeError
    mode = attributes >> 16 if system >> 8 == 3 else 0  # 3: made on Unix
    return _with_extra(Entry(name, flags, method, time, crc, compressed, size, offset, mode=mode), extra)


def _with_extra(entry: Entry, extra: bytes) -> Entry:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        data = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == _ZIP64_FIELD:
            entry = _with_wide(entry, data)
        elif kind == _PATH_FIELD:
            entry = replace(entry, path=_unicode_path(entry.name, data))
        elif kind == _AES_FIELD and len(data) >= 7:
            version, _, strength, method = struct.unpack("<H2sBH", data[:7])
            if strength not in {1, 2, 3} or version not in {1, 2}:
                raise RecordError("its AES is of an unknown version")
            entry = replace(entry, aes=(strength, version), method=method)
    if entry.method == AES:
        raise RecordError("it says AES and not which")
    return entry


def _unicode_path(name: bytes, data: bytes) -> str | None:
    """The name in Info-ZIP's field (APPNOTE, 4.6.9): version 1, the CRC of the name it stands for, UTF-8.

    None where a program renamed the member and left the field, and where one of the two is a folder's.
    """
    if len(data) < 6 or data[0] != 1 or int.from_bytes(data[1:5], "little") != zlib.crc32(name):
        return None
    try:
        path = data[5:].decode()
    except UnicodeDecodeError:
        return None
    return path if path.endswith("/") == name.endswith(b"/") else None


def _with_wide(entry: Entry, data: bytes) -> Entry:
    """Values that did not fit are here, in this order, each only where the narrow one is all ones."""
    values = list(struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8]))
    wide = {}
    for field in ("size", "compressed", "offset"):
        if getattr(entry, field) == _ALL_ONES and values:
            wide[field] = values.pop(0)
    return replace(entry, has_wide_sizes=True, **wide)


LONGEST_END = 20 + 22 + 0xFFFF
"""Bytes from the ZIP64 locator to the end of the longest comment."""


def is_last_volume(tail: bytes) -> bool:
    """Whether the last bytes of a file (`LONGEST_END`, or all) are the end of a ZIP archive that was split."""
    at = tail.rfind(END)
    if at < 0 or len(tail) < at + 22:
        return False
    disk = int.from_bytes(tail[at + 4 : at + 6], "little")
    if disk != 0xFFFF:
        return disk > 0
    locator = tail[max(at - 20, 0) : at]
    return locator.startswith(ZIP64_LOCATOR) and int.from_bytes(locator[16:], "little") > 1
