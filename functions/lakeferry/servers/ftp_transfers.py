"""FTP's control connection with what it opens: data connections, always passive, and in step with the answers."""

import ftplib
import selectors
import socket
import ssl
from contextlib import suppress

from lakeferry.servers.connection import connect
from lakeferry.servers.ftp_control import CLOSING, Control
from lakeferry.servers.ftp_data import DataConnection
from lakeferry.servers.ftp_tls import TlsStream

UNANNOUNCED_SECONDS = 5
"""How long data are waited for after a server has said that all was sent before it said that it begins."""


class Transfers(Control):
    """A control connection that can be asked for listings and files."""

    _asks_extended = False
    _is_ended_early = False
    _begins_at = 0

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
