"""What ftplib and sockets raise, as Lakeferry's errors."""

import ftplib

from lakeferry.errors import FileChangedError, LakeferryError, RemoteAccessError
from lakeferry.servers.answering import OtherProtocolError
from lakeferry.servers.server_errors import ServerErrors, words_of


class FtpErrors(ServerErrors):
    """Answer 550 is the one that RFC 959 has for what is not there and for what is refused."""

    raised = (ftplib.Error, OSError, EOFError, ValueError)

    def is_of_one_thing(self, error: LakeferryError) -> bool:
        """450 to 452 say so in FTP (RFC 959, section 4.2); 421, 425 and 426 are about the connection."""
        cause = error.__cause__
        return super().is_of_one_thing(error) or (isinstance(cause, ftplib.error_temp) and str(cause).startswith("45"))

    def _of(
        self, error: Exception, action: str, missing: type[LakeferryError], gone: type[LakeferryError]
    ) -> LakeferryError:
        what = f"cannot {action} on {self._where}"
        if isinstance(error, ftplib.error_perm):
            return self._refused(error, what, missing)
        if isinstance(error, OtherProtocolError):
            return RemoteAccessError(f"{what}: {error}. Nothing secret was sent.")
        if isinstance(error, ValueError | ftplib.error_proto | ftplib.error_reply):
            return RemoteAccessError(
                f"{what}: {error}. That is not FTP as RFC 959 has it; ask the partner what server it is, or for SFTP."
            )
        return gone(
            f"{what} ({words_of(error)}): the server is busy, or the connection was lost. It is "
            "tried again; if it lasts, ask the partner."
        )

    def _refused(self, error: Exception, what: str, missing: type[LakeferryError]) -> LakeferryError:
        kind = missing if str(error).startswith("550") else RemoteAccessError
        advice = (
            "It is not there any more; the next run takes what is there then."
            if kind is FileChangedError
            else "Check the path in the feed, or ask the partner for the permission."
        )
        return kind(f"{what} as {self._spec.username}: the server answers {str(error)!r}. {advice}")
