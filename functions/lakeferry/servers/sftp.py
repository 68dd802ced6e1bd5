"""SFTP over paramiko's transport."""

import posixpath
import socket
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

import paramiko

from lakeferry.errors import FileChangedError, RemoteAccessError, TransferInterruptedError
from lakeferry.models import RemoteFile
from lakeferry.servers.checksums import HEX_DIGITS, Checksum, read_checksum
from lakeferry.servers.file_server import FileServer
from lakeferry.servers.names import decode_name, encode_name
from lakeferry.servers.networks import ANYWHERE, Networks
from lakeferry.servers.server import Sink
from lakeferry.servers.server_errors import words_of
from lakeferry.servers.sftp_client import SftpClient
from lakeferry.servers.sftp_errors import SftpErrors
from lakeferry.servers.sftp_packets import NO_SUCH_FILE, Attributes, SftpProtocolError, SftpStatusError
from lakeferry.servers.sftp_session import open_transport
from lakeferry.servers.sftp_transfer import SMALLEST_ANSWER
from lakeferry.servers.spec import ServerSpec
from lakeferry.servers.walk import FILE, FOLDER, Entry, version_of

_HAS_NO_CHECKSUMS = "SSH-2.0-OpenSSH"
"""Begins the version of a server that need not be asked."""
_GIVE_LITTLE: set[str] = set()
"""Servers that take no request for more than 32 KiB, as far as this process has learnt."""
_ALGORITHMS = ",".join(HEX_DIGITS).encode()
_KINDS = {stat.S_IFREG: FILE, stat.S_IFDIR: FOLDER}


class SftpServer(FileServer):
    """A logged-in SFTP session; see `lakeferry.servers.Server`. Times are whole seconds, as SFTP version 3 has them.

    Sinks are called in another thread than `read`.
    """

    _errors: SftpErrors

    def __init__(self, spec: ServerSpec, secret: Mapping[str, str], networks: Networks = ANYWHERE) -> None:
        super().__init__(spec, SftpErrors(spec, secret))
        self._client: SftpClient | None = None
        self._connect: Callable[[], paramiko.Transport] = partial(open_transport, spec, secret, networks)
        self._request_bytes = SMALLEST_ANSWER if self._where in _GIVE_LITTLE else None
        self._transport = self._connect()
        try:
            self._session()
        except BaseException:
            self._transport.close()
            raise

    def close(self) -> None:
        self._transport.close()

    def _abort(self) -> None:
        with suppress(OSError):  # the server may have ended it
            self._transport.sock.shutdown(socket.SHUT_RDWR)  # its thread ends then, and tells all that wait

    def entries(self, folder: str) -> Iterator[Entry]:
        encoding = self._spec.encoding
        for name, found in self._session().names(self._bytes(folder)):
            yield _entry(decode_name(name, encoding), found)

    def complete(self, found: Sequence[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
        """The protocol lets a server leave out of a listing whatever it likes."""
        client = self._session()
        for path, entry in found:
            try:
                attributes = client.lstat(self._bytes(path))
            except SftpStatusError as error:
                if error.code != NO_SUCH_FILE:
                    raise
            else:
                # of what no answer calls a folder or a link, it is believed that it is a file
                told = _entry(entry.name, attributes)
                yield path, told if told.kind else told._replace(kind=entry.kind or FILE)

    def checksum(self, path: str, seconds: float) -> Checksum | None:
        if self._transport.remote_version.startswith(_HAS_NO_CHECKSUMS):
            return None
        with self._errors.during(
            f"ask for the checksum of {path}", missing=FileChangedError, gone=TransferInterruptedError
        ):
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
        self._must_be_there(path)
        folder = posixpath.dirname(target)
        with self._errors.during(f"make directory {folder}"):
            refused = self._make_directory(folder)
        with self._errors.during(f"move {path} to {target}", missing=FileChangedError):
            try:
                self._session().rename(self._bytes(path), self._bytes(target))
                return
            except SftpStatusError:
                if refused is None:
                    raise
        with self._errors.during(f"make directory {folder}"):
            raise refused

    def delete(self, path: str) -> None:
        with self._errors.during(f"delete {path}", missing=FileChangedError):
            self._session().remove(self._bytes(path))

    def _look_at(self, path: str) -> RemoteFile | None:
        entry = _entry(path, self._attributes(path))
        return version_of(path, entry, self._where) if entry.kind in (FILE, None) else None

    def _attributes(self, path: str) -> Attributes:
        client, name = self._session(), self._bytes(path)
        try:
            return client.lstat(name)  # not followed, as in a listing
        except SftpStatusError as error:
            if error.code == NO_SUCH_FILE:
                raise
            return client.stat(name)  # there are servers that have no LSTAT

    def _hand_on(self, path: str, offset: int, sink: Sink, size: int | None) -> int:
        if size is not None and offset >= size:
            return size
        client = self._session()
        try:
            return client.read(self._bytes(path), offset, sink, size)[1]
        except Exception:
            # some refuse a request for more than 32 KiB, some do not answer it, some hang up; no byte has come
            if not client.refuses_much:
                raise
        if not self._transport.is_active():
            if self._errors.is_out_of_time:
                raise EOFError("time is over")
            self._transport = self._connect()
        self._request_bytes = SMALLEST_ANSWER
        found = self._session().read(self._bytes(path), offset, sink, size)[1]
        _GIVE_LITTLE.add(self._where)
        return found

    def _session(self) -> SftpClient:
        if self._client is None:
            self._client = self._open_session()
        elif not self._client.is_open:
            self._client = self._another_session()
        return self._client

    def _another_session(self) -> SftpClient:
        """One after another was ended, which some servers still count (OpenSSH with `MaxSessions 1`)."""
        try:
            return self._open_session()
        except RemoteAccessError as error:
            if not isinstance(error.__cause__, paramiko.ChannelException) or self._errors.is_out_of_time:
                raise
        self._transport.close()
        self._transport = self._connect()
        return self._open_session()

    def _open_session(self) -> SftpClient:
        try:
            channel = self._transport.open_session(timeout=self._spec.connect_timeout_seconds)
            channel.settimeout(self._spec.read_timeout_seconds)
            return SftpClient(channel, self._request_bytes)
        except Exception as error:
            if self._transport.is_active() and not isinstance(error, TimeoutError):
                raise RemoteAccessError(
                    f"{self._where} gives {self._spec.username} a login but no SFTP ({words_of(error)}): "
                    "ask the partner to allow SFTP for this user."
                ) from error
            raise self._errors.lost("open an SFTP session", error) from error

    def _bytes(self, path: str) -> bytes:
        return encode_name(path, self._spec.encoding)

    def _make_directory(self, folder: str) -> SftpStatusError | None:
        """What the server said where it refused, and does not show that the folder is there all the same."""
        missing: list[str] = []
        client = self._session()
        while folder not in ("", "/"):
            try:
                client.stat(self._bytes(folder))
                break
            except SftpStatusError:  # also servers that cannot be asked
                missing.append(folder)
                folder = posixpath.dirname(folder)
        refused = None
        for name in reversed(missing):
            try:
                client.make_directory(self._bytes(name))
            except SftpStatusError as error:
                with suppress(SftpStatusError):
                    client.stat(self._bytes(name))  # another run may have made it just now
                    continue
                refused = refused or error
        return refused


def _entry(name: str, found: Attributes) -> Entry:
    kind_bits = stat.S_IFMT(found.mode or 0)
    kind = _KINDS.get(kind_bits, "other") if kind_bits else None
    return Entry(name, kind, found.size, found.mtime)
