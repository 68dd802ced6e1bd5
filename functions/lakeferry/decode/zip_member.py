"""One member of a ZIP archive: decrypted, decompressed, and held against its checksum."""

import lzma
import struct
import zlib
from dataclasses import replace
from typing import cast

from lakeferry.decode.archive import Archive
from lakeferry.decode.budget import Tally
from lakeferry.decode.frames import Decompressor
from lakeferry.decode.stream import CHUNK, rejected
from lakeferry.decode.zip_crypto import (
    AES_MAC,
    AES_SALTS,
    LEGACY_HEADER,
    AesCipher,
    LegacyCipher,
    MemberCipher,
    WrongPasswordError,
)
from lakeferry.decode.zip_methods import ERRORS, METHODS, NAMES
from lakeferry.decode.zip_records import DEFLATED64, DESCRIPTOR, LZMA, STORED, STRONG, Entry
from lakeferry.errors import FileRejectedError

_FIRST_STEP = 512
_DESCRIPTOR_BYTES = 24
"""At most; the end of an archive has 22 more."""
_LARGEST_DICTIONARY = 256 * 1024 * 1024


def cut_short(archive: Archive, where: str, *, is_split: bool) -> FileRejectedError:
    """The error for an archive that ends too early; one whose first bytes say that it was split goes on elsewhere."""
    end = f"it ends after {archive.source.position} bytes, {where}"
    if is_split:
        return several_volumes(archive.name, f", and {end}")
    return rejected(archive.name, f"the ZIP archive is truncated: {end}")


def several_volumes(name: str, where: str = "") -> FileRejectedError:
    """The error for a part of an archive that was split."""
    return rejected(
        name,
        f"it is one of several volumes of a ZIP archive{where}",
        "Ask the partner for the archive in one file; volumes are not joined.",
    )


def strongly_locked(name: str, what: str) -> FileRejectedError:
    """The error for PKWARE's own encryption, which PKZIP and SecureZIP alone open."""
    return rejected(
        name,
        f"{what} is locked with PKWARE's strong encryption, which no password opens here",
        "Ask the partner to lock it with AES-256 as 7-Zip and WinZip do, or with OpenPGP.",
    )


