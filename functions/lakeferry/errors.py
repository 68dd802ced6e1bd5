"""Every error Lakeferry raises by name, each beside its words; and those of others that the state machine sees.

The class names are the contract with `statemachine/ingest.asl.json`: the Lambda runtime reports a class's own name
only, never its bases, so the state machine lists names. A new cause of failure is one class here: what it means,
whether it is retried, what becomes of the file, and what its mail advises. tests/contract/test_asl.py holds the state
machine's lists to it.

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
    │   └── FeedGoneError           there is no document (any more)               files set aside
    ├── DatasetTakenError           the dataset belongs to another tenant         files set aside
    ├── DatasetEmptyError           shared, and its owner has no rows there yet   files set aside
    ├── AddressNotApprovedError     nobody approved a mail address for a tenant   not subscribed
    ├── FileChangedError            changed or deleted since it was listed        released
    ├── FileRejectedError           size, rows, checks, broken compression        not retried
    ├── PartitionTooHeavyError      a day takes Spark too long, or ends it        set aside for a day
    ├── FileNotCuratedError         the Glue job cannot build a day with a file   file set aside
    ├── FileTooHeavyError           ended the function twice, alone in its hands  not retried
    ├── DeadLetterInvalidError      a message of the queue cannot be read         stays in the queue
    ├── ReprocessInvalidError       what is asked of reprocess makes no sense     not retried
    ├── ClaimLostError              another run owns this file now                left to it
    ├── BalanceError                counts of bytes or rows do not add up         run fails
    ├── CheckIncompleteError        check_sla could not look at, or mail, all     alarm; the next check goes on
    ├── ChannelUnavailableError     a chat service is down or busy                Lambda calls deliver again
    └── ChannelRefusedError         a chat service takes no message at that URL   told by mail, once
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar


class Outcome(Enum):
    """How a file counts that an error ended."""

    FAILED = "in ledger and dead-letter queue, and in the feed's mail"
    RELEASED = "not a failure: the next run takes what is there then"
    LEFT = "another run has it"
    OUT_OF_TIME = "not a failure: the run's time is over, and the next one goes on from what there is"


LONGEST_MESSAGE = 16_000
"""Characters. A function's answer of over 256 KiB ends an execution as no Catch can catch ("Step Functions service
quotas"), and JSON writes a character in six bytes at most of those that one is written in, in twelve of the others."""
_TAIL = 1_000


class LakeferryError(Exception):
    """Base of all. The message says what went wrong, where, and what to do.

    Attributes:
        retryable: True when the same call may succeed later with nothing changed by a person.
        outcome: What becomes of a file.
        advice: What a mail asks people to do.
        again_after_hours: Of a partition that the Glue job sets aside: when it is tried again though feed and files
            are the same. None: never.
    """

    retryable: ClassVar[bool] = False
    outcome: ClassVar[Outcome] = Outcome.FAILED
    advice: ClassVar[str] = "Fix the cause above."
    again_after_hours: ClassVar[int | None] = None

    def __init__(self, message: str = "") -> None:
        """Cuts the message in its middle: its end, which says what to do, stays."""
        more = len(message) - LONGEST_MESSAGE
        if more > 0:
            head, tail = message[: LONGEST_MESSAGE - _TAIL], message[-_TAIL:]
            message = f"{head} [... and {more:,} more characters ...] {tail}"
        super().__init__(message)


class ServerUnavailableError(LakeferryError):
    """The partner's server cannot be reached, or is too busy to serve."""

    retryable = True
    advice = "Nothing yet. If it lasts, ask the partner."


class ConnectionsBusyError(LakeferryError):
    """As many connections to the server as the feed allows are open already, in all feeds together."""

    retryable = True
    advice = "Nothing yet. If it lasts, allow more connections (max_connections) or spread the schedules of its feeds."


class TransferInterruptedError(LakeferryError):
    """The connection broke, stalled or came up short while bytes were moving."""

    retryable = True
    advice = "Nothing yet. If it lasts, ask the partner."


class LoginRejectedError(LakeferryError):
    """The server refused the user name, password or key."""

    advice = "Correct the user name in the feed document, or the password or key in its secret."


class HostKeyMismatchError(LakeferryError):
    """The SSH host key the server showed is not pinned in the feed."""

    advice = "Ask the partner whether the server's host key has changed. Only if so, add the new key to host_keys."


class CertificateRejectedError(LakeferryError):
    """The TLS certificate the server showed cannot be trusted."""

    advice = "Ask the partner to renew or correct the server's certificate."


class RemoteAccessError(LakeferryError):
    """The server refuses a directory or file to this user, or does not have it."""

    advice = "Correct the path in the feed document, or ask the partner for access."


class SecretMissingError(LakeferryError):
    """The secret a feed names, or a field the server needs, is not in Secrets Manager."""

    advice = "Add what is missing to the secret in Secrets Manager."


class FeedInvalidError(LakeferryError):
    """The feed document breaks its contract; the message names the JSON path."""

    advice = "Correct the feed document and run `./lakeferry feeds put` again."


class FeedGoneError(FeedInvalidError):
    """The feed has no document (any more): it was deleted while files of it were under way."""

    advice = (
        "Bring the feed back (`./lakeferry feeds history` with `--restore 1`), or say that its files are not wanted "
        "any more (`./lakeferry feeds delete` with `--pending drop`)."
    )


