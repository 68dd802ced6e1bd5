"""What a partner's file server does, whatever its protocol."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Protocol, Self

from lakeferry.models import RemoteFile
from lakeferry.servers.checksums import Checksum
from lakeferry.servers.listed import Listed

Sink = Callable[[memoryview], bool]
"""Takes the next bytes in order; False stops the transfer. The view is only valid during the call.

It may be called in another thread than `read`, which waits for it.
"""


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
        listed: What the entries of listings were.
    """

    unread: list[str]
    listed: Listed

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def abort(self) -> None:
        """For another thread: time is over. Whatever waits for the server fails, and no new connection is made."""
        ...

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

    def read(self, path: str, offset: int, sink: Sink, size: int | None = None) -> int:
        """Hands the bytes from `offset` to the end of the file to the sink.

        Args:
            size: Bytes that the listing showed; the server is not asked for them then.

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
        """Renames the file, making the target's directory.

        A file that has the target's name is never removed to make room; the server may replace it, so ask first.

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
