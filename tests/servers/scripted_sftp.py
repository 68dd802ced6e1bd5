"""An SFTP server scripted packet by packet, over paramiko's SSH: a subclass a quirk, named after what it does."""

import logging
import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Self

import paramiko

from lakeferry.servers import ServerSpec
from lakeferry.servers import sftp_packets as of
from local.partners import Result  # noqa: F401  (its module silences paramiko's server)

MTIME = 1_700_000_000
FILE_MODE, FOLDER_MODE = 0o100644, 0o040755
LOG = "tests.scripted_sftp"
logging.getLogger(LOG).setLevel(logging.CRITICAL)
_NUMBER, _LONG = struct.Struct(">I"), struct.Struct(">Q")


def attributes(size: int | None = None, mode: int | None = None, mtime: int | None = None) -> bytes:
    flags = (size is not None) + 4 * (mode is not None) + 8 * (mtime is not None)
    return b"".join(
        [
            _NUMBER.pack(flags),
            b"" if size is None else _LONG.pack(size),
            b"" if mode is None else _NUMBER.pack(mode),
            b"" if mtime is None else _NUMBER.pack(mtime) * 2,
        ]
    )


class Fields:
    """Reads what a request holds."""

    def __init__(self, data: bytes) -> None:
        self._body = of.Body(data)

    def text(self) -> str:
        return self._body.string().decode("utf-8", "surrogateescape")

    def number(self) -> int:
        return self._body.number()

    def long(self) -> int:
        return self._body.long()


class ScriptedSftp:
    """Serves `files` in `/out` on loopback while the `with` block lasts.

    Attributes:
        files: Content by name; all have the time `MTIME`.
        version: That it answers the greeting with.
        heard: Kinds of the packets that came, in order.
        sessions: How often SFTP was begun.
    """

    version: ClassVar[int] = 3
    extensions: ClassVar[tuple[bytes, ...]] = ()
    logins: ClassVar[type[paramiko.ServerInterface]]

    def __init__(self, **files: bytes) -> None:
        self.files = {name.replace("_", "."): data for name, data in files.items()} or {"a.csv": b"id,x\n1,2\n"}
        self.folders = {"/", "/out"}
        self.heard: list[int] = []
        self.sessions = 0
        self._key = paramiko.ECDSAKey.generate()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[paramiko.Transport] = []

    @property
    def spec(self) -> ServerSpec:
        return ServerSpec(
            "sftp", "127.0.0.1", int(self._listener.getsockname()[1]), "lake", secret="s",
            host_keys=(f"{self._key.get_name()} {self._key.get_base64()}",),
            connect_timeout_seconds=5, read_timeout_seconds=2,
        )  # fmt: skip

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in self._open:
            transport.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # else its second line in a row waits for the other side's delayed acknowledgement, 40 ms each login
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(connection)
            transport.set_log_channel(LOG)
            transport.add_server_key(self._key)
            transport.set_subsystem_handler("sftp", _Subsystem, self)
            self._open.append(transport)
            with suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(event=threading.Event(), server=self.logins())

    def serve(self, channel: paramiko.Channel) -> None:
        self.sessions += 1
        session, data = Talk(channel), b""
        while more := channel.recv(65536):
            data += more
            while len(data) >= 4 and len(data) >= 4 + (length := _NUMBER.unpack(data[:4])[0]):
                packet, data = data[4 : 4 + length], data[4 + length :]
                self.heard.append(packet[0])
                if packet[0] == of.INIT:
                    pairs = b"".join(of.string(name) + of.string(b"1") for name in self.extensions)
                    session.send(of.VERSION, self.version, pairs)
                    continue
                answer = getattr(self, f"do_{NAMES.get(packet[0], 'OTHER')}", self.do_OTHER)
                answer(session, _NUMBER.unpack(packet[1:5])[0], Fields(packet[5:]))

    def told(self, name: str) -> bytes:
        """The attributes of a file in a listing."""
        return attributes(len(self.files[name]), FILE_MODE, MTIME)

    def shown(self, name: str) -> bytes:
        """The line `ls -l` has for it."""
        return b"-rw-r--r--    1 o        g               9 Nov 14  2023 " + name.encode()

    def entries(self) -> bytes:
        return _NUMBER.pack(len(self.files)) + b"".join(
            of.string(name.encode()) + of.string(self.shown(name)) + self.told(name) for name in self.files
        )

    def do_OTHER(self, talk: "Talk", number: int, fields: Fields) -> None:
        talk.status(number, of.UNSUPPORTED)

    def do_OPENDIR(self, talk: "Talk", number: int, fields: Fields) -> None:
        folder = fields.text()
        if folder not in self.folders:
            talk.status(number, of.NO_SUCH_FILE)
            return
        talk.handles[folder] = 0
        talk.send(of.HANDLE, number, of.string(folder.encode()))

    def do_READDIR(self, talk: "Talk", number: int, fields: Fields) -> None:
        folder = fields.text()
        talk.handles[folder] += 1
        if talk.handles[folder] > 1 or folder == "/":
            talk.status(number, of.END_OF_FILE)
        else:
            talk.send(of.NAME, number, self.entries())

    def do_LSTAT(self, talk: "Talk", number: int, fields: Fields) -> None:
        self.tell(talk, number, fields.text())

    def do_STAT(self, talk: "Talk", number: int, fields: Fields) -> None:
        self.tell(talk, number, fields.text())

    def do_FSTAT(self, talk: "Talk", number: int, fields: Fields) -> None:
        self.tell(talk, number, fields.text())

    def tell(self, talk: "Talk", number: int, path: str) -> None:
        name = path.rpartition("/")[2]
        if path in self.folders:
            talk.send(of.ATTRS, number, attributes(0, FOLDER_MODE, MTIME))
        elif name in self.files:
            talk.send(of.ATTRS, number, self.told(name))
        else:
            talk.status(number, of.NO_SUCH_FILE)

    def do_OPEN(self, talk: "Talk", number: int, fields: Fields) -> None:
        path = fields.text()
        if path.rpartition("/")[2] in self.files:
            talk.send(of.HANDLE, number, of.string(path.encode()))
        else:
            talk.status(number, of.NO_SUCH_FILE)

    def do_READ(self, talk: "Talk", number: int, fields: Fields) -> None:
        name, offset, length = fields.text().rpartition("/")[2], fields.long(), fields.number()
        self.give(talk, number, self.files[name][offset : offset + min(length, 32768)], length)

    def give(self, talk: "Talk", number: int, data: bytes, length: int) -> None:
        """Answers a request for `length` bytes."""
        if data:
            talk.send(of.DATA, number, of.string(data))
        else:
            talk.status(number, of.END_OF_FILE)

    def do_CLOSE(self, talk: "Talk", number: int, fields: Fields) -> None:
        talk.status(number, of.OK)

    def do_RENAME(self, talk: "Talk", number: int, fields: Fields) -> None:
        old, new = fields.text().rpartition("/")[2], fields.text().rpartition("/")[2]
        self.files[new] = self.files.pop(old)
        talk.status(number, of.OK)

    def do_REMOVE(self, talk: "Talk", number: int, fields: Fields) -> None:
        gone = self.files.pop(fields.text().rpartition("/")[2], None)
        talk.status(number, of.NO_SUCH_FILE if gone is None else of.OK)


