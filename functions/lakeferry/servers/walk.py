"""Through a directory and the folders below it, the same way for every protocol."""

import posixpath
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from lakeferry.errors import RemoteAccessError, ServerUnavailableError
from lakeferry.models import RemoteFile
from lakeferry.servers.listed import Listed
from lakeferry.servers.server_errors import ServerErrors

FILE, FOLDER, UNREAD = "file", "dir", "unread"
"""Kinds of entries; any other word is of what is neither file nor folder, such as a link."""
_OF_A_FOLDER = (FILE, FOLDER, None)
_NO_ENTRIES = (".", "..")
_LEADS_ELSEWHERE = re.compile(r"/|(?:^|\\)\.\.(?=\\)|\\\.\.$|^$").search
"""Of a name: it is a path, or on Windows one upwards, or no name at all."""

MAX_DEPTH = 32
"""Folders below the feed's that a recursive listing enters: links can make a tree that has no end."""
MAX_ENTRIES = 5_000_000
"""Of one listing with all its folders: a server that goes on for ever would never let a poll end."""
MAX_NAME_BYTES = 1024 * 1024 * 1024
"""Of all names together, and of lines that are none."""
MAX_UNREAD = 20
"""Lines of listings that are kept because they could not be understood."""
UNREAD_CHARACTERS = 200
UNREADABLE_FOLDER = "folder skipped: "
"""Begins what is kept of a folder below the feed's that cannot be listed."""
NO_VERSION = "size or time not told: "
"""Begins what is kept of a file that the server lists without them, and says no more when asked."""
CUT = "listing cut short: "
"""Begins what is kept of a listing that the server says is not all."""


class Entry(NamedTuple):
    """What a listing tells of one thing in a folder.

    Attributes:
        name: Without the folder. Of an entry that is `UNREAD`, what came instead.
        kind: None where only asking about it tells.
        size: Bytes; None where only asking tells.
        mtime: UTC epoch seconds, as exact as this server tells a time; None where only asking tells.
        listed_mtime: What the listing shows in place of a time that has to be asked for.
    """

    name: str
    kind: str | None
    size: int | None = None
    mtime: int | None = None
    listed_mtime: int | None = None


