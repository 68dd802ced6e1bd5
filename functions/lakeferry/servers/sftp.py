"""SFTP over paramiko's transport."""

import posixpath
import stat
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from lakeferry.errors import (
    FileChangedError,
    LakeferryError,
    RemoteAccessError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.feeds import ServerSpec
from lakeferry.models import RemoteFile
from lakeferry.servers import MAX_DEPTH, MAX_UNREAD, Sink, every_name, none_known
from lakeferry.servers.checksums import HEX_DIGITS, Checksum, read_checksum
from lakeferry.servers.names import decode_name, encode_name
from lakeferry.servers.sftp_client import SftpClient
from lakeferry.servers.sftp_packets import (
    CONNECTION_LOST,
    FAILURE,
    NO_CONNECTION,
    NO_SUCH_FILE,
    Attributes,
    SftpProtocolError,
    SftpStatusError,
)
from lakeferry.servers.sftp_session import open_transport

_HAS_NO_CHECKSUMS = "SSH-2.0-OpenSSH"
"""Begins the version of a server that need not be asked."""
_ALGORITHMS = ",".join(HEX_DIGITS).encode()


class SftpServer:
    """A logged-in SFTP session; see `lakeferry.servers.Server`. Times are whole seconds, as SFTP version 3 has them.

    Sinks are called in another thread than `read`.
    """

    def __init__(self, spec: ServerSpec, secret: Mapping[str, str]) -> None:
        self._spec = spec
        self._where = f"{spec.host}:{spec.port}"
        self._client: SftpClient | None = None
        self.unread: list[str] = []
        self._transport = open_transport(spec, secret)
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

    def list_files(
        self,
        directory: str,
        *,
        recursive: bool = False,
        wanted: Callable[[str], bool] = every_name,
        is_known: Callable[[RemoteFile], bool] = none_known,
    ) -> Iterator[RemoteFile]:
        waiting = deque([(directory, 0)])
        while waiting:
            folder, depth = waiting.popleft()
            for name, found in self._entries(folder):
                if _is(stat.S_ISREG, found):
                    if wanted(name):
                        yield self._remote_file(posixpath.join(folder, name), found)
                elif recursive and depth < MAX_DEPTH and _is(stat.S_ISDIR, found):
                    waiting.append((posixpath.join(folder, name), depth + 1))

    def stat(self, path: str) -> RemoteFile:
        with self._errors(f"look at {path}"):
            # not followed, as in a listing
            found = self._session().lstat(self._bytes(path))
        if not _is(stat.S_ISREG, found):
            raise FileChangedError(f"{path} on {self._where} is not a regular file any more: the next run leaves it.")
        return self._remote_file(path, found)

    def read(self, path: str, offset: int, sink: Sink) -> int:
        stopped = False
        thrown: list[BaseException] = []

        def guarded(view: memoryview) -> bool:
            nonlocal stopped
            try:
                stopped = not sink(view)
            except BaseException as error:
                thrown.append(error)
                raise
            return not stopped

        try:
            with self._errors(f"read {path}", gone=TransferInterruptedError):
                handed, size = self._session().read(self._bytes(path), offset, guarded)
        except LakeferryError:
            if thrown:  # the sink's own, whatever it looks like
                raise thrown[0] from thrown[0].__cause__
            raise
        if offset + handed < size and not stopped:
            raise TransferInterruptedError(
                f"{path} on {self._where} ended after {offset + handed} of {size} bytes: it is tried again from there."
            )
        return handed

    def checksum(self, path: str, seconds: float) -> Checksum | None:
        if self._transport.remote_version.startswith(_HAS_NO_CHECKSUMS):
            return None
        with self._errors(f"ask for the checksum of {path}", gone=TransferInterruptedError):
            client = self._session()
            try:
                # it need not be among the extensions that the server tells of: ProFTPD's is not
                algorithm, digest = client.check_file(self._bytes(path), _ALGORITHMS, seconds)
            except SftpStatusError:
                return None
            except (TimeoutError, SftpProtocolError):
                client.close()
                return None
            name = algorithm.decode("ascii", "replace").lower()
            return read_checksum(name, digest.hex()) if name in HEX_DIGITS else None

    def move(self, path: str, target: str) -> None:
        with self._errors(f"move {path} to {target}"):
            self._session().lstat(self._bytes(path))
        folder = posixpath.dirname(target)
        with self._errors(f"make directory {folder}", missing=RemoteAccessError):
            self._make_directory(folder)
        with self._errors(f"move {path} to {target}"):
            self._session().rename(self._bytes(path), self._bytes(target))

    def delete(self, path: str) -> None:
        with self._errors(f"delete {path}"):
            self._session().remove(self._bytes(path))

    def _session(self) -> SftpClient:
        if self._client is None or not self._client.is_open:
            self._client = self._open_session()
        return self._client

    def _open_session(self) -> SftpClient:
        try:
            channel = self._transport.open_session(timeout=self._spec.connect_timeout_seconds)
            channel.settimeout(self._spec.read_timeout_seconds)
            return SftpClient(channel)
        except Exception as error:
            if self._transport.is_active() and not isinstance(error, TimeoutError):
                raise RemoteAccessError(
                    f"{self._where} gives {self._spec.username} a login but no SFTP ({_text(error)}): "
                    "ask the partner to allow SFTP for this user."
                ) from error
            raise self._gone("open an SFTP session", error) from error

    def _entries(self, folder: str) -> Iterator[tuple[str, Attributes]]:
        """Names of a directory, and what the server tells of each."""
        with self._errors(f"list {folder}", missing=RemoteAccessError):
            client = self._session()
            encoding = self._spec.encoding
            for name, found in client.names(self._bytes(folder)):
                if name in (b".", b".."):
                    continue
                text = decode_name(name, encoding)
                if "/" in text:  # leads somewhere else: no file of this directory
                    if len(self.unread) < MAX_UNREAD:
                        self.unread.append(text[:200])
                    continue
                if found.mode is None or found.size is None or found.mtime is None:
                    # the protocol lets a server leave these out of a listing
                    try:
                        found = client.lstat(self._bytes(posixpath.join(folder, text)))
                    except SftpStatusError as error:
                        if error.code == NO_SUCH_FILE:
                            continue
                        raise
                yield text, found

    def _remote_file(self, path: str, found: Attributes) -> RemoteFile:
        if found.size is None or found.mtime is None:
            raise RemoteAccessError(
                f"{self._where} does not tell size and time of {path}: without them a version cannot be told from "
                "another. Ask the partner."
            )
        return RemoteFile(path, found.size, found.mtime)

    def _bytes(self, path: str) -> bytes:
        return encode_name(path, self._spec.encoding)

    def _make_directory(self, folder: str) -> None:
        missing: list[str] = []
        client = self._session()
        while folder not in ("", "/"):
            try:
                client.stat(self._bytes(folder))
                break
            except SftpStatusError as error:
                if error.code != NO_SUCH_FILE:
                    raise
                missing.append(folder)
                folder = posixpath.dirname(folder)
        for name in reversed(missing):
            try:
                client.make_directory(self._bytes(name))
            except SftpStatusError:
                client.stat(self._bytes(name))  # another run may have made it just now

    @contextmanager
    def _errors(
        self,
        action: str,
        *,
        missing: type[LakeferryError] = FileChangedError,
        gone: type[LakeferryError] = ServerUnavailableError,
    ) -> Iterator[None]:
        """Turns what the client raises while it does `action` into one of ours.

        Whatever its class: paramiko's thread hands on what a broken packet made it stumble over.
        """
        try:
            yield
        except LakeferryError:
            raise
        except SftpStatusError as error:
            if error.code == NO_SUCH_FILE:
                raise missing(f"cannot {action} on {self._where}: it is not there.{_ADVICE[missing]}") from error
            if error.code in (NO_CONNECTION, CONNECTION_LOST) or (
                error.code == FAILURE and gone is TransferInterruptedError
            ):
                raise self._gone(action, error, gone) from error
            raise RemoteAccessError(
                f"cannot {action} on {self._where}: the server refuses it to {self._spec.username} "
                f"({_text(error)}). Ask the partner for the permission."
            ) from error
        except UnicodeEncodeError as error:
            raise RemoteAccessError(
                f"cannot {action} on {self._where}: the name has characters that {self._spec.encoding}, the feed's "
                "server.encoding, does not have. Set it to what the server uses."
            ) from error
        except Exception as error:
            raise self._gone(action, error, gone) from error

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


def _is(kind: Callable[[int], bool], found: Attributes) -> bool:
    return found.mode is not None and kind(found.mode)


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
