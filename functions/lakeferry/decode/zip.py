"""ZIP archives in one pass over the delivered bytes, however large, wherever they come from.

Members are read by their local headers, and what the headers said is noted. The central directory, which every other
program goes by, comes last: it must tell of the same members, the same sizes and the same checksums, or the file is
rejected. Nothing has been published by then, so the pass needs no seeking, and no program sees other members than ours.
"""

import struct
from collections.abc import Iterator

from lakeferry.decode.archive import Archive, member_name, shown_name
from lakeferry.decode.stream import Readable, rejected
from lakeferry.decode.zip_member import ZipMember, cut_short, several_volumes, strongly_locked
from lakeferry.decode.zip_records import (
    CENTRAL,
    DESCRIPTOR,
    END,
    EXTRA_DATA,
    LOCAL,
    MASKED,
    SPANNED,
    ZIP64_END,
    ZIP64_LOCATOR,
    Entry,
    RecordError,
    VolumeError,
    read_central,
    read_local,
)
from lakeferry.errors import FileRejectedError

__all__ = ["begins_zip", "read_zip"]
_LINK, _KIND = 0o120000, 0o170000
_AFTER_MEMBERS = frozenset({CENTRAL, EXTRA_DATA, ZIP64_END, ZIP64_LOCATOR, END})


def begins_zip(first: bytes) -> bool:
    """Whether content begins like a ZIP archive, an empty one too."""
    return first.startswith((LOCAL, END, SPANNED + LOCAL, DESCRIPTOR + LOCAL))


def read_zip(archive: Archive) -> Iterator[tuple[str, Readable]]:
    """The wanted members in order, each to be read to its end before the next.

    Raises:
        FileRejectedError: corrupt, truncated, locked with another password, or inconsistent about its members.
    """
    return _ZipReader(archive).members()


