"""The connection of an FTP server: made anew when it was lost, with answers and data connections that end in step."""

import ftplib
import socket
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from lakeferry.servers.ftp_control import Answer
from lakeferry.servers.ftp_data import DataConnection
from lakeferry.servers.ftp_errors import FtpErrors
from lakeferry.servers.ftp_hosts import data_set_path
from lakeferry.servers.ftp_login import Session, log_in, read_credentials
from lakeferry.servers.ftp_tls import end_tls
from lakeferry.servers.names import encode_name
from lakeferry.servers.networks import Networks
from lakeferry.servers.spec import ServerSpec

PIPELINE = 64
"""Questions sent before the first is answered."""
PIPELINE_SECONDS = 10
"""After such a silence they are asked one by one: there are servers that throw away what comes too early."""
PARTING_SECONDS = 5
"""How long an answer is waited for that changes nothing any more."""


class Line:
    """A session that is logged in when it is needed. Raises what ftplib does, besides what a login may."""

    def __init__(self, spec: ServerSpec, secret: Mapping[str, str], errors: FtpErrors, networks: Networks) -> None:
        self._spec, self._errors = spec, errors
        self._credentials = read_credentials(spec, secret, networks)
        self._ahead = PIPELINE
        self._open: Session | None = None
        self._data: DataConnection | None = None
        self._is_aborted = False

    @property
    def is_encrypted(self) -> bool:
        return self._credentials.context is not None

    def session(self) -> Session:
        if self._is_aborted:
            raise EOFError("time is over")
        if self._open is None:
            self._open = log_in(self._spec, self._credentials, self._errors)
        return self._open

    def is_of(self, session: Session) -> bool:
        """Whether that session still lasts."""
        return self._open is session

    def drop(self) -> None:
        """The next call connects anew."""
        if self._open is not None:
            self._open.control.close()
            self._open = None

    def abort(self) -> None:
        """Whatever waits in another thread for this connection fails, and no other is made."""
        self._is_aborted = True
        session, data = self._open, self._data
        if session is not None:
            _shut(session.control.sock)
        if data is not None:
            _shut(data.socket)

    def close(self) -> None:
        session, self._open = self._open, None
        if session is not None:
            try:
                session.control.set_timeout(PARTING_SECONDS)
                session.control.quit()
            except (ftplib.Error, OSError, EOFError):
                pass  # whatever it says, nothing depends on it
            finally:
                session.control.close()

    def text(self, path: str) -> str:
        """The name's bytes as the control connection takes them."""
        return encode_name(data_set_path(path), self._spec.encoding).decode("iso-8859-1")

    def answers(self, commands: Sequence[str]) -> Generator[Answer, None, None]:
        """The answer to each command, many of them on their way at a time where the server takes that."""
        done = 0
        while done < len(commands):
            control = self.session().control
            patience = PIPELINE_SECONDS if self._ahead > 1 else self._spec.read_timeout_seconds
            try:
                with control.patience(min(patience, self._spec.read_timeout_seconds)):
                    for answer in control.ask(commands[done:], self._ahead):
                        done += 1
                        yield answer
            except TimeoutError:
                self.drop()
                if self._ahead == 1:
                    raise
                self._ahead = 1  # it throws away what comes before it has answered

    @contextmanager
    def transfer(self, session: Session, command: str, offset: int = 0) -> Iterator[DataConnection]:
        """A data connection for the command; at the end the server must say that all was sent."""
        data = self._data = session.control.transfer(command, offset)
        try:
            data.socket.settimeout(self._spec.read_timeout_seconds)
            yield data
        except BaseException:
            self._data = None
            data.socket.close()
            # Pure-FTPd begins the next listing with what is left of a broken one: a new session is sure to have nothing
            self.drop()
            raise
        self._data = None
        end_tls(data.socket)
        data.socket.close()
        if data.is_ended:
            return
        try:
            data.last_words = session.control.end_transfer()
        except (ftplib.error_temp, ftplib.error_perm) as refused:
            if data.is_whole:  # what the server makes of the connection's end, or of having no such file any more
                return
            if data.has_begun:
                raise EOFError(f"the server ends it with {str(refused)!r}") from refused
            raise
        except ftplib.error_reply as answer:  # Pure-FTPd ends what was cut off with a second 150
            self.drop()
            raise EOFError(f"the server ends it with {str(answer)!r}") from answer
        except (OSError, EOFError):
            # a firewall has forgotten the control connection, silent for so long; the bytes are all there
            self.drop()
            if not data.is_whole:
                raise


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the server may have ended it
        if isinstance(connection, socket.socket):  # not SSLSocket's own, which takes TLS away from whoever is reading
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
        else:  # a TlsStream
            connection.shutdown(socket.SHUT_RDWR)
