"""Every error Lakeferry raises by name.

The class names are the contract with `statemachine/ingest.asl.json`: the Lambda runtime reports a
class's own name only, never its bases, so the state machine lists names, and a test holds both together.

    LakeferryError
    ├── ServerUnavailableError      network down, server busy or restarting       retried
    ├── ConnectionsBusyError        all max_connections of the server are taken   retried
    ├── TransferInterruptedError    connection lost while bytes were moving       retried
    ├── LoginRejectedError          wrong user, password or key                   not retried
    ├── HostKeyMismatchError        SSH host key is not one of the pinned ones    not retried
    ├── CertificateRejectedError    TLS certificate not trusted, expired, other   not retried
    ├── RemoteAccessError           directory or file refused, or not there       not retried
    ├── SecretMissingError          secret, or a field of it, is not there        not retried
    ├── FeedInvalidError            the feed document is wrong                    not retried
    ├── FileChangedError            changed or vanished since it was listed       released
    ├── FileRejectedError           size, rows, checks, broken compression        not retried
    ├── DeadLetterInvalidError      a message of the queue cannot be read         stays in the queue
    ├── ReprocessInvalidError       what is asked of reprocess makes no sense     not retried
    ├── ClaimLostError              another run owns this file now                left to it
    ├── BalanceError                counts of bytes or rows do not add up         run fails
    └── CheckIncompleteError        check_sla could not look at, or tell, all     alarm; the next check goes on
"""

from typing import ClassVar


class LakeferryError(Exception):
    """Base of all. The message says what went wrong, where, and what to do.

    Attributes:
        retryable: True when the same call may succeed later with nothing changed by a person.
    """

    retryable: ClassVar[bool] = False


class ServerUnavailableError(LakeferryError):
    """The partner's server cannot be reached, or is too busy to serve."""

    retryable = True


class ConnectionsBusyError(LakeferryError):
    """As many connections to the server as the feed allows are open already, in all feeds together."""

    retryable = True


class TransferInterruptedError(LakeferryError):
    """The connection broke, stalled or came up short while bytes were moving."""

    retryable = True


class LoginRejectedError(LakeferryError):
    """The server refused the user name, password or key."""


class HostKeyMismatchError(LakeferryError):
    """The SSH host key the server showed is not pinned in the feed."""


class CertificateRejectedError(LakeferryError):
    """The TLS certificate the server showed cannot be trusted."""


class RemoteAccessError(LakeferryError):
    """The server refuses a directory or file to this user, or does not have it."""


class SecretMissingError(LakeferryError):
    """The secret a feed names, or a field the server needs, is not in Secrets Manager."""


class FeedInvalidError(LakeferryError):
    """The feed document breaks its contract; the message names the JSON path."""


class FileChangedError(LakeferryError):
    """The remote file is not the version that was listed any more."""


class FileRejectedError(LakeferryError):
    """The file's content fails a check; it must not become visible in the lake."""


class DeadLetterInvalidError(LakeferryError):
    """A message of the dead-letter queue is not one of the version that is known."""


class ReprocessInvalidError(LakeferryError):
    """A call of reprocess asks for nothing, or for what cannot be; nothing was started."""


class ClaimLostError(LakeferryError):
    """Another run claimed this file; whoever holds the claim finishes it."""


class BalanceError(LakeferryError):
    """Bytes or rows that went in are not the bytes or rows that came out."""


class CheckIncompleteError(LakeferryError):
    """Some feeds' SLAs could not be looked at, or a mail about them not be sent; all others were done."""