class Folders(Protocol):
    """What a protocol does for a walk. Both raise what its libraries do."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """What is in the folder, as the server tells it."""
        ...

    def complete(self, found: Sequence[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
        """The same paths, with what only asking tells; those that have gone since are left out."""
        ...


class Walk:
    """Listings of one server.

    Attributes:
        unread: Entries that could not be understood, or whose name is a path, and folders that could not be listed: the
            first of them.
        listed: What all entries were.
    """

    def __init__(self, folders: Folders, errors: ServerErrors, where: str) -> None:
        self.unread: list[str] = []
        self.listed = Listed()
        self._left, self._room = MAX_ENTRIES, MAX_NAME_BYTES
        self._folders, self._errors, self._where = folders, errors, where

    def files(
        self,
        directory: str,
        *,
        recursive: bool,
        wanted: Callable[[str], bool],
        is_known: Callable[[RemoteFile], bool],
    ) -> Iterator[RemoteFile]:
        """See `Server.list_files`."""
        waiting = deque([(directory, 0)])
        self._left, self._room = MAX_ENTRIES, MAX_NAME_BYTES
        while waiting:
            folder, depth = waiting.popleft()
            enters = recursive and depth < MAX_DEPTH
            entered: list[str] = []
            left = self._left
            try:
                with self._errors.during(f"list {folder}"):
                    yield from self._of_folder(folder, entered if enters else None, wanted, is_known)
            except (RemoteAccessError, ServerUnavailableError) as error:
                if not depth or not self._left or not self._errors.is_of_one_thing(error):
                    raise
                self._note(f"{UNREADABLE_FOLDER}{error}")  # it may have been removed since; the others can be read
            finally:
                self.listed.entries += left - self._left
            waiting.extend((path, depth + 1) for path in entered)

    def _of_folder(
        self,
        folder: str,
        entered: list[str] | None,
        wanted: Callable[[str], bool],
        is_known: Callable[[RemoteFile], bool],
    ) -> Iterator[RemoteFile]:
        """The files of one folder; the folders in it are added to `entered`, if there is that list."""
        enters = entered is not None
        understood, unread, unclear, versions = False, 0, [], 0
        before, listed = posixpath.join(folder, ""), self.listed
        for entry in self._folders.entries(folder):  # may be hundreds of thousands
            self._left -= 1
            name, kind, size, mtime, listed_mtime = entry
            self._room -= len(name)
            if not self._left or self._room < 0:
                self._left = 0
                raise self._endless(folder)
            if kind == UNREAD or (kind in _OF_A_FOLDER and _LEADS_ELSEWHERE(name)):
                unread += 1
                listed.unread += 1
                self._note(name)
                continue
            if name in _NO_ENTRIES:
                listed.entries -= 1
                continue
            understood = True
            if kind == FILE:
                if not wanted(name):
                    listed.unwanted += 1
                    continue
                path = before + name
                if size is not None and mtime is not None:
                    versions += 1
                    yield RemoteFile(path, size, mtime)
                elif (
                    size is None
                    or listed_mtime is None
                    or not is_known(RemoteFile(path, size, listed_mtime, listed_mtime))
                ):
                    listed.unread += 1  # until it is known what it is
                    unclear.append((path, entry))
            elif kind is None and (enters or wanted(name)):
                listed.unread += 1
                unclear.append((before + name, entry))
            elif kind is None:
                listed.unwanted += 1
            else:
                listed.others += 1
                if kind == FOLDER and entered is not None:
                    entered.append(before + name)
        if unread and not understood:
            raise self._unreadable(folder, unread)
        # nothing can be asked while a listing is coming
        open_, unversioned = len(unclear), None
        for path, entry in self._folders.complete(unclear) if unclear else ():
            open_ -= 1
            is_wanted = entry.kind == FILE and wanted(entry.name)
            if is_wanted and (entry.size is None or entry.mtime is None):
                unversioned = path, entry
                self._note(f"{NO_VERSION}{path}")
                continue
            listed.unread -= 1
            if is_wanted:
                versions += 1
                yield version_of(path, entry, self._where)
            elif entry.kind == FILE:
                listed.unwanted += 1
            else:
                listed.others += 1
                if entry.kind == FOLDER and entered is not None:
                    entered.append(path)
        listed.unread -= open_
        listed.gone += open_
        if unversioned is not None and not versions:
            version_of(*unversioned, self._where)

    def _endless(self, directory: str) -> RemoteAccessError:
        return RemoteAccessError(
            f"cannot list {directory} on {self._where}: after {MAX_ENTRIES} entries, or {MAX_NAME_BYTES} bytes of "
            f"names, its listing has no end. Ask "
            "the partner what server it is, and to keep fewer files there."
        )

    def _note(self, line: str) -> None:
        if len(self.unread) < MAX_UNREAD:
            self.unread.append(self._errors.hide(line)[:UNREAD_CHARACTERS])

    def _unreadable(self, folder: str, lines: int) -> RemoteAccessError:
        return RemoteAccessError(
            f"cannot list {folder} on {self._where}: none of the {lines} lines it lists can be read, such as "
            f"{self.unread[-1]!r}. Ask the partner what server it is."
        )


def version_of(path: str, entry: Entry, where: str) -> RemoteFile:
    """
    Raises:
        RemoteAccessError: nothing tells its size, or its time.
    """
    if entry.size is None or entry.mtime is None:
        raise RemoteAccessError(
            f"{where} does not tell size and time of {path}: without them a version cannot be told from another. Ask "
            "the partner for a server that tells them."
        )
    return RemoteFile(path, entry.size, entry.mtime, entry.listed_mtime)