class ZipMember:
    """The member's bytes. Reading to the end, or `finish`, proves them."""

    def __init__(self, archive: Archive, name: str, entry: Entry, tally: Tally, *, is_split: bool = False) -> None:
        self._is_split = is_split
        self._archive, self._source = archive, archive.source
        self._name, self._entry, self._tally = name, entry, tally
        self._start = archive.source.position
        # a descriptor leaves zeros in the header, or (encrypted, stored) the sizes after all
        is_told_later = entry.has_descriptor and not entry.compressed and not entry.name.endswith(b"/")
        self._left: int | None = None if is_told_later else entry.compressed
        self._cipher: MemberCipher | None = None
        self._decompressor: Decompressor | None = None
        self._crc = self._size = 0
        self._step = _FIRST_STEP
        self._is_through = self._ended = False

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty when all of it has proved right.

        Raises:
            FileRejectedError: corrupt, truncated, locked with another password, or a decompression bomb.
            SecretMissingError: it is locked and the feed's secret has no password.
        """
        if self._decompressor is None:
            self._open()
        while not self._is_through:
            is_open_ended = self._left is None and self._entry.method == STORED
            data = self._stored(size) if is_open_ended else self._decompress(size)
            if data:
                self._crc = zlib.crc32(data, self._crc)
                self._size += len(data)
                self._tally.add(len(data))
                return data
        self._close()
        return b""

    def finish(self) -> Entry:
        """Passes over what was not read; what the member is, for the directory to agree with.

        A member that nobody wants is skipped by its size where its header tells it.
        """
        if self._decompressor is None and self._left is not None:
            if self._source.skip(self._left) < self._left:
                raise self._truncated()
            self._size = self._entry.size
            return self._described() if self._entry.has_descriptor else self._entry
        while self.read(CHUNK):
            pass
        return self._entry

    # -- opening

    def _open(self) -> None:
        entry = self._entry
        if entry.flags & STRONG:
            raise strongly_locked(self._archive.name, f"its member {self._name}")
        if entry.is_encrypted:
            self._cipher = self._unlocked(entry)
        if self._left is None and entry.method == STORED and entry.aes is not None:
            raise self._unsupported("stored and locked with its size told only after it")
        self._decompressor = self._decompressor_of(entry)

    def _unlocked(self, entry: Entry) -> MemberCipher:
        password = self._archive.keys.require("zip_password", self._archive.name, "its ZIP members are locked")
        try:
            if entry.aes is not None:
                header = self._take(AES_SALTS[entry.aes[0]] + 2)
                if self._left is not None:
                    self._left -= AES_MAC
                    if self._left < 0:
                        raise self._corrupt("it is too short for AES")
                return AesCipher(password, entry.aes[0], header)
            # the check is the checksum's highest byte or, where that is not known yet, the time's
            check = entry.time >> 8 if entry.has_descriptor else entry.crc >> 24
            return LegacyCipher(password, self._take(LEGACY_HEADER), check)
        except WrongPasswordError:
            raise rejected(
                self._archive.name,
                f"its member {self._name} is locked with another password than zip_password in the feed's secret",
                "Ask the partner for the password, correct the secret and reprocess the file.",
            ) from None

    def _decompressor_of(self, entry: Entry) -> Decompressor:
        if entry.method == LZMA:
            return self._lzma()
        if entry.method == DEFLATED64 and self._left is None:
            raise self._unsupported("compressed with Deflate64 and its size told only after it")
        if entry.method not in METHODS:
            raise self._unsupported(f"compressed with {NAMES.get(entry.method, f'method {entry.method}')}")
        return METHODS[entry.method]()

    def _lzma(self) -> Decompressor:
        """Version (2 bytes), length of the properties (2 bytes), properties; then the raw stream."""
        head = self._take_plain(4)
        properties = self._take_plain(struct.unpack("<H", head[2:])[0])
        if len(properties) != 5:
            raise self._corrupt("its LZMA properties are not 5 bytes")
        packed, dictionary = struct.unpack("<BI", properties)
        if packed >= 9 * 5 * 5 or dictionary > _LARGEST_DICTIONARY:
            raise self._unsupported("compressed with LZMA settings that need too much memory")
        lc, lp, pb = packed % 9, packed // 9 % 5, packed // 45
        settings = {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": dictionary}
        return cast("Decompressor", lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[settings]))

    # -- reading

    def _take(self, size: int) -> bytes:
        data = self._source.take(size if self._left is None else min(size, self._left))
        if len(data) < size:
            raise self._truncated()
        if self._left is not None:
            self._left -= size
        return data

    def _take_plain(self, size: int) -> bytes:
        data = self._take(size)
        if self._cipher is None:
            return data
        self._cipher.used(data)
        return self._cipher.decrypt(data)

    def _decompress(self, size: int) -> bytes:
        decompressor = self._decompressor
        assert decompressor is not None  # noqa: S101  (read opens it first)
        taken = piece = b""
        if decompressor.needs_input:
            taken = self._source.take_some(self._step if self._left is None else min(self._step, self._left))
            self._step = min(2 * self._step, CHUNK)
            piece = self._cipher.decrypt(taken) if self._cipher and taken else taken
        starved = decompressor.needs_input and not taken
        try:
            data = decompressor.decompress(piece, size)
        except ERRORS as error:
            raise self._corrupt(f"its compressed data is broken ({error})") from error
        unused = len(decompressor.unused_data) if decompressor.eof else 0
        self._source.give_back(unused)
        used = len(taken) - unused
        if self._left is not None:
            self._left -= used
        if self._cipher:
            self._cipher.used(taken[:used])
        if decompressor.eof:
            if self._left:
                raise self._corrupt(f"{self._left} bytes follow its compressed data")
            self._is_through = True
        elif starved and not data:
            if self._left != 0:
                raise self._truncated()
            if self._entry.method not in {STORED, LZMA}:  # these have no mark of their end, and the size is compared
                raise self._corrupt("its compressed data is not complete")
            self._is_through = True
        return data

    def _stored(self, size: int) -> bytes:
        """The next bytes of a member that is not compressed and tells its size only after them.

        Where its end is, a descriptor with the right CRC and the right sizes says; one that is only part of the data
        would leave a rest that is no archive, and another size in the central directory.
        """
        ahead = self._source.peek(min(size, CHUNK) + _DESCRIPTOR_BYTES)
        found = ahead.find(DESCRIPTOR)
        if found == 0 and (described := self._described_by(ahead)) and described[0].crc == self._crc:
            self._is_through = True
            return b""
        if len(ahead) < _DESCRIPTOR_BYTES:
            raise self._truncated()
        count = found if found > 0 else 1 if found == 0 else len(ahead) - len(DESCRIPTOR)
        data = self._source.read(min(count, size))
        return self._cipher.decrypt(data) if self._cipher else data

    # -- the end

    def _close(self) -> None:
        """Compares what came out with what the member says of itself."""
        if self._ended:
            return
        self._ended = True
        if isinstance(self._cipher, AesCipher) and not self._cipher.is_right(self._source.take(AES_MAC)):
            raise self._corrupt("its authentication code is not that of its data, which was changed or damaged")
        if self._entry.has_descriptor:
            self._entry = self._described()
        if self._size != self._entry.size:
            raise self._corrupt(f"it has {self._size} bytes, and its header says {self._entry.size}")
        is_ae2 = (
            self._entry.aes is not None and self._entry.aes[1] == 2
        )  # its authentication code takes the CRC's place
        if not is_ae2 and self._crc != self._entry.crc:
            hint = ", or zip_password is wrong" if isinstance(self._cipher, LegacyCipher) else ""
            raise self._corrupt(f"its CRC is {self._crc:08x} and should be {self._entry.crc:08x}{hint}")

    def _described(self) -> Entry:
        """The entry with what the descriptor after its data says."""
        ahead = self._source.peek(_DESCRIPTOR_BYTES)
        found = self._described_by(ahead)
        if found is None:
            if len(ahead) < _DESCRIPTOR_BYTES:  # an archive's end is not far, but never so near
                raise self._truncated()
            raise self._corrupt("what follows its data does not tell of the sizes that were read")
        entry, length = found
        self._source.take(length)
        return entry

    def _described_by(self, ahead: bytes) -> tuple[Entry, int] | None:
        """What a descriptor says, and its length: CRC and both sizes, of 4 or 8 bytes, a signature before or not."""
        compressed = self._source.position - self._start
        for width in "QI" if self._entry.has_wide_sizes else "IQ":
            for signature in (DESCRIPTOR, b""):
                layout = struct.Struct(f"<I2{width}")
                at = len(signature)
                if not ahead.startswith(signature) or len(ahead) < at + layout.size:
                    continue
                crc, *sizes = layout.unpack_from(ahead, at)
                if sizes == [compressed, self._size]:
                    entry = replace(self._entry, crc=crc, compressed=compressed, size=self._size)
                    return entry, at + layout.size
        return None

    def _truncated(self) -> FileRejectedError:
        return cut_short(self._archive, f"in the middle of {self._name}", is_split=self._is_split)

    def _corrupt(self, why: str) -> FileRejectedError:
        return rejected(self._archive.name, f"its member {self._name}, at byte {self._start}, is corrupt: {why}")

    def _unsupported(self, how: str) -> FileRejectedError:
        return rejected(
            self._archive.name,
            f"its member {self._name} is {how}, which is not supported",
            "Ask the partner to zip it with another program: Deflate, and AES where it is to be locked.",
        )