class DatasetTakenError(LakeferryError):
    """The dataset belongs to another tenant, which no message names."""

    advice = "Name another dataset in the feed document, or let the operator share this one (see WHY)."


class DatasetEmptyError(LakeferryError):
    """The dataset is shared with the tenant, but its owner, whose column types come first, has no rows in it yet."""

    advice = "Nothing, if the owner's first file is on its way. If not, the operator can give the dataset (see WHY)."


class AddressNotApprovedError(LakeferryError):
    """A feed names mail addresses that the operator has not approved for its tenant."""

    advice = "If the addresses are right, the operator approves them with the command above. If not, remove them."


class FileChangedError(LakeferryError):
    """The remote file is not the version that was listed any more."""

    outcome = Outcome.RELEASED


class FileRejectedError(LakeferryError):
    """The file's content fails a check; it must not become visible in the lake."""

    advice = (
        "Do what the reason under WHY ends with: many files are as bad when they come again. What the partner delivers "
        "instead is taken automatically. If the feed is wrong, correct it."
    )


class PartitionTooHeavyError(LakeferryError):
    """A day of a feed takes the Glue job more time than a partition may take, or ends Spark by itself."""

    again_after_hours = 24
    advice = (
        "Make the feed's transform cheaper (an expression, a reference, deduplicate) or its days smaller. If it is as "
        "it should be, give the Glue job more time or memory (parameters PartitionMinutes and GlueMaxWorkers)."
    )


class FileNotCuratedError(LakeferryError):
    """A day of a feed can be curated without this file, and not with it."""

    advice = (
        "Ask the partner to deliver the file again as it should be, or take it out of files.pattern. If the file is as "
        "it should be, report what is said of it: a file that passed the checks should be curated."
    )


class FileTooHeavyError(LakeferryError):
    """The function ended without an answer, as it does for want of memory, each time that it had only this file."""

    advice = (
        "Ask the partner for smaller files; or give the function more memory (MemorySize in template.yaml), deploy "
        "and reprocess the file."
    )


class DeadLetterInvalidError(LakeferryError):
    """A message of the dead-letter queue is not one of the version that is known."""


class ReprocessInvalidError(LakeferryError):
    """A call of reprocess asks for nothing, or for what cannot be; nothing was started."""


class ClaimLostError(LakeferryError):
    """Another run claimed this file; whoever holds the claim finishes it."""

    outcome = Outcome.LEFT


class BalanceError(LakeferryError):
    """Bytes or rows that went in are not the bytes or rows that came out."""


class CheckIncompleteError(LakeferryError):
    """Some feeds' SLAs could not be looked at, or a mail about them not be sent; all others were done."""


class ChannelUnavailableError(LakeferryError):
    """A channel's webhook cannot be reached, or says "later". The state machine never meets it."""

    advice = "Nothing yet. If it lasts, ask whoever runs the chat, or put another webhook's URL into the feed's secret."


class ChannelRefusedError(LakeferryError):
    """A channel's webhook takes no messages: it is gone, switched off, or its URL is none."""

    advice = (
        "Make a new webhook and put its URL into the field of the feed's secret, or take the channel out of "
        "notify.channels."
    )

    def __init__(self, message: str = "", status: int | None = None) -> None:
        """
        Args:
            status: HTTP's, where there was an answer.
        """
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Cause:
    """What there is to know of an error by the name the state machine reports it with."""

    name: str
    retryable: bool
    outcome: Outcome
    advice: str
    again_after_hours: int | None = None


def _foreign(*names: str) -> Iterator[Cause]:
    for name in names:
        yield Cause(name, True, Outcome.FAILED, "Nothing yet. If it lasts, look at the functions' log lines.")


def _ours(base: type[LakeferryError] = LakeferryError) -> Iterator[Cause]:
    for found in base.__subclasses__():
        yield Cause(found.__name__, found.retryable, found.outcome, found.advice, found.again_after_hours)
        yield from _ours(found)


CAUSES = {
    cause.name: cause
    for cause in (
        *_ours(),
        # of Step Functions and Lambda
        *_foreign("States.Timeout", "Sandbox.Timedout", "Runtime.ExitError", "Lambda.Unknown"),
        *_foreign("Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException"),
        *_foreign("Lambda.ClientExecutionTimeoutException", "Lambda.TooManyRequestsException"),
        *_foreign("Lambda.EC2ThrottledException", "Lambda.EC2UnexpectedException", "Lambda.ENILimitReachedException"),
        *_foreign("Lambda.SubnetIPAddressLimitReachedException", "Lambda.ResourceNotReadyException"),
        *_foreign("Lambda.ResourceConflictException"),
        # of boto3, once its own retries are used up; ClientError is also what S3 says of most things
        *_foreign("ClientError", "EndpointConnectionError", "ConnectionClosedError"),
        *_foreign("ConnectTimeoutError", "ReadTimeoutError", "ThrottlingException", "RequestLimitExceeded"),
        *_foreign("ProvisionedThroughputExceededException", "InternalServerError"),
        *_foreign("TransactionCanceledException", "TransactionConflictException"),
    )
}
"""By name."""
TRANSIENT = frozenset(cause.name for cause in CAUSES.values() if cause.retryable)
"""What may succeed later with nothing changed by a person: taken again by itself, a limited number of times."""


def cause_of(error: str) -> Cause:
    """An error of that name; one that nobody expected needs a person."""
    return CAUSES.get(error) or Cause(error, False, Outcome.FAILED, LakeferryError.advice)
