"""Partners' file servers behind one interface: one module a protocol.

A server is open from `open_server` on and closed when its `with` block ends. Every error of the libraries
underneath leaves as one of `lakeferry.errors`; what a sink raises passes through as it is.
"""

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Protocol, Self

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ServerSpec
from lakeferry.models import RemoteFile
from lakeferry.servers.checksums import Checksum

Sink = Callable[[memoryview], bool]
"""Takes the next bytes in order; False stops the transfer. The view is only valid during the call.

It may be called in another thread than `read`, which waits for it.
"""

MAX_DEPTH = 32
"""Folders below the feed's that a recursive listing enters: links can make a tree that has no end."""


MAX_UNREAD = 20
"""Lines of listings that are kept because they could not be understood."""


def every_name(name: str) -> bool:
    """Wants all files."""
    return True


def none_known(file: RemoteFile) -> bool:
    """Every file's exact time is to be asked for."""
    return False


class Server(Protocol):
    """An open connection to a partner's server. Paths are text, `/` between the parts.

    One thing at a time: a listing is used up, or thrown away, before the next call.

    Attributes:
        unread: Lines of listings that could not be understood, or whose name is a path, the first of them.
    """

    unread: list[str]

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def list_files(
        self,
        directory: str,
        *,
        recursive: bool = False,
        wanted: Callable[[str], bool] = every_name,
        is_known: Callable[[RemoteFile], bool] = none_known,
    ) -> Iterator[RemoteFile]:
        """The regular files of a directory as the server sends them, in no particular order.

        Args:
            wanted: Tells by a file's name whether it matters: with some servers each file costs a question.
            is_known: Where a listing's times are not exact, tells by what it shows (`listed_mtime` as well as `mtime`)
                that a file need not be asked about; such a file is left out.

        Raises:
            RemoteAccessError: the directory is not there, or is refused.
            ServerUnavailableError: the connection is gone.
        """
        ...

    def stat(self, path: str) -> RemoteFile:
        """The version of the file that is there now, with the same size and time as a listing tells.

        Raises:
            FileChangedError: it is not there any more.
        """
        ...

    def read(self, path: str, offset: int, sink: Sink) -> int:
        """Hands the bytes from `offset` to the end of the file to the sink.

        Returns:
            Bytes handed on; fewer than there are only if the sink returned False.

        Raises:
            FileChangedError: it is not there any more.
            TransferInterruptedError: the connection broke or the bytes came up short.
        """
        ...

    def checksum(self, path: str, seconds: float) -> Checksum | None:
        """What the server says that the whole file comes to.

        Returns:
            None if it knows no way to tell, or does not within that time.

        Raises:
            TransferInterruptedError: the connection broke.
        """
        ...

    def move(self, path: str, target: str) -> None:
        """Renames the file, making the target's directory; a file that has the target's name is replaced.

        Raises:
            FileChangedError: it is not there any more.
        """
        ...

    def delete(self, path: str) -> None:
        """Removes the file.

        Raises:
            FileChangedError: it is not there any more.
        """
        ...


def _open_sftp(spec: ServerSpec, secret: Mapping[str, str]) -> Server:
    from lakeferry.servers.sftp import SftpServer

    return SftpServer(spec, secret)


def _open_ftp(spec: ServerSpec, secret: Mapping[str, str]) -> Server:
    from lakeferry.servers.ftp import FtpServer

    return FtpServer(spec, secret)


# imported when first needed: paramiko alone is a good part of a function's cold start
_PROTOCOLS: Mapping[str, Callable[[ServerSpec, Mapping[str, str]], Server]] = {
    "sftp": _open_sftp,
    "ftps": _open_ftp,
    "ftps_implicit": _open_ftp,
    "ftp": _open_ftp,
}


def open_server(spec: ServerSpec, secret: Mapping[str, str]) -> Server:
    """Connects and logs in.

    Args:
        secret: Fields `password`, `private_key` (PEM or OpenSSH text), `passphrase`, `certificate` (PEM, with the key
            for FTPS servers that ask for one), as far as the server needs them.

    Raises:
        FeedInvalidError: there is no such protocol, or plain FTP without `allow_plaintext`.
        ServerUnavailableError: the server cannot be reached, or is too busy.
        HostKeyMismatchError: the host key it showed is not pinned; nothing secret was sent.
        CertificateRejectedError: the TLS certificate it showed is not trusted; nothing secret was sent.
        LoginRejectedError: it refused the user, password, key or client certificate.
        RemoteAccessError: there is a login but no file transfer, or no algorithm in common.
        SecretMissingError: the secret has no field to log in with.
    """
    try:
        open_protocol = _PROTOCOLS[spec.protocol]
    except KeyError:
        raise FeedInvalidError(
            f"$.server.protocol: {spec.protocol!r} of {spec.host} is not supported; use one of {', '.join(_PROTOCOLS)}."
        ) from None
    return open_protocol(spec, secret)
