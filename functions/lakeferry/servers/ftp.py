"""FTP and FTPS over the standard library's ftplib, always passive and binary."""

import ftplib
import posixpath
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing

from lakeferry.errors import FileChangedError, RemoteAccessError, TransferInterruptedError
from lakeferry.models import RemoteFile
from lakeferry.servers.checksums import Checksum
from lakeferry.servers.file_server import FileServer
from lakeferry.servers.ftp_checksum import ask_checksum
from lakeferry.servers.ftp_errors import FtpErrors
from lakeferry.servers.ftp_folders import FtpFolders
from lakeferry.servers.ftp_line import Line
from lakeferry.servers.networks import ANYWHERE, Networks
from lakeferry.servers.server import Sink
from lakeferry.servers.spec import ServerSpec
from lakeferry.servers.walk import FILE, Entry, version_of

RECEIVE_BYTES = 1024 * 1024
TLS_RECEIVE_BYTES = 128 * 1024
"""A small buffer stays in the processor's cache."""


class FtpServer(FileServer):
    """A logged-in FTP or FTPS session; see `lakeferry.servers.Server`.

    A listing and `stat` take size and time from the same source (`lakeferry.servers.ftp_folders`). Whether `move`
    replaces a file is the server's choice; most do.
    """

    def __init__(self, spec: ServerSpec, secret: Mapping[str, str], networks: Networks = ANYWHERE) -> None:
        errors = FtpErrors(spec, secret)
        super().__init__(spec, errors)
        self._line = Line(spec, secret, errors, networks)
        self._folders = FtpFolders(spec, self._line)
        self._line.session()

    def close(self) -> None:
        self._line.close()

    def _abort(self) -> None:
        self._line.abort()

    def entries(self, folder: str) -> Iterator[Entry]:
        return self._folders.entries(folder)

    def complete(self, found: Sequence[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
        return self._folders.complete(found)

    def checksum(self, path: str, seconds: float) -> Checksum | None:
        with self._errors.during(f"ask for the checksum of {path}", gone=TransferInterruptedError):
            session, text = self._line.session(), self._line.text(path)
            try:
                with session.control.patience(seconds):
                    return ask_checksum(session.control, session.features, session.hashes, text)
            except TimeoutError:
                self._line.drop()
                return None
            except BaseException:
                self._line.drop()
                raise

    def move(self, path: str, target: str) -> None:
        self._must_be_there(path)
        folder = posixpath.dirname(target)
        with self._errors.during(f"make directory {folder}"):
            refused = self._make_directory(folder)
        with self._errors.during(f"move {path} to {target}"):
            try:
                self._line.session().control.rename(self._line.text(path), self._line.text(target))
                return
            except (ftplib.error_perm, ftplib.error_temp):
                if refused is None:
                    raise
        with self._errors.during(f"make directory {folder}"):
            raise refused

    def delete(self, path: str) -> None:
        self._must_be_there(path)
        with self._errors.during(f"delete {path}"):
            self._line.session().control.delete(self._line.text(path))

    def _look_at(self, path: str) -> RemoteFile | None:
        folder, name = posixpath.split(path)
        if self._folders.has_facts:
            entry = self._folders.look_at(path)
            if entry is None:
                return None
            if entry.size is not None and entry.mtime is not None:
                return RemoteFile(path, entry.size, entry.mtime)
        else:
            entry = Entry(name, FILE)
        if not self._folders.can_be_asked:
            files = list(self.list_files(folder, wanted=lambda other: other == name))
            return files[0] if files else None
        told = list(self.complete([(path, entry)]))
        return version_of(path, told[0][1], self._where) if told else None

    def _hand_on(self, path: str, offset: int, sink: Sink, size: int | None) -> int:
        if size is not None:
            self._receive(path, offset, size, sink)
            return size
        told = self._told_size(path)
        reached, was_stopped = self._receive(path, offset, told, sink)
        if reached == told or was_stopped:
            return reached
        # SIZE counts line ends in its own way, or tells nothing: the listing's is what everything else goes by
        folder, name = posixpath.split(path)
        return next((file.size for file in list(self.list_files(folder, wanted=name.__eq__))), told or 0)

    def _told_size(self, path: str) -> int | None:
        """Whether the file is there is shown by reading it."""
        try:
            return self.stat(path).size
        except (FileChangedError, RemoteAccessError):
            return None

    def _receive(self, path: str, offset: int, size: int | None, sink: Sink) -> tuple[int, bool]:
        """How far it came, and whether the sink had enough."""
        reached = offset
        if size is None or offset < size:
            with closing(self._chunks(path, offset, size)) as chunks:
                for chunk in chunks:
                    reached += len(chunk)
                    if not sink(chunk):
                        return reached, True
        return reached, False

    def _chunks(self, path: str, offset: int, size: int | None) -> Generator[memoryview, None, None]:
        line = self._line
        view = memoryview(bytearray(TLS_RECEIVE_BYTES if line.is_encrypted else RECEIVE_BYTES))
        with line.transfer(line.session(), f"RETR {line.text(path)}", offset) as data:
            at = data.begins_at
            while count := data.receive(view, (size or 0) - at):
                data.has_begun = True
                if at + count > offset:
                    yield view[max(0, offset - at) : count]
                at += count
            data.is_whole = size is not None and at >= size

    def _make_directory(self, folder: str) -> ftplib.Error | None:
        """What the server said where it refused; that the folder is not there is told by what is done next."""
        refused = None
        made = "/" if folder.startswith("/") else ""
        for part in filter(None, folder.split("/")):
            made = posixpath.join(made, part)
            session = self._line.session()
            try:
                session.control.cwd(self._line.text(made))
            except (ftplib.error_perm, ftplib.error_temp):
                try:
                    session.control.mkd(self._line.text(made))
                except (ftplib.error_perm, ftplib.error_temp) as error:  # another run may make it just now
                    refused = refused or error
            else:
                self._folders.go_back(session, made)
        return refused
