"""FTP and FTPS over the standard library's ftplib, always passive and binary."""

import ftplib
import posixpath
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from lakeferry.errors import FileChangedError, RemoteAccessError, TransferInterruptedError
from lakeferry.feeds import ServerSpec
from lakeferry.models import RemoteFile
from lakeferry.servers import MAX_DEPTH, MAX_UNREAD, Sink, every_name, none_known
from lakeferry.servers.checksums import Checksum
from lakeferry.servers.ftp_checksum import ask_checksum
from lakeferry.servers.ftp_control import DataConnection
from lakeferry.servers.ftp_errors import FtpErrors
from lakeferry.servers.ftp_listing import Listed, parse_list, parse_mlst, parse_time
from lakeferry.servers.ftp_login import UNKNOWN_COMMAND, Session, log_in, read_credentials
from lakeferry.servers.names import decode_name, encode_name

RECEIVE_BYTES = 1024 * 1024
TLS_RECEIVE_BYTES = 128 * 1024
"""A small buffer stays in the processor's cache."""
LINE_BYTES = 64 * 1024
PIPELINE = 64
"""Questions sent before the first is answered."""
PIPELINE_SECONDS = 10
"""After such a silence they are asked one by one: there are servers that throw away what comes too early."""
PARTING_SECONDS = 5
"""How long an answer is waited for that changes nothing any more."""


