"""What all protocols do alike, for the module of one to build on."""

import posixpath
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from math import inf
from types import TracebackType
from typing import Self

from lakeferry.errors import FileChangedError, RemoteAccessError, TransferInterruptedError
from lakeferry.models import RemoteFile
from lakeferry.servers.checksums import Checksum
from lakeferry.servers.pace import Pace
from lakeferry.servers.server import Sink, every_name, none_known
from lakeferry.servers.server_errors import ServerErrors
from lakeferry.servers.spec import ServerSpec
from lakeferry.servers.walk import Entry, Walk


class FileServer(ABC):
    """A `Server` but for what only its protocol knows: the methods without a body here.

    They may raise whatever the libraries below raise, within `self._errors.during` or where this class calls them.
    """

    def __init__(self, spec: ServerSpec, errors: ServerErrors) -> None:
        self._spec, self._errors = spec, errors
        self._where = spec.address
        self._walk = Walk(self, errors, self._where)
        self.unread, self.listed = self._walk.unread, self._walk.listed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def list_files(
        self,
        directory: str,
        *,
        recursive: bool = False,
        wanted: Callable[[str], bool] = every_name,
        is_known: Callable[[RemoteFile], bool] = none_known,
    ) -> Iterator[RemoteFile]:
        return self._walk.files(directory, recursive=recursive, wanted=wanted, is_known=is_known)

    def stat(self, path: str) -> RemoteFile:
        with self._errors.during(f"look at {path}", missing=FileChangedError):
            found = self._look_at(path)
        if found is None:
            raise FileChangedError(
                f"{path} on {self._where} is not a regular file there any more: the next run leaves it."
            )
        return found

    def read(self, path: str, offset: int, sink: Sink, size: int | None = None) -> int:
        pace = Pace(self._spec.min_bytes_per_second, path, self._where)
        guarded = GuardedSink(sink, pace, inf if size is None else size - offset)
        try:
            with self._errors.during(f"read {path}", missing=FileChangedError, gone=TransferInterruptedError):
                expected = self._hand_on(path, offset, guarded, size)
        except BaseException as error:
            if guarded.raised is not None and guarded.raised is not error:
                raise guarded.raised from guarded.raised.__cause__
            raise
        reached = offset + guarded.handed
        if reached < expected and not guarded.was_stopped:
            raise TransferInterruptedError(
                f"{path} on {self._where} ended after {reached} of {expected} bytes: it is tried again from there."
            )
        return guarded.handed

    def _must_be_there(self, path: str) -> None:
        """Where the server says that it is not, or nothing about it, the listing of its folder counts.

        Raises:
            FileChangedError: it is not there.
            LakeferryError: nothing tells.
        """
        try:
            self.stat(path)
        except (FileChangedError, RemoteAccessError):
            folder, name = posixpath.split(path)
            if not list(self.list_files(folder, wanted=name.__eq__)):
                raise

    def abort(self) -> None:
        """See `Server`."""
        self._errors.is_out_of_time = True
        self._abort()

    @abstractmethod
    def _abort(self) -> None:
        """Ends the connection under whatever waits for it in another thread, and opens no other; raises nothing."""

    @abstractmethod
    def close(self) -> None:
        """Ends the connection, whatever state it is in; raises nothing."""

    @abstractmethod
    def entries(self, folder: str) -> Iterator[Entry]:
        """See `lakeferry.servers.walk.Folders`."""

    @abstractmethod
    def complete(self, found: Sequence[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
        """See `lakeferry.servers.walk.Folders`."""

    @abstractmethod
    def _look_at(self, path: str) -> RemoteFile | None:
        """The file as it is now; None where it is no regular file, or not there."""

    @abstractmethod
    def _hand_on(self, path: str, offset: int, sink: Sink, size: int | None) -> int:
        """Gives the sink the bytes from the offset on, until it says False or there are no more.

        What the sink raises ends the transfer; the next call finds the session usable.

        Args:
            size: What the file is known to have; None where the server has to be asked.

        Returns:
            The size of the file, for the caller to see that all came; 0 where nothing tells it.
        """

    @abstractmethod
    def checksum(self, path: str, seconds: float) -> Checksum | None:
        """See `Server`."""

    @abstractmethod
    def move(self, path: str, target: str) -> None:
        """See `Server`."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """See `Server`."""


class GuardedSink:
    """Keeps what a sink says and raises: on the way through a library it may look like an error of the server's.

    Attributes:
        handed: Bytes given to it.
        was_stopped: It had enough.
        raised: What it raised.
    """

    def __init__(self, sink: Sink, pace: Pace, wanted: float = inf) -> None:
        """
        Args:
            wanted: Bytes with which the file is whole, however slowly they came.
        """
        self.handed = 0
        self.was_stopped = False
        self.raised: BaseException | None = None
        self._sink, self._pace, self._wanted = sink, pace, wanted

    def __call__(self, view: memoryview) -> bool:
        self._pace.comes()
        self.handed += len(view)
        try:
            self.was_stopped = not self._sink(view)
            if not self.was_stopped and self.handed < self._wanted:
                self._pace.goes_on(len(view))
        except BaseException as error:
            self.raised = error
            raise
        return not self.was_stopped
