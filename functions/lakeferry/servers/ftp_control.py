"""FTP's control connection, plain or under TLS, and the data connections it opens. Always passive."""

import ftplib
import selectors
import socket
import ssl
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from select import select

from lakeferry.servers.answering import LOOK_SECONDS, OtherProtocolError, is_tls, look, told
from lakeferry.servers.connection import connect
from lakeferry.servers.ftp_answers import Answers, EndlessAnswerError
from lakeferry.servers.ftp_greeting import greeting, refuse_other
from lakeferry.servers.ftp_tls import TlsStream
from lakeferry.servers.networks import ANYWHERE, Networks
from lakeferry.servers.proxy import Proxy
from lakeferry.servers.spec import ServerSpec

REPEATED_ANSWERS = 3
"""Ends of a transfer that are told again and again; one that says more is not listened to."""
ANSWER_LINES = 10_000
"""Of one answer; STAT, FEAT and MLST have a few."""
UNANNOUNCED_SECONDS = 5
"""How long data are waited for after a server has said that all was sent before it said that it begins."""
GATHER_SECONDS = 0.2
"""So long are bytes gathered before a sink gets them: each call costs, but it looks at the clock."""
WAKE_BYTES = 256 * 1024
SILENT_SECONDS = 4
"""A server that has not begun its greeting by then may be one that waits for TLS, or for a request of HTTP."""
CLOSING = "421"
"""The answer of a server that ends the session (RFC 959, section 4.2)."""
Answer = str | ftplib.error_perm | ftplib.error_temp
"""What a server says to a command; as an error where it refuses."""


@dataclass(slots=True)
class DataConnection:
    """An open data connection.

    Attributes:
        socket: With a file under TLS a `TlsStream`, which has of a socket what reading needs.
        begins_at: Offset in the file of the first byte it brings.
        last_words: What the server says at the end.
        is_ended: The server has said that all was sent, before it came.
        has_begun: Set by the reader of a file: bytes have come, so it is there.
        is_whole: Set by the reader who knows that nothing is missing, whatever the server says afterwards.
    """

    socket: socket.socket
    begins_at: int = 0
    is_ended: bool = False
    last_words: str = ""
    has_begun: bool = False
    is_whole: bool = False
    _woken_by: int = 1
    _drips: bool = False

    def receive(self, view: memoryview, left: int) -> int:
        """Bytes received, many where they come quickly; 0 at the end.

        Args:
            left: Bytes that are still to come.
        """
        before = self.socket.gettimeout()
        if left < 4 * WAKE_BYTES or self._drips:  # the end of the stream wakes too, but an answer may have to be sent
            self._wake_by(1)
            return self.socket.recv_into(view)
        self._wake_by(WAKE_BYTES)
        self.socket.settimeout(GATHER_SECONDS)
        try:
            return self.socket.recv_into(view)
        except TimeoutError:
            self._drips = True
        finally:
            self.socket.settimeout(before)
        return self.receive(view, left)

    def _wake_by(self, count: int) -> None:
        """The kernel wakes this process for so many bytes, not for a few of them: that costs more than to decrypt."""
        if count != self._woken_by:
            with suppress(OSError):  # a help only
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
            self._woken_by = count


