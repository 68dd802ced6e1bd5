"""Plain FTP over the standard library's ftplib, always passive and binary."""

import ftplib
import posixpath
import socket
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from lakeferry.errors import (
    FeedInvalidError,
    FileChangedError,
    LakeferryError,
    LoginRejectedError,
    RemoteAccessError,
    SecretMissingError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.feeds import ServerSpec
from lakeferry.models import RemoteFile
from lakeferry.servers import Sink
from lakeferry.servers.ftp_listing import Listed, parse_mlst, parse_time, parse_unix

RECEIVE_BYTES = 1024 * 1024
LINE_BYTES = 64 * 1024
PARTING_SECONDS = 5
"""How long an answer is waited for that changes nothing any more."""


class FtpServer:
    """A logged-in FTP session; see `lakeferry.servers.Server`.

    Times come from MLSD and MLST where the server has them, else from MDTM (one question a file), both UTC
    seconds (RFC 3659); else from the text of LIST in `server.timezone`, as coarse as that is. A listing and
    `stat` use the same source. Whether `move` replaces a file is the server's choice; most do.
    """

    def __init__(self, spec: ServerSpec, secret: Mapping[str, str]) -> None:
        if not spec.allow_plaintext:
            raise FeedInvalidError(
                f"$.server.allow_plaintext: FTP sends the password for {spec.host} and the files readable for "
                "everybody on the way. Use sftp or ftps, or set it to true."
            )
        password = secret.get("password")
        if password is None:
            raise SecretMissingError(
                f"the secret {spec.secret!r} for {spec.username} at {spec.host} has no field password: add it."
            )
        self._spec = spec
        self._password = password
        self._where = f"{spec.host}:{spec.port}"
        self._features: frozenset[str] = frozenset()
        self._home = "/"
        self._ftp: ftplib.FTP | None = None
        self._control()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ftp, self._ftp = self._ftp, None
        if ftp is not None:
            _set_timeout(ftp, PARTING_SECONDS)
            try:
                ftp.quit()
            except (ftplib.Error, OSError, EOFError):
                pass  # whatever it says, nothing depends on it
            finally:
                ftp.close()

    def list_files(self, directory: str, *, recursive: bool = False) -> Iterator[RemoteFile]:
        waiting = deque([directory])
        while waiting:
            folder = waiting.popleft()
            with self._errors(f"list {folder}"):
                # MDTM cannot be asked while the listing is coming
                entries = self._entries(folder) if "MLST" in self._features else iter(list(self._entries(folder)))
                for listed in entries:
                    path = posixpath.join(folder, listed.name)
                    if listed.type == "file" and (found := self._remote_file(path, listed)) is not None:
                        yield found
                    elif listed.type == "dir" and recursive and listed.name not in (".", ".."):
                        waiting.append(path)

    def stat(self, path: str) -> RemoteFile:
        with self._errors(f"look at {path}", missing=FileChangedError):
            if "MLST" in self._features:
                found = self._mlst(path)
            elif {"SIZE", "MDTM"} <= self._features:
                size = self._control().size(path)
                found = None if size is None else RemoteFile(path, size, self._mdtm(path))
            else:
                folder = posixpath.dirname(path)
                found = next((file for file in list(self.list_files(folder)) if file.path == path), None)
        if found is None:
            raise FileChangedError(f"{path} on {self._where} is not a file there any more: the next run leaves it.")
        return found

    def read(self, path: str, offset: int, sink: Sink) -> int:
        handed = 0
        chunks = self._chunks(path, offset)
        try:
            for chunk in chunks:
                handed += len(chunk)
                if not sink(chunk):
                    break
        finally:
            chunks.close()
        return handed

    def move(self, path: str, target: str) -> None:
        self.stat(path)
        folder = posixpath.dirname(target)
        with self._errors(f"make directory {folder}"):
            self._make_directory(folder)
        with self._errors(f"move {path} to {target}"):
            self._control().rename(path, target)

    def delete(self, path: str) -> None:
        self.stat(path)
        with self._errors(f"delete {path}"):
            self._control().delete(path)

    def _control(self) -> ftplib.FTP:
        if self._ftp is None:
            self._ftp = self._connect()
        return self._ftp

    def _connect(self) -> ftplib.FTP:
        spec = self._spec
        ftp = ftplib.FTP(timeout=spec.connect_timeout_seconds, encoding=spec.encoding)  # noqa: S321  (asked for by allow_plaintext)
        try:
            with self._errors("connect"):
                ftp.connect(spec.host, spec.port)
            try:
                with self._errors("log in"):
                    ftp.login(spec.username, self._password)
            except RemoteAccessError as error:
                raise LoginRejectedError(
                    f"{self._where} refused the login of {spec.username} ({error.__cause__}): check server.username, "
                    f"and the password in secret {spec.secret!r}."
                ) from error.__cause__
            with self._errors("set up the session"):
                self._features = _features(ftp)
                if "UTF8" in self._features and spec.encoding.lower() in ("utf-8", "utf8"):
                    with suppress(ftplib.error_perm):  # on already, by RFC 2640
                        ftp.sendcmd("OPTS UTF8 ON")
                ftp.voidcmd("TYPE I")
                self._home = ftp.pwd()
                _set_timeout(ftp, spec.read_timeout_seconds)
        except BaseException:
            ftp.close()
            raise
        return ftp

    def _entries(self, folder: str) -> Iterator[Listed]:
        """What the directory holds. It is entered: asked for a missing one, some servers list nothing."""
        ftp = self._control()
        ftp.cwd(folder)
        facts, zone, now = "MLST" in self._features, ZoneInfo(self._spec.timezone), datetime.now(UTC)
        with self._transfer("MLSD" if facts else "LIST") as connection, connection.makefile("rb") as lines:
            while line := lines.readline(LINE_BYTES):
                text = line.decode(self._spec.encoding).rstrip("\r\n")
                listed = parse_mlst(text) if facts else parse_unix(text, zone, now)
                if listed is not None:
                    yield listed
        ftp.cwd(self._home)

    def _remote_file(self, path: str, listed: Listed) -> RemoteFile | None:
        """The listed file with its exact time; None if it has gone since."""
        if listed.size is None or listed.mtime is None:
            raise RemoteAccessError(
                f"{self._where} does not tell size and time of {path}: without them a version cannot be told from "
                "another. Ask the partner for SFTP."
            )
        if "MLST" in self._features or not {"SIZE", "MDTM"} <= self._features:
            return RemoteFile(path, listed.size, listed.mtime)
        try:
            with self._errors(f"look at {path}", missing=FileChangedError):
                return RemoteFile(path, listed.size, self._mdtm(path))
        except FileChangedError:
            return None

    def _mlst(self, path: str) -> RemoteFile | None:
        answer = self._control().sendcmd(f"MLST {path}").splitlines()
        listed = parse_mlst(answer[1]) if len(answer) == 3 else None
        if listed is None or listed.type != "file":
            return None
        return self._remote_file(path, listed)

    def _mdtm(self, path: str) -> int:
        return parse_time(self._control().sendcmd(f"MDTM {path}")[4:].strip())

    def _chunks(self, path: str, offset: int) -> Generator[memoryview, None, None]:
        size = self.stat(path).size
        if offset >= size:
            return
        arrived = offset
        view = memoryview(bytearray(RECEIVE_BYTES))
        with (
            self._errors(f"read {path}", gone=TransferInterruptedError),
            self._transfer(f"RETR {path}", offset) as connection,
        ):
            while count := connection.recv_into(view):
                arrived += count
                yield view[:count]
        if arrived < size:
            raise TransferInterruptedError(
                f"{path} on {self._where} ended after {arrived} of {size} bytes: it is tried again from there."
            )

    def _make_directory(self, folder: str) -> None:
        ftp = self._control()
        made = "/" if folder.startswith("/") else ""
        for part in filter(None, folder.split("/")):
            made = posixpath.join(made, part)
            try:
                ftp.cwd(made)
            except ftplib.error_perm:
                with suppress(ftplib.error_perm):  # another run may make it just now; the rename tells
                    ftp.mkd(made)
            ftp.cwd(self._home)

    @contextmanager
    def _transfer(self, command: str, offset: int = 0) -> Iterator[socket.socket]:
        """A data connection for the command; at the end the server must say that all was sent."""
        ftp = self._control()
        connection = ftp.transfercmd(command, rest=offset or None)
        try:
            connection.settimeout(self._spec.read_timeout_seconds)
            yield connection
        except BaseException:
            connection.close()
            self._part(ftp)
            raise
        connection.close()
        ftp.voidresp()

    def _part(self, ftp: ftplib.FTP) -> None:
        """Takes the answer to a transfer that was broken off; without one the next call connects anew."""
        try:
            _set_timeout(ftp, PARTING_SECONDS)
            with suppress(ftplib.error_temp, ftplib.error_perm):
                ftp.voidresp()
            ftp.cwd(self._home)
            _set_timeout(ftp, self._spec.read_timeout_seconds)
        except (ftplib.Error, OSError, EOFError):
            ftp.close()
            self._ftp = None

    @contextmanager
    def _errors(
        self,
        action: str,
        *,
        missing: type[LakeferryError] = RemoteAccessError,
        gone: type[LakeferryError] = ServerUnavailableError,
    ) -> Iterator[None]:
        """Turns what ftplib raises while it does `action` into one of ours.

        Args:
            missing: For answer 550, which RFC 959 has for what is not there and for what is refused.
        """
        try:
            yield
        except ftplib.error_perm as error:
            kind = missing if str(error).startswith("550") else RemoteAccessError
            advice = (
                "It is not there any more; the next run takes what is there then."
                if kind is FileChangedError
                else "Check the path in the feed, or ask the partner for the permission."
            )
            raise kind(
                f"cannot {action} on {self._where} as {self._spec.username}: "
                f"the server answers {str(error)!r}. {advice}"
            ) from error
        except UnicodeError as error:
            raise RemoteAccessError(
                f"cannot {action} on {self._where}: a name there is not {self._spec.encoding}. "
                "Set server.encoding to what the server uses."
            ) from error
        except ValueError as error:
            raise RemoteAccessError(
                f"cannot {action} on {self._where}: {error}. Ask the partner what server it is, or for SFTP."
            ) from error
        except (ftplib.Error, OSError, EOFError) as error:
            raise gone(
                f"cannot {action} on {self._where} ({str(error) or type(error).__name__}): the server is busy, or the "
                "connection was lost. It is tried again; if it lasts, ask the partner."
            ) from error


def _features(ftp: ftplib.FTP) -> frozenset[str]:
    """Names of the extensions the server has (RFC 2389); none where it does not know the question."""
    try:
        answer = ftp.sendcmd("FEAT")
    except ftplib.error_perm:
        return frozenset()
    return frozenset(line.split()[0].upper() for line in answer.splitlines()[1:-1] if line.strip())


def _set_timeout(ftp: ftplib.FTP, seconds: float) -> None:
    if ftp.sock is not None:
        ftp.sock.settimeout(seconds)
