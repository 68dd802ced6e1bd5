"""An FTP server whose every answer a test can replace: a subclass a quirk, named after what it does.

Each command is answered by the method `do_<COMMAND>`; one that is not there is not implemented.
"""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Self

from lakeferry.servers import ServerSpec

MTIME = "20251123163300"


class Session:
    """One control connection."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.folder = "/"
        self.offset = 0
        self.passive: socket.socket | None = None
        self.renaming = ""

    def say(self, *lines: str) -> None:
        self.control.sendall("".join(f"{line}\r\n" for line in lines).encode("latin-1"))

    def send(self, data: bytes, *, before: tuple[str, ...] = ("150 Here it comes.",), after: tuple[str, ...]) -> None:
        """Bytes over the data connection, and what is said around it."""
        assert self.passive is not None
        with self.passive, self.passive.accept()[0] as connection:
            self.say(*before)
            connection.sendall(data)
        self.say(*after)


class ScriptedFtp:
    """Serves `files` in `/out` on loopback while the `with` block lasts.

    Attributes:
        files: Content by name; all have the time `MTIME`.
        features: Of FEAT.
        ends: What is said at the end of a listing or file.
        heard: Every command, in order.
    """

    features: ClassVar[tuple[str, ...]] = ("UTF8", "SIZE", "MDTM", "MLST type*;size*;modify*;", "REST STREAM")
    ends: ClassVar[tuple[str, ...]] = ("226 Done.",)
    greeting: ClassVar[bytes] = b"220 Ready.\r\n"

    def __init__(self, **files: bytes) -> None:
        self.files = {name.replace("_", "."): data for name, data in files.items()} or {"a.csv": b"id,x\n1,2\n"}
        self.heard: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def spec(self) -> ServerSpec:
        return ServerSpec(
            "ftp", "127.0.0.1", int(self._listener.getsockname()[1]), "lake", secret="s", allow_plaintext=True,
            connect_timeout_seconds=5, read_timeout_seconds=5,
        )  # fmt: skip

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                control, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(control)
            threading.Thread(target=self._serve, args=(Session(control),), daemon=True).start()

    def _serve(self, session: Session) -> None:
        with suppress(OSError, ValueError), session.control, session.control.makefile("rb") as lines:
            session.control.sendall(self.greeting)
            for line in lines:
                command = line.decode("latin-1").rstrip("\r\n")
                self.heard.append(command)
                verb, _, argument = command.partition(" ")
                answer = getattr(self, f"do_{verb.upper()}", None)
                if answer is None:
                    session.say("502 Not implemented.")
                else:
                    answer(session, argument)

    def mlsd(self) -> str:
        return "".join(f"type=file;size={len(data)};modify={MTIME}; {name}\r\n" for name, data in self.files.items())

    def list(self) -> str:
        return "".join(f"-rw-r--r--   1 o g {len(data)} Nov 23  2025 {name}\r\n" for name, data in self.files.items())

    def found(self, path: str) -> bytes | None:
        return self.files.get(path.rpartition("/")[2])

    def do_USER(self, session: Session, argument: str) -> None:
        session.say("331 Password?")

    def do_PASS(self, session: Session, argument: str) -> None:
        session.say("230 Welcome.")

    def do_FEAT(self, session: Session, argument: str) -> None:
        session.say("211-Features", *(f" {feature}" for feature in self.features), "211 End")

    def do_OPTS(self, session: Session, argument: str) -> None:
        session.say("200 Yes.")

    def do_TYPE(self, session: Session, argument: str) -> None:
        session.say("200 Yes.")

    def do_PWD(self, session: Session, argument: str) -> None:
        session.say(f'257 "{session.folder}"')

    def do_CWD(self, session: Session, argument: str) -> None:
        session.folder = argument
        session.say("250 Yes.")

    def do_QUIT(self, session: Session, argument: str) -> None:
        session.say("221 Bye.")

    def do_PASV(self, session: Session, argument: str) -> None:
        session.passive = socket.create_server(("127.0.0.1", 0))
        port = session.passive.getsockname()[1]
        session.say(f"227 Entering Passive Mode (127,0,0,1,{port >> 8},{port & 255})")

    def do_REST(self, session: Session, argument: str) -> None:
        session.offset = int(argument)
        session.say("350 Yes.")

    def do_MLSD(self, session: Session, argument: str) -> None:
        session.send(self.mlsd().encode("latin-1"), after=self.ends)

    def do_LIST(self, session: Session, argument: str) -> None:
        session.send(self.list().encode("latin-1"), after=self.ends)

    def facts(self, path: str) -> str:
        return f"type=file;size={len(self.found(path) or b'')};modify={MTIME}; {path}"

    def do_MLST(self, session: Session, argument: str) -> None:
        if self.found(argument) is None:
            session.say("550 No such file.")
        else:
            session.say("250-Listing", f" {self.facts(argument)}", "250 End")

    def do_SIZE(self, session: Session, argument: str) -> None:
        data = self.found(argument)
        session.say("550 No such file." if data is None else f"213 {len(data)}")

    def do_MDTM(self, session: Session, argument: str) -> None:
        session.say("550 No such file." if self.found(argument) is None else f"213 {MTIME}")

    def do_RETR(self, session: Session, argument: str) -> None:
        data = self.found(argument)
        if data is None:
            session.say("550 No such file.")
            return
        offset, session.offset = session.offset, 0
        session.send(data[offset:], after=self.ends)

    def do_RNFR(self, session: Session, argument: str) -> None:
        session.renaming = argument.rpartition("/")[2]
        session.say("350 And to?" if session.renaming in self.files else "550 No such file.")

    def do_RNTO(self, session: Session, argument: str) -> None:
        self.files[argument.rpartition("/")[2]] = self.files.pop(session.renaming)
        session.say("250 Yes.")

    def do_MKD(self, session: Session, argument: str) -> None:
        session.say(f'257 "{argument}"')

    def do_DELE(self, session: Session, argument: str) -> None:
        gone = self.files.pop(argument.rpartition("/")[2], None)
        session.say("550 No such file." if gone is None else "250 Yes.")