class Control(ftplib.FTP):
    """Commands and answers are the server's bytes, as text in ISO 8859-1.

    With a TLS context everything is under TLS: commands from the login on, and every data connection.
    """

    sock: socket.socket

    def __init__(
        self,
        spec: ServerSpec,
        context: ssl.SSLContext | None,
        proxy: Proxy | None = None,
        networks: Networks = ANYWHERE,
    ) -> None:
        super().__init__(timeout=spec.connect_timeout_seconds, encoding="iso-8859-1")
        self._spec, self._context, self._proxy, self._networks = spec, context, proxy, networks
        self._patience = spec.connect_timeout_seconds
        self._is_greeted = False
        self._asks_extended = False
        self._is_transferring = False
        self._is_ended_early = False
        self._begins_at = 0

    def open(self) -> None:
        """Connects and takes the greeting.

        Raises:
            ssl.SSLError: it has no good certificate, or does not take ours.
            ftplib.Error, OSError, EOFError: it is not there, or busy.
        """
        self.host, self.port = self._spec.host, self._spec.port
        self.sock = connect(self._spec, self._proxy, self._networks)
        self.af = self.sock.family
        if self._proxy is not None:  # its own address tells nothing about the server's
            self.af = socket.AF_INET6 if ":" in self._spec.host else socket.AF_INET
        if self._spec.protocol == "ftps_implicit":
            self._encrypt_at_once()
        elif not select([self.sock], [], [], min(SILENT_SECONDS, self._patience))[0]:
            refuse_other(look(self._another_connection))
        self._take_answers()
        self._answers.begin(self._patience)
        self.welcome = greeting(self.getresp)
        self._is_greeted = True

    def _encrypt_at_once(self) -> None:
        try:
            self._encrypt()
        except ssl.SSLCertVerificationError:
            raise
        except (OSError, EOFError) as error:  # an SSLError is one
            first = look(self._another_connection)
            if first is not None and not is_tls(first):
                raise OtherProtocolError(told(first)) from error
            raise

    def _another_connection(self) -> socket.socket:
        return connect(self._spec, self._proxy, self._networks, timeout=LOOK_SECONDS)

    def begin_tls(self) -> None:
        """Explicit FTPS asks for TLS, and goes on with nothing less (RFC 4217, section 4).

        Raises:
            ftplib.error_perm: the server has no TLS.
            ssl.SSLError: it has no good certificate, or does not take ours.
            ftplib.Error, OSError, EOFError: the connection is gone.
        """
        if self._spec.protocol == "ftps":
            self.voidcmd("AUTH TLS")
            self._encrypt()
            self._take_answers()

    def protect(self) -> None:
        """Data connections are to be under TLS too (RFC 4217, section 9)."""
        if self._context is not None:
            self.voidcmd("PBSZ 0")
            self.voidcmd("PROT P")

    def set_timeout(self, seconds: float) -> None:
        self.timeout = self._patience = seconds
        self.sock.settimeout(seconds)

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Another time-out for a while."""
        before = self._patience
        self.set_timeout(seconds)
        try:
            yield
        finally:
            self.set_timeout(before)

    def getresp(self) -> str:
        """As ftplib's, but an end of the last transfer that is told twice is not taken for the next answer."""
        if self._is_greeted:  # the greeting has one time for all that comes before it
            self._answers.begin(self._patience)
        for _ in range(REPEATED_ANSWERS):
            answer = super().getresp()
            if self._is_transferring or not answer.startswith("226"):
                return answer
        raise ftplib.error_proto(answer)  # noqa: S321  (the feed allows it, or it is FTPS)

    def getline(self) -> str:
        """As ftplib's, within the time of the answer that it is of."""
        line = self._answers.line(self.maxline + 1)
        if len(line) > self.maxline:
            raise EndlessAnswerError(f"a line of more than {self.maxline} characters")
        if not line:
            raise EOFError
        return line.rstrip("\n")

    def getmultiline(self) -> str:
        """As ftplib's, but it ends.

        Raises:
            EndlessAnswerError: it does not.
        """
        line = self.getline()
        if line[3:4] != "-" or not line[:3].isdigit():  # such as SSH-2.0
            return line
        lines, code = [line], line[:3]
        while not (line[:3] == code and line[3:4] != "-") or len(lines) == 1:
            if len(lines) >= ANSWER_LINES:
                raise EndlessAnswerError(f"an answer of more than {ANSWER_LINES} lines")
            line = self.getline()
            lines.append(line)
        return "\n".join(lines)

    def ask(self, commands: Sequence[str], ahead: int) -> Generator[Answer, None, None]:
        """Sends commands, up to `ahead` of them before their answers, and gives the answers in order.

        Raises:
            ValueError: a command has a line break in it.
            ftplib.Error, OSError, EOFError: an answer that is neither yes nor no, or that the server ends the session.
        """
        for command in commands:
            if "\r" in command or "\n" in command:
                raise ValueError(f"a name with a line break cannot be asked for: {command!r}")
        waiting, rest = 0, iter(commands)
        try:
            while True:
                if waiting <= ahead // 2:
                    batch = list(islice(rest, ahead - waiting))
                    self.sock.sendall("".join(f"{command}\r\n" for command in batch).encode(self.encoding))
                    waiting += len(batch)
                if not waiting:
                    return
                waiting -= 1
                try:
                    answer: Answer = self.getresp()
                except (ftplib.error_perm, ftplib.error_temp) as refused:
                    if str(refused).startswith(CLOSING):
                        raise
                    answer = refused
                yield answer
        except GeneratorExit:
            for _ in range(waiting):  # or the next command would be given their answers
                with suppress(ftplib.error_perm, ftplib.error_temp):
                    self.getresp()
            raise

    def transfer(self, command: str, offset: int) -> DataConnection:
        """Opens a data connection for a command; where the server has no REST, it brings the file from its start."""
        if offset:
            try:
                return self._begun(command, offset)
            except (ftplib.error_perm, ftplib.error_temp) as refused:
                if str(refused).startswith(CLOSING):
                    raise
                # REST is for the next command, and that was refused: for where it should begin, or for itself
        return self._begun(command, 0)

    def end_transfer(self) -> str:
        """Takes the answer that ends it."""
        try:
            return str(self.voidresp())
        finally:
            self._is_transferring = False

    def _begun(self, command: str, offset: int) -> DataConnection:
        self._is_ended_early = False
        connection = self.transfercmd(command, rest=offset or None)
        return DataConnection(connection, self._begins_at, self._is_ended_early)

    def makepasv(self) -> tuple[str, int]:
        """Where the server waits for a data connection.

        The address of an answer to PASV is not used: behind NAT it is a private one, and a bad server could name
        any machine. It is the host of the control connection, for a proxy by the feed's name of it.
        """
        if self.af == socket.AF_INET and not self._asks_extended:
            try:
                _, port = ftplib.parse227(self.sendcmd("PASV"))  # noqa: S321  (the feed allows it, or it is FTPS)
                return self._data_host(), port
            except (ftplib.error_perm, ftplib.error_proto):
                self._asks_extended = True  # RFC 2428: works whatever the address is
        _, port = ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())  # noqa: S321  (as above)
        return self._data_host(), port

    def _data_host(self) -> str:
        return self._spec.host if self._proxy is not None else str(self.sock.getpeername()[0])

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """As ftplib's, which knows no proxies; the size is never told."""
        host, port = self.makepasv()
        connection = connect(self._spec, self._proxy, self._networks, host=host, port=port, timeout=self._patience)
        try:
            self._begins_at = 0 if rest is None else self._restart(int(rest))
            self._is_transferring = True
            answer = self.sendcmd(cmd)
            if answer.startswith("2"):
                answer = self._after_early_end(answer, connection)
            if not answer.startswith("1") and not self._is_ended_early:
                raise ftplib.error_reply(answer)  # noqa: S321  (as above)
            if self._context is None or self._brings_nothing(connection):
                return connection, None
            # servers refuse a data connection whose TLS session is not that of the control connection: it could be
            # anybody's (vsftpd's require_ssl_reuse, ProFTPD without NoSessionReuseRequired)
            session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
            if cmd.startswith("RETR"):
                return TlsStream(connection, self._context, self.host, session), None  # type: ignore[return-value]
            return self._context.wrap_socket(connection, server_hostname=self.host, session=session), None
        except BaseException:
            self._is_transferring = False
            connection.close()
            raise

    def _restart(self, offset: int) -> int:
        """Where the next file begins."""
        try:
            answer = self.sendcmd(f"REST {offset}")
        except (ftplib.error_perm, ftplib.error_temp) as refused:
            if str(refused).startswith(CLOSING):
                raise
            return 0
        if answer.startswith("3"):
            return offset
        with suppress(ftplib.error_perm, ftplib.error_temp):  # it may have meant yes
            self.sendcmd("REST 0")
        return 0

    def _after_early_end(self, answer: str, connection: socket.socket) -> str:
        """What follows where a transfer is said to be over before it begins.

        Either that was the last transfer's end, said twice, or this one is said to begin afterwards; or there is no
        more to be said, and the data connection has what there is. It may be that there is nothing, and then some
        servers do not even take that connection.
        """
        selector = selectors.DefaultSelector()
        with selector:
            selector.register(self.sock, selectors.EVENT_READ)
            selector.register(connection, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select(min(self._patience, UNANNOUNCED_SECONDS))}
        if self.sock in ready:
            return self.getresp()
        self._is_ended_early = True
        if not ready:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # reads as empty
        return answer

    def _brings_nothing(self, connection: socket.socket) -> bool:
        """Without an announcement, the end is all that may come; TLS is not even begun then."""
        if not self._is_ended_early:
            return False
        try:
            return not connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _encrypt(self) -> None:
        assert self._context is not None  # noqa: S101  (both kinds of FTPS have one)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)

    def _take_answers(self) -> None:
        # what came before TLS began is not taken for an answer under it
        self._answers = Answers(self.sock, self.encoding)
