"""One connection to a server for one file after another."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Self

from lakeferry.errors import FileChangedError
from lakeferry.servers import Server


class SharedConnection:
    """Opened when it is first needed, and anew after an error that may have left it unusable.

    Attributes:
        refused: What the last try to open it raised, if it did: not the fault of the file it was for.
    """

    def __init__(self, connect: Callable[[], AbstractContextManager[Server]]) -> None:
        self._connect = connect
        self._open = ExitStack()
        self._server: Server | None = None
        self.refused: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def borrow(self) -> Iterator[Server]:
        """The server, for one file.

        Raises:
            LakeferryError: it cannot be opened; `refused` is that error then.
        """
        server = self._opened()
        try:
            yield server
        except FileChangedError:  # an answer like any other
            raise
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the connection; the next file opens another."""
        self._server = None
        self._open.close()

    def _opened(self) -> Server:
        if self._server is None:
            try:
                self._server = self._open.enter_context(self._connect())
            except Exception as error:
                self.refused = error
                raise
        return self._server
