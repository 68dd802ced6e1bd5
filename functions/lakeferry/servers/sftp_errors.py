"""What the SFTP client and paramiko below it raise, as Lakeferry's errors."""

from collections.abc import Mapping

from lakeferry.errors import (
    FileChangedError,
    LakeferryError,
    RemoteAccessError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.servers.server_errors import ServerErrors, words_of
from lakeferry.servers.sftp_packets import CONNECTION_LOST, FAILURE, NO_CONNECTION, NO_SUCH_FILE, SftpStatusError

_ADVICE: Mapping[type[LakeferryError], str] = {
    FileChangedError: " The next run takes what is there then.",
    RemoteAccessError: " Check the path in the feed, or ask the partner.",
}


class SftpErrors(ServerErrors):
    """Errors of any class: paramiko's thread hands on what a broken packet made it stumble over."""

    raised = (Exception,)
    under_tls = False

    def lost(
        self, action: str, error: BaseException, kind: type[LakeferryError] = ServerUnavailableError
    ) -> LakeferryError:
        """The connection was, while something was done."""
        return kind(
            f"the connection to {self._where} was lost while trying to {action} ({words_of(error)}): it is tried "
            "again; if it lasts, ask the partner."
        )

    def _of(
        self, error: Exception, action: str, missing: type[LakeferryError], gone: type[LakeferryError]
    ) -> LakeferryError:
        if not isinstance(error, SftpStatusError):
            return self.lost(action, error, gone)
        if error.code == NO_SUCH_FILE:
            return missing(f"cannot {action} on {self._where}: it is not there.{_ADVICE[missing]}")
        if error.code in (NO_CONNECTION, CONNECTION_LOST) or (
            error.code == FAILURE and gone is TransferInterruptedError
        ):
            return self.lost(action, error, gone)
        return RemoteAccessError(
            f"cannot {action} on {self._where}: the server refuses it to {self._spec.username} "
            f"({words_of(error)}). Ask the partner for the permission."
        )
