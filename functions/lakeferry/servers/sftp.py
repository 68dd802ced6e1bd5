"""SFTP over paramiko's transport."""

import errno
import posixpath
import stat
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self, cast

import paramiko

from lakeferry.errors import (
    FileChangedError,
    LakeferryError,
    RemoteAccessError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.feeds import ServerSpec
from lakeferry.models import RemoteFile
from lakeferry.servers import Sink
from lakeferry.servers.sftp_reader import PipelinedReader
from lakeferry.servers.sftp_session import open_transport


class SftpServer:
    """A logged-in SFTP session; see `lakeferry.servers.Server`. Times are whole seconds, as SFTP version 3 has them."""

    def __init__(self, spec: ServerSpec, secret: Mapping[str, str]) -> None:
        self._spec = spec
        self._transport = open_transport(spec, secret)
        self._client: paramiko.SFTPClient | None = None
        try:
            self._session()
        except BaseException:
            self._transport.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def list_files(self, directory: str, *, recursive: bool = False) -> Iterator[RemoteFile]:
        waiting = deque([directory])
        while waiting:
            folder = waiting.popleft()
            with self._errors(f"list {folder}", missing=RemoteAccessError):
                # one directory after the other: paramiko mixes up the answers of two listings at once
                for found in self._session().listdir_iter(folder):
                    path = posixpath.join(folder, found.filename)
                    if _is_regular(found):
                        yield _remote_file(path, found)
                    elif recursive and found.st_mode is not None and stat.S_ISDIR(found.st_mode):
                        waiting.append(path)

    def stat(self, path: str) -> RemoteFile:
        with self._errors(f"look at {path}"):
            # not followed, as in a listing
            found = self._session().lstat(path)
        if not _is_regular(found):
            raise FileChangedError(f"{path} on {self._where} is not a regular file any more: the next run leaves it.")
        return _remote_file(path, found)

    def read(self, path: str, offset: int, sink: Sink) -> int:
        handed, used_up = 0, False
        chunks = self._chunks(path, offset)
        try:
            for chunk in chunks:
                handed += len(chunk)
                if not sink(chunk):
                    return handed
            used_up = True
        finally:
            if not used_up:
                self._drop_session()  # first: answers nobody waits for any more stand before that of any close
                chunks.close()
        return handed

    def move(self, path: str, target: str) -> None:
        with self._errors(f"move {path} to {target}"):
            self._session().lstat(path)
        folder = posixpath.dirname(target)
        with self._errors(f"make directory {folder}", missing=RemoteAccessError):
            self._make_directory(folder)
        with self._errors(f"move {path} to {target}"):
            try:
                self._session().posix_rename(path, target)
            except OSError as error:
                if error.errno is not None or not self._is_alive():
                    raise
                self._session().rename(path, target)  # a server without OpenSSH's extension

    def delete(self, path: str) -> None:
        with self._errors(f"delete {path}"):
            self._session().remove(path)

    @property
    def _where(self) -> str:
        return f"{self._spec.host}:{self._spec.port}"

    def _session(self) -> paramiko.SFTPClient:
        if self._client is None:
            self._client = self._open_session()
        return self._client

    def _open_session(self) -> paramiko.SFTPClient:
        try:
            channel = self._transport.open_session(timeout=self._spec.connect_timeout_seconds)
            channel.settimeout(self._spec.read_timeout_seconds)
            channel.invoke_subsystem("sftp")
            return paramiko.SFTPClient(channel)
        except (paramiko.SSHException, paramiko.SFTPError, OSError, EOFError) as error:
            if self._transport.is_active() and not isinstance(error, TimeoutError):
                raise RemoteAccessError(
                    f"{self._where} gives {self._spec.username} a login but no SFTP ({_text(error)}): "
                    "ask the partner to allow SFTP for this user."
                ) from error
            raise self._gone("open an SFTP session", error) from error

    def _is_alive(self) -> bool:
        channel = self._client.get_channel() if self._client is not None else None
        return self._transport.is_active() and channel is not None and not channel.closed

    def _drop_session(self) -> None:
        """The next call opens a new channel."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError, EOFError, paramiko.SSHException):  # the connection itself may be gone
                client.close()

    def _chunks(self, path: str, offset: int) -> Generator[memoryview, None, None]:
        with self._errors(f"read {path}", gone=TransferInterruptedError):
            client = self._session()
            file = client.open(path, "rb")
            size = file.stat().st_size or 0
            arrived = offset
            # types-paramiko has a server's type of handle; a client's is the bytes the server sent
            reader = PipelinedReader(cast("paramiko.Channel", client.get_channel()), cast("bytes", file.handle))
            for chunk in reader.chunks(offset, size):
                arrived += len(chunk)
                yield chunk
            file.close()  # not after a failure: it would wait for an answer; the channel's end closes it
            if arrived < size:
                raise TransferInterruptedError(
                    f"{path} on {self._where} ended after {arrived} of {size} bytes: it is tried again from there."
                )

    def _make_directory(self, folder: str) -> None:
        missing: list[str] = []
        while folder not in ("", "/"):
            try:
                self._session().stat(folder)
                break
            except FileNotFoundError:
                missing.append(folder)
                folder = posixpath.dirname(folder)
        for name in reversed(missing):
            try:
                self._session().mkdir(name)
            except OSError:
                self._session().stat(name)  # another run may have made it just now

    @contextmanager
    def _errors(
        self,
        action: str,
        *,
        missing: type[LakeferryError] = FileChangedError,
        gone: type[LakeferryError] = ServerUnavailableError,
    ) -> Iterator[None]:
        """Turns what paramiko raises while it does `action` into one of ours."""
        try:
            yield
        except (TimeoutError, EOFError, paramiko.SSHException, paramiko.SFTPError) as error:
            raise self._gone(action, error, gone) from error
        except UnicodeError as error:
            raise RemoteAccessError(
                f"cannot {action} on {self._where}: a name there is not UTF-8. Ask the partner to rename it."
            ) from error
        except OSError as error:
            if not self._is_alive():
                raise self._gone(action, error, gone) from error
            if error.errno == errno.ENOENT:
                raise missing(f"cannot {action} on {self._where}: it is not there.{_ADVICE[missing]}") from error
            if error.errno == errno.EIO and gone is TransferInterruptedError:
                raise self._gone(action, error, gone) from error
            raise RemoteAccessError(
                f"cannot {action} on {self._where}: the server refuses it to {self._spec.username} "
                f"({error.strerror or _text(error)}). Ask the partner for the permission."
            ) from error

    def _gone(
        self, action: str, error: BaseException, kind: type[LakeferryError] = ServerUnavailableError
    ) -> LakeferryError:
        return kind(
            f"the connection to {self._where} was lost while trying to {action} ({_text(error)}): it is tried again; "
            "if it lasts, ask the partner."
        )


_ADVICE: Mapping[type[LakeferryError], str] = {
    FileChangedError: " The next run takes what is there then.",
    RemoteAccessError: " Check the path in the feed, or ask the partner.",
}


def _is_regular(found: paramiko.SFTPAttributes) -> bool:
    return found.st_mode is not None and stat.S_ISREG(found.st_mode)


def _remote_file(path: str, found: paramiko.SFTPAttributes) -> RemoteFile:
    return RemoteFile(path, found.st_size or 0, found.st_mtime or 0)


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
