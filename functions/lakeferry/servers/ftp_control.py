"""FTP's control connection, plain or under TLS: commands, and answers that end."""

import ftplib
import socket
import ssl
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from select import select

from lakeferry.servers.answering import LOOK_SECONDS, OtherProtocolError, is_tls, look, told
from lakeferry.servers.connection import connect
from lakeferry.servers.ftp_answers import FIRST_BYTES, Answers, EndlessAnswerError
from lakeferry.servers.ftp_greeting import greeting, refuse_other
from lakeferry.servers.networks import ANYWHERE, Networks
from lakeferry.servers.proxy import Proxy
from lakeferry.servers.spec import ServerSpec

REPEATED_ANSWERS = 3
"""Ends of a transfer that are told again and again; one that says more is not listened to."""
ANSWER_LINES = 10_000
"""Of one answer; STAT, FEAT and MLST have a few."""
SILENT_SECONDS = 4
"""A server that has not begun its greeting by then may be one that waits for TLS, or for a request of HTTP."""
CLOSING = "421"
"""The answer of a server that ends the session (RFC 959, section 4.2)."""
Answer = str | ftplib.error_perm | ftplib.error_temp
"""What a server says to a command; as an error where it refuses."""


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
        self._is_transferring = False

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
        else:
            refuse_other(self.sock.recv(FIRST_BYTES, socket.MSG_PEEK))  # which may never end its line
        self._take_answers()
        self._answers.begin(self._patience)
        self.welcome = greeting(self.getresp, lambda: self._answers.first)
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

    def _encrypt(self) -> None:
        assert self._context is not None  # noqa: S101  (both kinds of FTPS have one)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)

    def _take_answers(self) -> None:
        # what came before TLS began is not taken for an answer under it
        self._answers = Answers(self.sock, self.encoding)