class _ZipReader:
    def __init__(self, archive: Archive) -> None:
        self._archive, self._source = archive, archive.source
        self._tally = archive.budget.tally()
        self._seen: dict[int, Entry] = {}
        self._taken: set[int] = set()
        self._is_split = False

    def members(self) -> Iterator[tuple[str, Readable]]:
        if (mark := self._source.peek(4)) in {SPANNED, DESCRIPTOR}:
            self._is_split = mark == DESCRIPTOR  # or was to be, by a program that did not say so in the end
            self._source.take(4)
        while True:
            start, signature = self._source.position, self._take(4)
            if signature != LOCAL:
                break
            yield from self._member(start)
        self._directory(start, signature)

    def _member(self, start: int) -> Iterator[tuple[str, Readable]]:
        try:
            entry = self._local(start)
        except RecordError as error:
            raise self._corrupt(str(error)) from error
        if entry.flags & MASKED:
            raise strongly_locked(self._archive.name, "its list of members")
        self._archive.budget.add_member()
        name = member_name(entry.text)
        wanted = self._archive.wants(name)
        member = ZipMember(self._archive, name, entry, self._tally, is_split=self._is_split)
        if wanted:
            self._taken.add(start)
            yield name, member
        self._seen[start] = member.finish()

    def _local(self, start: int) -> Entry:
        fixed = self._take(26)
        name_length, extra_length = struct.unpack("<HH", fixed[-4:])
        return read_local(fixed, self._take(name_length), self._take(extra_length), start)

    def _directory(self, start: int, signature: bytes) -> None:
        """Holds the central directory against what was read."""
        if signature not in _AFTER_MEMBERS:
            raise self._between(start, signature)
        if signature == EXTRA_DATA:
            self._take(int.from_bytes(self._take(4), "little"))
            start, signature = self._source.position, self._take(4)
        listed: set[int] = set()
        first = start
        while signature == CENTRAL:
            listed.add(self._central())
            start, signature = self._source.position, self._take(4)
        if missing := self._seen.keys() - listed:
            raise self._mismatch(self._seen[min(missing)], "is not in its central directory")
        self._end(start, signature, first, len(listed))

    def _central(self) -> int:
        fixed = self._take(42)
        lengths = struct.unpack("<3H", fixed[24:30])
        name, extra, _ = (self._take(length) for length in lengths)
        try:
            entry = read_central(fixed, name, extra)
        except VolumeError:
            raise several_volumes(self._archive.name) from None
        except RecordError as error:
            raise self._corrupt(str(error)) from error
        seen = self._seen.get(entry.offset)
        if seen is None:
            raise self._mismatch(entry, "is in its central directory and not where that says")
        if entry.name != seen.name or ((entry.path or seen.path) and entry.text != seen.text):
            raise self._mismatch(
                entry,
                f"at byte {entry.offset} is called {shown_name(seen.text)} in its local header and "
                f"{shown_name(entry.text)} in its central directory",
            )
        for what, there, here in (
            ("size", entry.size, seen.size),
            ("compressed size", entry.compressed, seen.compressed),
            ("checksum", entry.crc, seen.crc),
            ("method", (entry.method, entry.aes), (seen.method, seen.aes)),
        ):
            if there != here:
                raise self._mismatch(entry, f"has another {what} in its central directory")
        if entry.mode & _KIND == _LINK and entry.offset in self._taken:
            raise rejected(
                self._archive.name,
                f"its member {member_name(entry.text)} is a link, and only regular files are taken",
                "Ask the partner to leave it out, or name the members that are wanted in decode_options.members.",
            )
        return entry.offset

    def _end(self, start: int, signature: bytes, first: int, listed: int) -> None:
        """The records at the end: how many members, and where the directory is."""
        if signature == ZIP64_END:
            length = int.from_bytes(self._take(8), "little")
            record = self._take(min(length, 1 << 20))
            if len(record) < 44:
                raise self._corrupt("its ZIP64 record is too short")
            self._check_count(
                struct.unpack_from("<Q", record, 20)[0], struct.unpack_from("<Q", record, 36)[0], listed, first
            )
            start, signature = self._source.position, self._take(4)
        if signature == ZIP64_LOCATOR:
            self._take(16)
            start, signature = self._source.position, self._take(4)
        if signature != END:
            raise self._between(start, signature)
        disk, directory_disk, _, count, _, offset, comment = struct.unpack("<4H2IH", self._take(18))
        if disk not in {0, 0xFFFF} or directory_disk not in {0, 0xFFFF}:
            raise several_volumes(self._archive.name)
        if count != 0xFFFF and offset != 0xFFFFFFFF:
            self._check_count(count, offset, listed, first)
        self._take(comment)
        self._source.skip_zeros()
        if not self._source.is_at_end:
            raise rejected(
                self._archive.name,
                f"after the ZIP archive, at byte {self._source.position}, something else follows "
                f"({self._source.peek(4)!r} ...)",
            )

    def _check_count(self, count: int, offset: int, listed: int, first: int) -> None:
        if count != listed or offset != first:
            raise self._corrupt(
                f"its end says {count} members and a directory at byte {offset}; "
                f"there are {listed}, and it is at {first}"
            )

    def _take(self, size: int) -> bytes:
        data = self._source.take(size)
        if len(data) < size:
            raise cut_short(self._archive, "before its directory does", is_split=self._is_split)
        return data

    def _between(self, start: int, found: bytes) -> FileRejectedError:
        last = f", after {shown_name(member_name(self._seen[max(self._seen)].text))}" if self._seen else ""
        return rejected(
            self._archive.name,
            f"at byte {start} of the ZIP archive{last}, there is something that belongs to no member and is not "
            f"the central directory ({found!r} ...)",
            "Ask the partner to zip the files again in one go: nothing may lie between the parts of an archive.",
        )

    def _corrupt(self, why: str) -> FileRejectedError:
        return rejected(self._archive.name, f"the ZIP archive is corrupt near byte {self._source.position}: {why}")

    def _mismatch(self, entry: Entry, why: str) -> FileRejectedError:
        return rejected(
            self._archive.name,
            f"the ZIP archive contradicts itself: {member_name(entry.text)} {why}",
            "Ask the partner to zip the files again, with another program if it happens twice.",
        )