NAMES = {
    getattr(of, name): name
    for name in ("OPENDIR", "READDIR", "LSTAT", "STAT", "FSTAT", "OPEN", "READ", "CLOSE", "RENAME", "REMOVE")
}


class Talk:
    """One channel, and the handles that are open on it."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self.channel = channel
        self.handles: dict[str, int] = {}

    def send(self, kind: int, number: int, *fields: bytes) -> None:
        self.channel.sendall(of.packet(kind, number, *fields))

    def status(self, number: int, code: int, words: bytes = b"so it is") -> None:
        self.send(of.STATUS, number, _NUMBER.pack(code), of.string(words), of.string(b""))


class _Subsystem(paramiko.SubsystemHandler):
    def __init__(self, channel: paramiko.Channel, name: str, server: paramiko.ServerInterface, script: ScriptedSftp):
        super().__init__(channel, name, server)
        self._script = script

    def start_subsystem(self, name: str, transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        with suppress(OSError, EOFError):
            self._script.serve(channel)


class AllowAll(paramiko.ServerInterface):
    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED


ScriptedSftp.logins = AllowAll


class PasswordThenKey(AllowAll):
    """Offers the key only once the password was taken."""

    def __init__(self) -> None:
        self.offered = "password"

    def get_allowed_auths(self, username: str) -> str:
        return self.offered

    def check_auth_password(self, username: str, password: str) -> int:
        self.offered = "publickey"
        return paramiko.common.AUTH_PARTIALLY_SUCCESSFUL

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        is_due = self.offered == "publickey"
        return paramiko.common.AUTH_SUCCESSFUL if is_due else paramiko.common.AUTH_FAILED


class KeyThenPassword(AllowAll):
    """Wants both; says first that it has keys only."""

    is_known = False

    def get_allowed_auths(self, username: str) -> str:
        return "password" if self.is_known else "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.is_known = True
        return paramiko.common.AUTH_PARTIALLY_SUCCESSFUL

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL if self.is_known else paramiko.common.AUTH_FAILED


class KeyThenRound(AllowAll):
    """Wants a key, and then a round of keyboard-interactive with these questions, all answered `p`."""

    questions: ClassVar[tuple[str, ...]] = ()
    is_known = False

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive" if self.is_known else "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.is_known = True
        return paramiko.common.AUTH_PARTIALLY_SUCCESSFUL

    def check_auth_interactive(self, username: str, submethods: str) -> paramiko.server.InteractiveQuery:
        query = paramiko.server.InteractiveQuery("Welcome", "Only for partners.")
        for question in self.questions:
            query.add_prompt(question, echo=False)
        return query

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        right = responses == ["p"] * len(self.questions)
        return paramiko.common.AUTH_SUCCESSFUL if right else paramiko.common.AUTH_FAILED
