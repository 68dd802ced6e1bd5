"""tar archives, plain, pax and GNU, read in one pass; regular files only."""

import tarfile
from collections.abc import Iterator

from lakeferry.decode.archive import Archive, member_name
from lakeferry.decode.budget import Tally
from lakeferry.decode.stream import Input, Readable, rejected
from lakeferry.errors import FileRejectedError

_BLOCK = 512
_LARGEST_HEADER = 1024 * 1024
"""Bytes of one extended header; the library holds it in memory."""


def begins_tar(first: bytes) -> bool:
    """Whether the first block is a member's header, by its checksum (octal, at byte 148), or an archive's end.

    Old programs (Sun's, early Unix) summed bytes with a sign, which differs where a name has an umlaut; GNU tar and
    `tarfile` take either sum.
    """
    if len(first) < _BLOCK:
        return False
    if first[:_BLOCK] == bytes(_BLOCK):
        return True
    try:
        found = int(first[148:156].strip(b" \0") or b"-1", 8)
    except ValueError:
        return False
    summed = first[:148] + first[156:_BLOCK]
    unsigned = 256 + sum(summed)
    return found in {unsigned, unsigned - 256 * sum(byte > 0x7F for byte in summed)}


class _Forward:
    """What `tarfile` reads from: a file of which only what lies ahead can be sought."""

    def __init__(self, source: Input) -> None:
        self._source = source
        self.limit: int | None = _LARGEST_HEADER
        self.last = b""

    def tell(self) -> int:
        return self._source.position

    def seek(self, position: int) -> None:
        self._source.skip(position - self._source.position)

    def read(self, size: int) -> bytes:
        if self.limit is not None and size > self.limit:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._source.take(size)
        return self.last


class _Member:
    """A member's bytes; ends early only by an error."""

    def __init__(self, archive: Archive, name: str, size: int, tally: Tally) -> None:
        self._archive, self._name, self._left, self._tally = archive, name, size, tally

    def read(self, size: int) -> bytes:
        data = self._archive.source.read(min(size, self._left))
        if not data and self._left and size:
            raise rejected(
                self._archive.name,
                f"the tar archive is truncated: it ends after {self._archive.source.position} bytes, "
                f"in the middle of {self._name}",
            )
        self._left -= len(data)
        self._tally.add(len(data))
        return data


def read_tar(archive: Archive) -> Iterator[tuple[str, Readable]]:
    """The wanted members in order, each to be read to its end before the next.

    Raises:
        FileRejectedError: a wanted member is no regular file, or the archive is corrupt, truncated or followed by
            something else.
    """
    source = _Forward(archive.source)
    tally = archive.budget.tally()
    try:
        opened = tarfile.TarFile(fileobj=source, mode="r", encoding="utf-8", errors="surrogateescape")  # type: ignore[arg-type]
        while (found := opened.next()) is not None:
            opened.members = []  # type: ignore[attr-defined]  # kept by the library for those who come back
            archive.budget.add_member()
            name = member_name(_text(found.name))
            if found.isdir() or not archive.wants(name):
                continue
            if not found.isreg() or found.issparse():
                raise _not_a_file(archive, name, found)
            source.limit = None
            yield name, _Member(archive, name, found.size, tally)
            source.limit = _LARGEST_HEADER
    except (tarfile.TarError, ValueError, OverflowError) as error:  # the library lets numbers in pax headers through
        raise _corrupt(archive, str(error)) from error
    except RecursionError:  # the library reads what follows an extended header within reading that
        raise _corrupt(archive, "extended headers before extended headers, and no member") from None
    _check_end(archive, source)


def _text(name: str) -> str:
    """A name as text: what is not UTF-8 is Latin-1, as old programs wrote it. The library leaves half characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode(errors="surrogateescape").decode("latin-1")
    return name


def _check_end(archive: Archive, source: _Forward) -> None:
    """The library takes any block that is no header for the end; it must be zeros, and nothing else may follow."""
    if len(source.last) < _BLOCK:
        raise rejected(
            archive.name,
            f"the tar archive is truncated: it ends after {archive.source.position} bytes without its closing blocks",
        )
    if source.last.strip(b"\0"):
        raise _corrupt(archive, "a block there is no header")
    archive.source.skip_zeros()
    if not archive.source.is_at_end:
        raise rejected(
            archive.name,
            f"after the tar archive, at byte {archive.source.position}, something else follows "
            f"({archive.source.peek(4)!r} ...)",
        )


def _corrupt(archive: Archive, why: str) -> FileRejectedError:
    if archive.source.is_at_end:
        return rejected(
            archive.name, f"the tar archive is truncated: it ends after {archive.source.position} bytes ({why})"
        )
    return rejected(archive.name, f"the tar archive is corrupt near byte {archive.source.position} ({why})")


def _not_a_file(archive: Archive, name: str, found: tarfile.TarInfo) -> FileRejectedError:
    kind = "a sparse file" if found.issparse() else "a link" if found.issym() or found.islnk() else "a device or pipe"
    return rejected(
        archive.name,
        f"its member {name} is {kind}, and only regular files are taken",
        "Ask the partner to leave it out, or name the members that are wanted in decode_options.members.",
    )
