"""What a protocol's libraries raise, as Lakeferry's errors: what all protocols do alike."""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from lakeferry.errors import LakeferryError, RemoteAccessError, ServerUnavailableError
from lakeferry.servers.hiding import Hiding
from lakeferry.servers.spec import ServerSpec
from lakeferry.servers.tls_errors import tls_error


class ServerErrors(ABC):
    """Knows whose server it is; see `during`. Here what a server says becomes ours, and loses the secrets in it.

    Attributes:
        is_out_of_time: The connection was ended from this side.
    """

    raised: ClassVar[tuple[type[Exception], ...]]
    """What the libraries may raise. Anything else is a mistake of this code, and passes."""
    under_tls: ClassVar[bool] = True
    """Whether what the ssl module raises is about the server's TLS, in which case this class says what it means."""

    def __init__(self, spec: ServerSpec, secret: Mapping[str, str]) -> None:
        self._spec = spec
        self._hiding = Hiding(secret, spec.username, spec.encoding)
        self.hide = self._hiding.hide
        self._where = spec.address
        self.is_out_of_time = False

    @contextmanager
    def during(
        self,
        action: str,
        *,
        missing: type[LakeferryError] = RemoteAccessError,
        gone: type[LakeferryError] = ServerUnavailableError,
    ) -> Iterator[None]:
        """Turns what is raised while `action` is done into one of ours.

        Args:
            missing: For a server that says there is no such thing.
            gone: For a connection that was lost, and for answers that say "later".
        """
        try:
            yield
        except LakeferryError as error:
            self._hiding.clean(error)
            raise
        except self.raised as error:
            self._hiding.clean(error)  # before its words become ours
            if self.is_out_of_time:
                raise gone(
                    f"cannot {action} on {self._where}: it had not ended when the time for it was over. It is tried "
                    "again; if it lasts, ask the partner."
                ) from error
            if isinstance(error, UnicodeEncodeError):
                raise RemoteAccessError(
                    f"cannot {action} on {self._where}: the name has characters that {self._spec.encoding}, the feed's "
                    "server.encoding, does not have. Set it to what the server uses."
                ) from error
            # before the protocol looks at it: ssl's classes are also OSErrors, one of them is a ValueError
            if self.under_tls and isinstance(error, ssl.SSLError):
                raise tls_error(error, f"cannot {action} on {self._where}", self._spec, gone) from error
            raise self._of(error, action, missing, gone) from error

    def is_of_one_thing(self, error: LakeferryError) -> bool:
        """Whether the server goes on, and only refuses what was asked."""
        return isinstance(error, RemoteAccessError)

    @abstractmethod
    def _of(
        self, error: Exception, action: str, missing: type[LakeferryError], gone: type[LakeferryError]
    ) -> LakeferryError:
        """What an error of the libraries means, but for TLS's; see `during`."""


def words_of(error: BaseException) -> str:
    """The library's own words, or the name of its class where it has none."""
    return str(error) or type(error).__name__
