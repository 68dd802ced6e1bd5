"""Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), the one that servers speak."""

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass

INIT, VERSION = 1, 2
OPEN, CLOSE, READ, LSTAT, FSTAT = 3, 4, 5, 7, 8
OPENDIR, READDIR, REMOVE, MKDIR, STAT, RENAME = 11, 12, 13, 14, 17, 18
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
EXTENDED, EXTENDED_REPLY = 200, 201

OK, END_OF_FILE, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE = 0, 1, 2, 3, 4
NO_CONNECTION, CONNECTION_LOST, UNSUPPORTED = 6, 7, 8

HEADER = struct.Struct(">IBI")
"""Bytes that follow the first four, kind, and number (of the request; with VERSION, of the version)."""
DATA_HEADER = struct.Struct(">IBII")
"""The same with the length of the data."""
LARGEST_PACKET = 1024 * 1024

_NUMBER, _LONG = struct.Struct(">I"), struct.Struct(">Q")
_SIZE, _OWNER, _PERMISSIONS, _TIMES, _EXTENDED_ATTRIBUTES = 1, 2, 4, 8, 0x80000000
_KIND_BITS = 0o170000
_KINDS_SHOWN = {b"-": stat.S_IFREG, b"d": stat.S_IFDIR, b"l": stat.S_IFLNK, b"p": stat.S_IFIFO}
_USUAL, _USUAL_FIELDS = _SIZE | _OWNER | _PERMISSIONS | _TIMES, struct.Struct(">QIIIII")
"""What nearly every server tells of a file, read at once: a listing may have a hundred thousand."""


class SftpStatusError(Exception):
    """The server answered with a status that is not OK.

    Attributes:
        code: One of the protocol's (section 7).
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message or f"status {code}")
        self.code = code


class SftpProtocolError(Exception):
    """The server sent something that is no SFTP."""


# not frozen, which would make one three times as slow: a listing has a hundred thousand
@dataclass(slots=True)
class Attributes:
    """What a server tells of a file; None for what it does not. Nobody changes one.

    Attributes:
        mode: As `stat` has it; without the kind of file where the server leaves that out.
        mtime: UTC epoch seconds.
    """

    size: int | None
    mode: int | None
    mtime: int | None


class Body:
    """Reads the fields of a packet one after the other.

    Raises:
        SftpProtocolError: the packet is too short.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def number(self) -> int:
        return self._unpack(_NUMBER)

    def long(self) -> int:
        return self._unpack(_LONG)

    def string(self) -> bytes:
        start = self._skip()
        return self._data[start : self._position]

    def peek(self) -> bytes:
        """What is still unread, and stays so."""
        return self._data[self._position :]

    def rest(self) -> bytes:
        start, self._position = self._position, len(self._data)
        return self._data[start:]

    def attributes(self) -> Attributes:
        flags = self.number()
        if flags == _USUAL and self._position + _USUAL_FIELDS.size <= len(self._data):
            size, _owner, _group, mode, _accessed, mtime = _USUAL_FIELDS.unpack_from(self._data, self._position)
            self._position += _USUAL_FIELDS.size
            return Attributes(size, mode, mtime)
        size = self.long() if flags & _SIZE else None
        if flags & _OWNER:
            self.number(), self.number()
        mode = self.number() if flags & _PERMISSIONS else None
        mtime = None
        if flags & _TIMES:
            _, mtime = self.number(), self.number()
        if flags & _EXTENDED_ATTRIBUTES:
            for _ in range(self.number()):
                self.string(), self.string()
        return Attributes(size, mode, mtime)

    def names(self) -> Iterator[tuple[bytes, Attributes]]:
        """The entries of a directory."""
        for _ in range(self.number()):
            name = self.string()
            shown = self._skip()  # the same as `ls -l` shows it
            kind = self._data[shown : shown + 1]
            found = self.attributes()
            if not (found.mode or 0) & _KIND_BITS:  # only the text may tell
                found = Attributes(found.size, _KINDS_SHOWN.get(kind), found.mtime)
            yield name, found

    def extensions(self) -> dict[bytes, bytes]:
        """The pairs that follow the version."""
        found: dict[bytes, bytes] = {}
        while self._position < len(self._data):
            name = self.string()
            found[name] = self.string()
        return found

    def status(self) -> SftpStatusError:
        code = self.number()
        # some servers leave the text out
        message = self.string().decode("utf-8", "replace") if self._position < len(self._data) else ""
        return SftpStatusError(code, message)

    def _skip(self) -> int:
        """Goes to the end of a string, and tells where its content begins."""
        data, at = self._data, self._position + 4
        # spelled out: a listing has two hundred thousand of them
        self._position = at + int.from_bytes(data[at - 4 : at], "big")
        if at > len(data) or self._position > len(data):
            raise SftpProtocolError("a string is longer than its packet")
        return at

    def _unpack(self, form: struct.Struct) -> int:
        try:
            (value,) = form.unpack_from(self._data, self._position)
        except struct.error as error:
            raise SftpProtocolError("a packet ends too early") from error
        self._position += form.size
        found: int = value
        return found


def packet(kind: int, number: int, *fields: bytes) -> bytes:
    body = b"".join(fields)
    return HEADER.pack(len(body) + 5, kind, number) + body


def string(value: bytes) -> bytes:
    return _NUMBER.pack(len(value)) + value


def read_request(number: int, handle: bytes, offset: int, length: int) -> bytes:
    return packet(READ, number, string(handle), _LONG.pack(offset), _NUMBER.pack(length))


NOTHING = _NUMBER.pack(0)
"""Attributes that set none; the number zero."""
FOR_READING = _NUMBER.pack(1)