class FtpServer:
    """A logged-in FTP or FTPS session; see `lakeferry.servers.Server`.

    Times come from MLSD and MLST where the server has them, else from MDTM, both UTC seconds (RFC 3659); else from
    the text of LIST in `server.timezone`, as coarse as that is. A listing and `stat` use the same source. Whether
    `move` replaces a file is the server's choice; most do.
    """

    def __init__(self, spec: ServerSpec, secret: Mapping[str, str]) -> None:
        self._spec = spec
        self._ahead = PIPELINE
        self._credentials = read_credentials(spec, secret)
        self._where = f"{spec.host}:{spec.port}"
        self._errors = FtpErrors(spec)
        self._open: Session | None = None
        self.unread: list[str] = []
        self._session()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._open = self._open, None
        if session is not None:
            try:
                session.control.set_timeout(PARTING_SECONDS)
                session.control.quit()
            except (ftplib.Error, OSError, EOFError):
                pass  # whatever it says, nothing depends on it
            finally:
                session.control.close()

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
            with self._errors.during(f"list {folder}"):
                inexact: list[tuple[str, Listed]] = []
                for listed in self._entries(folder):
                    path = posixpath.join(folder, listed.name)
                    if listed.type == "dir" and recursive and depth < MAX_DEPTH:
                        waiting.append((path, depth + 1))
                    elif listed.type == "file" and wanted(listed.name):
                        if listed.size is None or listed.mtime is None:
                            inexact.append((path, listed))  # nothing can be asked while the listing is coming
                        elif not self._asks_times:
                            yield RemoteFile(path, listed.size, listed.mtime)
                        elif not is_known(RemoteFile(path, listed.size, listed.mtime, listed.mtime)):
                            inexact.append((path, listed))
                yield from self._exact(inexact)

    def stat(self, path: str) -> RemoteFile:
        with self._errors.during(f"look at {path}", missing=FileChangedError):
            if "MLST" in self._session().features:
                found = self._mlst(path)
            elif self._asks_times:
                found = next(self._exact([(path, _UNKNOWN)]), None)
            else:
                folder, name = posixpath.split(path)
                files = list(self.list_files(folder, wanted=lambda other: other == name))
                found = files[0] if files else None
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

    def checksum(self, path: str, seconds: float) -> Checksum | None:
        with self._errors.during(f"ask for the checksum of {path}", gone=TransferInterruptedError):
            session, text = self._session(), self._text(path)
            try:
                with session.control.patience(seconds):
                    return ask_checksum(session.control, session.features, session.hashes, text)
            except TimeoutError:
                self._drop()
                return None
            except BaseException:
                self._drop()
                raise

    def move(self, path: str, target: str) -> None:
        self.stat(path)
        folder = posixpath.dirname(target)
        with self._errors.during(f"make directory {folder}"):
            self._make_directory(folder)
        with self._errors.during(f"move {path} to {target}"):
            self._session().control.rename(self._text(path), self._text(target))

    def delete(self, path: str) -> None:
        self.stat(path)
        with self._errors.during(f"delete {path}"):
            self._session().control.delete(self._text(path))

    # -- the session

    def _session(self) -> Session:
        if self._open is None:
            self._open = log_in(self._spec, self._credentials, self._errors)
        return self._open

    def _drop(self) -> None:
        """The next call connects anew."""
        if self._open is not None:
            self._open.control.close()
            self._open = None

    def _text(self, path: str) -> str:
        """The name's bytes as the control connection takes them."""
        return encode_name(path, self._spec.encoding).decode("iso-8859-1")

    # -- listings

    @property
    def _asks_times(self) -> bool:
        """Whether MDTM tells the time of a file, since a listing does not tell it to the second."""
        features = self._session().features
        return "MLST" not in features and {"SIZE", "MDTM"} <= features

    def _entries(self, folder: str) -> Iterator[Listed]:
        """What the directory holds. It is entered: asked for a missing one, some servers list nothing."""
        session = self._session()
        session.control.cwd(self._text(folder))
        try:
            yield from self._listing(session)
        except ftplib.error_perm as error:
            if "MLST" not in session.features or not str(error).startswith(UNKNOWN_COMMAND):
                raise
            session.features.discard("MLST")  # promised and not kept
            yield from self._listing(session)
        if self._open is session:
            session.control.cwd(session.home)

    def _listing(self, session: Session) -> Iterator[Listed]:
        facts, zone, now = "MLST" in session.features, ZoneInfo(self._spec.timezone), datetime.now(UTC)
        understood = misunderstood = 0
        with self._transfer(session, "MLSD" if facts else "LIST") as data, data.socket.makefile("rb") as lines:
            while line := lines.readline(LINE_BYTES):
                if not line.endswith(b"\n") and len(line) < LINE_BYTES:
                    raise EOFError("its listing ends amid a line")  # the server may have sent all of it, and say so
                text = line.decode("iso-8859-1").rstrip("\r\n")
                try:
                    listed = parse_mlst(text) if facts else parse_list(text, zone, now)
                    if listed is not None and listed.type in ("file", "dir") and "/" in listed.name:
                        raise ValueError("it leads somewhere else: no file of this directory")
                except (ValueError, OverflowError):
                    misunderstood += 1
                    if len(self.unread) < MAX_UNREAD:
                        self.unread.append(text[:200])
                    continue
                if listed is not None:
                    understood += 1
                    name = decode_name(listed.name.encode("iso-8859-1"), self._spec.encoding)
                    yield Listed(name, listed.type, listed.size, listed.mtime)
        if misunderstood and not understood:
            raise ValueError(f"none of the {misunderstood} lines it lists can be read, such as {self.unread[-1]!r}")

    def _mlst(self, path: str) -> RemoteFile | None:
        answer = self._session().control.sendcmd(f"MLST {self._text(path)}").splitlines()
        listed = parse_mlst(answer[1]) if len(answer) == 3 else None
        if listed is None or listed.type != "file":
            return None
        if listed.size is None or listed.mtime is None:
            return next(self._exact([(path, listed)]), None)
        return RemoteFile(path, listed.size, listed.mtime)

    def _exact(self, found: Sequence[tuple[str, Listed]]) -> Iterator[RemoteFile]:
        """The files with what their listing did not tell; those that have gone since are left out."""
        features = self._session().features
        asked = [
            [verb for verb, wanting in (("SIZE", listed.size is None), ("MDTM", True)) if wanting and verb in features]
            for _, listed in found
        ]
        commands = [
            f"{verb} {self._text(path)}" for (path, _), verbs in zip(found, asked, strict=True) for verb in verbs
        ]
        with closing(self._answers(commands)) as answers:
            for (path, listed), verbs in zip(found, asked, strict=True):
                told = {verb: next(answers) for verb in verbs}
                if any(_says_gone(answer) for answer in told.values()):
                    continue
                features -= {verb for verb, answer in told.items() if not isinstance(answer, str)}
                size, mtime = told.get("SIZE"), told.get("MDTM")
                yield self._remote_file(
                    path,
                    int(size[4:]) if isinstance(size, str) else listed.size,
                    parse_time(mtime[4:].strip()) if isinstance(mtime, str) else listed.mtime,
                    listed.mtime,
                )

    def _remote_file(self, path: str, size: int | None, mtime: int | None, listed_mtime: int | None) -> RemoteFile:
        if size is None or mtime is None:
            raise RemoteAccessError(
                f"{self._where} does not tell size and time of {path}: without them a version cannot be told from "
                "another. Ask the partner for SFTP."
            )
        return RemoteFile(path, size, mtime, listed_mtime)

    def _answers(self, commands: Sequence[str]) -> Generator[str | ftplib.error_perm, None, None]:
        """The answer to each command, many of them on their way at a time where the server takes that."""
        done = 0
        while done < len(commands):
            control = self._session().control
            patience = PIPELINE_SECONDS if self._ahead > 1 else self._spec.read_timeout_seconds
            try:
                with control.patience(min(patience, self._spec.read_timeout_seconds)):
                    for answer in control.ask(commands[done:], self._ahead):
                        done += 1
                        yield answer
            except TimeoutError:
                self._drop()
                if self._ahead == 1:
                    raise
                self._ahead = 1  # it throws away what comes before it has answered

    # -- data connections

    def _chunks(self, path: str, offset: int) -> Generator[memoryview, None, None]:
        size = self.stat(path).size
        if offset >= size:
            return
        view = memoryview(bytearray(RECEIVE_BYTES if self._credentials.context is None else TLS_RECEIVE_BYTES))
        with (
            self._errors.during(f"read {path}", missing=FileChangedError, gone=TransferInterruptedError),
            self._transfer(self._session(), f"RETR {self._text(path)}", offset) as data,
        ):
            at = data.begins_at
            while count := data.receive(view, size - at):
                if at + count > offset:
                    yield view[max(0, offset - at) : count]
                at += count
            data.is_whole = at >= size
        if at < size:
            raise TransferInterruptedError(
                f"{path} on {self._where} ended after {at} of {size} bytes: it is tried again from there."
            )

    @contextmanager
    def _transfer(self, session: Session, command: str, offset: int = 0) -> Iterator[DataConnection]:
        """A data connection for the command; at the end the server must say that all was sent."""
        data = session.control.transfer(command, offset)
        try:
            data.socket.settimeout(self._spec.read_timeout_seconds)
            yield data
        except BaseException:
            data.socket.close()
            # Pure-FTPd begins the next listing with what is left of a broken one: a new session is sure to have nothing
            self._drop()
            raise
        data.socket.close()
        try:
            session.control.voidresp()
        except ftplib.error_reply as answer:  # Pure-FTPd ends what was cut off with a second 150
            self._drop()
            raise EOFError(f"the server ends it with {str(answer)!r}") from answer
        except (OSError, EOFError):
            # a firewall has forgotten the control connection, silent for so long; the bytes are all there
            self._drop()
            if not data.is_whole:
                raise

    def _make_directory(self, folder: str) -> None:
        session = self._session()
        made = "/" if folder.startswith("/") else ""
        for part in filter(None, folder.split("/")):
            made = posixpath.join(made, part)
            try:
                session.control.cwd(self._text(made))
            except ftplib.error_perm:
                with suppress(ftplib.error_perm):  # another run may make it just now; the rename tells
                    session.control.mkd(self._text(made))
            session.control.cwd(session.home)


_UNKNOWN = Listed("", "file", None, None)


def _says_gone(answer: str | ftplib.error_perm) -> bool:
    """Whether the server has no such file, rather than no such command."""
    return isinstance(answer, ftplib.error_perm) and not str(answer).startswith(UNKNOWN_COMMAND)
