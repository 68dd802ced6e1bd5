"""Partners' servers on loopback, for the demo and the tests: a folder as `/` over SFTP or FTP."""

import io
import logging
import os
import posixpath
import secrets
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeVar, cast

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)
from paramiko.server import InteractiveQuery
from paramiko.sftp import SFTP_FAILURE, SFTP_OK
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

Result = TypeVar("Result")
LOG = "local.partners"
# what a client does wrong on purpose is no news
logging.getLogger(LOG).setLevel(logging.CRITICAL)
logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)
logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())  # or it configures logging itself


class SftpPartner:
    """An SFTP server with a host key of its own, new each time.

    Args:
        methods: How one may log in; `keyboard-interactive` asks for the user's name, then for the password.

    Attributes:
        port: On `host`.
        host_key: As a feed pins it, `ssh-ed25519 AAAA...`.
        logins: Login attempts that reached the server.
    """

    def __init__(
        self,
        folder: Path,
        *,
        username: str,
        password: str,
        client_keys: Iterable[paramiko.PKey] = (),
        methods: str = "password,publickey",
        host: str = "127.0.0.1",
    ) -> None:
        self.logins = 0
        self.methods = methods
        self._folder, self._username, self._password = folder, username, password
        self._client_keys = tuple(client_keys)
        self._key = _new_host_key()
        self.host_key = f"{self._key.get_name()} {self._key.get_base64()}"
        self._host = host
        self._first = socket.create_server((host, 0))
        self.port: int = self._first.getsockname()[1]
        self._listening: list[tuple[socket.socket, threading.Thread]] = []
        self._transports: list[paramiko.Transport] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._listen(self._first)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for listener, thread in self._listening:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
            listener.close()
            thread.join()
        self.disconnect()

    def another_port(self) -> int:
        """One more that it answers on: to Lakeferry a server of its own, which shares its connections with none."""
        listener = socket.create_server((self._host, 0))
        self._listen(listener)
        port: int = listener.getsockname()[1]
        return port

    def _listen(self, listener: socket.socket) -> None:
        thread = threading.Thread(target=self._accept, args=(listener,), name="sftp", daemon=True)
        thread.start()
        self._listening.append((listener, thread))

    def disconnect(self) -> None:
        """Drops every connection, as a server that restarts."""
        while self._transports:
            self._transports.pop().close()

    def is_client(self, username: str, *, password: str | None = None, key: paramiko.PKey | None = None) -> bool:
        self.logins += 1
        if username != self._username:
            return False
        return key in self._client_keys if key is not None else _equal(password, self._password)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            # else its second line in a row waits for the other side's delayed acknowledgement, 40 ms each login
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(connection)
            transport.set_log_channel(LOG)
            transport.add_server_key(self._key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Folder, self._folder)
            with self._lock:
                self._transports = [*(known for known in self._transports if known.is_active()), transport]
            transport.start_server(event=threading.Event(), server=_Logins(self))


class FtpPartner:
    """A plain FTP server.

    Args:
        without: Commands it does not know, such as `MLSD`, to be like an older server.

    Attributes:
        port: On `host`.
    """

    def __init__(
        self, folder: Path, *, username: str, password: str, without: Iterable[str] = (), host: str = "127.0.0.1"
    ) -> None:
        authorizer = DummyAuthorizer()
        authorizer.add_user(username, password, str(folder), perm="elradfmwMT")
        off = frozenset(without)
        handler = type(
            "PartnerHandler",
            (FTPHandler,),
            {
                "authorizer": authorizer,
                "auth_failed_timeout": 0,
                "proto_cmds": {name: known for name, known in FTPHandler.proto_cmds.items() if name not in off},
            },
        )
        self._host = host
        self._server = FTPServer((host, 0), handler, ioloop=IOLoop())
        self.port: int = self._server.address[1]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"ftp-{self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        with suppress(OSError):  # the loop ends at once, in place of when it next looks
            socket.create_connection((self._host, self.port)).close()
        self._thread.join()

    def _serve(self) -> None:
        # the loop belongs to this thread; nothing else may close its sockets
        while not self._stopped.is_set():
            self._server.ioloop.loop(timeout=0.05, blocking=False)
        self._server.close_all()


class _Logins(paramiko.ServerInterface):
    def __init__(self, partner: SftpPartner) -> None:
        self._partner = partner

    def get_allowed_auths(self, username: str) -> str:
        return self._partner.methods

    def check_auth_password(self, username: str, password: str) -> int:
        return _auth(self._partner.is_client(username, password=password))

    def check_auth_interactive(self, username: str, submethods: str) -> int | InteractiveQuery:
        self._answering = username
        return InteractiveQuery("Partner", "", ("Name: ", True), ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        name, password = responses
        return _auth(name == self._answering and self._partner.is_client(name, password=password))

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return _auth(self._partner.is_client(username, key=key))

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _File(paramiko.SFTPHandle):
    """paramiko's own handle reads and writes `readfile` and `writefile`."""

    def __init__(self, file: BinaryIO, flags: int) -> None:
        super().__init__(flags)
        self._file = self.readfile = self.writefile = file

    def stat(self) -> paramiko.SFTPAttributes | int:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self._file.fileno()))


class _Folder(paramiko.SFTPServerInterface):
    """SFTP requests done on a folder."""

    def __init__(self, server: paramiko.ServerInterface, folder: Path) -> None:
        super().__init__(server)
        self._root = folder

    def _local(self, path: str) -> Path:
        return self._root / posixpath.normpath("/" + path).lstrip("/")

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        return _done(
            lambda: [
                paramiko.SFTPAttributes.from_stat(found.stat(follow_symlinks=False), found.name)
                for found in os.scandir(self._local(path))
            ]
        )

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        return _done(lambda: paramiko.SFTPAttributes.from_stat(self._local(path).stat()))

    def lstat(self, path: str) -> paramiko.SFTPAttributes | int:
        return _done(lambda: paramiko.SFTPAttributes.from_stat(self._local(path).lstat()))

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        def opened() -> paramiko.SFTPHandle:
            mode = {os.O_WRONLY: "wb", os.O_RDWR: "r+b"}.get(flags & os.O_ACCMODE, "rb")
            return _File(cast("BinaryIO", os.fdopen(os.open(self._local(path), flags, 0o644), mode)), flags)

        return _done(opened)

    def remove(self, path: str) -> int:
        return _status(self._local(path).unlink)

    def rename(self, oldpath: str, newpath: str) -> int:
        if self._local(newpath).exists():  # version 3 of the protocol wants a failure
            return SFTP_FAILURE
        return self.posix_rename(oldpath, newpath)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        return _status(lambda: self._local(oldpath).replace(self._local(newpath)))

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return _status(self._local(path).mkdir)

    def rmdir(self, path: str) -> int:
        return _status(self._local(path).rmdir)

    def chattr(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        if attr.st_mtime is None:
            return SFTP_OK
        times = (attr.st_atime or attr.st_mtime, attr.st_mtime)
        return _status(lambda: os.utime(self._local(path), times))


def _done(action: Callable[[], Result]) -> Result | int:
    """What the action gives, or the protocol's number for why it failed."""
    try:
        return action()
    except OSError as error:
        return paramiko.SFTPServer.convert_errno(error.errno or 0)


def _status(action: Callable[[], object]) -> int:
    done = _done(action)
    return done if isinstance(done, int) else SFTP_OK


def _auth(accepted: bool) -> int:
    return AUTH_SUCCESSFUL if accepted else AUTH_FAILED


def _equal(given: str | None, wanted: str) -> bool:
    return given is not None and secrets.compare_digest(given.encode(), wanted.encode())


def _new_host_key() -> paramiko.PKey:
    text = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return paramiko.Ed25519Key.from_private_key(io.StringIO(text.decode()))
